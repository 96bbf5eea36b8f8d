/**
 * Acts of people: sent at once, marked on the row until the server has answered, never invented here. A refusal is
 * put in words: who was faster, which field is missing, which role is needed.
 */
import { ApiError, postAct } from '../api/client.ts'
import type { Verb } from '../api/types.ts'
import { connection } from './connection.ts'
import { clockTime } from './format.ts'
import { store } from './runtime.ts'
import { Signal } from './signal.ts'

/** A text key with parameters, so that the words follow the language. */
export type ActMessage =
  | { kind: 'done'; verb: Verb }
  | { kind: 'conflict'; by: string | null; at: string | null; state: string | null }
  | { kind: 'missing'; field: string; detail: string }
  | { kind: 'forbidden'; detail: string }
  | { kind: 'failed'; verb: Verb; why: string | null; code: string | null; retry: () => void }
  | { kind: 'lost' }
  | { kind: 'not-allowed'; verb: Verb }
  | { kind: 'partial'; ok: number; skipped: number; state: string | null }

export interface Notice {
  alert: string
  message: ActMessage
  at: number
}

/** The last answer, shown beside the actions and read out. */
export const notice = new Signal<Notice | null>(null)
const tell = (alert: string, message: ActMessage) => notice.set({ alert, message, at: performance.now() })

function explain(error: unknown, verb: Verb, retry: () => void): ActMessage {
  if (!(error instanceof ApiError)) return { kind: 'failed', verb, why: String(error), code: null, retry }
  const p = error.problem
  if (p.status === 409)
    return {
      kind: 'conflict',
      by: p.by ?? null,
      at: typeof p.at === 'number' ? clockTime(p.at) : null,
      state: p.state ?? null,
    }
  if (p.status === 422) return { kind: 'missing', field: p.field ?? '?', detail: p.detail ?? p.title ?? '' }
  if (p.status === 403) return { kind: 'forbidden', detail: p.role ?? p.detail ?? p.title ?? '' }
  return { kind: 'failed', verb, why: p.status === 0 ? null : error.message, code: p.incident ?? null, retry }
}

const BULK_AT_ONCE = 8

/** Null when done, else why not. */
async function send(id: string, verb: Verb, body: unknown): Promise<ActMessage | null> {
  store.setPendingAct(id, verb)
  try {
    const change = await postAct(id, verb, body)
    if (change) store.apply(change)
    return null
  } catch (error) {
    return explain(error, verb, () => void act(id, verb, body))
  } finally {
    store.setPendingAct(id, null)
  }
}

export async function act(id: string, verb: Verb, body: unknown = {}): Promise<boolean> {
  // Nothing is queued while the connection is lost: a late acknowledgement would be a lie about who watched.
  if (connection.get().phase === 'lost' || connection.get().phase === 'connecting') {
    tell(id, { kind: 'lost' })
    return false
  }
  if (store.pendingAct(id)) return false
  const allowed = store.get(id)?.allowedActions
  if (allowed && !allowed.includes(verb)) {
    tell(id, { kind: 'not-allowed', verb })
    return false
  }
  const failure = await send(id, verb, body)
  tell(id, failure ?? { kind: 'done', verb })
  return failure === null
}

/** One act on many alerts; those the server would refuse are skipped, and the answer says how many and why. */
export async function actOnAll(ids: string[], verb: Verb, body: unknown = {}): Promise<void> {
  if (ids.length === 1) {
    await act(ids[0]!, verb, body)
    return
  }
  if (connection.get().phase === 'lost') return tell(ids[0]!, { kind: 'lost' })
  const may = (id: string) => store.get(id)?.allowedActions?.includes(verb) ?? true
  const legal = ids.filter(may)
  const illegal = ids.filter((id) => !may(id))
  const results: (ActMessage | null)[] = []
  // A few at a time: two hundred acts at once would hold up everybody else's.
  for (let i = 0; i < legal.length; i += BULK_AT_ONCE)
    results.push(...(await Promise.all(legal.slice(i, i + BULK_AT_ONCE).map((id) => send(id, verb, body)))))
  const refused = results.filter((r) => r !== null)
  const conflict = refused.find((r) => r.kind === 'conflict')
  tell(ids[0]!, {
    kind: 'partial',
    ok: results.length - refused.length,
    skipped: refused.length + illegal.length,
    state: conflict?.kind === 'conflict' ? conflict.state : illegal[0] ? (store.get(illegal[0])?.state ?? null) : null,
  })
}
