/** The rest of the fake API: incidents, history filters, health, quarantine, ledger, shift log. Never shipped. */

import type { IncomingMessage } from 'node:http'
import type { Alert, AlertChange, HandoverItem, Level, Me } from '../src/api/types.ts'
import type { Desk } from './desk.ts'
import type { Facility } from './facility.ts'
import { indicatorAnswer } from './indicator-answers.ts'

export const DEAD_CAMERA = 'C-0113'
const CHECKS = ['alerts', 'shelved', 'devices', 'headcount', 'keys', 'sound']

interface Answer {
  status: number
  body: unknown
}
const page = (items: unknown[], total = items.length): Answer => ({ status: 200, body: { items, next: null, total } })

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text ? (JSON.parse(text) as Record<string, unknown>) : {}
}

export class MoreRoutes {
  readonly #desk: Desk
  readonly #facility: Facility
  readonly #startedAt: number
  #notes: { id: string; text: string; by: string; at: number; seq: number; hash: string }[] = []
  #handovers: HandoverItem[] = []
  #seq = 412

  constructor(desk: Desk, facility: Facility, startedAt: number) {
    this.#desk = desk
    this.#facility = facility
    this.#startedAt = startedAt
  }

  /** Alerts by the filters of the list route. */
  filtered(url: URL): Alert[] {
    const list = (name: string) => url.searchParams.get(name)?.split(',').filter(Boolean)
    const all = url.searchParams.get('open') === 'true' ? this.#desk.open() : [...this.#desk.alerts.values()]
    const from = Number(url.searchParams.get('from') ?? 0)
    const [level, state, rule, zone] = ['level', 'state', 'rule', 'zone'].map(list)
    const text = url.searchParams.get('text')
    return all.filter(
      (a) =>
        a.raisedAt >= from &&
        (!level || level.includes(a.level)) &&
        (!state || state.includes(a.state)) &&
        (!rule || rule.includes(a.rule) || rule.includes(a.code)) &&
        (!zone || zone.includes(a.zone ?? '')) &&
        (!text || JSON.stringify(a).includes(text)),
    )
  }

  manual(body: Record<string, unknown>, by: string): AlertChange {
    const alert = this.#desk.raise({
      code: 'S03',
      level: body.level as Level,
      zone: String(body.zone),
      more: { explanation: { zh: String(body.kind), en: String(body.kind) } },
    })
    return this.#desk.emit({ at: Date.now(), change: 'commented', alert, by, note: String(body.note) })
  }

  /** Null when the path is none of these. */
  answer(path: string, url: URL, request: IncomingMessage, me: Me): Answer | Promise<Answer> | null {
    const known = indicatorAnswer(path, this.#startedAt)
    if (known) return known
    if (path === '/api/v1/incidents') {
      const found = Map.groupBy([...this.#desk.alerts.values()], (a) => a.incident!)
      const items = [...found].map(([id, members]) => ({
        id,
        openedAt: Math.min(...members.map((a) => a.raisedAt)),
        closedAt: members.every((a) => a.handling === 'closed') ? Math.max(...members.map((a) => a.closedAt!)) : null,
        level: (['red', 'orange', 'yellow', 'blue'] as const).find((l) => members.some((a) => a.level === l)),
        members: members.map((a) => a.id),
        zones: [...new Set(members.map((a) => a.zone))],
        subjects: [],
        related: [],
      }))
      const open = url.searchParams.get('open') === 'true'
      return page(items.filter((i) => !open || i.closedAt === null).sort((a, b) => b.openedAt - a.openedAt))
    }
    if (path === '/api/v1/health') return { status: 200, body: this.#health() }
    if (path === '/api/v1/quarantine')
      return page([
        {
          id: 'q812',
          state: 'waiting',
          source: 'mqtt',
          device: 'B-0031',
          received: this.#startedAt,
          cause: 'bad-value',
          detail: 'band.vitals: hr 412 is above 250',
          payload: '{"hr":412}',
        },
      ])
    if (path === '/api/v1/indicators')
      return page(
        ['I03', 'I04', 'I09', 'I15'].map((id, i) => ({
          id,
          name: { zh: `指标 ${id}`, en: `Indicator ${id}` },
          unit: i === 0 ? 'ms' : 'ratio',
          status: id === 'I09' ? 'not-computed' : 'computed',
          value: id === 'I09' ? null : i === 0 ? 22_700 : 0.964,
          n: id === 'I09' ? null : 41,
        })),
      )
    if (path === '/api/v1/ledger')
      return me.permissions?.includes('ledger:read')
        ? page(
            this.#desk.changes
              .filter((c) => c.change.alert.id === url.searchParams.get('ref'))
              .map(({ seq, change }) => ({
                seq,
                at: change.at,
                kind: 'alert',
                ref: change.alert.id,
                by: change.by,
                payloadHash: `${seq}`.padStart(64, 'a'),
                hash: `${seq}`.padStart(64, 'c'),
              })),
          )
        : { status: 403, body: { title: 'Not allowed' } }
    if (path.startsWith('/api/v1/shift')) return this.#shift(path, request, me)
    return null
  }

  #health() {
    const devices = this.#facility.devices
    const driver = (name: string) => {
      const own = devices.filter((d) => d.driver === name)
      return { name, devices: own.length, online: own.filter((d) => d.online).length }
    }
    return {
      facility: 'js-03',
      startedAt: this.#startedAt - 7_200_000,
      at: Date.now(),
      journal: {
        lastSeq: 88_213,
        pending: 0,
        bytes: 84_200_000,
        lag: { 'desk/alert': 0, 'sink:local/other': 356, 'uplink/alert': 12 },
      },
      drivers: ['mqtt', 'onvif', 'opcua'].map(driver),
      sinks: [
        { name: 'sink:local', lag: 356, lastError: null },
        { name: 'sink:influx', lag: 41_200, lastError: 'connect ECONNREFUSED 192.0.2.9:8086' },
      ],
      uplink: { configured: true, connected: true, lag: 12, lastError: null },
      broker: { clients: 74, refused: 2 },
      quarantined: 1,
      diskFreeBytes: 402_000_000_000,
      notReady: [],
      stream: { clients: 3, seq: 88_213, published: 5120, dropped: 0, refused: 0, gaps: 0 },
    }
  }

  async #shift(path: string, request: IncomingMessage, me: Me): Promise<Answer> {
    if (!me.permissions?.includes('shift:keep')) return { status: 403, body: { title: 'Not allowed' } }
    const sign = () => ({ by: me.id, at: Date.now(), seq: ++this.#seq, hash: `${this.#seq}`.padStart(64, 'f') })
    if (request.method === 'GET')
      return {
        status: 200,
        body: { notes: this.#notes, handovers: this.#handovers, checks: CHECKS, at: Date.now() },
      }
    const body = await bodyOf(request)
    if (path.endsWith('/notes')) {
      this.#notes = [{ id: `n${this.#seq}`, text: String(body.text), ...sign() }, ...this.#notes]
      return { status: 201, body: this.#notes[0] }
    }
    const red = this.#desk.open().filter((a) => a.level === 'red')
    if (path.endsWith('/handovers')) {
      if (red.length > 0 && body.acceptOpenRed !== true)
        return { status: 422, body: { title: 'Missing', field: 'acceptOpenRed', detail: 'Red alerts are open.' } }
      const open = Object.fromEntries(
        (['red', 'orange', 'yellow', 'blue'] as const).map((level) => [
          level,
          { open: this.#desk.open().filter((a) => a.level === level).length, unacknowledged: 0 },
        ]),
      )
      this.#handovers = [
        {
          id: `h${this.#seq}`,
          status: 'waiting',
          notes: String(body.notes ?? ''),
          snapshot: {
            at: Date.now(),
            open,
            openRed: red.map((a) => a.id),
            shelved: [],
            pendingReview: [],
            devicesOut: 4,
            present: 490,
            expected: 491,
          },
          outgoing: sign(),
          incoming: null,
        },
        ...this.#handovers,
      ]
      return { status: 201, body: this.#handovers[0] }
    }
    const waiting = this.#handovers.find((h) => h.status === 'waiting')
    if (!waiting) return { status: 409, body: { title: 'Conflict' } }
    if (path.endsWith('/accept')) {
      if (waiting.outgoing.by === me.id) return { status: 403, body: { title: 'A second person must take over.' } }
      waiting.status = 'accepted'
      waiting.incoming = { ...sign(), checks: body.checks as string[], note: null }
    } else waiting.status = 'withdrawn'
    return { status: 200, body: waiting }
  }
}
