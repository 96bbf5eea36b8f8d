/**
 * Indicators of `domain.md` 4. What the tier computes is given by its source; the few that follow from the alerts alone
 * are computed here. Everything else is named as not computed, with no value: an empty list would be a lie.
 */
import type { FastifyInstance } from 'fastify'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import { allow } from '../authentication.ts'
import { INDICATORS, indicatorsOf, MAX_ALERTS } from '../indicators.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { fieldProblem, notFound } from '../problem.ts'
import { listOf, page, type Query, timeOf } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

const DAY = 86_400_000
const PAGE = 1_000

async function alertsOf(desk: AlertDesk, from: number, to: number) {
  const found = []
  let cursor: string | undefined
  do {
    const page = await desk.list({ from, to }, cursor, PAGE)
    found.push(...page.items)
    cursor = page.next ?? undefined
  } while (cursor && found.length < MAX_ALERTS)
  return { alerts: found, complete: cursor === undefined }
}

export function registerIndicatorRoutes(app: FastifyInstance, kit: ConsoleKit): void {
  const { alerts, indicators, clock } = kit.options
  const onRequest = allow('indicators:read')

  const answer = async (query: Query) => {
    const to = timeOf(query, 'to') ?? clock.now()
    const from = timeOf(query, 'from') ?? to - DAY
    if (from >= to) throw fieldProblem('from', '"from" must be before "to".')
    const given = new Map((await indicators?.list({ from, to }))?.map((v) => [v.id, v]))
    const own = alerts ? await alertsOf(alerts, from, to) : null
    const computed = own ? indicatorsOf(own.alerts, clock.now(), own.complete) : new Map()
    return INDICATORS.map((indicator) => {
      const value = given.get(indicator.id) ?? computed.get(indicator.id)
      return value
        ? { ...indicator, status: 'computed', from, to, ...value }
        : { ...indicator, status: 'not-computed', from, to, value: null, n: null }
    })
  }

  app.get<{ Querystring: Query }>(
    '/api/v1/indicators',
    {
      onRequest,
      schema: describeRoute('Indicators; "status" says which are computed', 'indicators', {
        query: {
          id: 'I01 to I39',
          from: 'default: a day before "to"',
          to: 'default: now',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query }) => {
      const ids = listOf(query, 'id')
      return page(
        (await answer(query)).filter((i) => !ids || ids.includes(i.id)),
        (i) => i.id,
        query,
      )
    },
  )
  app.get<{ Params: { id: string }; Querystring: Query }>(
    '/api/v1/indicators/:id',
    {
      onRequest,
      schema: describeRoute('One indicator', 'indicators', {
        query: { from: 'default: a day before "to"', to: 'default: now' },
        errors: [404, 422],
      }),
    },
    async ({ params, query }) => {
      const found = (await answer(query)).find((i) => i.id === params.id)
      if (!found) throw notFound('indicator', params.id)
      return found
    },
  )
}
