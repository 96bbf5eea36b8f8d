/** Live video and the seconds before an alert. Who may look is asked of role and place; each look is recorded. */
import type { FastifyInstance } from 'fastify'
import { WardwatchError } from '#model/errors.ts'
import type { Video } from '#model/ports/video.ts'
import { accountOf, allow } from '../authentication.ts'
import { describeRoute } from '../openapi.ts'
import { notFound, problem } from '../problem.ts'
import type { ConsoleKit } from '../server.ts'
import { lookGate, refuseLook } from './pictures.ts'

/** What may wait for one viewer: about ten seconds of a good picture. Who is slower is let go and begins anew. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
/** How often an open stream is asked whether its viewer may still look. */
const RIGHTS_MS = 5_000
const STATUS: Partial<Record<string, number>> = { 'not-found': 404, 'too-busy': 503 }

export function registerVideoRoutes(app: FastifyInstance, kit: ConsoleKit, video: Video): void {
  const gate = lookGate(kit)
  app.get<{ Params: { id: string } }>(
    '/api/v1/cameras/:id/live',
    {
      onRequest: allow('video:read'),
      exposeHeadRoute: false,
      schema: describeRoute(
        'Live video of the camera as fragmented MP4, for as long as the connection lasts',
        'pictures',
        {
          media: 'video/mp4',
          errors: [404, 503],
        },
      ),
    },
    async (request, reply) => {
      const { id } = request.params
      await gate(accountOf(request), id)
      const { raw } = reply
      const early: Uint8Array[] = []
      let begun = false
      let over = false
      const write = (bytes: Uint8Array) => {
        if (raw.destroyed || raw.writableEnded) return
        if (raw.writableLength > MAX_WAITING_BYTES) raw.destroy()
        else raw.write(bytes)
      }
      const stream = await video
        .watch(id, {
          data: (bytes) => {
            if (begun) write(bytes)
            else early.push(bytes)
          },
          end: () => {
            over = true
            if (begun) raw.end()
          },
        })
        .catch((error: unknown) => {
          if (!(error instanceof WardwatchError)) throw error
          throw problem(STATUS[error.code] ?? 503, error.message, { code: error.code, retryAfterS: 5 })
        })
      kit.looks.look(accountOf(request).id, 'live', 1, `camera ${id}`)
      /** Rights and places change while somebody watches: a ward that lodges women from now on is closed from now on. */
      const watchRights = (): void => {
        kit.options.clock.after(RIGHTS_MS, () => {
          if (raw.destroyed || raw.writableEnded) return
          gate(accountOf(request), id).then(watchRights, () => raw.end())
        })
      }
      reply.hijack()
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value)
      raw.writeHead(200, { 'content-type': stream.mime, 'cache-control': 'no-store' })
      begun = true
      for (const bytes of early.splice(0)) write(bytes)
      raw.once('close', () => stream.stop())
      watchRights()
      // Nobody there any more, or nothing more to come, before it began.
      if (over || request.raw.destroyed) raw.end()
    },
  )

  app.get<{ Params: { id: string } }>(
    '/api/v1/alerts/:id/preroll',
    {
      onRequest: allow('people:read'),
      schema: describeRoute('The pictures of the seconds before the alert, each with its hash', 'pictures', {
        errors: [404],
      }),
    },
    async (request) => {
      const items = await video.preroll(request.params.id)
      return { items, next: null, total: items.length }
    },
  )
  app.get<{ Params: { id: string; n: string } }>(
    '/api/v1/alerts/:id/preroll/:n',
    {
      onRequest: allow('people:read'),
      schema: describeRoute('One picture of the seconds before the alert', 'pictures', {
        media: 'image/jpeg',
        errors: [404],
      }),
    },
    async (request, reply) => {
      const { id, n } = request.params
      const frame = /^\d{1,3}$/.test(n) ? (await video.preroll(id))[Number(n)] : undefined
      const jpeg = frame ? await video.prerollPicture(id, Number(n)) : null
      if (!frame || !jpeg) throw notFound('picture', `${id}/${n}`)
      refuseLook(kit, accountOf(request), frame.device, (await kit.options.alerts?.get(id))?.zone)
      kit.looks.look(accountOf(request).id, 'preroll', 1, `alert ${id}`)
      return reply
        .type('image/jpeg')
        .header('x-taken-at', String(frame.takenAt))
        .header('x-device', frame.device)
        .header('etag', `"${frame.sha256}"`)
        .serializer((data: unknown) => data as string)
        .send(Buffer.from(jpeg))
    },
  )
}
