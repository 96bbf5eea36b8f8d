/**
 * The way of every message into the store: validated, collected, and committed in groups, each sequence applied once.
 * `accept` resolves only when the commit is durable; whoever calls it must not acknowledge before.
 */
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { type ReadEnvelope, type Refusal, readEnvelope } from './envelope.ts'
import { type Applied, applyBatch } from './store/apply.ts'
import type { Store } from './store/sql.ts'

export interface IntakeCounters {
  received: number
  applied: number
  duplicates: number
  quarantined: number
  /** Turned away unacknowledged because the queue was full or the store failed: the facility sends them again. */
  deferred: number
  commits: number
  restarts: number
}

export interface IntakeItem {
  topic: string
  receivedAt: number
  read: ReadEnvelope | Refusal
}

export type Outcome = 'applied' | 'duplicate' | 'quarantined'

interface Waiting {
  item: IntakeItem
  resolve: (outcome: Outcome) => void
  reject: (error: Error) => void
}

export interface Intake {
  /** `identity`: the facility the connection has proved to be, null when an outer broker has checked it. */
  accept(topic: string, payload: Uint8Array, identity: string | null): Promise<Outcome>
  /** Called after each commit, in the order of commits. */
  onApplied(listener: (applied: Applied) => void): () => void
  /** Runs `work` between two commits: the receiver and the province's own alerts never write at once. */
  exclusive<T>(work: () => Promise<T>): Promise<T>
  counters: IntakeCounters
  queued(): number
  close(): Promise<void>
}

const MAX_BATCH = 256
const MAX_QUEUE = 20_000

export function createIntake(options: {
  store: Store
  clock: Clock
  /** Facilities of the configuration; others are refused. */
  knows: (facility: string) => boolean
  maxQueue?: number
  log?: { error(fields: object, text: string): void }
}): Intake {
  const { store, clock, knows } = options
  const maxQueue = options.maxQueue ?? MAX_QUEUE
  const counters: IntakeCounters = {
    received: 0,
    applied: 0,
    duplicates: 0,
    quarantined: 0,
    deferred: 0,
    commits: 0,
    restarts: 0,
  }
  const listeners = new Set<(applied: Applied) => void>()
  let queue: Waiting[] = []
  let closing = false
  let turn: Promise<unknown> = Promise.resolve()
  let scheduled = false

  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = turn.then(work)
    turn = run.catch(() => {})
    return run
  }

  function settle(batch: Waiting[], applied: Applied): void {
    counters.commits++
    counters.restarts += applied.restarts
    applied.outcomes.forEach((outcome, i) => {
      counters[outcome === 'applied' ? 'applied' : outcome === 'duplicate' ? 'duplicates' : 'quarantined']++
      batch[i]!.resolve(outcome)
    })
    for (const listener of listeners) listener(applied)
  }

  function refuse(waiting: Waiting, error: unknown): void {
    counters.deferred++
    waiting.reject(error instanceof Error ? error : new Error(String(error)))
  }

  async function commit(batch: Waiting[]): Promise<void> {
    const apply = (part: Waiting[]) =>
      store.transaction((sql) =>
        applyBatch(
          sql,
          part.map((w) => w.item),
        ),
      )
    try {
      settle(batch, await apply(batch))
    } catch (error) {
      options.log?.error({ err: error, messages: batch.length }, 'a group of messages could not be stored')
      if (batch.length === 1) return refuse(batch[0]!, error)
      // One message must not hold up the others: each gets its own transaction.
      for (const waiting of batch) {
        try {
          settle([waiting], await apply([waiting]))
        } catch (single) {
          refuse(waiting, single)
        }
      }
    }
  }

  function schedule(): void {
    if (scheduled || queue.length === 0) return
    scheduled = true
    void exclusive(async () => {
      scheduled = false
      const batch = queue.slice(0, MAX_BATCH)
      queue = queue.slice(MAX_BATCH)
      await commit(batch)
    }).finally(schedule)
  }

  return {
    counters,
    accept(topic, payload, identity) {
      counters.received++
      let read = readEnvelope(topic, payload, identity)
      if (read.facility !== null && !knows(read.facility)) read = unknownFacility(read, payload.length)
      if (closing || queue.length >= maxQueue) {
        counters.deferred++
        const why = closing ? 'The province is stopping' : `The province has ${maxQueue} messages waiting for its disk`
        return Promise.reject(
          new WardwatchError('limit-exceeded', `${why}; the message is not acknowledged and must be sent again.`),
        )
      }
      return new Promise((resolve, reject) => {
        queue.push({ item: { topic, receivedAt: clock.now(), read }, resolve, reject })
        schedule()
      })
    },
    onApplied(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    exclusive,
    queued: () => queue.length,
    async close() {
      closing = true
      while (queue.length > 0 || scheduled) await turn
      await turn
    },
  }
}

function unknownFacility(read: ReadEnvelope | Refusal, bytes: number): Refusal {
  return {
    ok: false,
    facility: null,
    cause: 'topic-denied',
    detail: 'The facility of the topic is not in the configuration of the province.',
    sequence: null,
    bytes,
    sha256: read.ok ? read.contentHash : read.sha256,
    payload: null,
  }
}
