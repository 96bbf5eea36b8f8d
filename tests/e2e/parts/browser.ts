/**
 * Part of the demo test: an officer at the console in a real Chromium. What he acknowledges must be found in the
 * InfluxDB, at the province and, in the last part, after a restart.
 */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_ARGS, chromiumPath } from '../../../dashboards/web/test-server/chromium.ts'
import type { AlertView } from '../demo-run.ts'
import { patience, until } from '../processes.ts'
import { present } from '../programs.ts'
import type { Stage } from '../stage.ts'
import { openStream } from '../stream.ts'

const THERE = present('the console in a browser', 'chromium')

/** Notes in the page when the row of an alert is there first, ms since 1970. */
const WATCH = `
  window.wwRows = {}
  const look = () => {
    for (const row of document.querySelectorAll('[role=row][data-id]')) window.wwRows[row.dataset.id] ??= Date.now()
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-id'] })
`

export function describeBrowser(stage: Stage): void {
  describe.skipIf(!THERE)('the console in a browser', () => {
    let browser: Browser
    let page: Page
    let red: AlertView

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: chromiumPath() as string, args: CHROMIUM_ARGS })
      page = await (await browser.newContext({ viewport: { width: 1600, height: 900 } })).newPage()
      page.setDefaultTimeout(15_000 * patience())
    }, 300_000)
    afterAll(() => browser?.close())

    const row = (id: string) => page.locator(`[role=row][data-id="${id}"]`)

    test('logs an officer in and shows the alerts that are open', async () => {
      const { password } = stage.demo.account('officer')
      await page.addInitScript(WATCH)
      await page.goto(`${stage.demo.facility.console}/`)
      await page.waitForURL('**/login')
      await page.fill('input[name=account]', 'officer')
      await page.fill('input[name=password]', password)
      await page.click('button[type=submit]')
      await page.waitForURL('**/duty/alerts')
      await page.getByRole('grid').waitFor()
      const { body } = await stage.demo.get<{ items: AlertView[] }>('/api/v1/alerts?rule=R07')
      await row(body.items[0]?.id as string).waitFor()
    })

    test('shows a red alert within a second of its event, and key A acknowledges it', async () => {
      const { demo } = stage
      const stream = await openStream(demo.facility.console, demo.account('officer').token)
      try {
        await demo.post('/sim/alerts', { level: 'red', n: 1, zone: 'W1' })
        const event = await until(
          'the event of the simulated red alert',
          () => stream.events.find((e) => e.data.alert?.zone === 'W1' && e.data.alert.level === 'red'),
          5000,
          20,
        )
        red = event.data.alert as AlertView
        await row(red.id).waitFor()
        expect(await row(red.id).getAttribute('data-level')).toBe('red')
        const shownAt = await page.evaluate(
          (id) => (globalThis as unknown as { wwRows: Record<string, number> }).wwRows[id],
          red.id,
        )
        expect((shownAt as number) - event.at).toBeLessThan(1000 * patience())
      } finally {
        stream.close()
      }
      await row(red.id).click()
      await page.getByTestId('panel').waitFor()
      await page.keyboard.press('a')
      const done = await until('the acknowledgement at the server', async () => {
        const { body } = await stage.demo.get<AlertView>(`/api/v1/alerts/${red.id}`)
        return body.state === 'acknowledged' ? body : null
      })
      expect(done.timeline.find((c) => c.change === 'acknowledged')).toMatchObject({ by: 'officer' })
      stage.acknowledged = red.id
    })

    test('finds the acknowledgement at the province', async () => {
      const path = `/api/v1/alerts/${stage.acknowledged}`
      const seen = await until('the acknowledgement at the province', async () => {
        const { body } = await stage.demo.province<AlertView>(path)
        return body.state === 'acknowledged' ? body : null
      })
      expect(seen.timeline.map((c) => c.change)).toEqual(expect.arrayContaining(['raised', 'acknowledged']))
    })

    test('finds the acknowledgement in InfluxDB', async ({ skip }) => {
      if (!stage.influx) return skip('influxd is not installed')
      const rows = await until('the point of the acknowledgement', () => influxAlert(stage, 'acknowledged'))
      expect(rows).toMatchObject([{ code: 'S03', level: 'red', zone: 'W1', facility: stage.demo.facility.id }])
    })

    test('shows the floor plan and the devices of the facility', async () => {
      await page.goto(`${stage.demo.facility.console}/duty/plan`)
      await page.locator('svg, canvas').first().waitFor()
      const engineer = await browser.newContext()
      const other = await engineer.newPage()
      await other.goto(`${stage.demo.facility.console}/login`)
      await other.fill('input[name=account]', 'engineer')
      await other.fill('input[name=password]', stage.demo.account('engineer').password)
      await other.click('button[type=submit]')
      await other.waitForURL('**/eng/**')
      await other.goto(`${stage.demo.facility.console}/eng/devices/D-C204`)
      await other.getByText('D-C204').first().waitFor()
      await engineer.close()
    })

    test('shows the facility at the province', async () => {
      const context = await browser.newContext()
      const gov = await context.newPage()
      gov.setDefaultTimeout(15_000 * patience())
      const account = stage.demo.summary.province.accounts.find((a) => a.role === 'provincial')
      await gov.goto(`${stage.demo.summary.province.console}/login`)
      await gov.fill('input[name=account]', account?.account ?? '')
      await gov.fill('input[name=password]', account?.password ?? '')
      await gov.click('button[type=submit]')
      await gov.waitForURL('**/gov/overview')
      await gov.getByText('青岚监狱').first().waitFor()
      await context.close()
    })
  })
}

/** Points of measurement `alert` for the acknowledged alert, as objects; null when there is none. */
export async function influxAlert(stage: Stage, change: string): Promise<Record<string, unknown>[] | null> {
  const q = `SELECT * FROM "alert" WHERE "id" = '${stage.acknowledged}' AND "change" = '${change}'`
  const answer = await fetch(`${stage.influx?.url}/query?db=wardwatch&q=${encodeURIComponent(q)}`)
  const body = (await answer.json()) as { results: { series?: { columns: string[]; values: unknown[][] }[] }[] }
  const series = body.results[0]?.series?.[0]
  if (!series) return null
  return series.values.map((values) => Object.fromEntries(series.columns.map((name, i) => [name, values[i]])))
}
