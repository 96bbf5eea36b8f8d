/** Nothing moves, changes or vanishes under the hand of whoever acts: rows, choices, focus, words, in storms and at 200 %. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { raiseIntrusion } from '../test-server/seed.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/steady-hands.test.ts: no Chromium on this machine')

describe.skipIf(!path)('steady hands', { timeout: 90_000 }, () => {
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
    await server?.close()
  })

  async function enter(
    account: string,
    size = { width: 1920, height: 1080 },
    empty = false,
    away = true,
  ): Promise<Page> {
    server = await startFakeServer({ root: built.root, tier: 'facility', empty })
    const context = await browser.newContext({ viewport: size })
    contexts.push(context)
    const page = await context.newPage()
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    if (!empty) await rows(page).first().waitFor()
    if (away) await page.mouse.move(5, 5)
    return page
  }
  const rows = (page: Page) => page.locator('[role=row][data-id]')
  const row = (page: Page, id: string) => page.locator(`[role=row][data-id="${id}"]`)
  const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('data-id') ?? null)

  test('a red that comes moves no row under the pointer, and a press made in that moment goes nowhere', async () => {
    // The click that logs in has left the pointer where the list comes: it is held from the first move on.
    const page = await enter('officer1', undefined, false, false)
    const target = page.locator('[role=row][data-id][data-lane=false]').nth(2)
    const id = (await target.getAttribute('data-id'))!
    await target.hover()
    const before = (await row(page, id).boundingBox())!
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    await expect.poll(async () => Math.round((await row(page, id).boundingBox())!.y)).toBe(Math.round(before.y))
    expect(await page.getByTestId('panel').count()).toBe(0)
    // The first row of the list has given its place to the strip above it: whoever presses there now is too late.
    const pressed = page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const grid = document.querySelector('[role=grid]')!
          const lane = () => grid.querySelectorAll<HTMLElement>('[data-lane=true]')
          const before = lane().length
          const watch = new MutationObserver(() => {
            const fresh = lane()[before]
            if (!fresh) return
            watch.disconnect()
            requestAnimationFrame(() => {
              fresh.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, detail: 1 }))
              resolve()
            })
          })
          watch.observe(grid, { childList: true, subtree: true })
        }),
    )
    await page.waitForTimeout(200)
    const another = raiseIntrusion(server.desk)
    await pressed
    await page.waitForTimeout(500)
    expect(await page.getByTestId('panel').count()).toBe(0)
    await row(page, another.id).click()
    await page.getByTestId('panel').waitFor()
  })

  test('all that is filtered is chosen without the red that stands above the filters, and what is filtered away is let go', async () => {
    const page = await enter('officer1')
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    await page.keyboard.press('4')
    await page.keyboard.press('Control+a')
    await page.getByTestId('bulk').waitFor()
    expect(await row(page, red.id).getAttribute('data-chosen')).toBe('false')
    const blue = await page.locator('[data-count=blue]').textContent()
    expect(await page.getByTestId('bulk').textContent()).toContain(`已选 ${blue} 条`)
    expect(await page.locator('h2', { hasText: '全部未办结' }).locator('+ span').textContent()).toContain(`${blue} 条`)
    await page.keyboard.press('3')
    await page.getByTestId('bulk').waitFor({ state: 'detached' })
  })

  test('whoever was slower is told who did what and when, in one plain sentence', async () => {
    const page = await enter('officer1')
    const alert = server.desk.raise({ code: 'R47', level: 'yellow', zone: 'KITCHEN', device: 'S-1' })
    await row(page, alert.id).click()
    await expect.poll(() => page.locator('button[aria-keyshortcuts=A]').isEnabled()).toBe(true)
    server.hush(true)
    server.desk.act(alert.id, 'acknowledge', {}, '李×', 'officer')
    await page.keyboard.press('a')
    await expect
      .poll(() => page.getByTestId('notice').textContent())
      .toMatch(/^李× 已于 \d\d:\d\d:\d\d 确认 · 本次未生效/)
  })

  test('a dialog that is closed gives the focus back to the row it was opened from', async () => {
    const page = await enter('officer1')
    await page.keyboard.press('j')
    const id = await focused(page)
    expect(id).not.toBeNull()
    for (const key of ['d', 'Control+k', '?']) {
      await page.keyboard.press(key)
      await page.getByRole('dialog').waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await expect.poll(() => focused(page), { message: key }).toBe(id)
    }
  })

  test('the palette does what the keys do for the opened alert, and names the key', async () => {
    const page = await enter('officer1')
    const alert = server.desk.raise({ code: 'R47', level: 'yellow', zone: 'KITCHEN', device: 'S-1' })
    await row(page, alert.id).click()
    await page.getByTestId('panel').waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('确认')
    const first = page.getByRole('option').first()
    await expect.poll(() => first.textContent()).toMatch(/^确认处置 \S+A$/)
    await page.keyboard.press('Enter')
    await expect.poll(() => server.desk.alerts.get(alert.id)?.state).toBe('acknowledged')
  })

  test('every key of the brief stands on the card, and no line of it is broken', async () => {
    const page = await enter('officer1')
    await page.keyboard.press('?')
    const card = page.getByTestId('keys')
    await card.waitFor()
    const keys = await card.locator('kbd').allTextContents()
    for (const key of 'J K Enter Esc A D E F R X Home 1 2 3 4 0 / M V T P S Space ?'.split(' '))
      expect(keys).toContain(key)
    expect(await card.locator('h3').last().textContent()).toBe('先按 G，再按')
    for (const key of ['Shift X', 'Ctrl A', 'Ctrl K']) expect(keys).toContain(key)
    const heights = await card.locator('dl > div').evaluateAll((lines) => lines.map((line) => line.clientHeight))
    expect(Math.max(...heights)).toBeLessThan(40)
  })

  test('plans worked side by side have a heading, a count and numbers of their own, and the history speaks in words', async () => {
    const page = await enter('officer1')
    const red = raiseIntrusion(server.desk)
    const step = (id: string, plan: string, zh: string) => ({
      id,
      plan,
      channel: 'people',
      text: { zh, en: id },
      required: true,
      targetS: null,
      moot: null,
    })
    await contexts[0]!.route(`**/api/v1/alerts/${red.id}`, async (route) => {
      const answer = await route.fetch()
      const body = (await answer.json()) as Record<string, unknown>
      const told = { alert: { ...red, plan: 'RP13' }, by: 'officer1' }
      const plan = {
        id: 'RP13',
        name: { zh: '设备故障' },
        plans: [
          { id: 'RP13', name: { zh: '设备故障' }, why: 'own' },
          { id: 'RP1', name: { zh: '周界与脱逃' }, why: 'beside' },
        ],
        steps: [
          step('ticket', 'RP13', '建立工单'),
          step('RP1:verify', 'RP1', '视频核实'),
          step('RP1:count', 'RP1', '紧急点名'),
        ],
        progress: [{ step: 'RP1:verify', done: true, by: 'officer1', at: red.raisedAt }],
      }
      const note = JSON.stringify({ step: 'RP1:verify', done: true })
      const timeline = [...(body.timeline as object[]), { ...told, at: red.raisedAt + 1, change: 'plan-step', note }]
      await route.fulfill({ response: answer, json: { ...body, plan, timeline } })
    })
    await row(page, red.id).click()
    const parts = page.getByTestId('plan-part')
    await expect.poll(() => parts.count()).toBe(2)
    expect(await parts.nth(0).locator('h4').textContent()).toBe('RP13 设备故障0 / 1')
    expect(await parts.nth(1).locator('h4').textContent()).toBe('RP1 周界与脱逃同时执行1 / 2')
    expect(
      await parts
        .nth(1)
        .getByRole('checkbox')
        .evaluateAll((all) => all.map((c) => c.getAttribute('aria-label'))),
    ).toEqual(['1 视频核实', '2 紧急点名'])
    expect(await page.locator('#panel-timeline').textContent()).toContain('预案步骤officer1视频核实')
    expect(await page.getByRole('link', { name: '打印空白表' }).getAttribute('href')).toContain(
      '/duty/print?plan=RP13,RP1',
    )
  })

  test('on a phone the back button leads from the alert to the list', async () => {
    const page = await enter('officer1', { width: 390, height: 844 })
    await rows(page).nth(1).click()
    await page.getByTestId('panel').waitFor()
    await page.goBack()
    await page.getByTestId('panel').waitFor({ state: 'detached' })
    expect(new URL(page.url()).pathname).toBe('/duty/alerts')
    await rows(page).nth(1).click()
    await page.getByTestId('panel').getByRole('button', { name: '关闭' }).click()
    await page.getByTestId('panel').waitFor({ state: 'detached' })
  })

  test('an address of an alert that does not exist says so in words and leads back', async () => {
    const page = await enter('officer1')
    await page.goto(`${server.url}/duty/alerts?alert=aNOPE`)
    await page.getByText('没有编号为 aNOPE 的警情').waitFor()
    await page.getByRole('button', { name: '回到警情列表' }).click()
    expect(page.url()).not.toContain('aNOPE')
    await page.goto(`${server.url}/duty/alerts/aNOPE`)
    await page.getByText('没有编号为 aNOPE 的警情').waitFor()
  })

  test('a page that is loaded in the middle of a storm says that there is one', async () => {
    const page = await enter('officer1', undefined, true)
    await page.getByTestId('proved-empty').waitFor()
    for (let i = 0; i < 30; i++) server.desk.raise({ code: 'R50', level: 'yellow', zone: 'W1', device: `E-${i}` })
    await page.getByTestId('storm').waitFor()
    await page.reload()
    await page.getByTestId('storm').waitFor()
    expect(await page.getByTestId('storm').textContent()).toContain('30 / 10 min')
  })

  test('enlarged to 200 % no part of the console lies over another', async () => {
    const page = await enter('officer1', { width: 960, height: 540 })
    await page.keyboard.press('j')
    await page.getByTestId('panel').waitFor()
    const over = await page.evaluate(() => {
      const box = (selector: string) => document.querySelector(selector)!.getBoundingClientRect()
      const meet = (a: DOMRect, b: DOMRect) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1
      const cells = [...document.querySelectorAll('[role=row][data-id] [role=gridcell]:last-child')]
      return {
        bar: meet(box('nav[aria-label=主导航]'), box('[aria-label=状态条]')),
        rows: cells.filter((cell) => meet(cell.getBoundingClientRect(), box('[data-testid=panel]'))).length,
        sideways: document.documentElement.scrollWidth - innerWidth,
        seen: [...document.querySelectorAll('[role=row][data-lane=false]')].filter(
          (r) => r.getBoundingClientRect().bottom < innerHeight,
        ).length,
      }
    })
    expect(over).toMatchObject({ bar: false, rows: 0, sideways: 0 })
    expect(over.seen).toBeGreaterThanOrEqual(6)
  })
})
