/** The routes of the provincial indicators (console.md P12, P13): definitions, lines with a band, ranking, tables as CSV. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { allow } from '#dashboards/authentication.ts'
import { INDICATORS } from '#dashboards/indicators.ts'
import { describeRoute, listShape } from '#dashboards/openapi.ts'
import { notFound } from '#dashboards/problem.ts'
import { choiceOf, limitOf, listOf, type Query, timeOf } from '#dashboards/query.ts'
import { indicatorsCsv } from '#dashboards/routes/indicators.ts'
import type { Clock } from '#model/clock.ts'
import { byFacility, daysOf, indicatorOf, merge, ranking, shown } from './indicators.ts'
import { alertLatencies, type IndicatorRow, listIndicators, type Scope } from './store/queries.ts'
import type { Sql } from './store/sql.ts'

const DAY = 86_400_000
const MAX_ROWS = 200_000

export interface IndicatorRouteParts {
  sql: Sql
  clock: Clock
  scopeOf(request: FastifyRequest): Scope
  /** Facilities in the order of the configuration, with their lines. */
  facilities(scope: Scope): { id: string; name: { zh: string; en: string } }[]
}

export function registerProvinceIndicatorRoutes(app: FastifyInstance, parts: IndicatorRouteParts): void {
  const { sql, clock } = parts
  const onRequest = allow('indicators:read')

  /** I20 is known here alone: when did the province have what a facility saw? */
  const latencies = async (scope: Scope, from: number, to: number): Promise<IndicatorRow[]> =>
    (await alertLatencies(sql, scope, from, to)).map((r) => ({ ...r, indicator: 'I20', from, to }))

  app.get(
    '/api/v1/indicators',
    {
      onRequest,
      schema: describeRoute('Indicator values as facilities reported them', 'province', { ok: listShape() }),
    },
    async (request) => {
      const query = request.query as Query
      const items = await listIndicators(sql, parts.scopeOf(request), {
        facility: listOf(query, 'facility'),
        indicator: listOf(query, 'indicator') ?? listOf(query, 'id'),
        from: timeOf(query, 'from'),
        to: timeOf(query, 'to'),
        limit: limitOf(query, 1_000),
      })
      const visible = items.map((i) => {
        const definition = indicatorOf(i.indicator)
        const { value, n, small } = definition ? shown(definition, i.facility, i) : { ...i, small: false }
        return { ...i, id: i.indicator, value, n: small ? null : n, small }
      })
      return { items: visible, next: null, total: visible.length }
    },
  )

  app.get(
    '/api/v1/indicators/overview',
    {
      onRequest,
      schema: describeRoute('The province in numbers: merged values and the ranking of facilities', 'province', {
        query: { days: '1 to 90; default 7' },
        ok: { type: 'object', additionalProperties: true },
        errors: [422],
      }),
    },
    async (request) => {
      const scope = parts.scopeOf(request)
      const days = limitOf({ limit: (request.query as Query).days } as Query, 7, 90)
      const now = clock.now()
      const from = now - days * DAY
      const [rows, before, latency] = await Promise.all([
        listIndicators(sql, scope, { from, to: now, limit: MAX_ROWS }),
        listIndicators(sql, scope, { from: from - days * DAY, to: from, limit: MAX_ROWS }),
        latencies(scope, from, now),
      ])
      const facilities = parts.facilities(scope)
      const names = new Map(facilities.map((f) => [f.id, f.name]))
      return {
        from,
        to: now,
        days,
        values: INDICATORS.map((indicator) => {
          const mine = (indicator.id === 'I20' ? latency : rows).filter((r) => r.indicator === indicator.id)
          return { ...indicator, ...merge(indicator, mine) }
        }),
        ranking: ranking(
          facilities.map((f) => f.id),
          rows,
          before,
        ).map((r) => ({ ...r, name: names.get(r.facility) ?? null })),
      }
    },
  )

  app.get<{ Params: { id: string } }>(
    '/api/v1/indicators/:id',
    {
      onRequest,
      schema: describeRoute('One indicator: definition, days with their band, facilities; ?format=csv', 'province', {
        query: { days: '1 to 400; default 90', format: 'json (default) or csv' },
        errors: [404, 422],
      }),
    },
    async (request, reply) => {
      const indicator = indicatorOf(request.params.id)
      if (!indicator) throw notFound('indicator', request.params.id)
      const query = request.query as Query
      const scope = parts.scopeOf(request)
      const days = limitOf({ limit: query.days } as Query, 90, 400)
      const now = clock.now()
      const from = now - days * DAY
      const rows =
        indicator.id === 'I20'
          ? await latencies(scope, now - DAY, now)
          : await listIndicators(sql, scope, { indicator: [indicator.id], from, to: now, limit: MAX_ROWS })
      const line = daysOf(indicator, rows)
      const newest = rows.reduce((max, r) => Math.max(max, r.from), 0)
      if (choiceOf(query, 'format', ['json', 'csv'] as const) === 'csv') {
        reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', `attachment; filename="${indicator.id}.csv"`)
          .serializer(String)
        return indicatorsCsv(
          rows
            .sort((a, b) => a.from - b.from || (a.facility < b.facility ? -1 : 1))
            .map((r) => {
              const seen = shown(indicator, r.facility, r)
              return {
                ...indicator,
                facility: r.facility,
                from: r.from,
                to: r.to,
                value: seen.value,
                n: seen.small ? '<5' : seen.n,
              }
            }),
        )
      }
      const names = new Map(parts.facilities(scope).map((f) => [f.id, f.name]))
      return {
        ...indicator,
        days: line,
        latest: line.at(-1) ?? null,
        facilities: byFacility(
          indicator,
          rows.filter((r) => r.from === newest),
        ).map((f) => ({ ...f, name: names.get(f.facility) ?? null })),
      }
    },
  )
}
