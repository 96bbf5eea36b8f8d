/** Pictures: a camera now, and the one kept as evidence of an alert. A picture may show persons: each look is recorded. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Device } from '#model/context/kinds.ts'
import type { FacilityDesk, Snapshot } from '#model/ports/facility.ts'
import type { Account } from '../accounts.ts'
import { accountOf, allow } from '../authentication.ts'
import { describeRoute } from '../openapi.ts'
import { notFound, problem } from '../problem.ts'
import type { ConsoleKit } from '../server.ts'
import { showsNear, type ViewingFault } from '../viewing.ts'

/** Snapshots that may be asked from cameras at one time; a matrix of 16 tiles on ten desks must not drown them. */
const MAX_OPEN = 64

function send(reply: FastifyReply, picture: Snapshot): FastifyReply {
  return reply
    .type('image/jpeg')
    .header('x-taken-at', String(picture.takenAt))
    .header('x-device', picture.device)
    .header('etag', `"${picture.sha256}"`)
    .header('cache-control', 'no-store')
    .serializer((data: unknown) => data as string)
    .send(Buffer.from(picture.jpeg))
}

/** Why a picture is not shown, in the words of whoever must explain it. */
function refuse(camera: string, fault: ViewingFault): never {
  const why = {
    private: `The camera "${camera}" looks into a toilet or washroom; its picture is shown to nobody.`,
    medical: `Zone "${fault.zone}" is medical: its pictures are shown to nobody but those whom console.viewing of the site file names for it.`,
    women: `Zone "${fault.zone}" lodges women: its pictures are shown to nobody but those whom console.viewing of the site file names for it.`,
    restricted: `Pictures of zone "${fault.zone}" are shown only to those whom console.viewing of the site file names.`,
    'no-alert': 'A wall shows cameras near an open red or orange alert alone.',
  }[fault.why]
  throw problem(403, why, { code: `viewing-${fault.why}`, zone: fault.zone })
}

/** Pages of a thousand open alerts of one level; what is beyond is nowhere on a wall. */
const MAX_PAGES = 5

/** Lets nobody past who may not look through the camera now; for pictures and for live video alike. */
export function lookGate(kit: ConsoleKit): (account: Account, camera: string) => Promise<void> {
  /** A wall is seen by whoever passes: it looks only where there is something to see. */
  const nearSerious = async (camera: Device): Promise<boolean> => {
    const { zones } = kit.facts!.fresh()
    // Reds first, and all of them: a storm of newer alerts must not take the picture of an old red from the wall.
    for (const level of ['red', 'orange'] as const) {
      let cursor: string | undefined
      for (let page = 0; page < MAX_PAGES; page++) {
        const some = await kit.options.alerts?.list({ open: true, level: [level] }, cursor, 1000)
        const items = some?.items ?? []
        if (items.some((alert) => alert.device === camera.id)) return true
        const places = items.flatMap((alert) => alert.zone ?? [])
        if (showsNear(camera, [...new Set(places)], zones)) return true
        if (!some?.next) break
        cursor = some.next
      }
    }
    return false
  }
  return async (account, id) => {
    const entry = kit.facts!.fresh().devices.get(id)
    if (!entry || (entry.kind !== undefined && entry.kind !== 'camera')) throw notFound('camera', id)
    refuseLook(kit, account, id)
    if (account.role === 'wall' && !(await nearSerious(entry))) refuse(id, { why: 'no-alert', zone: null })
  }
}

/** What was kept of a camera stays under the rights of its place, and under those of the alert's when the camera is gone. */
export function refuseLook(kit: ConsoleKit, account: Account, camera: string, alertZone: string | null = null): void {
  const fault = kit.viewing(account, camera, alertZone)
  if (fault) refuse(camera, fault)
}

export function registerPictureRoutes(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk): void {
  let open = 0
  const gate = lookGate(kit)
  app.get<{ Params: { id: string } }>(
    '/api/v1/cameras/:id/snapshot',
    {
      onRequest: allow('video:read'),
      schema: describeRoute('A picture of the camera, at most 2 s old', 'pictures', {
        media: 'image/jpeg',
        errors: [403, 404, 503],
      }),
    },
    async (request, reply) => {
      const { id } = request.params
      const account = accountOf(request)
      await gate(account, id)
      if (open >= MAX_OPEN)
        throw problem(503, 'Too many pictures are being fetched; try again in a second.', { retryAfterS: 1 })
      open++
      try {
        const picture = await desk.snapshot(id)
        if (!picture) throw problem(503, `The camera "${id}" gives no picture now.`, { code: 'device-unreachable' })
        kit.looks.look(account.id, 'snapshot', 1, `camera ${id}`)
        return send(reply, picture)
      } finally {
        open--
      }
    },
  )
  app.get<{ Params: { id: string } }>(
    '/api/v1/alerts/:id/picture',
    {
      onRequest: allow('people:read'),
      schema: describeRoute('The picture kept as evidence of the alert', 'pictures', {
        media: 'image/jpeg',
        errors: [403, 404],
      }),
    },
    async (request, reply) => {
      const { id } = request.params
      const picture = await desk.evidencePicture(id)
      if (!picture) throw problem(404, `No picture was kept for alert "${id}".`)
      refuseLook(kit, accountOf(request), picture.device, (await kit.options.alerts?.get(id))?.zone)
      kit.looks.look(accountOf(request).id, 'picture', 1, `alert ${id}`)
      return send(reply, picture)
    },
  )
}
