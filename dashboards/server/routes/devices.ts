/** Devices with their live state, zones, and where sight is missing. Addresses are shown, credentials never. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Device, Zone } from '#model/context/kinds.ts'
import { type Mask, maskOf, may, type Role } from '#model/permissions.ts'
import type { DeviceState, FacilityDesk } from '#model/ports/facility.ts'
import { DEVICE_KINDS, ZONE_KINDS } from '#model/site/schema.ts'
import { accountOf, allow } from '../authentication.ts'
import { coverageOf } from '../coverage.ts'
import type { FacilityFacts } from '../facility-facts.ts'
import { classOf, maskLatest, maySeeType } from '../masking.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { notFound } from '../problem.ts'
import { choicesOf, flagOf, listOf, page, type Query } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

const SECRETS = new Set(['user', 'password', 'certificate', 'subject'])
const NEVER_SEEN: Omit<DeviceState, 'id'> = {
  online: null,
  lastSeen: null,
  offsetMs: null,
  reason: 'never seen',
  readings: 0,
  quarantined: 0,
  latest: {},
}
/** Roles that stand for the masks of the stream. */
const ROLE_OF_MASK: Record<Mask, Role> = { full: 'officer', technical: 'engineer', public: 'wall' }

/** A URL may carry a password. */
function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//')
}

/** Entry of the site file and live state as one; who wears it only for those who may know persons. */
export function deviceItem(entry: Device | undefined, state: DeviceState | undefined, role: Role, withL4: boolean) {
  const own = Object.fromEntries(Object.entries(entry ?? {}).filter(([key]) => !SECRETS.has(key)))
  if (typeof own.url === 'string') own.url = withoutPassword(own.url)
  if (entry?.subject && may(role, 'people:read')) own.subject = entry.subject
  const id = entry?.id ?? state?.id ?? ''
  const live = state ?? { id, ...NEVER_SEEN }
  // The sentence may name an address or the account at the device: it is for those who mend it.
  const why = maskOf(role) === 'technical' ? { why: live.why ?? null } : {}
  const { why: _w, ...shown } = live
  return { zone: null, ...own, ...shown, ...why, latest: maskLatest(live, role, withL4) } as DeviceState & {
    kind?: string
    zone: string | null
    driver?: string
  }
}

export function deviceView(state: DeviceState, facts: FacilityFacts | null, mask: Mask) {
  return deviceItem(facts?.fresh().devices.get(state.id), state, ROLE_OF_MASK[mask], false)
}

export function registerDeviceRoutes(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk): void {
  const facts = kit.facts!
  const read = allow('devices:read')
  const roleOf = (request: FastifyRequest): Role => accountOf(request).role
  /** A device that somebody wears is a person to whoever may not see persons but the engineer, who services it. */
  const hidden = (role: Role, id: string): boolean => maskOf(role) === 'public' && facts.isPersonal(id)

  /** So that no console offers a link that would be refused. */
  const viewable = (request: FastifyRequest, id: string, kind: string | undefined) =>
    kind === 'camera' ? { viewable: may(roleOf(request), 'video:read') && !kit.viewing(accountOf(request), id) } : {}

  app.get<{ Querystring: Query }>(
    '/api/v1/devices',
    {
      onRequest: read,
      schema: describeRoute('Devices with their live state', 'facility', {
        query: {
          zone: 'zone ids, what lies inside included',
          kind: 'kinds',
          driver: 'mqtt,opcua,onvif',
          online: 'true or false',
          text: 'part of the id',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request) => {
      const { query } = request
      const role = roleOf(request)
      const zone = listOf(query, 'zone')
      const zones = zone && facts.within(zone)
      const kind = choicesOf(query, 'kind', DEVICE_KINDS)
      const driver = choicesOf(query, 'driver', ['mqtt', 'opcua', 'onvif'] as const)
      const online = flagOf(query, 'online')
      const part = listOf(query, 'text')?.[0]?.toLowerCase()
      const states = new Map(desk.devices().map((s) => [s.id, s]))
      const entries = facts.fresh().devices
      const ids = [...new Set([...entries.keys(), ...states.keys()])].filter((id) => {
        const entry = entries.get(id)
        if (hidden(role, id)) return false
        if (zones && !(entry?.zone && zones.has(entry.zone))) return false
        if (kind && !(entry?.kind && kind.includes(entry.kind as never))) return false
        if (driver && !(entry?.driver && driver.includes(entry.driver as never))) return false
        if (online !== undefined && (states.get(id)?.online ?? null) !== online) return false
        return part === undefined || id.toLowerCase().includes(part)
      })
      const found = page(ids, (id) => id, query)
      return {
        ...found,
        items: found.items.map((id) => ({
          ...deviceItem(entries.get(id), states.get(id), role, false),
          ...viewable(request, id, entries.get(id)?.kind),
        })),
      }
    },
  )

  app.get<{ Params: { id: string } }>(
    '/api/v1/devices/:id',
    { onRequest: read, schema: describeRoute('One device with its latest values', 'facility', { errors: [404] }) },
    async (request) => {
      const { id } = request.params
      const role = roleOf(request)
      const entry = facts.fresh().devices.get(id)
      const state = desk.device(id) ?? undefined
      if ((!entry && !state) || hidden(role, id)) throw notFound('device', id)
      const sensitive = Object.keys(state?.latest ?? {}).filter((t) => classOf(t) === 'L4' && maySeeType(role, t))
      kit.looks.look(accountOf(request).id, 'vitals', sensitive.length, `device ${id}`)
      return { ...deviceItem(entry, state, role, true), ...viewable(request, id, entry?.kind) }
    },
  )

  const zoneItem = (zone: Zone, role: Role) => {
    if (may(role, 'plan:read')) return zone
    const { polygon: _p, holes: _h, ...rest } = zone
    return rest
  }
  app.get<{ Querystring: Query }>(
    '/api/v1/zones',
    {
      onRequest: allow('zones:read'),
      schema: describeRoute('Zones', 'facility', {
        query: {
          kind: 'kinds',
          parent: 'zone ids, what lies inside included',
          floor: 'floors',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request) => {
      const kind = choicesOf(request.query, 'kind', ZONE_KINDS)
      const parent = listOf(request.query, 'parent')
      const inside = parent && facts.within(parent)
      const floor = listOf(request.query, 'floor')
      const some = [...facts.fresh().zones.values()].filter(
        (z) =>
          (!kind || kind.includes(z.kind as never)) &&
          (!inside || inside.has(z.id)) &&
          (!floor || floor.includes(String(z.floor))),
      )
      const found = page(some, (z) => z.id, request.query)
      return { ...found, items: found.items.map((z) => zoneItem(z, roleOf(request))) }
    },
  )
  app.get<{ Params: { id: string } }>(
    '/api/v1/zones/:id',
    { onRequest: allow('zones:read'), schema: describeRoute('One zone', 'facility', { errors: [404] }) },
    async (request) => {
      const zone = facts.fresh().zones.get(request.params.id)
      if (!zone) throw notFound('zone', request.params.id)
      return zoneItem(zone, roleOf(request))
    },
  )

  app.get<{ Querystring: Query }>(
    '/api/v1/coverage',
    {
      onRequest: read,
      schema: describeRoute(
        'Zones, the devices they need and which of these live, and the rules that cannot fire there',
        'facility',
        {
          query: {
            zone: 'zone ids, what lies inside included',
            kind: 'kinds of zone',
            covered: 'true or false',
            cursor: 'page',
            limit: '1 to 5000',
          },
          ok: listShape(),
          errors: [422],
        },
      ),
    },
    async (request) => {
      const { query } = request
      const zone = listOf(query, 'zone')
      const inside = zone && facts.within(zone)
      const kind = choicesOf(query, 'kind', ZONE_KINDS)
      const covered = flagOf(query, 'covered')
      const { zones, devices } = facts.fresh()
      const report = coverageOf(
        [...zones.values()],
        [...devices.values()],
        desk.devices(),
        undefined,
        desk.ability?.() ?? null,
      )
      const some = report.filter(
        (c) =>
          (!inside || inside.has(c.zone)) &&
          (!kind || kind.includes(c.kind as never)) &&
          (covered === undefined || c.covered === covered),
      )
      return {
        ...page(some, (c) => c.zone, query),
        at: kit.options.clock.now(),
        uncovered: report.filter((c) => !c.covered).length,
        unable: report.reduce((n, c) => n + c.unable.length, 0),
      }
    },
  )
}
