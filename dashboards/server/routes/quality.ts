/**
 * Data quality (Q30 to Q35): devices and streams with completeness, timeliness and validity, tickets, quarantine. What is
 * not known is null. Reading the quarantine again is an engineer's act and stands in the ledger.
 */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { may } from '#model/permissions.ts'
import type { FacilityDesk } from '#model/ports/facility.ts'
import type { QualityDesk, QuarantineFilter, StreamQuality } from '#model/ports/quality.ts'
import { TICKET_KINDS } from '#model/ports/quality.ts'
import { accountOf, allow } from '../authentication.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { fieldProblem } from '../problem.ts'
import { choicesOf, flagOf, limitOf, listOf, page, type Query, timeOf } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

const HOUR = 3_600_000
const STATES = ['ok', 'event', 'silent', 'stuck', 'excused'] as const
const ITEM_STATES = ['waiting', 'replayed', 'dropped'] as const
const WINDOW = { from: 'default: an hour before "to"', to: 'default: now' }

export function registerQualityRoutes(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk): void {
  const { quality, clock } = kit.options
  const windowOf = (query: Query) => {
    const to = timeOf(query, 'to') ?? clock.now()
    const from = timeOf(query, 'from') ?? to - HOUR
    if (from >= to) throw fieldProblem('from', '"from" must be before "to".')
    return { from, to }
  }
  registerDevices(app, kit, desk, windowOf)
  registerQuarantine(app, kit, desk)
  if (quality) {
    registerStreams(app, quality, windowOf)
    registerResolving(app, quality)
  }
}

type WindowOf = (query: Query) => { from: number; to: number }

/** The worst of what is known: one bad stream is not made good by others. Null while nothing is known. */
const worst = (streams: readonly StreamQuality[], of: 'completeness' | 'timeliness' | 'validity' | 'score') =>
  streams.reduce<number | null>((low, s) => {
    const value = s[of]
    return value === null ? low : low === null ? value : Math.min(low, value)
  }, null)

function registerDevices(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk, windowOf: WindowOf): void {
  const { quality, clock } = kit.options
  app.get<{ Querystring: Query }>(
    '/api/v1/quality',
    {
      onRequest: allow('quality:read'),
      schema: describeRoute('Data quality by device: age, clock, completeness, what was quarantined', 'operation', {
        query: { device: 'device ids', ...WINDOW, cursor: 'page', limit: '1 to 5000' },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query }) => {
      const now = clock.now()
      const window = windowOf(query)
      const named = listOf(query, 'device')
      const entries = kit.facts!.fresh().devices
      const byDevice = new Map<string, StreamQuality[]>()
      for (const stream of quality?.streams(window, named) ?? [])
        byDevice.set(stream.device, [...(byDevice.get(stream.device) ?? []), stream])
      const tickets = quality?.tickets({ open: true }) ?? []
      const items = desk
        .devices()
        .filter((s) => !named || named.includes(s.id))
        .map(({ id, online, lastSeen, offsetMs, reason, readings, quarantined }) => {
          const streams = byDevice.get(id) ?? []
          return {
            device: id,
            kind: entries.get(id)?.kind ?? null,
            zone: entries.get(id)?.zone ?? null,
            online,
            lastSeen,
            offsetMs,
            reason,
            readings,
            quarantined,
            ageMs: lastSeen === null ? null : Math.max(0, now - lastSeen),
            /** Share of what came in that could be read; null before anything came. */
            validity: quality
              ? worst(streams, 'validity')
              : readings + quarantined === 0
                ? null
                : readings / (readings + quarantined),
            completeness: worst(streams, 'completeness'),
            timeliness: worst(streams, 'timeliness'),
            score: worst(streams, 'score'),
            tickets: tickets.filter((t) => t.device === id).map(({ kind, since }) => ({ kind, since })),
          }
        })
      const sum = (key: 'readings' | 'quarantined') => items.reduce((n, i) => n + i[key], 0)
      return {
        ...page(items, (i) => i.device, query),
        at: now,
        ...window,
        summary: {
          devices: items.length,
          online: items.filter((i) => i.online === true).length,
          neverSeen: items.filter((i) => i.lastSeen === null).length,
          readings: sum('readings'),
          quarantined: sum('quarantined'),
          ...(quality ? { ...quality.counts(), totals: quality.totals(window) } : {}),
        },
      }
    },
  )
}

function registerStreams(app: FastifyInstance, quality: QualityDesk, windowOf: WindowOf): void {
  app.get<{ Querystring: Query }>(
    '/api/v1/quality/streams',
    {
      onRequest: allow('quality:read'),
      schema: describeRoute('Every stream: expected, received, completeness, timeliness, validity', 'operation', {
        query: {
          device: 'device ids',
          type: 'reading types',
          state: STATES.join(', '),
          ...WINDOW,
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query }) => {
      const window = windowOf(query)
      const types = listOf(query, 'type')
      const states = choicesOf(query, 'state', STATES)
      const found = quality
        .streams(window, listOf(query, 'device'))
        .filter((s) => (!types || types.includes(s.type)) && (!states || states.includes(s.state)))
      return { ...page(found, (s) => `${s.device}|${s.type}`, query), ...window }
    },
  )
  app.get<{ Querystring: Query }>(
    '/api/v1/quality/tickets',
    {
      onRequest: allow('quality:read'),
      schema: describeRoute('Tickets of data quality; they open and close by themselves', 'operation', {
        query: {
          open: 'true: only those that are not closed',
          device: 'device ids',
          kind: TICKET_KINDS.join(', '),
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query }) => {
      const found = quality.tickets({
        open: flagOf(query, 'open'),
        device: listOf(query, 'device'),
        kind: choicesOf(query, 'kind', TICKET_KINDS),
      })
      return { items: found.slice(0, limitOf(query)), next: null, total: found.length }
    },
  )
}

function registerQuarantine(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk): void {
  const { quality } = kit.options
  app.get<{ Querystring: Query }>(
    '/api/v1/quarantine',
    {
      onRequest: allow('quality:read'),
      schema: describeRoute('What could not be read, newest first', 'operation', {
        query: {
          device: 'device ids',
          cause: 'codes of docs/errors.md',
          state: ITEM_STATES.join(', '),
          limit: '1 to 1000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request) => {
      const account = accountOf(request)
      const { query } = request
      const limit = limitOf(query, 100, 1_000)
      const items = quality
        ? await quality.quarantine({
            device: listOf(query, 'device'),
            cause: listOf(query, 'cause'),
            state: choicesOf(query, 'state', ITEM_STATES),
            limit,
          })
        : await desk.quarantine(limit)
      const payload = may(account.role, 'quarantine:payload')
      if (payload) kit.looks.look(account.id, 'quarantine', items.length)
      // `detail` may quote the original; without the right to it, the cause says enough.
      const shown = items.map((i) => (payload ? i : { ...i, payload: null, detail: i.cause }))
      return { items: shown, next: null, total: desk.health().quarantined, waiting: quality?.counts().waiting ?? null }
    },
  )
}

const Words = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 500 })
const Which = {
  ids: Type.Optional(Words),
  device: Type.Optional(Words),
  cause: Type.Optional(Words),
  all: Type.Optional(Type.Boolean({ description: 'true: every item that waits' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
}
const Replay = Type.Object(Which, { additionalProperties: false })
const Drop = Type.Object(
  { ...Which, note: Type.String({ minLength: 1, maxLength: 500 }) },
  { additionalProperties: false },
)
interface WhichBody extends Omit<QuarantineFilter, 'limit' | 'state'> {
  all?: boolean
  limit?: number
}

function filterOf({ ids, device, cause, all, limit }: WhichBody): QuarantineFilter {
  if (!ids && !device && !cause && all !== true)
    throw fieldProblem('ids', 'Say which items: "ids", "device", "cause", or "all": true.')
  return { ...(ids ? { ids } : {}), ...(device ? { device } : {}), ...(cause ? { cause } : {}), limit: limit ?? 1000 }
}

function registerResolving(app: FastifyInstance, quality: QualityDesk): void {
  const onRequest = allow('quarantine:resolve')
  app.post<{ Body: WhichBody }>(
    '/api/v1/quarantine/replay',
    {
      onRequest,
      schema: describeRoute(
        'Reads waiting items again, after the model file or the site file was corrected',
        'operation',
        {
          body: Replay,
          ok: { type: 'object', additionalProperties: true },
          errors: [422],
        },
      ),
    },
    async (request) => quality.replay(filterOf(request.body), accountOf(request).id),
  )
  app.post<{ Body: WhichBody & { note: string } }>(
    '/api/v1/quarantine/drop',
    {
      onRequest,
      schema: describeRoute('Gives waiting items up; the note says why', 'operation', {
        body: Drop,
        ok: { type: 'object', additionalProperties: true },
        errors: [422],
      }),
    },
    async (request) => quality.drop(filterOf(request.body), accountOf(request).id, request.body.note),
  )
}
