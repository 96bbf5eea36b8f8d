/**
 * axe-core on every page of the console, in both themes and languages: nothing serious, nothing critical. A page that is
 * in `app.tsx` and not in this table fails the first test.
 */
import { readFileSync } from 'node:fs'
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
const LOOKS = [
  ['zh', 'dark'],
  ['en', 'light'],
] as const

test('every page of the console is in the table', () => {
  const app = readFileSync(join(import.meta.dirname, '../src/app.tsx'), 'utf8')
  const routes = [...app.matchAll(/path(?:: |=)['"](\/[^'"]*)['"]/g)].map((m) => m[1]!)
  const pages = routes.filter((route) => !['/duty', '/eng', '/gov'].includes(route))
  expect(new Set(PAGES.map(([route]) => route))).toEqual(new Set(pages))
})

describe.skipIf(!path)('axe finds nothing serious', { timeout: 90_000 }, () => {
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

  test.each(PAGES)('on %s, in Chinese and dark, in English and light', async (route, account, address = route) => {
    const page = await seat(account)
    const server = serverOf(account)
    const red = [...server.desk.alerts.values()].find((a) => a.level === 'red')!
    for (const [language, theme] of LOOKS) {
      await page.evaluate((s) => localStorage.setItem('wardwatch.settings', s), JSON.stringify({ language, theme }))
      await page.goto(server.url + address.replace(':red', red.id))
      await page.locator('h1').first().waitFor({ state: 'attached' })
      if (route === '/duty/alerts') {
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
      expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(theme)
      expect(await seriousFindings(page), `${language} ${theme}`).toEqual([])
    }
  })
})
