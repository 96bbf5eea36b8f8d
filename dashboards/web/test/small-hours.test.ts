/** What a tired person meets: dialogs by key alone, a bar that leaves nothing cut, words in his own language, reports. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../test-server/chromium.ts'
import { type FakeServer, startFakeServer } from '../test-server/server.ts'
import { buildConsole } from './built.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED dashboards/web/test/small-hours.test.ts: no Chromium on this machine')

describe.skipIf(!path)('in the small hours', { timeout: 120_000 }, () => {
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

  async function enter(account: string, language: 'zh' | 'en' = 'zh', width = 1920, height = 1080): Promise<Page> {
    context = await browser.newContext({ viewport: { width, height }, acceptDownloads: true })
    await context.addInitScript((s) => localStorage.setItem('wardwatch.settings', s), JSON.stringify({ language }))
    const page = await context.newPage()
    page.setDefaultTimeout(45_000)
    await page.goto(`${server.url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', 'duty-2026')
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    return page
  }
  const rows = (page: Page) => page.locator('[role=row][data-id]')
  /** By the router, as a press on a link does it: the page is not loaded anew. */
  const go = (page: Page, to: string) =>
    page.evaluate((at) => {
      history.pushState(null, '', at)
      dispatchEvent(new PopStateEvent('popstate', { state: null }))
    }, to)

  test('a dialog names its alert, begins in its first field, and is sent by Ctrl+Enter without the mouse', async () => {
    const page = await enter('chief1')
    await rows(page).first().waitFor()
    await page.keyboard.press('j')
    const panel = page.getByTestId('panel')
    await panel.waitFor()
    const name = (await panel.locator('h2').textContent())!.trim()
    await page.keyboard.press('e')
    await page.getByRole('dialog').waitFor()
    expect(await page.getByTestId('act-target').textContent()).toContain(name)
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('TEXTAREA')
    const sent = page.waitForRequest((request) => request.url().endsWith('/escalate'))
    await page.keyboard.type('请示')
    await page.keyboard.press('Enter')
    expect(await page.getByRole('dialog').count()).toBe(1)
    await page.keyboard.press('Control+Enter')
    expect((await sent).postDataJSON()).toMatchObject({ note: '请示' })
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  test('filters that leave only the reds say that the rest is filtered away', async () => {
    const page = await enter('officer1')
    await rows(page).first().waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('no such thing')
    await page.getByTestId('filtered-away').waitFor()
    expect(await page.getByTestId('filtered-away').textContent()).toMatch(/^筛选后无结果（共 \d+ 条）$/)
    expect(await rows(page).count()).toBeGreaterThan(0)
    await page.getByRole('button', { name: '清除筛选' }).click()
    await page.getByTestId('filtered-away').waitFor({ state: 'detached' })
  })

  test('the time of an acknowledged alert that was escalated stands in the column of all the others', async () => {
    const acknowledged = [...server.desk.alerts.values()].find((a) => a.state === 'acknowledged' && a.ackAt !== null)!
    acknowledged.escalationStep = 2
    const page = await enter('officer1')
    const row = page.locator(`[role=row][data-id="${acknowledged.id}"]`)
    await row.waitFor()
    await row.getByTestId('escalated').waitFor()
    const ends = await page
      .locator('[role=row][data-id] [role=gridcell]:last-child > :last-child')
      .evaluateAll((ages) => ages.map((age) => Math.round(age.getBoundingClientRect().right)))
    expect(ends.length).toBeGreaterThan(4)
    expect(new Set(ends).size).toBe(1)
  })

  test('the age of an alert is whole on a small desk, after hours and after days', async () => {
    const ages = [3_700_000, 36_000_000, 300_000_000].map((ago, n) =>
      server.desk.raise({ code: 'R50', level: 'yellow', zone: 'W1', device: `E-OLD-${n}`, at: Date.now() - ago }),
    )
    const page = await enter('officer1', 'zh', 1366, 768)
    await page.keyboard.press('/')
    await page.keyboard.type('E-OLD')
    for (const { id } of ages) {
      const cell = page.locator(`[role=row][data-id="${id}"] [role=gridcell]:last-child`)
      await cell.waitFor()
      const over = await cell.evaluate((c) => {
        const age = c.lastElementChild as HTMLElement
        return (
          age.scrollWidth -
          age.clientWidth +
          Math.max(0, age.getBoundingClientRect().right - c.getBoundingClientRect().right)
        )
      })
      expect(over).toBeLessThanOrEqual(0.5)
    }
  })

  test('a place whose cameras this account may not look through says so, not that there is none', async () => {
    const page = await enter('officer1')
    const medical = [...server.desk.alerts.values()].find((a) => a.zone === 'MED')!
    await context.route('**/api/v1/alerts/*/picture', (route) => route.fulfill({ status: 403, json: { title: 'No' } }))
    await context.route('**/api/v1/devices*', async (route) => {
      const answer = await route.fetch()
      const body = (await answer.json()) as { items: { id: string; kind: string }[] }
      const items = body.items.map((d) => (d.kind === 'camera' ? { ...d, viewable: false } : d))
      const camera = { ...items.find((d) => d.kind === 'camera')!, id: 'K-MED', zone: 'MED' }
      await route.fulfill({ response: answer, json: { ...body, items: [...items, camera] } })
    })
    await page.goto(`${server.url}/duty/alerts?alert=${medical.id}`)
    await page.getByText('按规定不予显示').waitFor()
    expect(await page.getByText('没有登记摄像机').count()).toBe(0)
  })

  test.each([
    ['zh', 3840, 2160],
    ['en', 3840, 2160],
    ['en', 5760, 1080],
  ] as const)(
    'the wall in %s at %d px fits: nothing scrolls, no number lies over its neighbour, the plan keeps a middle size',
    async (language, width, height) => {
      for (let i = 0; i < 120; i++)
        server.desk.raise({ code: 'R50', level: 'orange', zone: 'W1', device: `E-WALL-${i}` })
      const page = await enter('wall1', language, width, height)
      await page.waitForURL('**/duty/wall')
      await expect.poll(() => page.getByTestId('wall-rows').locator('li').count()).toBe(8)
      await expect
        .poll(async () => Number(await page.locator('[data-count=orange]').textContent()))
        .toBeGreaterThan(100)
      await page.getByTestId('scale-bar').waitFor({ state: 'attached' })
      const seen = await page.evaluate(() => {
        const box = (element: Element) => element.getBoundingClientRect()
        const ends = [...document.querySelectorAll('[data-count]')].map((number) => {
          const range = document.createRange()
          range.selectNodeContents(number)
          return { left: range.getBoundingClientRect().left, right: range.getBoundingClientRect().right }
        })
        const wall = document.querySelector('[data-testid=wall]')!
        return {
          over: ends.slice(1).filter((end, i) => end.left < ends[i]!.right + 4).length,
          scroll: [
            document.documentElement.scrollWidth - innerWidth,
            document.documentElement.scrollHeight - innerHeight,
          ],
          row:
            Number.parseFloat(getComputedStyle(wall.querySelector('[data-testid=wall-rows] li')!).fontSize) /
            innerHeight,
          list: box(wall.querySelector('[data-testid=wall-rows]')!).width / innerWidth,
          scaleBar: box(wall.querySelector('[data-testid=scale-bar]')!).width / innerWidth,
        }
      })
      expect(seen.over).toBe(0)
      expect(seen.scroll).toEqual([0, 0])
      // 40 px of 2,160: what can be read from the back row at 4K, can be read on three screens as well.
      expect(seen.row).toBeGreaterThan(0.016)
      expect(seen.list).toBeGreaterThan(0.14)
      expect(seen.scaleBar).toBeLessThan(0.1)
    },
  )

  test('acts on several alerts say on how many', async () => {
    const page = await enter('chief1')
    await rows(page).first().waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.keyboard.press('f')
    expect(await page.getByTestId('act-target').textContent()).toBe('所选 2 条警情')
  })

  test.each([
    ['en', 1920, 1080],
    ['en', 1366, 768],
    ['zh', 1366, 768],
    ['en', 1024, 768],
    ['zh', 390, 844],
    ['en', 390, 844],
  ] as const)(
    'in %s at %d px the bar cuts nothing: clock, sound and language are whole',
    async (language, width, height) => {
      const page = await enter('chief1', language, width, height)
      await rows(page).first().waitFor()
      await page.getByTestId('sequence').waitFor({ state: 'attached' })
      const bar = page.getByRole('group', { name: language === 'zh' ? '状态' : 'Status' })
      const cut = await bar.evaluate((element, wide) => {
        const parts = [...element.children].filter((part) => (part as HTMLElement).offsetWidth > 0)
        const box = (part: Element) => part.getBoundingClientRect()
        const over = parts.filter((part) => box(part).right > wide + 0.5 || box(part).left < -0.5)
        // Facts that have no room wrap to a line that is not shown: what is shown is shown whole.
        const partial = [...element.querySelectorAll('[data-testid=sequence], [data-testid=end-to-end]')].filter(
          (fact) => {
            const frame = box(fact.parentElement!)
            const own = box(fact)
            return (
              own.top < frame.bottom - 1 &&
              own.bottom > frame.top + 1 &&
              (own.left < frame.left - 1 || own.right > frame.right + 1)
            )
          },
        )
        return [...over, ...partial].map((part) => part.textContent)
      }, width)
      expect(cut).toEqual([])
      for (const part of [
        page.getByTestId('connection'),
        page.getByTestId('sound'),
        page.getByRole('button', { name: /中 \/ EN/ }),
      ])
        expect(await part.isVisible()).toBe(true)
      if (width > 900) expect(await page.getByRole('button', { name: /^\? / }).isVisible()).toBe(true)
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    },
  )

  test('a server that does not answer is said in the language of the person, never in that of the browser', async () => {
    const page = await enter('officer1')
    await rows(page).first().waitFor()
    await context.route('**/api/v1/headcount*', (route) => route.abort())
    await page.getByText('未能取得：服务器没有应答').first().waitFor()
    expect(await page.getByText('Failed to fetch').count()).toBe(0)
  })

  test('pages that were never opened are there when the server is gone', async () => {
    const page = await enter('officer1')
    await rows(page).first().waitFor()
    const fetched = () =>
      page.evaluate(() => performance.getEntriesByType('resource').some((entry) => entry.name.includes('/print-page-')))
    await expect.poll(fetched, { timeout: 40_000 }).toBe(true)
    await context.route('**/assets/**', (route) => route.abort())
    await context.route('**/api/**', (route) => route.abort())
    await go(page, '/duty/plan')
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' })
    expect(await page.getByTestId('broken').count()).toBe(0)
  })

  test('a report is chosen by period and day, saved under the name of the server, and a failure is said', async () => {
    const page = await enter('officer1')
    await rows(page).first().waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('r')
    await page.waitForURL('**/duty/reports')
    const asked: string[] = []
    let broken = false
    await context.route('**/api/v1/reports/**', (route) => {
      asked.push(route.request().url().split('/reports/')[1]!)
      return broken
        ? route.fulfill({ status: 503, json: { title: 'Busy', detail: 'The report cannot be made now.' } })
        : route.fulfill({
            body: '%PDF-1.7',
            headers: { 'content-disposition': 'attachment; filename="weekly-js-03-2026-03-02.pdf"' },
          })
    })
    await page.getByText('周报', { exact: true }).click()
    await page.fill('input[name=day]', '2026-03-02')
    expect(await page.getByTestId('report-days').textContent()).toContain('2026-02-24 — 2026-03-02')
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: '下载 PDF' }).click()
    expect((await download).suggestedFilename()).toBe('weekly-js-03-2026-03-02.pdf')
    await page.locator('[data-testid=report-state][data-step=done]').waitFor()
    broken = true
    await page.getByRole('button', { name: '下载 XLSX' }).click()
    await page.getByText('未能生成：The report cannot be made now.').waitFor()
    expect(asked).toEqual(['weekly.pdf?day=2026-03-02', 'weekly.xlsx?day=2026-03-02'])
    await page.fill('input[name=day]', '')
    expect(await page.getByRole('button', { name: '下载 PDF' }).isDisabled()).toBe(true)
  })

  test('a phone reaches every page of its role', async () => {
    const page = await enter('chief1', 'zh', 390, 844)
    await rows(page).first().waitFor()
    await go(page, '/me')
    await page.getByRole('navigation', { name: '全部页面' }).getByRole('link', { name: '检索' }).click()
    await page.waitForURL('**/duty/search')
  })
})
