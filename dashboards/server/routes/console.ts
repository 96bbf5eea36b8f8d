/** Consoles among themselves: whose sound works, which one sounds, who watches. Nothing here is about alerts. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { maskOf } from '#model/permissions.ts'
import { accountOf, allow } from '../authentication.ts'
import { audioOf } from '../consoles.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { notFound, problem } from '../problem.ts'
import { page, type Query } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

const closed = { additionalProperties: false }
/** Drawn by the browser for one page load. */
export const ConsoleId = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' })

export function registerConsoleRoutes(app: FastifyInstance, kit: ConsoleKit): void {
  const { consoles } = kit
  const { clock } = kit.options
  const onRequest = allow('console:report')

  app.post(
    '/api/v1/console/audio-state',
    {
      onRequest,
      schema: describeRoute('A console says whether its sound works', 'operation', {
        body: Type.Object(
          {
            state: Type.String({ minLength: 1, maxLength: 32 }),
            desk: Type.Optional(Type.String({ maxLength: 64 })),
            console: Type.Optional(ConsoleId),
          },
          closed,
        ),
        status: 204,
        errors: [422],
      }),
    },
    async (request, reply) => {
      const { state, desk, console } = request.body as { state: string; desk?: string; console?: string }
      const account = accountOf(request).id
      const report = { account, state, desk: desk ?? null, at: clock.now() }
      // A mute console at night is a fault, not a detail.
      if (audioOf(state) === 'mute') request.log.warn(report, 'a console is mute')
      consoles.report(console, account, state)
      kit.options.onAudioState?.(report)
      return reply.code(204).send()
    },
  )

  app.get(
    '/api/v1/console',
    {
      onRequest,
      schema: describeRoute('Desks, consoles, which one of each desk sounds, how many are attended', 'operation', {
        ok: { type: 'object', additionalProperties: true },
      }),
    },
    async (request) => {
      const seesStaff = maskOf(accountOf(request).role) !== 'public'
      return {
        at: clock.now(),
        desks: consoles.desks(),
        sounding: consoles.sounding(),
        attended: consoles.attended(),
        consoles: consoles.list().map((c) => ({ ...c, account: seesStaff ? c.account : null })),
      }
    },
  )

  app.get<{ Querystring: Query }>(
    '/api/v1/phones',
    {
      onRequest: allow('phones:read'),
      schema: describeRoute('Numbers to call when the link is cut (console.phones of the site file)', 'operation', {
        query: { cursor: 'page', limit: '1 to 5000' },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query }) => {
      const phones = (kit.options.phones ?? []).map((phone, n) => ({
        id: String(n + 1),
        name: phone.name,
        number: phone.number,
        zones: phone.zones ?? [],
        role: phone.role ?? null,
      }))
      return page(phones, (phone) => phone.id.padStart(4, '0'), query)
    },
  )

  app.post(
    '/api/v1/console/lease',
    {
      onRequest,
      schema: describeRoute('This console sounds from now on, the others of its desk no more', 'operation', {
        body: Type.Object({ console: Type.Optional(ConsoleId) }, closed),
        ok: { type: 'object', additionalProperties: true },
        errors: [404, 409, 422],
      }),
    },
    async (request) => {
      const { console } = request.body as { console?: string }
      const account = accountOf(request)
      const own = consoles.list().find((c) => c.id === (console ?? `account:${account.id}`))
      if (!own || own.account !== account.id) throw notFound('console', console ?? account.id)
      if (consoles.take(console, account.id) === 'mute')
        throw problem(409, 'The sound of this console does not work; enable it here, then take over.', {
          state: own.audio,
        })
      return { desk: own.desk, sounding: consoles.sounding() }
    },
  )
}
