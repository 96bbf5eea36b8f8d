/**
 * Escalation by the clock: what nobody acknowledges, handles or ends in time is carried along the duty list. It follows
 * the desk's changes and keeps nothing of its own: after a restart the timelines say what has been told to whom.
 */
import { type Alert, type AlertChange, levelRank } from '#model/alert/alert.ts'
import {
  DEFAULT_ESCALATION,
  type EscalationPolicy,
  escalationNote,
  nextEscalation,
  type Waiting,
  waitingAfter,
} from '#model/alert/escalation.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { AlertDesk, EscalationView } from '#model/ports/alert-desk.ts'

/** Deadlines are looked at at most so often, however many there are. */
const LOOK_MS = 250
const PAGE = 500
/** Steps of one look, so that a storm of alerts is not followed by as large a storm of escalations: 200 a second. */
const STEPS_AT_ONCE = 50

export interface EscalatingDesk extends Pick<AlertDesk, 'list' | 'timeline' | 'onChange'> {
  escalateBySystem(id: string, at: number, note: string, still: (alert: Alert) => boolean): Promise<AlertChange[]>
}

export interface EscalationOptions {
  desk: EscalatingDesk
  clock: Clock
  policy?: EscalationPolicy
  /** Who is on duty at this moment, in the order in which they are told. */
  ladder(at: number): string[]
  onFault?(detail: string): void
}

export interface Escalation {
  of(id: string): EscalationView | null
  stats(): { watched: number; steps: number; failed: number; postponed: number }
  close(): void
}

interface Known {
  waiting: Waiting
  dueAt: number | null
}

export async function openEscalation(options: EscalationOptions): Promise<Escalation> {
  const escalation = new EscalationWatch(options)
  await escalation.start()
  return escalation
}

class EscalationWatch implements Escalation {
  readonly #options: EscalationOptions
  readonly #policy: EscalationPolicy
  readonly #waiting = new Map<string, Known>()
  readonly #leave: () => void
  #timer: Timer | null = null
  #timerAt = Number.POSITIVE_INFINITY
  #steps = 0
  #failed = 0
  #postponed = 0
  #closed = false

  constructor(options: EscalationOptions) {
    this.#options = options
    this.#policy = options.policy ?? DEFAULT_ESCALATION
    this.#leave = options.desk.onChange((change) => this.#follow(change))
  }

  /** What was open before this process: its timelines hold every step that was taken. */
  async start(): Promise<void> {
    const { desk } = this.#options
    let cursor: string | undefined
    do {
      const page = await desk.list({ open: true }, cursor, PAGE)
      for (const { id } of page.items) {
        const timeline = await desk.timeline(id)
        // What came in while the file was read is part of the timeline, or it will come after it.
        let waiting: Waiting | null = null
        for (const change of timeline) waiting = waitingAfter(waiting, change)
        if (waiting && !waiting.closed) this.#watch(id, waiting)
      }
      cursor = page.next ?? undefined
    } while (cursor !== undefined && !this.#closed)
  }

  of(id: string): EscalationView | null {
    const known = this.#waiting.get(id)
    if (!known) return null
    const { waiting } = known
    const next = nextEscalation(waiting, this.#policy, this.#ladder().length)
    if (!waiting.last && !next) return null
    return {
      step: waiting.last?.step ?? 0,
      clock: waiting.last?.clock ?? null,
      told: waiting.last?.told ?? [],
      at: waiting.last?.at ?? null,
      nextAt: next?.at ?? null,
      nextClock: next?.clock ?? null,
    }
  }

  stats() {
    return { watched: this.#waiting.size, steps: this.#steps, failed: this.#failed, postponed: this.#postponed }
  }

  close(): void {
    this.#closed = true
    this.#leave()
    this.#timer?.cancel()
  }

  #ladder(): string[] {
    return this.#options.ladder(this.#options.clock.now())
  }

  #follow(change: AlertChange): void {
    const { id } = change.alert
    const waiting = waitingAfter(this.#waiting.get(id)?.waiting ?? null, change)
    if (waiting.closed) this.#waiting.delete(id)
    else this.#watch(id, waiting)
  }

  #watch(id: string, waiting: Waiting): void {
    const dueAt = nextEscalation(waiting, this.#policy, this.#ladder().length)?.at ?? null
    this.#waiting.set(id, { waiting, dueAt })
    if (dueAt !== null) this.#lookAt(dueAt)
  }

  #lookAt(at: number): void {
    if (this.#closed || at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    const wait = Math.max(at - this.#options.clock.now(), 0)
    this.#timer = this.#options.clock.after(wait, () => this.#look())
  }

  #look(): void {
    const now = this.#options.clock.now()
    this.#timer = null
    this.#timerAt = Number.POSITIVE_INFINITY
    let earliest = Number.POSITIVE_INFINITY
    const due: [id: string, known: Known][] = []
    for (const [id, known] of this.#waiting) {
      if (known.dueAt === null) continue
      if (known.dueAt <= now) due.push([id, known])
      else if (known.dueAt < earliest) earliest = known.dueAt
    }
    if (due.length > STEPS_AT_ONCE) {
      // In a storm everything falls due at once: the most serious is told first, the rest a moment later.
      due.sort(([, a], [, b]) => levelRank(b.waiting.level) - levelRank(a.waiting.level) || a.dueAt! - b.dueAt!)
      this.#postponed += due.length - STEPS_AT_ONCE
      earliest = now
    }
    for (const [id, known] of due.slice(0, STEPS_AT_ONCE)) this.#step(id, known, now)
    if (earliest < Number.POSITIVE_INFINITY) this.#lookAt(Math.max(earliest, now + LOOK_MS))
  }

  #step(id: string, known: Known, now: number): void {
    const ladder = this.#ladder()
    const due = nextEscalation(known.waiting, this.#policy, ladder.length)
    // The desk's own change sets the next deadline; until then this one is taken.
    known.dueAt = null
    if (!due) return
    const note = escalationNote(known.waiting, due, this.#policy, ladder, now)
    this.#steps++
    this.#options.desk
      // Somebody may have been faster: what the clock saw must still hold when the desk decides.
      .escalateBySystem(id, now, JSON.stringify(note), (alert) => {
        const seen = alert.state !== 'unacknowledged' && alert.state !== 'returned-unacknowledged'
        return due.clock === 'acknowledge' ? !seen : seen && alert.handling !== 'pending-review'
      })
      .catch((error: Error) => {
        this.#failed++
        this.#options.onFault?.(`alert ${id} could not be escalated: ${error.message}`)
        const again = this.#waiting.get(id)
        if (again && again.dueAt === null) {
          again.dueAt = now + 5_000
          this.#lookAt(again.dueAt)
        }
      })
  }
}
