/**
 * axe-core on every page of the console, in both themes and languages: nothing serious, nothing critical. A page that is
 * in `app.tsx` and not in this table fails the first test.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { seriousFindings } from './axe.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/access.test.ts: no Chromium on this machine')

/** Route of `app.tsx`, account that sees it, address. */
const PAGES: [route: string, account: string, address?: string][] = [
  ['/login', ''],
  ['/duty/alerts', 'officer1'],
  ['/duty/alerts/:id', 'chief1', '/duty/alerts/:red'],
  ['/duty/plan', 'officer1'],
  ['/duty/cameras', 'officer1'],
  ['/duty/incidents', 'chief1'],
  ['/duty/search', 'chief1'],
  ['/duty/shift', 'officer1'],
  ['/duty/print', 'officer1'],
  ['/duty/reports', 'officer1'],
  ['/duty/wall', 'wall1'],
  ['/eng/devices', 'engineer1'],
  ['/eng/devices/:id', 'engineer1', '/eng/devices/E-MED-01'],
  ['/eng/health', 'engineer1'],
  ['/eng/quality', 'engineer1'],
  ['/gov/overview', 'province1'],
  ['/gov/indicators', 'province1'],
  ['/gov/indicators/:id', 'province1', '/gov/indicators/I03'],
  ['/me', 'officer1'],
  ['/gallery', 'officer1'],
]
/**
 * All four pairs, in an order in which each is one press away from the one before it. Another theme changes colours
 * alone, so after it only the rules about colours are asked again; another language changes the words and is asked whole.
 */
const LOOKS = [
  ['zh', 'dark', 'all'],
  ['zh', 'light', 'colours'],
  ['en', 'light', 'all'],
  ['en', 'dark', 'colours'],
] as const
/** Pages without the frame have no button for the theme: they are loaded anew in each look. */
const BARE = new Set(['/login', '/duty/wall'])

test('every page of the console is in the table', () => {
  const app = readFileSync(join(import.meta.dirname, '../src/app.tsx'), 'utf8')
  const routes = [...app.matchAll(/path(?:: |=)['"](\/[^'"]*)['"]/g)].map((m) => m[1]!)
  const pages = routes.filter((route) => !['/duty', '/eng', '/gov'].includes(route))
  expect(new Set(PAGES.map(([route]) => route))).toEqual(new Set(pages))
})

test('a theme changes colours and nothing else: no size, no place, nothing shown or hidden', () => {
  const src = join(import.meta.dirname, '../src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.css'))
  const COLOUR = /^(?:#[0-9a-f]{3,8}|transparent|var\(--[a-z-]+\))$/
  let found = 0
  for (const file of files) {
    const text = readFileSync(join(src, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
    expect(text, file).not.toContain('prefers-color-scheme')
    for (const [, selector, body] of text.matchAll(/([^{}]*)\{([^{}]*)\}/g)) {
      if (!selector!.includes('data-theme')) continue
      for (const line of body!.split(';')) {
        const [name, value] = line.split(':').map((part) => part.trim())
        if (!name) continue
        found++
        const harmless =
          name === 'color-scheme' || (/^(--|color$|background$|border-color$)/.test(name) && COLOUR.test(value!))
        expect(harmless, `${file}: ${line.trim()}`).toBe(true)
      }
    }
  }
  expect(found).toBeGreaterThan(40)
})

describe.skipIf(!path)('axe finds nothing serious', { timeout: 300_000 }, () => {
  let built: Awaited<ReturnType<typeof buildConsole>>
  let browser: Browser
  let facility: FakeServer
  let province: FakeServer
  const seats = new Map<string, { context: BrowserContext; page: Page }>()

  beforeAll(async () => {
    built = await buildConsole()
    browser = await chromium.launch({ executablePath: path!, args: CHROMIUM_ARGS })
    facility = await startFakeServer({ root: built.root, tier: 'facility' })
    province = await startFakeServer({ root: built.root, tier: 'province' })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await facility?.close()
    await province?.close()
    built?.remove()
  })

  const serverOf = (account: string) => (account === 'province1' ? province : facility)

  /** One log-in per account serves all its pages. */
  async function seat(account: string): Promise<Page> {
    const known = seats.get(account)
    if (known) return known.page
    const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } })
    const page = await context.newPage()
    page.setDefaultTimeout(30_000)
    seats.set(account, { context, page })
    await page.goto(`${serverOf(account).url}/login`)
    if (account === '') return page
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    return page
  }

  /** Loads the page in one look, with what is to be looked at opened, and waits until it has been read. */
  async function load(page: Page, address: string, language: 'zh' | 'en', theme: 'dark' | 'light'): Promise<void> {
    await page.evaluate((s) => localStorage.setItem('wardwatch.settings', s), JSON.stringify({ language, theme }))
    await page.goto(address)
    await page.locator('h1').first().waitFor({ state: 'attached' })
    if (address.endsWith('/duty/alerts')) {
      await page.locator('[role=row][data-id]').first().click()
      await page.getByTestId('panel').waitFor()
    }
    // What is still being read would be looked at half.
    const reading = page.getByText(language === 'zh' ? '读取中' : 'Loading')
    await expect
      .poll(() => reading.count(), { timeout: 4000 })
      .toBe(0)
      .catch(() => null)
    await page.waitForTimeout(250)
  }

  /** As a person does it: by the two buttons of the status bar, on the page as it stands. */
  async function change(page: Page, language: 'zh' | 'en', theme: 'dark' | 'light'): Promise<void> {
    const root = page.locator('html')
    if ((await root.getAttribute('data-theme')) !== theme)
      await page.getByRole('button', { name: /切换明暗|Switch light/ }).click()
    if (!(await root.getAttribute('lang'))!.startsWith(language))
      await page.getByRole('button', { name: /中 \/ EN/ }).click()
    await page.locator(`html[data-theme=${theme}][lang^=${language}]`).waitFor()
    // Colours fade for at most 120 ms.
    await page.waitForTimeout(200)
  }

  test.each(PAGES)('on %s, in both languages and both themes', async (route, account, address = route) => {
    const page = await seat(account)
    const server = serverOf(account)
    const red = [...server.desk.alerts.values()].find((a) => a.level === 'red')!
    const url = server.url + address.replace(':red', red.id)
    for (const [i, [language, theme, rules]] of LOOKS.entries()) {
      if (i === 0 || BARE.has(route)) await load(page, url, language, theme)
      else await change(page, language, theme)
      expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(theme)
      expect(await page.evaluate(() => document.documentElement.lang)).toMatch(new RegExp(`^${language}`))
      expect(await seriousFindings(page, rules), `${language} ${theme}`).toEqual([])
    }
  })
})
