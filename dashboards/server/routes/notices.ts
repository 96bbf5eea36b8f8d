/**
 * What the duty chief must be told although nothing rings: a step of a plan that somebody left out. Each notice is an
 * act in the ledger and so is that the chief has seen it; nothing is kept beside it.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Alert } from '#model/alert/alert.ts'
import type { Ledger } from '#model/ports/ledger.ts'
import { accountOf, allow } from '../authentication.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { notFound, problem } from '../problem.ts'
import type { ConsoleKit } from '../server.ts'

const REF = 'notice'
const SHOWN_MS = 24 * 3_600_000
const MAX_ENTRIES = 2_000

interface Told {
  act: 'notice'
  id: string
  what: 'plan-skip'
  alert: string
  number: string | null
  level: Alert['level']
  plan: string | null
  step: string
  text: { zh: string; en: string } | null
  note: string | null
}
type Payload = Told | { act: 'notice-seen'; id: string }

export interface Notice extends Omit<Told, 'act'> {
  by: string
  at: number
  seen: { by: string; at: number } | null
}

/** Tells the chief that a step was left out; resolves once the ledger has it. */
export async function tellSkipped(
  ledger: Ledger,
  alert: Alert,
  skipped: { plan: string | null; step: string; text: { zh: string; en: string } | null; note: string | null },
  by: string,
): Promise<void> {
  const { id, number, level } = alert
  const payload: Told = { act: 'notice', id: randomUUID(), what: 'plan-skip', alert: id, number, level, ...skipped }
  await ledger.append([{ kind: 'act', ref: REF, by, payload }])
}

export function registerNoticeRoutes(app: FastifyInstance, kit: ConsoleKit, ledger: Ledger): void {
  const { clock } = kit.options
  const read = async (): Promise<Notice[]> => {
    const entries = await ledger.list({ ref: REF, kind: 'act', from: clock.now() - SHOWN_MS, limit: MAX_ENTRIES })
    const notices = new Map<string, Notice>()
    for (const { payload, by, at } of entries) {
      const p = payload as Payload | null
      if (p?.act === 'notice') {
        const { act: _act, ...rest } = p
        notices.set(p.id, { ...rest, by: by ?? '?', at, seen: null })
      } else if (p?.act === 'notice-seen') {
        const known = notices.get(p.id)
        if (known) known.seen ??= { by: by ?? '?', at }
      }
    }
    return [...notices.values()].reverse()
  }

  app.get(
    '/api/v1/notices',
    {
      onRequest: allow('shift:keep'),
      schema: describeRoute('Notices to the duty chief of the last 24 h, newest first', 'shift', { ok: listShape() }),
    },
    async () => {
      const items = await read()
      return { items, next: null, total: items.length }
    },
  )

  app.post<{ Params: { id: string } }>(
    '/api/v1/notices/:id/seen',
    {
      onRequest: allow('shift:keep'),
      schema: describeRoute('The duty chief has seen a notice', 'shift', { errors: [403, 404, 409] }),
    },
    async (request) => {
      const account = accountOf(request)
      if (account.role !== 'chief')
        throw problem(403, 'Notices are for the duty chief; an officer cannot see them off.')
      const known = (await read()).find((notice) => notice.id === request.params.id)
      if (!known) throw notFound('notice', request.params.id)
      if (known.seen) throw problem(409, `${known.seen.by} has seen it already.`, { ...known.seen, state: 'seen' })
      const payload: Payload = { act: 'notice-seen', id: known.id }
      const [entry] = await ledger.append([{ kind: 'act', ref: REF, by: account.id, payload }])
      return { ...known, seen: { by: account.id, at: entry!.at } }
    },
  )
}
