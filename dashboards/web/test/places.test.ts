/** Places of the plan, the history by place and time, paper from a dark screen: in a real Chromium. */
import { readFileSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { seriousFindings } from './axe.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/places.test.ts: no Chromium on this machine')

describe.skipIf(!path)('places, history, paper', { timeout: 60_000 }, () => {
  let built: Awaited<ReturnType<typeof buildConsole>>
  let browser: Browser
  let server: FakeServer
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
    await server.close()
  })

  async function enter(to: string, settings: object = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1920, height: 1080 }, acceptDownloads: true })
    contexts.push(context)
    await context.addInitScript((s) => localStorage.setItem('wardwatch.settings', s), JSON.stringify(settings))
    const page = await context.newPage()
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', 'chief1')
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    await page.goto(server.url + to)
    return page
  }
  const start = async () => {
    server = await startFakeServer({ root: built.root, tier: 'facility', empty: true })
  }

  test('a chosen place says who belongs there and is elsewhere or unseen, and what stands there; a press on the drawing chooses, Esc ends', async () => {
    await start()
    const { people, positions } = server.facility
    const known = people.filter((one) => positions.some((p) => p.person === one.id))
    const [away, unseen] = known as [(typeof people)[0], (typeof people)[0]]
    Object.assign(away, { ward: 'W1' })
    Object.assign(unseen, { ward: 'W1' })
    const fix = positions.find((p) => p.person === away.id)!
    Object.assign(fix, { zone: 'YARD', x_m: 99, y_m: 30 })
    positions.splice(
      positions.findIndex((p) => p.person === unseen.id),
      1,
    )
    const page = await enter('/duty/plan')
    await page.locator('select[name=place]').selectOption('W1')
    const panel = page.getByTestId('zone-panel')
    await panel.getByText('应到未到 2').waitFor()
    const line = (id: string) => panel.locator('li', { hasText: people.find((p) => p.id === id)!.number! })
    await expect.poll(() => line(away.id).first().innerText()).toContain('操场')
    expect(await line(unseen.id).first().innerText()).toContain('无定位')
    await panel.getByRole('link', { name: '看画面' }).first().waitFor()
    expect(await seriousFindings(page)).toEqual([])
    await page.keyboard.press('Escape')
    await expect.poll(() => panel.count()).toBe(0)
    await page.getByRole('button', { name: '全景' }).click()
    const yard = await page.locator('text[data-zone=YARD]').boundingBox()
    await page.mouse.click(yard!.x + yard!.width / 2, yard!.y + yard!.height / 2)
    await panel.getByRole('heading', { name: '操场' }).waitFor()
  })

  test('alerts that the floor in view does not show are told beside it, and A acknowledges after a tick in a box', async () => {
    await start()
    const red = server.desk.raise({ code: 'R01', level: 'red', zone: 'BELT-E2' })
    server.desk.raise({ code: 'R47', level: 'yellow', zone: 'W1-2F', device: 'S-9' })
    server.desk.raise({ code: 'S03', level: 'orange', zone: null, device: 'X-1' })
    const page = await enter('/duty/plan')
    await page.getByTestId('elsewhere').getByText('2 层未确认 1 条').waitFor()
    await page.getByTestId('unplaced').getByText('1 条未确认警情无法在图上定位').waitFor()
    await page.getByLabel('人员密度').check()
    await page.keyboard.press('a')
    await expect.poll(() => server.desk.alerts.get(red.id)?.state, { timeout: 20_000 }).toBe('acknowledged')
  })

  test('of more devices than a picture holds the forced door is drawn, and those left out are counted', async () => {
    await start()
    const door = server.facility.devices.find((d) => d.kind === 'door')!
    for (let i = 0; i < 1300; i++)
      server.facility.devices.push({ ...door, id: `A-${i}`, at: { x_m: 20 + (i % 150), y_m: 20 + i / 15, floor: 1 } })
    server.desk.raise({ code: 'R07', level: 'orange', zone: door.zone!, device: door.id })
    const latest = { 'door.state': { time: Date.now(), value: { state: 'open' }, quality: 'good' } }
    Object.assign(door, { latest, id: door.id, online: true })
    const page = await enter('/duty/plan')
    await page.getByText(/另有 \d+ 个设备未绘出，放大后可见/).waitFor()
    await page.locator('[data-shape=forced]').first().waitFor({ state: 'attached' })
  })

  test('the plan moves without a drag: by arrows and by buttons', async () => {
    await start()
    const page = await enter('/duty/plan')
    const label = page.locator('text[data-zone=YARD]')
    const x = async () => (await label.boundingBox())!.x
    await label.waitFor({ state: 'attached' })
    const before = await x()
    await page.keyboard.press('ArrowRight')
    await expect.poll(x).toBeLessThan(before - 50)
    await page.getByRole('button', { name: '向左平移' }).click()
    await expect.poll(async () => Math.abs((await x()) - before)).toBeLessThan(2)
  })

  test('the history is asked for a place with all in it and for a time of its own, and all of it goes into one file', async () => {
    await start()
    for (let i = 0; i < 130; i++)
      server.desk.raise({ code: 'R47', level: 'yellow', zone: 'W1-C201', device: `=S-${i}` })
    const page = await enter('/duty/search')
    await page.getByTestId('results').locator('tbody tr').first().waitFor()
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: '导出全部结果 CSV' }).click()
    const text = readFileSync((await (await saved).path())!, 'utf8')
    expect(text.trimEnd().split('\r\n')).toHaveLength(131)
    expect(text).toContain(",'=S-129,")
    await page.getByText('已导出 130 条').waitFor()
    await page.getByLabel('时间').selectOption('own')
    await page.locator('input[name=from]').fill('2026-11-22T08:00')
    await page.locator('input[name=to]').fill('2026-11-22T08:30')
    await page.locator('label', { hasText: /^区域/ }).locator('select').selectOption('W1')
    const asked = page.waitForRequest((r) => r.url().includes('within=W1'))
    await page.getByRole('button', { name: '检索', exact: true }).click()
    const query = new URL((await asked).url()).searchParams
    expect(Number(query.get('from'))).toBe(Date.parse('2026-11-22T08:00:00+08:00'))
    expect(Number(query.get('to'))).toBe(Date.parse('2026-11-22T08:30:59.999+08:00'))
  })

  test('paper is black on white from a dark screen, and carries no buttons', async () => {
    await start()
    const page = await enter('/duty/print', { theme: 'dark' })
    await page.getByTestId('headcount').waitFor()
    await page.emulateMedia({ media: 'print' })
    for (const part of ['h1', 'tfoot td', 'table tbody td'])
      expect(
        await page
          .locator(part)
          .first()
          .evaluate((el) => getComputedStyle(el).color),
        part,
      ).toBe('rgb(0, 0, 0)')
    expect(await page.getByRole('button', { name: '打印' }).count()).toBe(0)
  })

  test('Enter in the search of the shift log signs no note', async () => {
    await start()
    const page = await enter('/duty/shift')
    await page.fill('textarea[name=note]', '草稿')
    await page.locator('input[type=search]').fill('钥匙')
    await page.keyboard.press('Enter')
    await page.waitForTimeout(500)
    expect(await page.getByTestId('shift-log').locator('li').count()).toBe(0)
    expect(await page.inputValue('textarea[name=note]')).toBe('草稿')
  })
})
