/** The pages around the live console in a real Chromium: wall, evidence, history, cameras, health, shift; acts on many rows. */
import { readFileSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { DEAD_CAMERA } from '../test-server/more-routes.ts'
import { raiseIntrusion } from '../test-server/seed.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { seriousFindings } from './axe.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/pages.test.ts: no Chromium on this machine')

describe.skipIf(!path)('the pages of the watch', { timeout: 60_000 }, () => {
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

  async function serve(options: { empty?: boolean } = {}): Promise<FakeServer> {
    const server = await startFakeServer({ root: built.root, tier: 'facility', ...options })
    servers.push(server)
    return server
  }

  async function enter(
    server: FakeServer,
    account: string,
    to: string,
    size = { width: 1920, height: 1080 },
    settings: object = {},
  ): Promise<Page> {
    const context = await browser.newContext({ viewport: size, acceptDownloads: true })
    contexts.push(context)
    await context.addInitScript((s) => localStorage.setItem('wardwatch.settings', s), JSON.stringify(settings))
    const page = await context.newPage()
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    await page.goto(server.url + to)
    return page
  }
  const row = (page: Page, id: string) => page.locator(`[role=row][data-id="${id}"]`)
  const redOf = (server: FakeServer) => [...server.desk.alerts.values()].find((a) => a.level === 'red')!

  test('lands a wall account on the wall: one red takes the frame, no name, no button, no scroll', async () => {
    const server = await serve()
    const page = await enter(server, 'wall1', '/', { width: 3840, height: 2160 })
    await page.waitForURL('**/duty/wall')
    await expect.poll(() => page.getByTestId('wall').getAttribute('data-red')).toBe('true')
    await expect.poll(() => page.getByTestId('wall-rows').locator('li').count()).toBe(4)
    await page.getByTestId('wall').locator('figure img').first().waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(2160)
    const text = await page.getByTestId('wall').innerText()
    for (const secret of ['李×', '王×', 'P001', '2024-0001']) expect(text).not.toContain(secret)
  })

  test('lets a person give a single key another place: it works there, no more at the old one, and never twice', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1', '/me')
    const ask = async (meant: string, key: string) => {
      await page.locator(`button[data-key="${meant}"]`).click()
      await page.keyboard.press(key)
    }
    await ask('a', 'd')
    await page.getByText('D 已用于「派警」').waitFor()
    await page.keyboard.press('q')
    await page.getByText('确认 已设为 Q').waitFor()
    const red = redOf(server)
    await page.locator('nav a[href="/duty/alerts"]').first().click()
    await page.locator(`[data-id="${red.id}"]`).click()
    await page.locator('button[aria-keyshortcuts=Q]').waitFor()
    await page.keyboard.press('a')
    await page.keyboard.press('q')
    await expect.poll(() => server.desk.alerts.get(red.id)?.state, { timeout: 20_000 }).toBe('acknowledged')
  })

  test('moves the tick of the wall with each heartbeat and stops it when the server is silent', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'wall1', '/duty/wall')
    await page.getByText('无红、橙警情').waitFor()
    const at = () =>
      page
        .getByTestId('heartbeat')
        .evaluate((el) => [...el.querySelectorAll('i')].findIndex((i) => i.dataset.on === 'true'))
    const first = await at()
    await expect.poll(at, { timeout: 4000 }).not.toBe(first)
    server.hush(true)
    await expect.poll(() => page.getByTestId('heartbeat').getAttribute('data-phase'), { timeout: 6000 }).toBe('late')
    const stopped = await at()
    await page.waitForTimeout(1500)
    expect(await at()).toBe(stopped)
  })

  test('shows evidence on one clock, zoomed by keys, walked from item to item', async () => {
    const server = await serve()
    const red = redOf(server)
    const page = await enter(server, 'chief1', `/duty/alerts/${red.id}`)
    await page.getByTestId('tracks').waitFor()
    const pressed = () => page.locator('[aria-label="显示宽度"] button[aria-pressed=true]').textContent()
    await expect.poll(pressed).toBe('1 min')
    await page.keyboard.press('-')
    await expect.poll(pressed).toBe('3 min')
    await page.keyboard.press('+')
    await page.keyboard.press('+')
    await expect.poll(pressed).toBe('10 s')
    await page.keyboard.press('ArrowLeft')
    await page.getByText('区域入侵').first().waitFor()
    const cursor = await page.getByText(/^游标处/).textContent()
    await page.keyboard.press('ArrowLeft')
    await expect.poll(() => page.getByText(/^游标处/).textContent()).not.toBe(cursor)
    // The chief may read the chain: its entries stand beside the alert.
    await page.getByText(/账本 \d+ 条/).waitFor()
  })

  test('exports evidence only with a reason, says that it works, saves the file, and says why when it cannot', async () => {
    const server = await serve()
    const red = redOf(server)
    const page = await enter(server, 'chief1', `/duty/alerts/${red.id}`)
    await page.getByRole('button', { name: '导出证据' }).click()
    const form = page.getByTestId('export-evidence')
    const submit = form.locator('button[type=submit]')
    await submit.click()
    await form.getByRole('alert').getByText('事由').waitFor()
    await form.locator('textarea').fill('busy')
    await submit.click()
    await form.getByText('未能导出：Other evidence is being made.').waitFor()
    await form.locator('textarea').fill('移交检察机关')
    expect(await seriousFindings(page)).toEqual([])
    const saving = page.waitForEvent('download')
    await submit.click()
    const download = await saving
    expect(download.suggestedFilename()).toBe(`evidence-${red.id}.zip`)
    expect(readFileSync(await download.path(), 'utf8')).toBe('made up evidence: 移交检察机关')
    await form.getByText(`已保存 evidence-${red.id}.zip`).waitFor()
    // An engineer has no business with persons: no button.
    const other = await enter(server, 'engineer1', `/duty/alerts/${red.id}`)
    await other.waitForTimeout(500)
    expect(await other.getByRole('button', { name: '导出证据' }).count()).toBe(0)
  })

  test('opens the evidence of the selected alert by T and comes back by Escape', async () => {
    const server = await serve({ empty: true })
    const red = raiseIntrusion(server.desk)
    const page = await enter(server, 'officer1', '/duty/alerts')
    await row(page, red.id).click()
    await page.getByTestId('panel').waitFor()
    await page.keyboard.press('t')
    await page.getByTestId('tracks').waitFor()
    expect(new URL(page.url()).pathname).toBe(`/duty/alerts/${red.id}`)
    await page.keyboard.press('Escape')
    await row(page, red.id).waitFor()
  })

  test('lists incidents with their members and time line', async () => {
    const server = await serve()
    const red = redOf(server)
    server.desk.raise({ code: 'R07', level: 'orange', zone: 'SALLY-P', more: { incident: red.incident } })
    const page = await enter(server, 'officer1', '/duty/incidents')
    await page.getByTestId('incident').getByText('同一事件 2 条警情').waitFor()
    await expect.poll(() => page.getByTestId('incident').locator('tbody tr').count()).toBe(2)
  })

  test('searches the history by filters and gives what is shown as CSV', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1', '/duty/search')
    await expect.poll(() => page.getByTestId('results').locator('tbody tr').count()).toBeGreaterThan(10)
    await page.getByLabel('级别').selectOption('red')
    await page.getByRole('button', { name: '检索' }).click()
    await expect.poll(() => page.getByTestId('results').locator('tbody tr').count()).toBe(1)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: '导出全部结果 CSV' }).click(),
    ])
    const text = readFileSync((await download.path())!, 'utf8')
    expect(text.trim().split('\r\n')).toHaveLength(2)
    expect(text).toContain('周界入侵复核')
  })

  test('says which camera is dead and puts the next one in its place', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1', '/duty/cameras')
    await page.getByTestId('matrix').waitFor()
    await page.keyboard.press('0')
    const tile = page.locator(`[data-camera="${DEAD_CAMERA}"]`)
    await tile.getByText('无画面，摄像机未应答').waitFor()
    await tile.getByRole('button', { name: /改看/ }).click()
    await page.getByText(`替代 ${DEAD_CAMERA}`).waitFor()
    expect(await page.locator('figure img').count()).toBeGreaterThan(8)
  })

  test('shows health with the failing sink in words and what was quarantined', async () => {
    const server = await serve()
    const page = await enter(server, 'engineer1', '/eng/health')
    await page.getByText('connect ECONNREFUSED 192.0.2.9:8086').waitFor()
    await page.getByTestId('quarantine').getByText('bad-value').waitFor()
    await page.getByText(/211 台中 210 台在 ±500 ms 内/).waitFor()
  })

  test('hands the shift over from one person to another, with the open red accepted by both', async () => {
    const server = await serve()
    const out = await enter(server, 'officer1', '/duty/shift')
    await out.getByText('值班交接').waitFor()
    await out.fill('textarea[name=note]', '2 号楼换灯')
    await out.getByRole('button', { name: '记入' }).click()
    await out.getByTestId('shift-log').getByText('2 号楼换灯').waitFor()
    const sign = out.getByRole('button', { name: '交班签署' })
    expect(await sign.isDisabled()).toBe(true)
    await out.getByLabel(/明知有 1 条红色警情/).check()
    await sign.click()
    await out.getByText('须由另一人接班签署').waitFor()

    const next = await enter(server, 'chief1', '/duty/shift')
    const accept = next.getByRole('button', { name: '接班签署' })
    await accept.waitFor()
    expect(await accept.isDisabled()).toBe(true)
    // The tone is ticked by who has played it, and by nobody else.
    const tone = next.getByLabel(/告警声音试听并听到/)
    expect(await tone.isDisabled()).toBe(true)
    await next.getByRole('button', { name: '试听' }).click()
    await expect.poll(() => tone.isEnabled()).toBe(true)
    for (const box of await next.getByTestId('handover').locator('input[type=checkbox]').all()) await box.check()
    await accept.click()
    await next.getByText('历次交接').waitFor()
  })

  test('prints head-count, open alerts and the plans with empty boxes', async () => {
    const page = await enter(await serve(), 'officer1', '/duty/print')
    await page.getByText('RP1 周界与脱逃').waitFor()
    await page.getByTestId('headcount').getByText('合计').waitFor()
    await page.getByText('未办结警情 40').waitFor()
  })

  test('acts on many rows at once and says how many took it and how many were skipped', async () => {
    const server = await serve({ empty: true })
    const alerts = [1, 2, 3, 4].map((n) =>
      server.desk.raise({ code: 'R47', level: 'yellow', zone: `W${n}`, device: `S-${n}` }),
    )
    const page = await enter(server, 'officer1', '/duty/alerts')
    await row(page, alerts[0]!.id).waitFor()
    server.desk.act(alerts[2]!.id, 'acknowledge', {}, 'officer2', 'officer')
    await expect.poll(() => row(page, alerts[2]!.id).getAttribute('data-waiting')).toBe('false')
    await page.keyboard.press('Control+a')
    await page.getByTestId('bulk').getByText('已选 4 条').waitFor()
    await page.keyboard.press('a')
    await expect.poll(() => page.getByTestId('bulk-result').textContent()).toBe('3 成功 · 1 跳过（已确认）')
    for (const a of alerts) expect(server.desk.alerts.get(a.id)!.state).toBe('acknowledged')
  })

  test('chooses single rows by X and a range by Shift+X', async () => {
    const server = await serve({ empty: true })
    for (const n of [1, 2, 3, 4]) server.desk.raise({ code: 'R47', level: 'yellow', zone: `W${n}`, device: `S-${n}` })
    const page = await enter(server, 'officer1', '/duty/alerts')
    await page.locator('[role=row][data-id]').first().waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.getByTestId('bulk').getByText('已选 1 条').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('Shift+X')
    await page.getByTestId('bulk').getByText('已选 3 条').waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByTestId('bulk').count()).toBe(0)
  })

  test('goes anywhere by the palette, and shows no page that the role may not use', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1', '/duty/alerts')
    await page.locator('[role=row][data-id]').first().waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('交接')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/duty/shift')
    const engineer = await enter(server, 'engineer1', '/eng/devices')
    await engineer.getByRole('link', { name: '健康' }).first().waitFor()
    expect(await engineer.getByRole('link', { name: '交接班' }).count()).toBe(0)
    await engineer.goto(`${server.url}/duty/shift`)
    await engineer.getByText('当前账号不能查看此页').waitFor()
  })

  test('verifies by one key, skips a step only with a reason, shelves with the time that is left', async () => {
    const server = await serve({ empty: true })
    const red = raiseIntrusion(server.desk)
    const page = await enter(server, 'officer1', '/duty/alerts')
    await row(page, red.id).click()
    await page.getByTestId('panel').getByText('视频核实', { exact: true }).first().waitFor()
    await page.keyboard.press('y')
    await expect.poll(() => server.desk.alerts.get(red.id)).toMatchObject({ confirmed: true, state: 'acknowledged' })
    await page.getByRole('button', { name: '跳过 1' }).click()
    const skip = page.getByRole('dialog').getByRole('button', { name: '跳过' })
    expect(await skip.isDisabled()).toBe(true)
    await page.fill('textarea[name=note]', '摄像机检修')
    await skip.click()
    await page.getByText(/已跳过 · 摄像机检修/).waitFor()
    await page.getByTestId('panel').getByRole('button', { name: '搁置' }).click()
    await page.getByRole('dialog').getByText('最长 8 小时').waitFor()
    await page.getByRole('button', { name: '1 h' }).click()
    await page.fill('textarea[name=note]', '施工')
    await page.getByRole('button', { name: '提交' }).click()
    await expect.poll(() => page.getByTestId('shelf').textContent()).toMatch(/搁置至 .* 余 (59|1:00):\d\d/)
  })

  test('raises a manual alert with level, place, what and words', async () => {
    const server = await serve({ empty: true })
    const page = await enter(server, 'officer1', '/duty/alerts')
    await page.getByRole('button', { name: '人工报警' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: '报警' }).click()
    await dialog.getByText('缺少必填项').waitFor()
    await dialog.getByText('橙 二级').click()
    await dialog.locator('select[name=zone]').selectOption('W2')
    await dialog.locator('input[name=kind]').fill('电话报告')
    await dialog.locator('textarea[name=note]').fill('二监区有人喊叫')
    await dialog.getByRole('button', { name: '报警' }).click()
    await expect.poll(() => [...server.desk.alerts.values()].map((a) => a.code)).toEqual(['S03'])
    await page.getByTestId('panel').waitFor()
  })

  test('the plan names nothing twice over, and says how long a metre is', async () => {
    const page = await enter(await serve(), 'officer1', '/duty/plan')
    await page.locator('svg text[data-zone]').first().waitFor()
    const boxes = await page
      .locator('svg text[data-zone]')
      .evaluateAll((all) => all.map((el) => el.getBoundingClientRect()).map((r) => [r.x, r.y, r.right, r.bottom]))
    expect(boxes.length).toBeGreaterThan(12)
    for (const [i, a] of boxes.entries())
      for (const b of boxes.slice(i + 1))
        expect(a[0]! < b[2]! - 1 && b[0]! < a[2]! - 1 && a[1]! < b[3]! - 2 && b[1]! < a[3]! - 2).toBe(false)
    expect(await page.getByTestId('scale-bar').textContent()).toMatch(/\d+ m/)
  })

  test('the new pages reflow at 390 px without a sideways scroll', async () => {
    const server = await serve()
    const page = await enter(server, 'chief1', '/duty/search', { width: 390, height: 844 })
    const red = redOf(server).id
    for (const to of [
      '/duty/search',
      '/duty/incidents',
      '/duty/shift',
      '/duty/cameras',
      '/eng/health',
      `/duty/alerts/${red}`,
    ]) {
      await page.goto(server.url + to)
      await page.locator('h1').first().waitFor({ state: 'attached' })
      await page.waitForTimeout(500)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), to).toBeLessThanOrEqual(390)
    }
  })
})
