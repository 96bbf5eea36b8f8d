/**
 * 值班日志 and 交接班: notes of the watch, and the handover that one person signs and another takes over. Every entry is
 * an act in the hash-chained ledger and nothing is kept beside it; the state at the signature is taken by the server.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { type Alert, LEVELS } from '#model/alert/alert.ts'
import type { Escort } from '#model/context/kinds.ts'
import type { Ledger, LedgerEntry } from '#model/ports/ledger.ts'
import { accountOf, allow } from '../authentication.ts'
import { headcountOf } from '../headcount.ts'
import { offSiteOf } from '../off-site.ts'
import { describeRoute } from '../openapi.ts'
import { fieldProblem, notFound, problem } from '../problem.ts'
import { type Query, textOf, timeOf } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

const REF = 'shift'
const DAY = 86_400_000
const SHOWN_MS = 14 * DAY
const YEAR = 365 * DAY
const PAGE = 500
/** Entries that one answer looks through; two weeks of a busy watch are far below it. */
const MAX_ENTRIES = 20_000
/** Steps that the incoming person crosses off one by one (prepare, exchange, cross-check). */
export const HANDOVER_CHECKS = ['alerts', 'shelved', 'devices', 'headcount', 'keys', 'sound'] as const

/** What stood when the outgoing person signed. */
interface Snapshot {
  at: number
  open: Record<string, { open: number; unacknowledged: number }>
  openRed: string[]
  shelved: string[]
  pendingReview: string[]
  devicesOut: number
  present: number | null
  expected: number | null
  /** Persons on an escort that leads out, or seen outside. Absent in handovers of before it was kept. */
  offSite?: string[]
}

type Payload =
  | { act: 'shift-note'; id: string; text: string }
  | { act: 'handover-signed'; id: string; notes: string; acceptOpenRed: boolean; snapshot: Snapshot }
  | { act: 'handover-accepted'; id: string; checks: string[]; acceptOpenRed: boolean; note: string | null }
  | { act: 'handover-withdrawn'; id: string; note: string }

interface Signature {
  by: string
  at: number
  seq: number
  hash: string
}

export interface Handover {
  id: string
  status: 'waiting' | 'accepted' | 'withdrawn'
  notes: string
  snapshot: Snapshot
  outgoing: Signature
  incoming: (Signature & { checks: string[]; note: string | null }) | null
}

interface ShiftNote extends Signature {
  id: string
  text: string
}

const signature = (entry: LedgerEntry): Signature => ({
  by: entry.by ?? '?',
  at: entry.at,
  seq: entry.seq,
  hash: entry.hash,
})

/** The log as it stands after these entries, oldest first. */
export function foldShift(entries: readonly LedgerEntry[]): { notes: ShiftNote[]; handovers: Handover[] } {
  const notes: ShiftNote[] = []
  const handovers = new Map<string, Handover>()
  for (const entry of entries) {
    const p = entry.payload as Payload | null
    if (!p || typeof p !== 'object') continue
    if (p.act === 'shift-note') notes.push({ id: p.id, text: p.text, ...signature(entry) })
    else if (p.act === 'handover-signed')
      handovers.set(p.id, {
        id: p.id,
        status: 'waiting',
        notes: p.notes,
        snapshot: p.snapshot,
        outgoing: signature(entry),
        incoming: null,
      })
    else {
      const known = handovers.get(p.id)
      if (known?.status !== 'waiting') continue
      if (p.act === 'handover-withdrawn') known.status = 'withdrawn'
      else if (p.act === 'handover-accepted') {
        known.status = 'accepted'
        known.incoming = { ...signature(entry), checks: p.checks, note: p.note }
      }
    }
  }
  return { notes: notes.reverse(), handovers: [...handovers.values()].reverse() }
}

const closed = { additionalProperties: false }
const words = (maxLength: number) => Type.String({ minLength: 1, maxLength })

export function registerShiftRoutes(app: FastifyInstance, kit: ConsoleKit, ledger: Ledger): void {
  const { clock, alerts, facility } = kit.options
  const onRequest = allow('shift:keep')

  const read = async (from: number, to?: number) => {
    const span = { ref: REF, kind: 'act', from, ...(to === undefined ? {} : { to }) }
    return foldShift(await ledger.list({ ...span, limit: MAX_ENTRIES }))
  }
  const append = async (by: string, payload: Payload) =>
    (await ledger.append([{ kind: 'act', ref: REF, by, payload }]))[0]!

  /** Every open alert, however many pages they fill: what is left out of a handover is handed over unseen. */
  const openAlerts = async (levels?: Alert['level'][]): Promise<Alert[]> => {
    const found: Alert[] = []
    let cursor: string | undefined
    do {
      const page = await alerts?.list({ open: true, ...(levels ? { level: levels } : {}) }, cursor, PAGE)
      found.push(...(page?.items ?? []))
      cursor = page?.next ?? undefined
    } while (cursor && found.length < MAX_ENTRIES)
    return found.filter((a) => a.handling !== 'closed')
  }

  const offSite = () => {
    const zones = kit.facts?.fresh().zones
    if (!facility || !zones) return []
    return offSiteOf(zones, facility.context('escorts') as Escort[], facility.positions(), clock.now())
  }

  let last: Promise<unknown> = Promise.resolve()
  /**
   * One signature after another: between looking whether a handover waits and writing the next entry nobody else may
   * write, or two persons would both have taken over.
   */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work)
    last = mine.catch(() => {})
    return mine
  }

  const snapshot = async (): Promise<Snapshot> => {
    const at = clock.now()
    const open = await openAlerts()
    const { zones, people } = kit.facts?.fresh() ?? { zones: new Map(), people: new Map() }
    const rows = facility ? headcountOf([...zones.values()], [...people.values()], facility.positions(), at) : []
    const wards = rows.filter((row) => row.kind === 'ward')
    const sum = (key: 'present' | 'expected') => (wards.length === 0 ? null : wards.reduce((n, row) => n + row[key], 0))
    return {
      at,
      open: alerts?.counts() ?? Object.fromEntries(LEVELS.map((l) => [l, { open: 0, unacknowledged: 0 }])),
      openRed: open.filter((a) => a.level === 'red').map((a) => a.number ?? a.id),
      shelved: open.filter((a) => a.state === 'shelved').map((a) => a.number ?? a.id),
      pendingReview: open.filter((a) => a.handling === 'pending-review').map((a) => a.number ?? a.id),
      devicesOut: facility?.devices().filter((d) => d.online === false).length ?? 0,
      present: sum('present'),
      expected: sum('expected'),
      offSite: offSite().map((o) => o.person),
    }
  }

  app.get<{ Querystring: Query }>(
    '/api/v1/shift',
    {
      onRequest,
      schema: describeRoute('Shift log and handovers, newest first', 'shift', {
        query: {
          from: 'default: two weeks ago; with words: a year ago',
          to: 'signed at or before',
          text: 'words that all stand in the note, or its author',
        },
        ok: { type: 'object', properties: { notes: { type: 'array' }, handovers: { type: 'array' } } },
        errors: [422],
      }),
    },
    async ({ query }) => {
      const words = (textOf(query, 'text') ?? '').toLowerCase().split(/\s+/).filter(Boolean)
      const back = words.length > 0 ? YEAR : SHOWN_MS
      const found = await read(timeOf(query, 'from') ?? clock.now() - back, timeOf(query, 'to'))
      const has = (...texts: (string | null | undefined)[]) => {
        const all = texts.join(' ').toLowerCase()
        return words.every((word) => all.includes(word))
      }
      return {
        notes: found.notes.filter((n) => has(n.text, n.by)),
        handovers: found.handovers.filter((h) => has(h.notes, h.outgoing.by, h.incoming?.by, h.incoming?.note)),
        checks: HANDOVER_CHECKS,
        offSite: offSite(),
        at: clock.now(),
      }
    },
  )

  app.post(
    '/api/v1/shift/notes',
    {
      onRequest,
      schema: describeRoute('A note in the shift log', 'shift', {
        body: Type.Object({ text: words(4_000) }, closed),
        status: 201,
        errors: [422],
      }),
    },
    async (request, reply) => {
      const text = (request.body as { text: string }).text.trim()
      if (text === '') throw fieldProblem('text', 'A note needs words.')
      const id = randomUUID()
      const entry = await append(accountOf(request).id, { act: 'shift-note', id, text })
      return reply.code(201).send({ id, text, ...signature(entry) })
    },
  )

  app.post(
    '/api/v1/shift/handovers',
    {
      onRequest,
      schema: describeRoute('The outgoing person signs the handover', 'shift', {
        body: Type.Object(
          {
            notes: Type.Optional(Type.String({ maxLength: 8_000 })),
            acceptOpenRed: Type.Optional(Type.Boolean()),
          },
          closed,
        ),
        status: 201,
        errors: [409, 422],
      }),
    },
    (request, reply) =>
      inTurn(async () => {
        const { notes, acceptOpenRed } = request.body as { notes?: string; acceptOpenRed?: boolean }
        const waiting = (await read(clock.now() - SHOWN_MS)).handovers.find((h) => h.status === 'waiting')
        if (waiting)
          throw problem(409, `A handover of ${waiting.outgoing.by} waits for the incoming person.`, {
            by: waiting.outgoing.by,
            at: waiting.outgoing.at,
          })
        const state = await snapshot()
        if (state.openRed.length > 0 && acceptOpenRed !== true)
          throw fieldProblem(
            'acceptOpenRed',
            `${state.openRed.length} red alerts are open; both persons must accept this explicitly.`,
          )
        const id = randomUUID()
        const payload = {
          act: 'handover-signed' as const,
          id,
          notes: notes ?? '',
          acceptOpenRed: acceptOpenRed === true,
          snapshot: state,
        }
        const entry = await append(accountOf(request).id, payload)
        return reply.code(201).send(foldShift([entry]).handovers[0])
      }),
  )

  app.post<{ Params: { id: string } }>(
    '/api/v1/shift/handovers/:id/accept',
    {
      onRequest,
      schema: describeRoute('The incoming person takes over, each item checked', 'shift', {
        body: Type.Object(
          {
            checks: Type.Array(Type.String({ enum: [...HANDOVER_CHECKS] }), { maxItems: 20 }),
            acceptOpenRed: Type.Optional(Type.Boolean()),
            note: Type.Optional(Type.String({ maxLength: 4_000 })),
          },
          closed,
        ),
        errors: [403, 404, 409, 422],
      }),
    },
    (request) =>
      inTurn(async () => {
        const { id } = request.params
        const body = request.body as { checks: string[]; acceptOpenRed?: boolean; note?: string }
        const known = await waitingOne(id)
        const by = accountOf(request).id
        if (known.outgoing.by === by) throw problem(403, `${by} handed over; a second person must take over.`)
        const missing = HANDOVER_CHECKS.find((check) => !body.checks.includes(check))
        if (missing) throw fieldProblem('checks', `"${missing}" has not been checked.`)
        const red = (await openAlerts(['red'])).map((a) => a.number ?? a.id)
        // What the outgoing person never saw, that person has not accepted: the word of both is about the same alerts.
        const since = red.filter((number) => !known.snapshot.openRed.includes(number))
        if (since.length > 0)
          throw problem(
            409,
            `${since.join(', ')} became red after ${known.outgoing.by} signed; the signature must be withdrawn and given anew.`,
            { reason: 'red-since', since, by: known.outgoing.by, at: known.outgoing.at },
          )
        if ((red.length > 0 || known.snapshot.openRed.length > 0) && body.acceptOpenRed !== true)
          throw fieldProblem('acceptOpenRed', 'Red alerts are open; both persons must accept this explicitly.')
        const entry = await append(by, {
          act: 'handover-accepted',
          id,
          checks: body.checks,
          acceptOpenRed: body.acceptOpenRed === true,
          note: body.note?.trim() || null,
        })
        return {
          ...known,
          status: 'accepted',
          incoming: { ...signature(entry), checks: body.checks, note: body.note?.trim() || null },
        }
      }),
  )

  app.post<{ Params: { id: string } }>(
    '/api/v1/shift/handovers/:id/withdraw',
    {
      onRequest,
      schema: describeRoute('The outgoing person takes the signature back, with a reason', 'shift', {
        body: Type.Object({ note: words(4_000) }, closed),
        errors: [403, 404, 409, 422],
      }),
    },
    (request) =>
      inTurn(async () => {
        const { id } = request.params
        const known = await waitingOne(id)
        const by = accountOf(request).id
        if (known.outgoing.by !== by) throw problem(403, 'Only who signed may take the signature back.')
        await append(by, { act: 'handover-withdrawn', id, note: (request.body as { note: string }).note })
        return { ...known, status: 'withdrawn' }
      }),
  )

  async function waitingOne(id: string): Promise<Handover> {
    const known = (await read(clock.now() - SHOWN_MS)).handovers.find((h) => h.id === id)
    if (!known) throw notFound('handover', id)
    if (known.status !== 'waiting')
      throw problem(409, `The handover is ${known.status} already.`, {
        by: known.incoming?.by ?? known.outgoing.by,
        at: known.incoming?.at ?? known.outgoing.at,
        state: known.status,
      })
    return known
  }
}
