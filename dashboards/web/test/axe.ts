/** What axe-core finds serious or critical on a page, as lines to read; [] = nothing. */
import AxeBuilderSource from 'axe-core'
import type { Page } from 'playwright-core'

/** Rules whose answer depends on colours: all that another theme can change (access.test.ts proves that it changes no more). */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block']
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

export async function seriousFindings(page: Page, rules: 'all' | 'colours' = 'all'): Promise<string[]> {
  const runOnly = rules === 'all' ? TAGS : { type: 'rule', values: COLOUR_RULES }
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AxeBuilderSource.source)
  return page.evaluate(async (runOnly) => {
    const axe = (
      globalThis as unknown as {
        axe: {
          run(
            context: object,
            o: object,
          ): Promise<{
            violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[]
          }>
        }
      }
    ).axe
    const result = await axe.run(
      // Rows of a long list are alike: its first forty stand for all.
      { exclude: [['tbody > tr:nth-child(n + 41)']] },
      {
        resultTypes: ['violations'],
        runOnly,
      },
    )
    return result.violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map(
        (v) =>
          `${v.id}: ${v.nodes
            .slice(0, 3)
            .map((n) => `${n.html.slice(0, 140)} — ${n.failureSummary.replaceAll('\n', ' ').slice(0, 200)}`)
            .join(' | ')}`,
      )
  }, runOnly)
}
