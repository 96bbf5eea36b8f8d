/**
 * Bad days at the console in a real Chromium: each has a state that was designed for it. The stream cut, the conflict of
 * two operators and the storm stand in console.test.ts, the restart of a real server in tests/e2e.
 */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { raiseIntrusion } from '../test-server/seed.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/bad-days.test.ts: no Chromium on this machine')

describe.skipIf(!path)('bad days', { timeout: 120_000 }, () => {
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

  async function serve(empty = true): Promise<FakeServer> {
    const server = await startFakeServer({ root: built.root, tier: 'facility', empty })
    servers.push(server)
    return server
  }
  async function enter(
    server: FakeServer,
    account: string,
    prepare: (page: Page) => Promise<unknown> = async () => {},
  ): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1600, height: 900 } })
    contexts.push(context)
    const page = await context.newPage()
    page.setDefaultTimeout(45_000)
    await prepare(page)
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    return page
  }
  const row = (page: Page, id: string) => page.locator(`[role=row][data-id="${id}"]`)
  const count = (page: Page, level: string) => page.locator(`[data-count=${level}]`).textContent()
  const soon = { timeout: 40_000 }

  test('a desk whose clock is three hours wrong shows the time of the server and true ages', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1', (p) =>
      p.addInitScript(`
        const Right = Date
        const shift = 3 * 3600_000
        globalThis.Date = class extends Right {
          constructor(...a) { a.length ? super(...a) : super(Right.now() + shift) }
          static now() { return Right.now() + shift }
        }
      `),
    )
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    const said = await page.evaluate(() => Date.now())
    expect(said - Date.now()).toBeGreaterThan(2 * 3_600_000)
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Shanghai', timeStyle: 'medium' })
    const times = () => [0, 1000, 2000].map((back) => clock.format(Date.now() - back))
    const status = page.getByRole('group', { name: '状态' })
    await expect
      .poll(async () => {
        const text = (await status.textContent())!
        return times().some((time) => text.includes(time))
      }, soon)
      .toBe(true)
    expect(await row(page, red.id).locator('b').last().textContent()).toMatch(/^00:\d\d$/)
  })

  test('an answer that was asked before the log-in and comes after it does not throw anybody out', async () => {
    const server = await serve()
    let first = true
    const late = { answer: () => {} }
    const page = await enter(server, 'officer1', (p) =>
      p.route('**/api/v1/me', async (route) => {
        if (!first) return route.continue()
        first = false
        await new Promise<void>((resolve) => {
          late.answer = resolve
        })
        await route.fulfill({ status: 401, json: { title: 'Not logged in' } })
      }),
    )
    await page.getByTestId('proved-empty').waitFor()
    const answered = page.waitForResponse((r) => r.url().endsWith('/me') && r.status() === 401)
    late.answer()
    await answered
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    expect(new URL(page.url()).pathname).toBe('/duty/alerts')
  })

  test('a screen that started before its server finds its session by itself when the server is there', async () => {
    const server = await serve()
    const page = await enter(server, 'wall1')
    await page.waitForURL('**/duty/wall')
    const context = page.context()
    await context.route(/\/(api\/|healthz)/, (route) => route.abort())
    await page.reload()
    await page.waitForURL('**/login')
    await page.getByText('服务不可达').or(page.getByText('离线')).or(page.locator('footer')).first().waitFor()
    await context.unroute(/\/(api\/|healthz)/)
    await page.waitForURL('**/duty/wall', { timeout: 40_000 })
    await page.getByTestId('wall').waitFor()
  })

  test('5,000 open alerts: the oldest red is in its lane at once, all are counted, the page stays small and quick', async () => {
    const server = await serve()
    const now = Date.now()
    const red = server.desk.raise({ code: 'R01', level: 'red', zone: 'BELT-E2', at: now - 86_400_000 })
    for (let i = 0; i < 4999; i++)
      server.desk.raise({
        code: 'R50',
        level: 'blue',
        zone: `W${(i % 4) + 1}`,
        device: `E-${i}`,
        at: now - 85_000_000 + i * 16_000,
      })
    const page = await enter(server, 'officer1')
    await row(page, red.id).waitFor()
    expect(await row(page, red.id).getAttribute('data-lane')).toBe('true')
    await expect.poll(() => count(page, 'blue'), soon).toBe('4999')
    expect(await count(page, 'red')).toBe('1')
    expect(await page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThanOrEqual(1500)
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.getByTestId('panel').waitFor()
    expect(await page.locator('[role=grid]').getAttribute('aria-rowcount')).toMatch(/^\d{3,4}$/)
  })

  test('more than the page can hold: it says how many of the lowest it leaves out, and does not read the list again and again', async () => {
    const server = await serve()
    const now = Date.now()
    for (let i = 0; i < 5200; i++)
      server.desk.raise({
        code: 'R50',
        level: 'blue',
        zone: `W${(i % 4) + 1}`,
        device: `E-${i}`,
        at: now - 85_000_000 + i * 16_000,
      })
    const page = await enter(server, 'officer1')
    await page.getByText('超出 5 000 条，200 条最旧的低级警情未显示').waitFor()
    let lists = 0
    page.on('request', (request) => {
      if (request.url().includes('/api/v1/alerts?')) lists++
    })
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).waitFor()
    await page.waitForTimeout(4500)
    expect(lists).toBe(0)
  })

  test('an input method that composes Chinese presses no key of the console', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1')
    const red = raiseIntrusion(server.desk)
    await row(page, red.id).click()
    await page.getByTestId('panel').waitFor()
    // What a browser sends while Pinyin is typed with the focus outside a text field: key 229 or isComposing.
    await page.evaluate(() => {
      for (const key of ['a', 'd', 'r', 'f', 'Enter', 'Escape', ' '])
        for (const more of [{ isComposing: true }, { keyCode: 229 }])
          document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }))
    })
    expect(await page.getByRole('dialog').count()).toBe(0)
    await page.getByTestId('panel').waitFor()
    // And in the search field, with a real composition: letters are text, and Enter ends the composition, nothing else.
    await page.click('#alert-search')
    const cdp = await page.context().newCDPSession(page)
    await cdp.send('Input.imeSetComposition', { text: 'zhou', selectionStart: 4, selectionEnd: 4 })
    await cdp.send('Input.insertText', { text: '周界' })
    await expect.poll(() => page.inputValue('#alert-search')).toBe('周界')
    await row(page, red.id).waitFor()
    expect(server.desk.alerts.get(red.id)?.state).toBe('unacknowledged')
    expect(await page.getByRole('dialog').count()).toBe(0)
  })

  test('a tab that slept through a day has everything as soon as it wakes, whatever the server has forgotten', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1')
    await page.getByTestId('proved-empty').waitFor()
    const cdp = await page.context().newCDPSession(page)
    await cdp.send('Page.enable')
    await cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
    server.cut(true)
    for (let i = 0; i < 300; i++)
      server.desk.raise({ code: 'R50', level: 'blue', zone: `W${(i % 4) + 1}`, device: `E-${i}` })
    const red = raiseIntrusion(server.desk)
    // A day later neither the ring nor the history reaches back to what this tab saw last.
    server.forget()
    server.cut(false)
    await cdp.send('Page.setWebLifecycleState', { state: 'active' })
    await row(page, red.id).waitFor()
    await expect.poll(() => count(page, 'blue'), soon).toBe('300')
    await expect.poll(() => page.getByTestId('connection').getAttribute('data-phase'), soon).toBe('live')
  })

  test('a hidden tab rings for a red at once: what comes over the network waits for no timer', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1', (p) =>
      p.addInitScript(`
        globalThis.rung = []
        const start = OscillatorNode.prototype.start
        OscillatorNode.prototype.start = function (...a) { globalThis.rung.push(performance.now()); return start.apply(this, a) }
      `),
    )
    await page.getByText('声音已启用').waitFor()
    // Timers stand still, as those of a tab in the background nearly do; the network goes on.
    await page.evaluate(() => {
      const far = 100_000
      for (let id = 0; id < far; id++) clearInterval(id)
      ;(globalThis as unknown as { rung: number[] }).rung.length = 0
    })
    raiseIntrusion(server.desk)
    await expect
      .poll(() => page.evaluate(() => (globalThis as unknown as { rung: number[] }).rung.length), soon)
      .toBeGreaterThanOrEqual(3)
  })

  test('sound that the browser has locked is said in a bar that does not go away, reported, and unlocked by one press', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1')
    await page.getByText('声音已启用').waitFor()
    const states: string[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/audio-state')) states.push((request.postDataJSON() as { state: string }).state)
    })
    // A page that is loaded anew was not clicked yet: the browser allows no sound.
    await page.reload()
    const bar = page.getByRole('button', { name: /本席已记为静音/ })
    await bar.waitFor()
    await expect.poll(() => states.at(-1), soon).toBe('blocked')
    await page.keyboard.press('Escape')
    expect(await bar.isVisible()).toBe(true)
    await bar.click()
    await page.getByText('声音已启用').waitFor()
    await expect.poll(() => states.at(-1), soon).toBe('on')
    expect(await bar.count()).toBe(0)
  })

  test('a wall that nobody touches starts anew at four in the morning and comes back by itself', async () => {
    const server = await serve()
    const page = await enter(server, 'wall1')
    await page.waitForURL('**/duty/wall')
    await page.clock.install({ time: new Date(Date.now()) })
    await page.reload()
    await page.getByText('无红、橙警情').waitFor()
    await page.evaluate(() => Object.assign(globalThis, { sameOldPage: true }))
    const red = raiseIntrusion(server.desk)
    // Ten minutes on: nothing. At 04:00 of the facility's clock: a new page, which shows what is open.
    await page.clock.fastForward(11 * 60_000)
    expect(await page.evaluate(() => 'sameOldPage' in globalThis)).toBe(true)
    server.setTime(nextFour())
    await page.waitForTimeout(1500)
    // Nobody answers just then: the old picture stays, with its age, instead of the browser's error page.
    await page.context().route('**/healthz', (route) => route.abort())
    const asked = page.waitForRequest('**/healthz')
    await page.clock.fastForward(21_000)
    await asked
    await page.waitForTimeout(500)
    expect(await page.evaluate(() => 'sameOldPage' in globalThis)).toBe(true)
    await page.context().unroute('**/healthz')
    await Promise.all([page.waitForEvent('load'), page.clock.fastForward(21_000)])
    expect(await page.evaluate(() => 'sameOldPage' in globalThis)).toBe(false)
    await expect.poll(() => page.getByTestId('wall').getAttribute('data-red'), soon).toBe('true')
    expect(red.level).toBe('red')
  })

  test('a wall whose heap has grown beyond 600 MB starts anew, but never in the first ten minutes and never without a server', async () => {
    const server = await serve()
    const page = await enter(server, 'wall1')
    await page.waitForURL('**/duty/wall')
    await page.clock.install({ time: new Date(Date.now()) })
    await page.addInitScript(() => {
      const used = { usedJSHeapSize: Number(sessionStorage.getItem('heap') ?? 50e6) }
      Object.defineProperty(performance, 'memory', { configurable: true, get: () => used })
      Object.assign(globalThis, { used })
    })
    await page.reload()
    await page.getByText('无红、橙警情').waitFor()
    const grow = (bytes: number) =>
      page.evaluate((n) => {
        ;(globalThis as unknown as { used: { usedJSHeapSize: number } }).used.usedJSHeapSize = n
        Object.assign(globalThis, { sameOldPage: true })
      }, bytes)
    const same = () => page.evaluate(() => 'sameOldPage' in globalThis)
    const checks: string[] = []
    page.on('request', (request) => {
      if (request.url().endsWith('/healthz')) checks.push(request.url())
    })
    await grow(700 * 1024 * 1024)
    await page.clock.fastForward(9 * 60_000)
    await page.waitForTimeout(300)
    expect([checks.length, await same()], 'a leak at the start must not become a loop').toEqual([0, true])
    await grow(599 * 1024 * 1024)
    await page.clock.fastForward(2 * 60_000)
    await page.waitForTimeout(300)
    expect([checks.length, await same()]).toEqual([0, true])
    await grow(601 * 1024 * 1024)
    await page.context().route('**/healthz', (route) => route.abort())
    await page.clock.fastForward(21_000)
    await expect.poll(() => checks.length, soon).toBe(1)
    expect(await same(), 'nobody answers: the picture stays').toBe(true)
    await page.context().unroute('**/healthz')
    await Promise.all([page.waitForEvent('load'), page.clock.fastForward(21_000)])
    expect(await same()).toBe(false)
    await page.getByText('无红、橙警情').waitFor()
  })

  test('a wall lets go of every picture that is no longer shown: of hours of them none is kept', async () => {
    const server = await serve()
    const page = await enter(server, 'wall1', (p) =>
      p.addInitScript(() => {
        const held = new Set<string>()
        const make = URL.createObjectURL.bind(URL)
        const drop = URL.revokeObjectURL.bind(URL)
        URL.createObjectURL = (of: Blob) => {
          const url = make(of)
          held.add(url)
          return url
        }
        URL.revokeObjectURL = (url: string) => {
          held.delete(url)
          drop(url)
        }
        Object.assign(globalThis, { heldPictures: held })
      }),
    )
    await page.waitForURL('**/duty/wall')
    await page.getByText('无红、橙警情').waitFor()
    const held = () => page.evaluate(() => (globalThis as unknown as { heldPictures: Set<string> }).heldPictures.size)
    const red = raiseIntrusion(server.desk)
    await expect.poll(held, soon).toBeGreaterThan(1)
    const closed = { ...red, state: 'resolved' as const, handling: 'closed' as const, closedAt: Date.now() }
    server.desk.alerts.set(red.id, closed)
    server.desk.emit({ at: Date.now(), change: 'approved', alert: closed, by: 'wang', note: null })
    await page.getByText('无红、橙警情').waitFor()
    await expect.poll(held, soon).toBe(0)
  })

  test('no second factor yet: the log-in page and the own page say so in both languages', async () => {
    const server = await serve()
    const page = await enter(server, 'officer1')
    await page.goto(`${server.url}/me`)
    await page.getByTestId('one-factor').getByText('尚无第二因素').waitFor()
    await page.getByText('English', { exact: true }).click()
    await page.getByTestId('one-factor').getByText('there is no second factor yet').waitFor()
    await page.getByRole('button', { name: 'Log out' }).last().click()
    await page.waitForURL('**/login')
    await page.getByTestId('one-factor').getByText('Password only').waitFor()
  })
})

/** 04:00:10 in Shanghai, the next one. */
function nextFour(): number {
  const day = 86_400_000
  const four = 20 * 3_600_000 + 10_000
  const start = Math.floor(Date.now() / day) * day + four
  return start > Date.now() ? start : start + day
}
