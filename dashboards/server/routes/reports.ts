/** Reports of a facility: day, week, month, as PDF and XLSX, with the account and the time across every page. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Alert } from '#model/alert/alert.ts'
import { localDay, localTime } from '#model/local-time.ts'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import { accountOf, allow } from '../authentication.ts'
import { indicatorsOfAlerts } from '../indicator-alerts.ts'
import { INDICATORS, MAX_ALERTS } from '../indicators.ts'
import { describeRoute } from '../openapi.ts'
import { fieldProblem } from '../problem.ts'
import { type Query, textOf } from '../query.ts'
import { type FacilityReportFacts, facilityReport, facilitySheets, type Period } from '../report/facility-report.ts'
import { pdfReport } from '../report/pdf-report.ts'
import { xlsx } from '../report/xlsx.ts'
import type { ConsoleKit } from '../server.ts'

const PAGE = 1_000
const DAY = 86_400_000
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

/** First and last local day of the period that `day` belongs to: a week ends with it, a month holds it. */
export function daysOf(period: Period, day: string): [string, string] {
  const at = Date.parse(`${day}T12:00:00Z`)
  const text = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
  if (period === 'daily') return [day, day]
  if (period === 'weekly') return [text(at - 6 * DAY), day]
  const [year, month] = [Number(day.slice(0, 4)), Number(day.slice(5, 7))]
  return [`${day.slice(0, 7)}-01`, text(Date.UTC(year, month, 0, 12))]
}

export function registerReportRoutes(app: FastifyInstance, kit: ConsoleKit, desk: AlertDesk): void {
  const { clock, indicators, place, title, id } = kit.options
  const timezone = place?.facility?.timezone ?? 'Asia/Shanghai'

  const gather = async (request: FastifyRequest, period: Period): Promise<FacilityReportFacts> => {
    // A report of today would be half a day; who wants it asks for it.
    const yesterday = localTime(timezone, localTime(timezone, clock.now()).midnight - 1).date
    const day = textOf(request.query as Query, 'day') ?? yesterday
    if (!localDay(timezone, day)) throw fieldProblem('day', '"day" must be a local date such as 2026-11-22.')
    const days = daysOf(period, day)
    const from = localDay(timezone, days[0])![0]
    const to = localDay(timezone, days[1])![1]
    const alerts: Alert[] = []
    let cursor: string | undefined
    do {
      const page = await desk.list({ from, to: to - 1 }, cursor, PAGE)
      alerts.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor && alerts.length < MAX_ALERTS)
    const cut = cursor !== undefined
    const given = indicators
      ? new Map((await indicators.list({ from, to })).map((v) => [v.id, v]))
      : indicatorsOfAlerts({
          alerts,
          earlier: [],
          window: { from, to },
          now: clock.now(),
          personDays: null,
          midnights: [],
          complete: !cut,
        })
    const zones = kit.facts?.fresh().zones
    const account = accountOf(request)
    return {
      facility: { id, name: place?.facility?.name ?? title ?? { zh: id, en: id }, timezone },
      period,
      days,
      alerts,
      cut,
      incidents: new Set(alerts.filter((a) => !a.test && !a.drill).flatMap((a) => a.incident ?? [])).size,
      indicators: INDICATORS.map(({ id: indicator, name, unit, target }) => {
        const value = given.get(indicator)
        return { id: indicator, name, unit, target, value: value?.value ?? null, n: value?.n ?? null }
      }),
      madeAt: clock.now(),
      madeBy: account.name && account.name !== account.id ? `${account.name} ${account.id}` : account.id,
      ruleName: (slug) => kit.masking.ruleName(slug),
      zoneName: (zone) => (zone === null ? '—' : [zone, zones?.get(zone)?.name?.zh].filter(Boolean).join(' ')),
    }
  }

  for (const period of ['daily', 'weekly', 'monthly'] as const)
    for (const format of ['pdf', 'xlsx'] as const)
      app.get(
        `/api/v1/reports/${period}.${format}`,
        {
          onRequest: allow('alerts:read', 'indicators:read'),
          schema: describeRoute(`The ${period} report: alerts, rules, indicators; no persons`, 'reports', {
            query: { day: 'local date; default: yesterday. A week ends with it, a month holds it' },
            media: format === 'pdf' ? 'application/pdf' : XLSX,
            errors: [422, 503],
          }),
        },
        async (request, reply) => {
          const facts = await gather(request, period)
          const bytes =
            format === 'pdf' ? await pdfReport(facilityReport(facts)) : await xlsx(facilitySheets(facts), facts.madeAt)
          return reply
            .type(format === 'pdf' ? 'application/pdf' : XLSX)
            .header('content-disposition', `attachment; filename="${period}-${id}-${facts.days[1]}.${format}"`)
            .header('cache-control', 'no-store')
            .serializer((data: unknown) => data as string)
            .send(bytes)
        },
      )
}
