/** What axe-core finds serious or critical on a page, as lines to read; [] = nothing. */
import AxeBuilderSource from 'axe-core'
import type { Page } from 'playwright-core'

export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(AxeBuilderSource.source)
  return page.evaluate(async () => {
    const axe = (
      globalThis as unknown as {
        axe: {
          run(o: object): Promise<{
            violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[]
          }>
        }
      }
    ).axe
    const result = await axe.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    })
    return result.violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map(
        (v) =>
          `${v.id}: ${v.nodes
            .slice(0, 3)
            .map((n) => `${n.html.slice(0, 140)} — ${n.failureSummary.replaceAll('\n', ' ').slice(0, 200)}`)
            .join(' | ')}`,
      )
  })
}
