/** The live stream (`semantics.md` 9): resumes by `Last-Event-ID`; positions on request and for those who may see them. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { maskOf, may, rolesWith } from '#model/permissions.ts'
import { accountOf, allow, sessionLimits } from '../authentication.ts'
import { describeRoute } from '../openapi.ts'
import { fieldProblem, problem } from '../problem.ts'
import { choicesOf, listOf, type Query, textOf } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

const EVENTS = ['alert', 'device', 'indicator', 'heartbeat', 'facility', 'position'] as const
const RECHECK_MS = 5_000

export function registerStreamRoute(app: FastifyInstance, kit: ConsoleKit): void {
  const { hub, facts, consoles } = kit
  const { accounts, clock, facility, session } = kit.options
  const limits = sessionLimits(session)

  /** Is the account still in? Asked of the database at most every five seconds. */
  const watch = (request: FastifyRequest): (() => boolean) => {
    const { id } = accountOf(request)
    const { session: own, headers } = request
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    let checkedAt = clock.now()
    let alive = true
    return () => {
      if (alive && clock.now() - checkedAt >= RECHECK_MS) {
        checkedAt = clock.now()
        // An open stream is no activity of a person: it does not keep a session from ending.
        const account = own ? accounts.bySession(own, limits, false) : token ? accounts.byToken(token) : null
        alive = account?.id === id
      }
      return alive
    }
  }

  const positionsOf = (request: FastifyRequest<{ Querystring: Query }>) => {
    const events = choicesOf(request.query, 'events', EVENTS)
    if (!events?.includes('position')) return undefined
    const account = accountOf(request)
    if (!may(account.role, 'positions:read'))
      throw problem(
        403,
        `The role ${account.role} may not see positions; ask: ${rolesWith('positions:read').join(', ')}.`,
        { permission: 'positions:read' },
      )
    if (!facility || !facts) throw problem(404, 'This tier has no positions.')
    const named = listOf(request.query, 'zones')
    const unknown = named?.find((z) => !facts.isZone(z))
    if (unknown !== undefined) throw fieldProblem('zones', `There is no zone "${unknown}".`)
    const zones = named ? facts.within(named) : null
    return { zones, key: zones ? [...zones].sort().join(',') : '*' }
  }

  const pageOf = (query: Query) => {
    const console = textOf(query, 'console')
    if (console !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(console))
      throw fieldProblem('console', 'Letters, digits, "-" and "_", at most 64.')
    const desk = textOf(query, 'desk')
    if (desk !== undefined && !consoles.isDesk(desk))
      throw fieldProblem(
        'desk',
        `There is no desk "${desk}"; the site file names ${
          consoles
            .desks()
            .map((d) => d.id)
            .join(', ') || 'none'
        }.`,
      )
    return { console, desk }
  }

  app.get<{ Querystring: Query }>(
    '/api/v1/stream',
    {
      onRequest: allow('alerts:read'),
      // A HEAD would open a stream that nobody reads.
      exposeHeadRoute: false,
      schema: describeRoute('Server-sent events: alert, device, indicator, heartbeat, gap, position', 'stream', {
        query: {
          lastEventId: 'as the header Last-Event-ID',
          events: 'position: positions too',
          zones: 'zones whose positions are wanted',
          console: 'own id of a console page: it takes part in the lease of the sound',
          desk: 'desk of the command centre that this console is bound to',
        },
        media: 'text/event-stream',
        errors: [422, 503],
      }),
    },
    async (request, reply) => {
      const account = accountOf(request)
      const positions = positionsOf(request)
      const page = pageOf(request.query)
      if (!hub.hasRoom()) throw problem(503, 'Too many streams are open.', { retryAfterS: 5 })
      const header = request.headers['last-event-id']
      const lastEventId = (typeof header === 'string' ? header : undefined) ?? textOf(request.query, 'lastEventId')
      if (positions)
        kit.looks.look(
          account.id,
          'positions',
          1,
          `stream ${positions.zones ? listOf(request.query, 'zones')!.join(',') : 'all zones'}`,
        )
      reply.hijack()
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      const leave = consoles.attach({ ...page, account: account.id, role: account.role })
      const client = {
        onClose: leave,
        mask: maskOf(account.role),
        alive: watch(request),
        ...(positions ? { positions } : {}),
        ...(lastEventId ? { lastEventId } : {}),
      }
      hub.attach(request.raw, reply.raw, client).catch((error) => {
        request.log.warn({ err: error }, 'a stream could not be resumed')
        reply.raw.destroy()
      })
      if (positions && facility) {
        // Where everybody is now; what moves follows.
        const now = facility
          .positions()
          .filter((p) => !positions.zones || (p.zone !== null && positions.zones.has(p.zone)))
        if (now.length && !reply.raw.destroyed) reply.raw.write(hub.positionText(now))
      }
    },
  )
}
