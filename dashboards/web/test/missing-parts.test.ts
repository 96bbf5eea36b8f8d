/** The console comes in parts. One that does not come (server cut off, or updated under an open page) takes no other away. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/missing-parts.test.ts: no Chromium on this machine')

describe.skipIf(!path)('a part of the console that does not come', { timeout: 120_000 }, () => {
  let built: Awaited<ReturnType<typeof buildConsole>>
  let browser: Browser
  let server: FakeServer
  let context: BrowserContext

  beforeAll(async () => {
    built = await buildConsole()
    browser = await chromium.launch({ executablePath: path!, args: CHROMIUM_ARGS })
    server = await startFakeServer({ root: built.root, tier: 'facility' })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    built?.remove()
  })
  afterEach(async () => {
    await context?.close()
  })

  async function enter(account: string, withhold: string[]): Promise<Page> {
    context = await browser.newContext({ viewport: { width: 1600, height: 900 } })
    for (const name of withhold) {
      expect(readdirSync(join(built.root, 'assets')).some((file) => file.startsWith(name))).toBe(true)
      await context.route(`**/assets/${name}*.js`, (route) => route.abort())
    }
    const page = await context.newPage()
    page.setDefaultTimeout(45_000)
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    return page
  }
  const shownRows = (page: Page) => page.locator('[role=row][data-id]')

  test('a panel: the list, the counters and the keys stay, and words say what to do', async () => {
    const page = await enter('officer1', ['panel-'])
    await shownRows(page).first().waitFor()
    await page.getByTestId('broken').waitFor()
    expect(await page.getByTestId('broken').textContent()).toMatch(/重新加载.*Reload/)
    expect(await shownRows(page).count()).toBeGreaterThan(3)
    expect(Number(await page.locator('[data-count=red]').textContent())).toBeGreaterThan(0)
    await page.keyboard.press('4')
    await page.getByRole('button', { name: '清除筛选' }).waitFor()
    // The server is there again: the panel comes by itself, on the same page.
    await page.evaluate(() => Object.assign(globalThis, { sameOldPage: true }))
    await context.unroute('**/assets/panel-*.js')
    await page.getByTestId('broken').waitFor({ state: 'detached' })
    await page.keyboard.press('0')
    await shownRows(page).first().click()
    await page.getByTestId('panel').waitFor()
    expect(await page.evaluate(() => 'sameOldPage' in globalThis)).toBe(true)
  })

  test('a page: the frame stays, and the next page is there', async () => {
    const page = await enter('officer1', ['search-page-'])
    await shownRows(page).first().waitFor()
    await page.getByRole('link', { name: '检索', exact: true }).click()
    await page.getByTestId('broken').waitFor()
    await page.getByTestId('connection').waitFor()
    await page.getByRole('link', { name: '警情', exact: true }).first().click()
    await shownRows(page).first().waitFor()
    expect(await page.getByTestId('broken').count()).toBe(0)
  })

  test('the other language: the one that is here stays, readable', async () => {
    const page = await enter('officer1', ['en-'])
    await shownRows(page).first().waitFor()
    await page.getByRole('button', { name: /中 \/ EN/ }).click()
    await page.keyboard.press('?')
    await page.getByRole('dialog').waitFor()
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('zh-CN')
  })

  test('the language of this desk: it speaks the other one; neither, and it still says so', async () => {
    const page = await enter('officer1', ['zh-'])
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('en')
    await shownRows(page).first().waitFor()
    await context.route('**/assets/en-*.js', (route) => route.abort())
    await page.reload()
    await page.getByTestId('broken').waitFor()
    expect(await page.getByRole('button', { name: /重新加载/ }).isVisible()).toBe(true)
  })
})
