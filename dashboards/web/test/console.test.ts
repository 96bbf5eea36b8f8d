/** The console in a real Chromium against the fake API server: what people see, press and hear about. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { raiseIntrusion } from '../test-server/seed.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path)
  console.warn(
    'SKIPPED dashboards/web/test/console.test.ts: no Chromium on this machine (apt-get install chromium, or set CHROMIUM_PATH)',
  )

describe.skipIf(!path)('the console in a browser', { timeout: 60_000 }, () => {
  let built: Awaited<ReturnType<typeof buildConsole>>
  let browser: Browser
  const servers: FakeServer[] = []
  const contexts: BrowserContext[] = []

  beforeAll(async () => {
    built = await buildConsole()
    browser = await chromium.launch({ executablePath: path!, args: CHROMIUM_ARGS })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    built?.remove()
  })
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
    for (const server of servers.splice(0)) await server.close()
  })

  async function serve(options: { tier?: 'facility' | 'province'; empty?: boolean } = {}): Promise<FakeServer> {
    const server = await startFakeServer({ root: built.root, tier: options.tier ?? 'facility', empty: options.empty })
    servers.push(server)
    return server
  }

  async function enter(
    server: FakeServer,
    account: string,
    settings: Record<string, unknown> = {},
    size = { width: 1920, height: 1080 },
  ): Promise<Page> {
    const context = await browser.newContext({ viewport: size })
    contexts.push(context)
    await context.addInitScript(
      (s) => localStorage.getItem('wardwatch.settings') ?? localStorage.setItem('wardwatch.settings', s),
      JSON.stringify(settings),
    )
    const page = await context.newPage()
    await page.goto(`${server.url}/`)
    await page.waitForURL('**/login')
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    return page
  }

  const row = (page: Page, id: string) => page.locator(`[role=row][data-id="${id}"]`)

  test('refuses a wrong password in words and logs a right one in to the page of its role', async () => {
    const server = await serve()
    const context = await browser.newContext()
    contexts.push(context)
    const page = await context.newPage()
    await page.goto(`${server.url}/duty/alerts`)
    await page.waitForURL('**/login')
    await page.fill('input[name=account]', 'officer1')
    await page.fill('input[name=password]', 'wrong')
    await page.click('button[type=submit]')
    await page.getByText('账号或口令不正确').waitFor()
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL('**/duty/alerts')
    await page.getByRole('grid').waitFor()
  })

  test('unlocks sound with the click that logs in', async () => {
    const page = await enter(await serve(), 'officer1')
    await page.getByText('声音已启用').waitFor()
  })

  test('shows and speaks a red alert within a second of its event, above every filter, and keeps rows still', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1')
    await page.locator('[role=row][data-id]').first().waitFor()
    await page.keyboard.press('4')
    await page.waitForTimeout(300)
    await page.locator('[role=row][data-id]').nth(3).hover()
    const before = await page
      .locator('[role=row][data-id][data-lane=false]')
      .evaluateAll((rows) => rows.map((r) => r.getAttribute('data-id')))
    const at = Date.now()
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor({ timeout: 1000 })
    expect(Date.now() - at).toBeLessThan(1000)
    // The lane of the reds has pushed the list down under the pointer, which must stand on a row to hold it.
    await page.mouse.move(5, 5)
    await page.locator('[role=row][data-id][data-lane=false]').nth(1).hover()
    const blue = server.desk.raise({ code: 'R50', level: 'blue', zone: 'KITCHEN', device: 'E-NEW' })
    await page.getByTestId('new-strip').waitFor()
    expect(await row(page, blue.id).count()).toBe(0)
    const after = await page
      .locator('[role=row][data-id][data-lane=false]')
      .evaluateAll((rows) => rows.map((r) => r.getAttribute('data-id')))
    expect(after).toEqual(before.slice(0, after.length))
    expect(await page.getByTestId('spoken-red').textContent()).toContain('红色一级')
    await page.keyboard.press('Home')
    await row(page, blue.id).waitFor()
  })

  test('acknowledges by key, and the mark of the server follows within a second', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1')
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    await page.keyboard.press('j')
    await page.getByTestId('panel').getByText('依据').waitFor()
    await page.getByText('围栏').first().waitFor()
    await page.keyboard.press('a')
    await expect.poll(() => server.desk.alerts.get(red.id)?.state, { timeout: 2000 }).toBe('acknowledged')
    await expect.poll(() => row(page, red.id).getAttribute('data-waiting'), { timeout: 2000 }).toBe('false')
    expect(server.desk.alerts.get(red.id)?.assignee).toBe('officer1')
  })

  test('says who was faster when two people act at once', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1')
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    await page.keyboard.press('j')
    await page.locator('button[aria-keyshortcuts=A]').waitFor()
    server.hush(true)
    server.desk.act(red.id, 'acknowledge', {}, '赵×', 'officer')
    await page.keyboard.press('a')
    await expect.poll(() => page.getByTestId('notice').textContent()).toMatch(/赵× 已于 \d\d:\d\d:\d\d/)
  })

  test('resolves a red with result and note into review, and a second account closes it', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1')
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('a')
    await expect.poll(() => server.desk.alerts.get(red.id)?.state).toBe('acknowledged')
    await page.keyboard.press('r')
    await page.getByRole('dialog').waitFor()
    await page.getByRole('button', { name: '提交' }).click()
    await page.getByText('缺少必填项').waitFor()
    await page.getByText('属实', { exact: true }).click()
    await page.fill('textarea[name=note]', '外来 1 人攀越未遂，已控制移交')
    await page.getByRole('button', { name: '提交' }).click()
    await expect.poll(() => server.desk.alerts.get(red.id)?.handling).toBe('pending-review')
    const own = page.getByRole('button', { name: '复核签署' })
    await own.waitFor()
    expect(await own.isDisabled()).toBe(true)

    const chief = await enter(server, 'chief1')
    await row(chief, red.id).click()
    await chief.getByRole('button', { name: '复核签署' }).click()
    await chief.getByRole('dialog').getByRole('button', { name: '提交' }).click()
    await expect.poll(() => server.desk.alerts.get(red.id)?.handling).toBe('closed')
  })

  test('asks the cause of a false alarm', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1')
    const one = server.desk.raise({ code: 'R47', level: 'yellow', zone: 'KITCHEN', device: 'S-1' })
    await row(page, one.id).click()
    await page.getByTestId('panel').waitFor()
    await page.keyboard.press('f')
    await page.getByRole('dialog').getByRole('button', { name: '提交' }).click()
    await page.getByText('缺少必填项').waitFor()
    await page.getByText('设备', { exact: true }).last().click()
    await page.getByRole('dialog').getByRole('button', { name: '提交' }).click()
    await expect.poll(() => server.desk.alerts.get(one.id)).toMatchObject({ state: 'dismissed', cause: 'equipment' })
  })

  test('proves that nothing is open, and never says so without proof', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1')
    await page.getByTestId('proved-empty').waitFor()
    expect(await page.getByTestId('proved-empty').textContent()).toMatch(/核对于 \d\d:\d\d:\d\d · 序号 88 000/)
    server.hush(true)
    await page.getByTestId('unproved-empty').waitFor({ timeout: 5000 })
  })

  test('shows late, then lost with dead actions, then recovers what it missed without a gap', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1')
    await page.locator('[role=row][data-id]').first().click()
    await expect.poll(() => page.locator('button[aria-keyshortcuts=R]').isEnabled()).toBe(true)
    server.cut(true)
    await expect.poll(() => page.getByTestId('connection').getAttribute('data-phase'), { timeout: 5000 }).toBe('late')
    await page.getByTestId('lost').waitFor({ timeout: 12_000 })
    expect(await page.getByTestId('lost').textContent()).toMatch(/连接中断，数据截至 \d\d:\d\d:\d\d/)
    expect(await page.locator('button[aria-keyshortcuts=A]').isDisabled()).toBe(true)
    for (const name of ['人工报警', '备注'])
      expect(await page.getByRole('button', { name, exact: true }).isDisabled(), name).toBe(true)
    await page.keyboard.press('d')
    await page.getByText('连接中断，操作已停用').first().waitFor()
    expect(await page.getByRole('dialog').count()).toBe(0)
    const missed = [1, 2, 3].map((n) =>
      server.desk.raise({ code: 'R50', level: 'blue', zone: `W${n}`, device: `E-MISSED-${n}` }),
    )
    server.cut(false)
    await page.getByTestId('recovered').waitFor({ timeout: 20_000 })
    expect(await page.getByTestId('recovered').textContent()).toContain('补收 3 条')
    await expect.poll(() => page.getByTestId('connection').getAttribute('data-phase')).toBe('live')
    await page.keyboard.press('Home')
    await page.keyboard.press('/')
    await page.keyboard.type('E-MISSED-2')
    await row(page, missed[1]!.id).waitFor()
  })

  test('ignores single keys in text fields and when they are turned off', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1', { shortcuts: false })
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).click()
    await page.getByTestId('panel').waitFor()
    await page.keyboard.press('a')
    await page.waitForTimeout(400)
    expect(server.desk.alerts.get(red.id)?.state).toBe('unacknowledged')
    await page.evaluate(() => localStorage.removeItem('wardwatch.settings'))
    await page.reload()
    await row(page, red.id).waitFor()
    await page.click('#alert-search')
    await page.keyboard.type('a')
    await page.waitForTimeout(400)
    expect(server.desk.alerts.get(red.id)?.state).toBe('unacknowledged')
  })

  test('switches language and theme without a reload', async () => {
    const page = await enter(await serve(), 'officer1')
    await page.getByRole('button', { name: /切换语言/ }).click()
    await page.getByText('All open').first().waitFor()
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('en')
    await page.getByRole('button', { name: /Switch light/ }).click()
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('light')
  })

  test('keeps up with a storm of 200 alerts a second: a bounded page, every alert counted', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1')
    await page.getByTestId('proved-empty').waitFor()
    for (let burst = 0; burst < 20; burst++) {
      for (let i = 0; i < 20; i++)
        server.desk.raise({ code: 'R50', level: 'blue', zone: `W${(i % 4) + 1}`, device: `E-${burst}-${i}` })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await expect.poll(() => page.locator('[data-count=blue]').textContent(), { timeout: 5000 }).toBe('400')
    expect(await page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThanOrEqual(1500)
  })

  test('shows a device with its curve, and the province its facilities and serious alerts', async () => {
    const engineer = await enter(await serve(), 'engineer1')
    await engineer.getByRole('link', { name: 'E-MED-01' }).click()
    await engineer.locator('.uplot canvas').waitFor()
    const server = await serve({ tier: 'province' })
    const page = await enter(server, 'province1')
    await page.getByText('棠湾戒毒所').first().waitFor()
    await page.getByTestId('serious').first().waitFor()
    server.desk.raise({ code: 'R01', level: 'red', zone: 'BELT-N1', more: { facility: 'js-05' } })
    await expect.poll(() => page.getByTestId('serious').first().textContent(), { timeout: 1500 }).toContain('霁原监狱')
  })

  test('reflows at 390 px without a sideways scroll', async () => {
    const page = await enter(await serve(), 'officer1', {}, { width: 390, height: 844 })
    await page.locator('[role=row][data-id]').first().waitFor()
    for (const to of ['/duty/alerts', '/eng/devices', '/me']) {
      await page.goto(new URL(to, page.url()).href)
      await page.locator('h1').first().waitFor({ state: 'attached' })
      expect(await page.evaluate(() => document.documentElement.scrollWidth), to).toBeLessThanOrEqual(390)
    }
  })
})
