/** Time series for charts, from whichever store is configured. Personal types need the right to them; each look counts. */
import type { FastifyInstance } from 'fastify'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { may } from '#model/permissions.ts'
import type { Series, SeriesFunction } from '#model/ports/series.ts'
import { accountOf, allow } from '../authentication.ts'
import { classOf, maySeeType } from '../masking.ts'
import { describeRoute } from '../openapi.ts'
import { fieldProblem, problem } from '../problem.ts'
import { choiceOf, everyOf, listOf, type Query, textOf, timeOf } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

const FUNCTIONS: readonly SeriesFunction[] = ['mean', 'min', 'max', 'last', 'count']
const MAX_BUCKETS = 11_000
const HOUR = 3_600_000
/** Widths of buckets people read: about 300 of them fill a chart. */
const NICE_MS = [1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, HOUR, 6 * HOUR, 24 * HOUR]

export function registerSeriesRoutes(app: FastifyInstance, kit: ConsoleKit, series: Series): void {
  app.get<{ Querystring: Query }>(
    '/api/v1/series',
    {
      onRequest: allow('series:read'),
      schema: describeRoute('Time series for charts', 'series', {
        query: {
          device: 'device ids',
          zone: 'zone ids',
          type: 'reading type',
          field: 'field of the value',
          from: 'default: an hour before "to"',
          to: 'default: now',
          every: '10s, 1m, 1h; raw = points as they are',
          fn: 'mean (default), min, max, last, count',
        },
        ok: { type: 'object', properties: { series: { type: 'array', items: { type: 'object' } } } },
        errors: [422, 503],
      }),
    },
    async (request) => {
      const { query } = request
      const account = accountOf(request)
      const type = textOf(query, 'type')
      if (type === undefined) throw fieldProblem('type', '"type" is missing: a reading type such as env.temperature.')
      const known = READING_TYPES.get(type)
      if (!known) throw fieldProblem('type', `"${type}" is not in the collection list; see /api/v1/catalogue.`)
      if (!maySeeType(account.role, type))
        throw problem(403, `The role ${account.role} may not see ${type} (${classOf(type)}).`)
      const device = listOf(query, 'device')
      const masked = !may(account.role, 'people:read')
      if (masked && device?.some((d) => kit.masking.isPersonal(d)))
        throw problem(403, 'This role may not see devices that persons wear.')
      const field = textOf(query, 'field')
      if (field !== undefined && !known.fields.some((f) => f.name === field))
        throw fieldProblem(
          'field',
          `${type} has no field "${field}"; it has ${known.fields.map((f) => f.name).join(', ') || 'none'}.`,
        )
      const to = timeOf(query, 'to') ?? kit.options.clock.now()
      const from = timeOf(query, 'from') ?? to - HOUR
      if (from >= to) throw fieldProblem('from', '"from" must be before "to".')
      const everyMs = everyOf(query, 'every') ?? NICE_MS.find((w) => (to - from) / w <= 300) ?? 24 * HOUR
      if (everyMs > 0 && (to - from) / everyMs > MAX_BUCKETS)
        throw fieldProblem(
          'every',
          `That would be more than ${MAX_BUCKETS} points; take a wider "every" or a shorter time.`,
        )
      const fn = choiceOf(query, 'fn', FUNCTIONS) ?? 'mean'
      const lines = await series.query({
        device,
        zone: listOf(query, 'zone'),
        type,
        ...(field ? { field } : {}),
        from,
        to,
        everyMs,
        fn,
      })
      const shown = masked ? lines.filter((l) => !kit.masking.isPersonal(l.device)) : lines
      if (classOf(type) === 'L4') kit.looks.look(account.id, 'vitals', shown.length, `series ${type}`)
      return { series: shown, from, to, everyMs, fn }
    },
  )
}
