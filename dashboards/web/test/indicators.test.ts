/** Data quality and indicators in a real Chromium: what is known is said, what is not is no number, small numbers stay hidden. */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/indicators.test.ts: no Chromium on this machine')

describe.skipIf(!path)('pages of data quality and indicators', { timeout: 60_000 }, () => {
  let built: Awaited<ReturnType<typeof buildConsole>>
  let browser: Browser
  const servers: FakeServer[] = []

  beforeAll(async () => {
    built = await buildConsole()
    browser = await chromium.launch({ executablePath: path!, args: CHROMIUM_ARGS })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    for (const server of servers) await server.close()
    built?.remove()
  })

  async function enter(tier: 'facility' | 'province', account: string, to: string): Promise<Page> {
    const server = await startFakeServer({ root: built.root, tier })
    servers.push(server)
    const page = await (await browser.newContext({ viewport: { width: 1600, height: 1000 } })).newPage()
    page.setDefaultTimeout(30_000)
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    await page.goto(server.url + to)
    return page
  }

  test('an engineer sees what has to be mended, the worst stream first, and reads the quarantine again', async () => {
    const page = await enter('facility', 'engineer1', '/eng/quality')
    const streams = page.getByTestId('streams').locator('tbody tr')
    await expect.poll(() => streams.count(), { timeout: 20_000 }).toBe(4)
    expect(await streams.nth(0).innerText()).toContain('E-W1-01')
    expect(await streams.nth(1).innerText()).toContain('90.0 %')
    const event = await streams.filter({ hasText: 'D-C101' }).innerText()
    expect(event, 'nothing is expected of it, so nothing is missing').toContain('—')
    expect(event).not.toMatch(/\s0\.0 %/)
    expect(await page.getByTestId('tickets').innerText()).toContain('E-W1-01 超过 3 个周期无数据')
    await page.getByRole('button', { name: '修复后重放' }).click()
    await page.getByText('已重放 1 条').waitFor()
  })

  test('the province sees ranks only where the sample is large enough, and no small number', async () => {
    const page = await enter('province', 'province1', '/gov/indicators')
    const ranking = page.getByTestId('ranking').locator('tbody tr')
    await expect.poll(() => ranking.count(), { timeout: 20_000 }).toBe(2)
    expect(await ranking.nth(0).innerText()).toMatch(/^1\s+青岚监狱/)
    expect(await ranking.nth(1).innerText()).toContain('数据不足')
    expect(await page.getByTestId('indicators').innerText()).toContain('97.1 %')
    await page.getByTestId('indicators').locator('a', { hasText: 'I04' }).click()
    await page.waitForURL('**/gov/indicators/I04')
    await expect.poll(() => page.locator('h1').innerText(), { timeout: 20_000 }).toContain('及时确认率')
    await expect.poll(() => page.getByTestId('facility-value').count(), { timeout: 20_000 }).toBe(2)
    expect(await page.getByTestId('facility-value').nth(1).innerText()).toContain('<5')
    expect(await page.locator('svg[role=img]').first().getAttribute('aria-label')).toContain('及时确认率')
  })
})
