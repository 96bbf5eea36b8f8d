/**
 * When an alert that waits too long is carried to the next person on duty: one pure fold over its change lines, so that
 * a restart finds the same deadlines in the journal. It must never consult a clock, nor raise the level: the rules do.
 */
import { ACK_SLA_MS, type Alert, type AlertChange, type Level } from './alert.ts'

/** What ran out: nobody acknowledged, nobody did anything about it, nobody brought it to an end. */
export const ESCALATION_CLOCKS = ['acknowledge', 'respond', 'resolve'] as const
export type EscalationClock = (typeof ESCALATION_CLOCKS)[number]

export interface EscalationPolicy {
  /** One person after the other, or everybody at the first step. */
  mode: 'sequential' | 'broadcast'
  /** ms by level; null = this clock does not run. */
  limits: Record<EscalationClock, Record<Level, number | null>>
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

export const DEFAULT_ESCALATION: EscalationPolicy = {
  mode: 'sequential',
  limits: {
    acknowledge: ACK_SLA_MS,
    respond: { red: 2 * MINUTE, orange: 5 * MINUTE, yellow: 15 * MINUTE, blue: null },
    // The closing limits of the indicators (domain.md 4).
    resolve: { red: HOUR, orange: 4 * HOUR, yellow: 24 * HOUR, blue: 72 * HOUR },
  },
}

/** Steps beyond the end of the duty list: its last person is told again, then it is left to the screens. */
const REPEATS = 2

/** What stands in the note of the change line; the words are the console's. */
export interface EscalationNote {
  clock: EscalationClock
  /** Which step of this clock, from 1. */
  step: number
  /** Persons of the duty list; empty when nobody is on it. */
  told: string[]
  /** When the next step falls due if nothing happens; null = the last one. */
  nextAt: number | null
}

/** What the change lines of one alert say about its waiting. */
export interface Waiting {
  level: Level
  /** Test alerts have no clocks. */
  exempt: boolean
  /** Shelved, held back by design, out of service. */
  paused: boolean
  closed: boolean
  raisedAt: number
  /** Since when it waits to be acknowledged; null = somebody has. */
  unseenSince: number | null
  seenAt: number | null
  /** Sent somebody, took a step of the plan, proposed an end. */
  respondedAt: number | null
  /** An outcome waits for the second person: the clocks rest. */
  review: boolean
  steps: Record<EscalationClock, { count: number; at: number | null }>
  last: (EscalationNote & { at: number }) | null
}

const unseen = (alert: Alert): boolean => alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged'
const paused = (alert: Alert): boolean =>
  alert.state === 'shelved' || alert.state === 'suppressed-by-design' || alert.state === 'out-of-service'

const noSteps = (): Waiting['steps'] => ({
  acknowledge: { count: 0, at: null },
  respond: { count: 0, at: null },
  resolve: { count: 0, at: null },
})

/** The note of a change line as an escalation by the clock; null when it is none. */
export function escalationOf(change: Pick<AlertChange, 'change' | 'by' | 'note'>): EscalationNote | null {
  if (change.change !== 'escalated' || change.by !== 'system' || !change.note?.startsWith('{')) return null
  try {
    const note = JSON.parse(change.note) as Partial<EscalationNote>
    if (!ESCALATION_CLOCKS.includes(note.clock as EscalationClock) || !Array.isArray(note.told)) return null
    return {
      clock: note.clock!,
      step: Number(note.step) || 1,
      told: note.told.map(String),
      nextAt: typeof note.nextAt === 'number' ? note.nextAt : null,
    }
  } catch {
    return null
  }
}

/** How the alert waits after this change, given how it waited before. */
export function waitingAfter(before: Waiting | null, change: AlertChange): Waiting {
  const { alert, at } = change
  const w: Waiting = before
    ? { ...before, steps: { ...before.steps } }
    : {
        level: alert.level,
        exempt: alert.test,
        paused: false,
        closed: false,
        raisedAt: alert.raisedAt,
        unseenSince: null,
        seenAt: null,
        respondedAt: null,
        review: false,
        steps: noSteps(),
        last: null,
      }
  const wasPaused = before?.paused === true
  const rose = alert.level !== w.level
  w.level = alert.level
  w.paused = paused(alert)
  w.closed = alert.state === 'resolved' || alert.state === 'dismissed'
  w.review = alert.handling === 'pending-review'
  if (unseen(alert)) {
    // Anew: raised, seen before and active again, more serious now, or back from the shelf.
    if (w.unseenSince === null || rose || wasPaused) {
      w.unseenSince = before === null ? alert.raisedAt : at
      w.steps.acknowledge = { count: 0, at: null }
      w.last = null
    }
  } else if (!w.paused) {
    if (w.unseenSince !== null || w.seenAt === null) {
      w.seenAt = alert.ackAt !== null && w.unseenSince === null ? alert.ackAt : at
      w.last = null
    }
    w.unseenSince = null
  }
  const { change: kind } = change
  if (kind === 'dispatched' || kind === 'plan-step' || kind === 'pending-review') w.respondedAt ??= at
  const note = escalationOf(change)
  if (note) {
    w.steps[note.clock] = { count: note.step, at }
    w.last = { ...note, at }
  }
  return w
}

/** Which clock runs out next and when, if nothing happens; null = none does. */
export function nextEscalation(
  w: Waiting,
  policy: EscalationPolicy,
  ladder: number,
): { clock: EscalationClock; at: number; step: number } | null {
  if (w.closed || w.paused || w.exempt || w.review) return null
  const starts: Record<EscalationClock, number | null> = {
    acknowledge: w.unseenSince,
    respond: w.unseenSince === null && w.respondedAt === null ? w.seenAt : null,
    resolve: w.unseenSince === null ? w.raisedAt : null,
  }
  let next: { clock: EscalationClock; at: number; step: number } | null = null
  for (const clock of ESCALATION_CLOCKS) {
    const start = starts[clock]
    const limit = policy.limits[clock][w.level]
    const { count, at } = w.steps[clock]
    if (start === null || limit === null || count >= lastStep(policy, ladder)) continue
    // A step taken before the clock was set anew (the level rose, it came back) does not postpone it.
    const due = Math.max(start, at ?? start) + limit
    if (next === null || due < next.at) next = { clock, at: due, step: count + 1 }
  }
  return next
}

export const lastStep = (policy: EscalationPolicy, ladder: number): number =>
  (policy.mode === 'broadcast' ? Math.min(1, ladder) : ladder) + REPEATS

/** Who is told at this step. The ladder: officers in their order, then the chief. */
export function toldAt(policy: EscalationPolicy, ladder: readonly string[], step: number): string[] {
  if (ladder.length === 0) return []
  if (policy.mode === 'broadcast') return step === 1 ? [...ladder] : [ladder.at(-1)!]
  return [ladder[Math.min(step, ladder.length) - 1]!]
}

/** The note of a step that is taken now. */
export function escalationNote(
  w: Waiting,
  due: { clock: EscalationClock; at: number; step: number },
  policy: EscalationPolicy,
  ladder: readonly string[],
  now: number,
): EscalationNote {
  const limit = policy.limits[due.clock][w.level]
  const more = due.step < lastStep(policy, ladder.length) && limit !== null
  return {
    clock: due.clock,
    step: due.step,
    told: toldAt(policy, ladder, due.step),
    nextAt: more ? now + limit : null,
  }
}
