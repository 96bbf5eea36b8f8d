/**
 * The routes of the provincial console. Every answer is limited to the lines that the account may see; persons are
 * pseudonyms, and nothing here can ask a facility for more.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { accountOf, allow, loggedIn } from '#dashboards/authentication.ts'
import { describeRoute, listShape } from '#dashboards/openapi.ts'
import { notFound, problem } from '#dashboards/problem.ts'
import {
  badCursor,
  choicesOf,
  flagOf,
  fromCursor,
  limitOf,
  listOf,
  page,
  type Query,
  textOf,
  timeOf,
  toCursor,
} from '#dashboards/query.ts'
import type { SseHub } from '#dashboards/sse-hub.ts'
import { type Act, VERBS } from '#model/alert/acts.ts'
import { ALERT_STATES, LEVELS } from '#model/alert/alert.ts'
import type { Clock } from '#model/clock.ts'
import { LINES, type Line, type ProvinceConfig } from './config.ts'
import { UPLINK_SCHEMAS } from './envelope.ts'
import { registerProvinceIndicatorRoutes } from './indicator-routes.ts'
import type { Overview } from './overview.ts'
import type { OwnActOutcome } from './own-alerts.ts'
import {
  type AlertQuery,
  alertHistory,
  getAlert,
  listAlerts,
  listAnchors,
  listGaps,
  listIndicators,
  listQuarantine,
  type ProvinceAlert,
  type Scope,
} from './store/queries.ts'
import type { Sql } from './store/sql.ts'

/** Who sees what in the stream: one bureau or both. */
export type StreamMask = 'both' | Line
export const STREAM_MASKS: readonly StreamMask[] = ['both', ...LINES]

export interface ApiParts {
  config: ProvinceConfig
  sql: Sql
  clock: Clock
  overview: Overview
  hub: SseHub<StreamMask>
  /** Acts on an alert that the province has raised itself. */
  act(facility: string, act: Act): Promise<OwnActOutcome>
  isActive(account: string): boolean
  status(): Record<string, unknown>
  metrics(): string
  notReady(): string[]
}

/** The alert in the shape of every console; what does not cross is empty, not missing. */
function asAlert(alert: ProvinceAlert): Record<string, unknown> {
  return {
    ...alert,
    device: null,
    subject: alert.subjects[0] ?? null,
    key: '',
    evidence: [],
    evidenceCount: 0,
    reasons: alert.reasonCodes.map((code) => ({ code, params: {}, class: 'L2' })),
    explanation: { zh: '', en: '' },
    advice: [],
    cause: null,
    assignee: null,
    stale: false,
  }
}

const ACT_FIELDS = [
  'note',
  'confirmed',
  'units',
  'result',
  'evidence',
  'cause',
  'until',
  'minutes',
  'to',
  'step',
] as const

export function registerProvinceRoutes(app: FastifyInstance, parts: ApiParts): void {
  const { config, sql, clock, overview, hub } = parts
  const ids = config.facilities.map((f) => f.id)
  const lineOf = (account: string): Line | null =>
    Object.hasOwn(config.console.lines, account) ? (config.console.lines[account] ?? null) : null
  const scopeOf = (request: FastifyRequest): Scope => {
    const line = lineOf(accountOf(request).id)
    return { lines: line ? [line] : LINES, facilities: ids }
  }
  const facilityOf = (request: FastifyRequest, id: string) => {
    const view = overview.get(id)
    if (!view || !scopeOf(request).lines.includes(view.line)) throw notFound('facility', id)
    return view
  }

  app.get(
    '/api/v1/facilities',
    {
      onRequest: allow('facilities:read'),
      schema: describeRoute('Facilities with link, alerts and devices', 'province', { ok: listShape() }),
    },
    async (request) => {
      const { lines } = scopeOf(request)
      return page(
        overview.list().filter((f) => lines.includes(f.line)),
        (f) => f.id,
        request.query as Query,
      )
    },
  )

  app.get<{ Params: { id: string } }>(
    '/api/v1/facilities/:id',
    {
      onRequest: allow('facilities:read'),
      schema: describeRoute('One facility with its gaps and indicators', 'province', { errors: [404] }),
    },
    async (request) => {
      const view = facilityOf(request, request.params.id)
      const [gaps, indicators, open] = await Promise.all([
        listGaps(sql, view.id, false),
        listIndicators(sql, scopeOf(request), { facility: [view.id], limit: 200 }),
        listAlerts(sql, scopeOf(request), { facility: [view.id], open: true, limit: 50 }),
      ])
      return { ...view, gapList: gaps, indicators, alerts: open.items.map(asAlert) }
    },
  )

  app.get(
    '/api/v1/alerts',
    {
      onRequest: allow('alerts:read'),
      schema: describeRoute('Alerts of all facilities, newest first', 'province', {
        query: {
          facility: 'facility ids',
          state: 'states',
          level: 'levels',
          rule: 'slugs or codes',
          zone: 'zones',
          subject: 'pseudonyms',
          from: 'raised from',
          to: 'raised to',
          open: 'true: not closed',
          limit: 'at most',
          cursor: 'next of an earlier answer',
        },
        ok: listShape({ $ref: 'Alert#' }),
        errors: [422],
      }),
    },
    async (request) => {
      const query = request.query as Query
      const cursor = fromCursor(query)?.split('|')
      const filter: AlertQuery = {
        facility: listOf(query, 'facility'),
        state: choicesOf(query, 'state', ALERT_STATES),
        level: choicesOf(query, 'level', LEVELS),
        rule: listOf(query, 'rule'),
        zone: listOf(query, 'zone'),
        subject: listOf(query, 'subject'),
        from: timeOf(query, 'from'),
        to: timeOf(query, 'to'),
        open: flagOf(query, 'open'),
        limit: limitOf(query),
      }
      if (cursor) {
        const [at, facility, id] = cursor
        if (!/^\d{1,16}$/.test(at ?? '') || !facility || !id) throw badCursor()
        filter.after = { raisedAt: Number(at), facility, id }
      }
      const { items, total, more } = await listAlerts(sql, scopeOf(request), filter)
      const last = items.at(-1)
      return {
        items: items.map(asAlert),
        next: more && last ? toCursor(`${last.raisedAt}|${last.facility}|${last.id}`) : null,
        total,
      }
    },
  )

  const alertOf = async (request: FastifyRequest, id: string): Promise<ProvinceAlert> => {
    const alert = await getAlert(sql, scopeOf(request), id, textOf(request.query as Query, 'facility'))
    if (!alert) throw notFound('alert', id)
    return alert
  }

  app.get<{ Params: { id: string } }>(
    '/api/v1/alerts/:id',
    {
      onRequest: allow('alerts:read'),
      schema: describeRoute('One alert with every change and act', 'province', {
        query: { facility: 'when two facilities have an alert of this id' },
        errors: [404],
      }),
    },
    async (request) => {
      const alert = await alertOf(request, request.params.id)
      const changes = await alertHistory(sql, alert.facility, alert.id)
      const timeline = changes.map((change) => ({ ...change, note: null }))
      return { ...asAlert(alert), changes: timeline, timeline }
    },
  )

  for (const verb of VERBS)
    app.post<{ Params: { id: string }; Body: Record<string, unknown> }>(
      `/api/v1/alerts/:id/${verb}`,
      {
        onRequest: allow('alerts:read'),
        schema: describeRoute(`${verb}: on alerts that the province raised itself`, 'province', {
          errors: [404, 409, 422],
        }),
      },
      async (request) => {
        const account = accountOf(request)
        if (account.role !== 'provincial')
          throw problem(403, 'Only a provincial supervisor acts here.', { roles: ['provincial'] })
        const alert = await alertOf(request, request.params.id)
        const act = { act: verb, alert: alert.id, time: clock.now(), by: account.id } as Act
        const body = (request.body ?? {}) as Record<string, unknown>
        for (const field of ACT_FIELDS)
          if (body[field] !== undefined) (act as unknown as Record<string, unknown>)[field] = body[field]
        const outcome = await parts.act(alert.facility, act)
        if (!outcome.ok) throw problem(outcome.status, outcome.detail, outcome.extensions)
        return asAlert(await alertOf(request, alert.id))
      },
    )

  registerProvinceIndicatorRoutes(app, {
    sql,
    clock,
    scopeOf,
    facilities: ({ lines }) => overview.list().filter((f) => lines.includes(f.line)),
  })

  app.get(
    '/api/v1/anchors',
    {
      onRequest: allow('facilities:read'),
      schema: describeRoute(
        'Anchors of the ledgers of facilities, as they came, for wardwatch ledger verify --anchors',
        'province',
        {
          query: {
            facility: 'facility ids',
            from: 'made from',
            to: 'made to',
            limit: 'at most',
            cursor: 'next of an earlier answer',
          },
          ok: listShape(),
          errors: [422],
        },
      ),
    },
    async (request) => {
      const query = request.query as Query
      const limit = limitOf(query, 1_000)
      const [facility, epoch, sequence] = fromCursor(query)?.split('|') ?? []
      if (facility !== undefined && !(/^\d{1,9}$/.test(epoch ?? '') && /^\d{1,16}$/.test(sequence ?? '')))
        throw badCursor()
      const found = await listAnchors(sql, scopeOf(request), {
        facility: listOf(query, 'facility'),
        from: timeOf(query, 'from'),
        to: timeOf(query, 'to'),
        limit: limit + 1,
        ...(facility === undefined ? {} : { after: { facility, epoch: Number(epoch), sequence: Number(sequence) } }),
      })
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return {
        items,
        next: found.length > limit && last ? toCursor(`${last.facility}|${last.epoch}|${last.sequence}`) : null,
        total: null,
      }
    },
  )

  app.get(
    '/api/v1/quarantine',
    {
      onRequest: allow('quality:read'),
      schema: describeRoute('Messages that were refused, without their values', 'province', { ok: listShape() }),
    },
    async (request) => {
      const items = await listQuarantine(sql, scopeOf(request), limitOf(request.query as Query))
      return { items, next: null, total: items.length }
    },
  )

  app.get(
    '/api/v1/catalogue',
    { onRequest: loggedIn, schema: describeRoute('The sharing catalogue: what may cross to the province', 'province') },
    async () => ({
      items: Object.entries(UPLINK_SCHEMAS).map(([kind, schema]) => ({ kind, schema })),
      next: null,
      total: 4,
    }),
  )

  app.get(
    '/api/v1/stream',
    {
      onRequest: allow('alerts:read'),
      schema: describeRoute('Server-sent events: alert, facility, heartbeat', 'province', {
        media: 'text/event-stream',
      }),
    },
    async (request, reply) => {
      if (!hub.hasRoom()) throw problem(503, 'Too many consoles are connected.')
      const account = accountOf(request)
      const header = request.headers['last-event-id']
      const last = typeof header === 'string' ? header : textOf(request.query as Query, 'lastEventId')
      reply.hijack()
      await hub.attach(request.raw, reply.raw, {
        mask: lineOf(account.id) ?? 'both',
        alive: () => parts.isActive(account.id),
        ...(last ? { lastEventId: last } : {}),
      })
    },
  )

  app.get(
    '/api/v1/health',
    { onRequest: allow('health:read'), schema: describeRoute('State of the provincial tier', 'province') },
    async () => parts.status(),
  )
  app.get('/healthz', { schema: describeRoute('The process lives', 'operation', { open: true }) }, async () => ({
    status: 'ok',
  }))
  app.get(
    '/readyz',
    { schema: describeRoute('The province takes messages', 'operation', { open: true, errors: [503] }) },
    async () => {
      const reasons = parts.notReady()
      if (reasons.length > 0) throw problem(503, reasons.join(' '))
      return { status: 'ready' }
    },
  )
  app.get(
    '/metrics',
    { schema: describeRoute('Prometheus metrics', 'operation', { open: true, media: 'text/plain' }) },
    async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').serializer(String).send(parts.metrics()),
  )
}
