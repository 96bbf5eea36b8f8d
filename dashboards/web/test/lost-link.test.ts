/** The hour without a link: numbers to call that the browser holds, plans on paper, and a page that is not thrown away unasked. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { raiseIntrusion } from '../test-server/seed.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/lost-link.test.ts: no Chromium on this machine')

describe.skipIf(!path)('without a link', { timeout: 120_000 }, () => {
  let built: Awaited<ReturnType<typeof buildConsole>>
  let browser: Browser
  let server: FakeServer
  let context: BrowserContext
  const soon = { timeout: 40_000 }
  /** Paths that were answered. */
  const came = new Set<string>()
  const fetched = (part: RegExp) => expect.poll(() => [...came].some((path) => part.test(path)), soon).toBe(true)

  beforeAll(async () => {
    built = await buildConsole()
    browser = await chromium.launch({ executablePath: path!, args: CHROMIUM_ARGS })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    built?.remove()
  })
  afterEach(async () => {
    await context?.close()
    await server?.close()
  })

  async function enter(account: string, language: 'zh' | 'en' = 'zh', width = 1600, height = 900): Promise<Page> {
    server = await startFakeServer({ root: built.root, tier: 'facility', empty: true })
    context = await browser.newContext({ viewport: { width, height } })
    await context.addInitScript((s) => localStorage.setItem('wardwatch.settings', s), JSON.stringify({ language }))
    const page = await context.newPage()
    page.setDefaultTimeout(45_000)
    await page.clock.install()
    came.clear()
    page.on('response', (response) => came.add(new URL(response.url()).pathname))
    const held = page.waitForResponse((r) => r.url().endsWith('/api/v1/plans') && r.ok())
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await held
    return page
  }
  const numbers = (page: Page) => page.getByTestId('phones').getByTestId('phone').locator('b').allTextContents()
  /** Ten seconds of silence need not be waited for: the page's own clock is put forward. */
  const lose = async (page: Page, shown = 'lost') => {
    if (shown === 'lost') await fetched(/\/phones-/)
    server.cut(true)
    // A server that is gone gives no parts of the page either.
    await context.route('**/assets/**', (route) => route.abort())
    await page.clock.fastForward(11_000)
    await page.getByTestId(shown).waitFor(soon)
  }

  test('the numbers nearest to the opened alert stand in the bar, dial, and all are a press away; back on line they are gone', async () => {
    const page = await enter('officer1')
    const red = raiseIntrusion(server.desk)
    await page.locator(`[role=row][data-id="${red.id}"]`).waitFor()
    expect(await page.getByTestId('phones').count()).toBe(0)
    await lose(page)
    expect(await numbers(page), 'no alert is open: those of the house').toEqual(['8001', '8008', '8119', '8110'])
    await page.locator(`[role=row][data-id="${red.id}"]`).click()
    await expect.poll(() => numbers(page), soon).toEqual(['8151', '8001', '8008', '8119'])
    const first = page.getByTestId('phones').getByTestId('phone').first()
    expect(await first.getAttribute('href')).toBe('tel:8151')
    expect(await first.getAttribute('aria-label')).toBe('拨打 东段巡逻岗 8151')
    expect((await first.boundingBox())!.height).toBeGreaterThanOrEqual(24)
    await page.getByRole('button', { name: '全部 11 个号码' }).click()
    expect((await numbers(page)).length).toBe(11)
    server.cut(false)
    await page.getByTestId('lost').waitFor({ state: 'detached', ...soon })
    expect(await page.getByTestId('phones').count()).toBe(0)
  })

  test('the plan of an alert that was never opened prints without the server, numbers first; so does the print-out', async () => {
    const page = await enter('officer1', 'en')
    const red = raiseIntrusion(server.desk)
    await page.locator(`[role=row][data-id="${red.id}"]`).waitFor()
    // Pages that are not open yet are fetched while there is time.
    await page.clock.fastForward(7000)
    await fetched(/\/print-page-/)
    await lose(page)
    await page.locator(`[role=row][data-id="${red.id}"]`).click()
    await page.getByRole('link', { name: 'Print plan RP1' }).click()
    await page.getByRole('heading', { name: /^RP1 Perimeter, escape/ }).waitFor()
    expect(await page.locator('#main section table tbody tr').count()).toBe(9)
    const sheet = () => page.getByTestId('phone-sheet').locator('li').allTextContents()
    expect((await sheet())[0]).toMatch(/^8151 East patrol post Perimeter E1, Perimeter E2$/)
    expect(await sheet()).toHaveLength(11)
    await page.emulateMedia({ media: 'print' })
    expect(await page.getByTestId('phones').isVisible()).toBe(false)
    expect(await page.getByTestId('phone-sheet').isVisible()).toBe(true)
    await page.emulateMedia({ media: 'screen' })
    await page.evaluate(() => {
      history.pushState(null, '', '/duty/print')
      dispatchEvent(new PopStateEvent('popstate', { state: null }))
    })
    await page.getByRole('heading', { name: /^RP2/ }).waitFor()
    expect((await sheet())[0], 'no alert: the house').toMatch(/^8001 Duty chief$/)
  })

  test('the browser asks before it throws away a page that has lost its server', async () => {
    const page = await enter('officer1')
    await page.getByTestId('proved-empty').waitFor()
    const held = () => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })))
    expect(await held()).toBe(false)
    await lose(page)
    expect(await held()).toBe(true)
    server.cut(false)
    await page.getByTestId('lost').waitFor({ state: 'detached', ...soon })
    expect(await held()).toBe(false)
  })

  test('a page loaded anew while nobody answers shows the numbers it has held, with their time; logging out takes them away', async () => {
    const page = await enter('officer1')
    await page.getByTestId('proved-empty').waitFor()
    await context.route(/\/(api\/|healthz)/, (route) => route.abort())
    await page.goto(`${server.url}/duty/alerts`)
    await page.waitForURL('**/login')
    await expect.poll(() => numbers(page), soon).toEqual(['8001', '8008', '8119', '8110'])
    await page.getByText(/号码取自 \d{4}-\d\d-\d\d \d\d:\d\d/).waitFor()
    await context.unroute(/\/(api\/|healthz)/)
    await page.waitForURL('**/duty/alerts', soon)
    await page.getByTestId('proved-empty').waitFor()
    await page.getByRole('button', { name: '退出登录' }).click()
    await page.waitForURL('**/login')
    expect(await page.evaluate(() => localStorage.getItem('wardwatch.phones'))).toBeNull()
  })

  test('a wall asks for no numbers and shows none; without a link it says so for the back row, with the time of its data', async () => {
    server = await startFakeServer({ root: built.root, tier: 'facility', empty: true })
    context = await browser.newContext({ viewport: { width: 1920, height: 1080 } })
    const page = await context.newPage()
    page.setDefaultTimeout(45_000)
    await page.clock.install()
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', 'wall1')
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.getByText('无红、橙警情').waitFor()
    expect(asked).toContain('/api/v1/zones')
    expect(asked).not.toContain('/api/v1/phones')
    await lose(page, 'wall-lost')
    const band = page.getByTestId('wall-lost')
    expect(await band.textContent()).toMatch(/^连接中断，数据截至 \d\d:\d\d:\d\d$/)
    const seen = await band.evaluate((element) => ({
      letters: Number.parseFloat(getComputedStyle(element).fontSize) / innerHeight,
      plan: element.nextElementSibling!.getBoundingClientRect().height / innerHeight,
      scroll: document.documentElement.scrollHeight - innerHeight,
    }))
    // 72 px of 2,160; and the plan keeps the room.
    expect(seen.letters).toBeGreaterThan(0.03)
    expect(seen.plan).toBeGreaterThan(0.6)
    expect(seen.scroll).toBe(0)
    expect(await page.getByTestId('phones').count()).toBe(0)
    server.cut(false)
    await band.waitFor({ state: 'detached', ...soon })
  })

  test('at every size and in both languages nothing lies over the ways to other pages or out of the screen', async () => {
    const page = await enter('officer1', 'en', 1366, 768)
    const red = raiseIntrusion(server.desk)
    await page.locator(`[role=row][data-id="${red.id}"]`).waitFor()
    // The other language is fetched while there is time.
    await fetched(/\/zh-/)
    await lose(page)
    const look = () =>
      page.evaluate(() => {
        const boxes = (selector: string) =>
          [...document.querySelectorAll(selector)]
            .map((element) => ({ text: element.textContent ?? '', box: element.getBoundingClientRect() }))
            .filter(({ box }) => box.width > 0)
        const links = boxes('nav[aria-label] a')
        const facts = boxes('[role=group] [data-testid=connection], [role=group] [data-testid=sound]')
        const across = (a: DOMRect, b: DOMRect) =>
          a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1
        return {
          covered: links.filter((l) => facts.some((f) => across(l.box, f.box))).map((l) => l.text),
          wide: Math.max(0, document.documentElement.scrollWidth - innerWidth),
          outside: boxes('[data-testid=phones] a')
            .filter(({ box }) => box.right > innerWidth + 0.5 || box.left < -0.5)
            .map((p) => p.text),
          numbers: boxes('[data-testid=phones] a').length,
        }
      })
    for (const language of ['en', 'zh']) {
      for (const [width, height] of [
        [1920, 1080],
        [1366, 768],
        [1024, 768],
        [390, 844],
      ] as const) {
        await page.setViewportSize({ width, height })
        await expect
          .poll(look, { message: `${language} ${width}` })
          .toEqual({ covered: [], wide: 0, outside: [], numbers: 4 })
      }
      if (language === 'en') await page.getByRole('button', { name: /中 \/ EN/ }).click()
    }
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('zh-CN')
  })
})
