/**
 * A small fake of the product's API (contracts.md 5) for developing and testing the console: in memory, plain http.
 * It also serves the built console. Never shipped, imported by nothing but tests and its own main.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { permissionsOf, type Role } from '#model/permissions.ts'
import type { Alert, AlertChange, FacilityItem, Level, Me, MutedBy, Verb } from '../src/api/types.ts'
import { Desk } from './desk.ts'
import { buildFacility, type Facility, PHONES } from './facility.ts'
import { DEAD_CAMERA, MoreRoutes } from './more-routes.ts'
import { picture } from './picture.ts'
import { FACILITIES, seedEvening, seedProvince } from './seed.ts'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
}

export const ACCOUNTS: Record<string, Me & { password: string }> = Object.fromEntries(
  (
    [
      ['officer1', 'officer', '李×'],
      ['officer2', 'officer', '赵×'],
      ['chief1', 'chief', '王×'],
      ['engineer1', 'engineer', '周×'],
      ['province1', 'provincial', '沈×'],
      ['auditor1', 'auditor', '郑×'],
      ['wall1', 'wall', '指挥大屏'],
    ] as const
  ).map(([id, role, name]) => [id, { id, role, name, desk: 'console-1', password: 'duty-2026' }]),
)

export interface FakeServer {
  url: string
  desk: Desk
  facility: Facility
  /** Stops heartbeats and events; connections stay open. */
  hush(quiet: boolean): void
  /** Ends all streams and refuses new ones. */
  cut(cut: boolean): void
  /** Nobody can resume from before now: who tries is told of a gap. */
  forget(): void
  /** Heartbeats tell this time from now on (it goes on from there); null = the real one. */
  setTime(time: number | null): void
  close(): Promise<void>
}

interface Options {
  root: string
  tier: 'facility' | 'province'
  port?: number
  empty?: boolean
}

const readBody = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  let text = ''
  for await (const chunk of request) text += chunk
  return text ? (JSON.parse(text) as Record<string, unknown>) : {}
}

export async function startFakeServer(options: Options): Promise<FakeServer> {
  const now = Date.now()
  const desk = new Desk()
  const facility = buildFacility(now)
  if (!options.empty) {
    if (options.tier === 'province') seedProvince(desk, now)
    else seedEvening(desk, now)
  }
  const streams = new Set<{ response: ServerResponse; positions: boolean }>()
  const sessions = new Map<string, Me>()
  const epoch = 'e1'
  let quiet = false
  let cut = false
  let floor = 0
  let shiftMs = 0

  const send = (event: string, id: string | null, data: unknown) => {
    if (quiet) return
    const text = `event: ${event}\n${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(data)}\n\n`
    for (const stream of streams) if (!stream.positions) stream.response.write(text)
  }
  desk.onChange((change, seq) => send('alert', `${epoch}-${seq}`, change))
  const beat = () => ({ seq: desk.seq, time: Date.now() + shiftMs, openAlerts: desk.open().length })
  const heart = setInterval(() => send('heartbeat', `${epoch}-${desk.seq}.1`, beat()), 1000)
  const walk = setInterval(() => {
    if (quiet) return
    const time = Date.now()
    for (const p of facility.positions) {
      if (p.person === 'P012') continue
      p.time = time
      p.x_m += (Math.random() - 0.5) * 0.25
      p.y_m += (Math.random() - 0.5) * 0.25
    }
    for (const stream of streams)
      if (stream.positions) stream.response.write(`event: position\ndata: ${JSON.stringify(facility.positions)}\n\n`)
  }, 500)

  const facilities = (): FacilityItem[] =>
    FACILITIES.map((f) => {
      const open = desk.open().filter((a) => a.facility === f.id)
      const count = (level: Level) => open.filter((a) => a.level === level).length
      return {
        ...f,
        lastSeenAt: f.connected ? Date.now() - 4000 : now - 2_400_000,
        anchor: f.connected ? { at: Date.now() - 31_000, ledgerSeq: 41_207, ledgerHash: '3f2a9b'.repeat(10) } : null,
        anchorConflicts: 0,
        openAlerts: { red: count('red'), orange: count('orange'), yellow: count('yellow'), blue: count('blue') },
      }
    })

  const listen = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const path = url.pathname
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
      response.end(JSON.stringify(body))
    }
    const list = (items: unknown[]) => json(200, { items, next: null, total: items.length })
    if (path === '/healthz') return json(cut ? 503 : 200, { ok: true })
    if (!path.startsWith('/api/')) return file(options.root, path, response)
    if (cut) {
      request.socket.destroy()
      return
    }
    const session = /ww=(\w+)/.exec(request.headers.cookie ?? '')?.[1]
    const me = session ? sessions.get(session) : undefined
    if (path === '/api/v1/login') {
      const body = await readBody(request)
      const account = ACCOUNTS[String(body.account)]
      if (!account || account.password !== body.password) return json(401, { title: 'Account or password is wrong' })
      const key = Math.random().toString(36).slice(2)
      const { password: _p, ...rest } = account
      sessions.set(key, {
        ...rest,
        tier: options.tier,
        permissions: permissionsOf(rest.role as Role),
        facility:
          options.tier === 'facility'
            ? { id: 'js-03', name: { zh: '青岚监狱', en: 'Qinglan Prison' } }
            : { id: 'js', name: { zh: '江苏', en: 'Jiangsu' } },
      })
      response.setHeader('set-cookie', `ww=${key}; Path=/; HttpOnly; SameSite=Strict`)
      return json(200, {})
    }
    if (!me) return json(401, { title: 'Not logged in' })
    if (path === '/api/v1/me') return json(200, me)
    if (path === '/api/v1/logout') {
      sessions.delete(session!)
      return json(200, {})
    }
    if (path === '/api/v1/stream') return stream(request, response, url)
    if (path === '/api/v1/console/audio-state') return json(200, {})
    const may = (permission: string) => me.permissions?.includes(permission) ?? true
    const extra = more.answer(path, url, request, me)
    if (extra) {
      const answer = await extra
      return json(answer.status, answer.body)
    }
    if (path === '/api/v1/alerts') {
      if (request.method === 'POST') return json(201, more.manual(await readBody(request), me.id))
      const items = more.filtered(url).sort((a, b) => b.raisedAt - a.raisedAt)
      const from = Number(url.searchParams.get('cursor') ?? 0)
      const size = Math.min(1000, Number(url.searchParams.get('limit') ?? 200))
      const page = items
        .slice(from, from + size)
        .map((a) => ({ ...a, allowedActions: desk.allowed(a, me.role, me.id) }))
      return json(200, {
        items: page,
        next: from + size < items.length ? String(from + size) : null,
        total: items.length,
      })
    }
    const alertPath = /^\/api\/v1\/alerts\/([^/]+)(?:\/([a-z.-]+))?$/.exec(path)
    if (alertPath) {
      const alert = desk.alerts.get(alertPath[1]!)
      if (!alert) return json(404, { title: 'Not found' })
      if (alertPath[2] === 'evidence.zip' || alertPath[2] === 'evidence.pdf') {
        const reason = url.searchParams.get('reason')
        if (!reason) return json(422, { title: 'A field is missing or wrong', field: 'reason' })
        if (reason === 'busy') return json(503, { title: 'Not available now', detail: 'Other evidence is being made.' })
        response.setHeader(
          'content-disposition',
          `attachment; filename="evidence-${alert.id}.${alertPath[2].slice(9)}"`,
        )
        return response.end(`made up evidence: ${reason}`)
      }
      if (alertPath[2] === 'picture')
        return alert.code === 'R01' ? jpeg(response, 7, true) : json(404, { title: 'No picture' })
      if (request.method === 'GET') return json(200, detail(alert, me))
      const result = desk.act(alert.id, alertPath[2] as Verb, await readBody(request), me.id, me.role)
      return 'body' in result ? json(result.status, { ...result.body, status: result.status }) : json(200, result)
    }
    const snapshot = /^\/api\/v1\/cameras\/([^/]+)\/snapshot$/.exec(path)
    if (snapshot) {
      if (!may('video:read')) return json(403, { title: 'Not allowed' })
      // One camera of the yard is dead, so that its tile can be seen.
      if (snapshot[1] === DEAD_CAMERA) return json(503, { title: 'The camera gives no picture now.' })
      return jpeg(response, Number(snapshot[1]!.slice(-3)), false)
    }
    const device = /^\/api\/v1\/devices\/([^/]+)$/.exec(path)
    if (device) {
      const found = facility.devices.find((d) => d.id === decodeURIComponent(device[1]!))
      return found ? json(200, found) : json(404, { title: 'Not found' })
    }
    if (path === '/api/v1/series') {
      const to = Number(url.searchParams.get('to'))
      const from = Number(url.searchParams.get('from'))
      const points = Array.from({ length: 120 }, (_, i) => {
        const at = from + ((to - from) * i) / 120
        return [at, i > 60 && i < 66 ? null : 21 + Math.sin(at / 400_000) * 2 + Math.sin(at / 31_000) * 0.3]
      })
      return json(200, {
        series: [
          {
            device: url.searchParams.get('device'),
            zone: null,
            type: url.searchParams.get('type'),
            field: url.searchParams.get('field'),
            points,
          },
        ],
      })
    }
    if (path === '/api/v1/facilities') return list(facilities())
    if (path === '/api/v1/headcount')
      return list(
        facility.zones
          .filter((z) => ['ward', 'workshop', 'class-room', 'medical'].includes(z.kind) && z.floor === 1)
          .map((z) => {
            const inside = facility.positions.filter(
              (p) => p.zone === z.id || facility.zones.find((c) => c.id === p.zone)?.parent === z.id,
            )
            const present = inside.filter((p) => !p.staff).length
            return {
              zone: z.id,
              present,
              expected: z.id === 'W2' ? present + 1 : present,
              officers: inside.filter((p) => p.staff).length,
            }
          }),
      )
    if (path === '/api/v1/zones') return list(facility.zones)
    if (path === '/api/v1/devices') return list(facility.devices)
    if (path === '/api/v1/people') return list(facility.people)
    if (path === '/api/v1/rules') return list(facility.rules)
    if (path === '/api/v1/plans') return list(facility.plans)
    if (path === '/api/v1/phones') return may('phones:read') ? list(PHONES) : json(403, { title: 'No' })
    return json(404, { title: 'Not found' })
  }

  const more = new MoreRoutes(desk, facility, now)
  const mutedBy = (alert: Alert, timeline: AlertChange[]): MutedBy | null => {
    const until = desk.shelvedUntil.get(alert.id)
    const shelving = timeline.findLast((c) => c.change === 'shelved')
    if (alert.state !== 'shelved' || until === undefined) return null
    return {
      kind: 'shelf',
      until,
      by: shelving?.by ?? null,
      why: shelving?.note ?? null,
      window: null,
      number: null,
      since: shelving?.at ?? null,
    }
  }
  const detail = (alert: Alert, me: Me) => {
    const timeline = desk.changes.filter((c) => c.change.alert.id === alert.id).map((c) => c.change)
    const plan = facility.plans.find((p) => p.id === alert.plan)
    const progress = timeline
      .filter((c) => c.change === 'plan-step')
      .map((c) => ({ ...(JSON.parse(c.note ?? '{}') as object), by: c.by, at: c.at }))
    return {
      ...alert,
      allowedActions: desk.allowed(alert, me.role, me.id),
      timeline,
      evidence: desk.evidence.get(alert.id) ?? [],
      incident: {
        id: alert.incident,
        members: [...desk.alerts.values()].filter((a) => a.incident === alert.incident).map((a) => a.id),
      },
      shelvedUntil: desk.shelvedUntil.get(alert.id) ?? null,
      mutedBy: mutedBy(alert, timeline),
      plan: plan ? { ...plan, progress } : null,
    }
  }

  const stream = (request: IncomingMessage, response: ServerResponse, url: URL) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const entry = { response, positions: url.searchParams.get('events') === 'position' }
    const last = /^e1-(\d+)/.exec(String(request.headers['last-event-id'] ?? ''))?.[1]
    if (last && Number(last) < floor && !entry.positions)
      response.write(`event: gap\ndata: ${JSON.stringify({ from: Number(last) + 1, to: floor })}\n\n`)
    if (last && !entry.positions)
      for (const { seq, change } of desk.changes)
        if (seq > Math.max(floor, Number(last)))
          response.write(`event: alert\nid: ${epoch}-${seq}\ndata: ${JSON.stringify(change)}\n\n`)
    if (!entry.positions && !quiet)
      response.write(`event: heartbeat\nid: ${epoch}-${desk.seq}.0\ndata: ${JSON.stringify(beat())}\n\n`)
    streams.add(entry)
    response.on('close', () => streams.delete(entry))
  }

  const server: Server = createServer((request, response) => {
    listen(request, response).catch((error: unknown) => {
      response.writeHead(500)
      response.end(String(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    desk,
    facility,
    hush: (on) => {
      quiet = on
    },
    cut: (on) => {
      cut = on
      if (on) for (const { response } of streams) response.destroy()
    },
    forget: () => {
      floor = desk.seq
    },
    setTime: (time) => {
      shiftMs = time === null ? 0 : time - Date.now()
    },
    close: () => {
      clearInterval(heart)
      clearInterval(walk)
      for (const { response } of streams) response.destroy()
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function jpeg(response: ServerResponse, seed: number, figure: boolean): void {
  response.writeHead(200, { 'content-type': 'image/jpeg', 'x-taken-at': String(Date.now()) })
  response.end(picture(seed, figure))
}

function file(root: string, path: string, response: ServerResponse): void {
  const asked = join(root, path)
  const found = extname(path) && existsSync(asked) ? asked : join(root, 'index.html')
  response.writeHead(200, { 'content-type': TYPES[extname(found)] ?? 'application/octet-stream' })
  response.end(readFileSync(found))
}
