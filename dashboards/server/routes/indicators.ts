/**
 * Indicators of `domain.md` 4 and the load of the consoles (ISA-18.2). What the tier computes is given by its source;
 * without one, what follows from the alerts alone is computed here. The rest has no value: an empty list would be a lie.
 */
import type { FastifyInstance } from 'fastify'
import { maskOf, type Role } from '#model/permissions.ts'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import { accountOf, allow } from '../authentication.ts'
import { indicatorsOfAlerts } from '../indicator-alerts.ts'
import { INDICATORS, type IndicatorValue, MAX_ALERTS, NOTHING } from '../indicators.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { fieldProblem, notFound } from '../problem.ts'
import { choiceOf, listOf, page, type Query, textOf, timeOf } from '../query.ts'
import type { ConsoleKit, IndicatorSource } from '../server.ts'

const DAY = 86_400_000
const PAGE = 1_000
const MAX_WINDOW = 400 * DAY

async function fromAlerts(desk: AlertDesk, from: number, to: number, now: number) {
  const found = []
  let cursor: string | undefined
  do {
    const page = await desk.list({ from, to }, cursor, PAGE)
    found.push(...page.items)
    cursor = page.next ?? undefined
  } while (cursor && found.length < MAX_ALERTS)
  return indicatorsOfAlerts({
    alerts: found,
    earlier: [],
    window: { from, to: to + 1 },
    now,
    personDays: null,
    midnights: [],
    complete: cursor === undefined,
  })
}

/** Devices that persons wear stand among the most frequent sources: who may not see persons sees the rules alone. */
function shown(value: IndicatorValue, role: Role): IndicatorValue {
  const top = value.detail?.top as { what: string; count: number }[] | undefined
  if (!top || maskOf(role) !== 'public') return value
  return { ...value, detail: { ...value.detail, top: top.map((t) => ({ ...t, what: t.what.split(' ')[0] })) } }
}

/** One line per indicator, ready for a spreadsheet; with a byte order mark, so that it reads the Chinese. */
export function indicatorsCsv(items: readonly Record<string, unknown>[]): string {
  const ofMany = items.some((i) => i.facility !== undefined)
  const head = [
    '编号 id',
    '指标 name_zh',
    'name_en',
    '自 from',
    '至 to',
    '值 value',
    '样本 n',
    '单位 unit',
    '目标 target',
  ]
  const cell = (value: unknown): string => {
    const text = value === null || value === undefined ? '' : String(value)
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const rows = items.map((i) => {
    const name = i.name as { zh: string; en: string }
    const time = (at: unknown): string => new Date(Number(at)).toISOString()
    const own = [i.id, name.zh, name.en, time(i.from), time(i.to), i.value, i.n, i.unit, i.target]
    return [...(ofMany ? [i.facility] : []), ...own, i.formula]
  })
  const titles = [...(ofMany ? ['单位 facility'] : []), ...head, '公式 formula']
  return `\uFEFF${[titles, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
}

export function registerIndicatorRoutes(app: FastifyInstance, kit: ConsoleKit): void {
  const { alerts, indicators, clock } = kit.options
  const onRequest = allow('indicators:read')
  const windowOf = (query: Query): { from: number; to: number } => {
    const to = timeOf(query, 'to') ?? clock.now()
    const from = timeOf(query, 'from') ?? to - DAY
    if (from >= to) throw fieldProblem('from', '"from" must be before "to".')
    if (to - from > MAX_WINDOW) throw fieldProblem('from', 'A window may be 400 days long.')
    return { from, to }
  }

  const answer = async (query: Query, role: Role) => {
    const { from, to } = windowOf(query)
    const given = new Map((await indicators?.list({ from, to }))?.map((v) => [v.id, v]))
    const computed = !indicators && alerts ? await fromAlerts(alerts, from, to, clock.now()) : new Map()
    return INDICATORS.map((indicator) => {
      const value = given.get(indicator.id) ?? computed.get(indicator.id)
      return value
        ? { ...indicator, status: 'computed', from, to, ...shown(value, role) }
        : { ...indicator, status: 'not-computed', from, to, value: null, n: null }
    })
  }

  app.get<{ Querystring: Query }>(
    '/api/v1/indicators',
    {
      onRequest,
      schema: describeRoute('Indicators; "status" says which are computed; ?format=csv as a table', 'indicators', {
        query: {
          id: 'I01 to I39',
          from: 'default: a day before "to"',
          to: 'default: now',
          format: 'json (default) or csv',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request, reply) => {
      const { query } = request
      const ids = listOf(query, 'id')
      const items = (await answer(query, accountOf(request).role)).filter((i) => !ids || ids.includes(i.id))
      if (choiceOf(query, 'format', ['json', 'csv'] as const) === 'csv') {
        reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="indicators.csv"')
          .serializer(String)
        return indicatorsCsv(items)
      }
      return page(items, (i) => i.id, query)
    },
  )
  app.get<{ Params: { id: string }; Querystring: Query }>(
    '/api/v1/indicators/:id',
    {
      onRequest,
      schema: describeRoute('One indicator, with its values of earlier days', 'indicators', {
        query: { from: 'default: a day before "to"', to: 'default: now' },
        errors: [404, 422],
      }),
    },
    async (request) => {
      const { params, query } = request
      const found = (await answer(query, accountOf(request).role)).find((i) => i.id === params.id)
      if (!found) throw notFound('indicator', params.id)
      return { ...found, days: (await indicators?.days?.(params.id, 90)) ?? [] }
    },
  )
  if (indicators?.load) registerLoad(app, indicators, windowOf)
}

function registerLoad(
  app: FastifyInstance,
  indicators: IndicatorSource,
  windowOf: (query: Query) => { from: number; to: number },
): void {
  app.get<{ Querystring: Query }>(
    '/api/v1/alarm-load',
    {
      onRequest: allow('indicators:read'),
      schema: describeRoute(
        'Alarm load of each desk (ISA-18.2): alarms per ten minutes, peak, floods, chattering, stale, colours',
        'indicators',
        {
          query: { desk: 'desk ids', from: 'default: a day before "to"', to: 'default: now' },
          ok: { type: 'object', additionalProperties: true },
          errors: [422],
        },
      ),
    },
    async (request) => {
      const { query } = request
      const window = windowOf(query)
      const wanted = textOf(query, 'desk') === undefined ? null : listOf(query, 'desk')
      const { desks, chatter } = await indicators.load!(window)
      const values = new Map((await indicators.list(window)).map((v) => [v.id, v]))
      return {
        ...window,
        desks: desks.filter((d) => !wanted || wanted.includes(d.desk)),
        chatter,
        stale: values.get('I12')?.detail?.stale ?? null,
        colours: values.get('I14')?.detail?.shares ?? null,
        topTen: shown(values.get('I13') ?? NOTHING, accountOf(request).role).detail?.top ?? [],
        targets: { per10Min: { target: 1, limit: 2 }, peak: 10, floodShare: 0.01, stale: 5 },
      }
    },
  )
}
