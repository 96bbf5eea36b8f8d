/** Incidents: alerts that belong together, with the level and the zones they touch. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LEVELS } from '#model/alert/alert.ts'
import { maskOf } from '#model/permissions.ts'
import type { AlertDesk, Incident } from '#model/ports/alert-desk.ts'
import { accountOf, allow } from '../authentication.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { notFound } from '../problem.ts'
import { choicesOf, flagOf, listOf, page, type Query } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

/** Incidents that one answer looks through. */
const MAX_INCIDENTS = 10_000

export function registerIncidentRoutes(app: FastifyInstance, _kit: ConsoleKit, desk: AlertDesk): void {
  const onRequest = allow('alerts:read')
  const seenBy = (request: FastifyRequest, incident: Incident): Incident =>
    maskOf(accountOf(request).role) === 'full' ? incident : { ...incident, subjects: [] }

  app.get<{ Querystring: Query }>(
    '/api/v1/incidents',
    {
      onRequest,
      schema: describeRoute('Incidents, newest first', 'alerts', {
        query: { open: 'true: only open ones', level: 'levels', zone: 'zone ids', cursor: 'page', limit: '1 to 5000' },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request) => {
      const level = choicesOf(request.query, 'level', LEVELS)
      const zone = listOf(request.query, 'zone')
      const all = await desk.incidents({ open: flagOf(request.query, 'open'), limit: MAX_INCIDENTS })
      const some = all.filter(
        (i) => (!level || level.includes(i.level)) && (!zone || i.zones.some((z) => zone.includes(z))),
      )
      // Newest first as a rising key: the time left until a far future.
      const found = page(some, (i) => `${String(10 ** 15 - i.openedAt).padStart(16, '0')}${i.id}`, request.query)
      return { ...found, items: found.items.map((i) => seenBy(request, i)) }
    },
  )

  app.get<{ Params: { id: string } }>(
    '/api/v1/incidents/:id',
    { onRequest, schema: describeRoute('One incident', 'alerts', { errors: [404] }) },
    async (request) => {
      const incident = await desk.incident(request.params.id)
      if (!incident) throw notFound('incident', request.params.id)
      return seenBy(request, incident)
    },
  )
}
