/**
 * The contract between the engine and an operator. An operator is a small state machine: it is given its state, an
 * input (or a deadline, or a change of another alert) and answers with hits, clearings and deadlines. All that it
 * remembers lies in `state`, which is plain JSON; it has no clock, no I/O, no chance and no variables of its own.
 */

import type { Alert, Level } from '#model/alert/alert.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Device } from '#model/context/kinds.ts'
import type { Quality, ReadingValue } from '#model/reading.ts'
import type { Gateways } from './gateways.ts'
import type { Rule } from './rule.ts'
import type { Signals } from './signals.ts'
import type { Whereabouts } from './whereabouts.ts'

/** A reading as operators see it: time corrected, zone and subject resolved once. */
export interface Input {
  id: string
  device: string
  type: string
  /** Corrected time of the observation, ms. On time: equal to `cx.now`. Late: earlier. */
  time: number
  received: number
  quality: Quality
  zone: string | null
  subject: string | null
  value: ReadingValue
  /** Came after the lateness, within `still-matters`. */
  late: boolean
  /** Entry of the site file, if there is one. */
  dev: Device | undefined
  /** A position that may be used: accurate, of a worn band, not bad. False for every other type. */
  usableFix: boolean
  /** The device's sample before this one was no longer valid (or bad, or the device offline) when this one came. */
  afterGap: boolean
}

/** A reading that counts as evidence. */
export interface Mark {
  id: string
  t: number
}

export interface HitReason {
  code: string
  params?: Record<string, unknown>
  class?: 'L1' | 'L2' | 'L3' | 'L4'
}

/** "The pattern is true": raises, escalates, re-activates or adds evidence, whatever the alert book finds. */
export interface Hit {
  key: string
  level: Level
  /** Id of the earliest reading that the pattern needs, or "due:" + ISO time. Decides the alert id. */
  opening: string
  evidence: Mark[]
  zone?: string | null
  device?: string | null
  /** First subject first; the book sorts the list and keeps the first. */
  subjects?: string[]
  reasons: HitReason[]
  advice?: string[]
  /** Completion in event time when it differs from `cx.now`. */
  eventTime?: number
  /** The evidence goes on until then (an active detection); a quiet clearing counts from it. Replaces what was said before. */
  lastsUntil?: number
  /** Raises the level of an open alert, also of one whose condition is over; never raises or re-activates one. */
  risesOnly?: boolean
  /** Raise it suppressed by design (children of a mass failure). */
  suppressed?: boolean
  note?: string
  /** The alert ends only by a person, whatever the rule says (a cut fence, a tampered band). */
  untilPerson?: boolean
  /** This alert cannot be shelved (tamper). */
  unshelvable?: boolean
}

export interface AlertEvent {
  change:
    | 'raised'
    | 'escalated'
    | 'reactivated'
    | 'updated'
    | 'cleared'
    | 'closed'
    | 'acknowledged'
    | 'shelved'
    | 'annunciated'
  alert: Alert
  at: number
  /** Consoles at which it sounded; only of `annunciated`. */
  desks?: readonly string[]
}

/** What operators may ask about alerts. Answers include what happened in this very instant. */
export interface AlertsView {
  /** Open (not closed) alerts of a rule code. */
  open(code: string): readonly Alert[]
  find(code: string, key: string): Alert | undefined
}

/**
 * When a wake-up at t stands against readings of exactly t (`semantics.md` 2): `sustained` timers come before them
 * ("for N s" is true at t0+N), `absence` deadlines after them ("within N s" still accepts t0+N).
 */
export type WakeClass = 'sustained' | 'absence'

export interface Cx<S extends object> {
  readonly rule: Rule
  /** All rules of this run, enabled or not. */
  readonly rules: readonly Rule[]
  readonly site: FacilityContext
  readonly signals: Signals
  readonly people: Whereabouts
  readonly gateways: Gateways
  readonly alerts: AlertsView
  /** Time of the ordered run, ms. */
  readonly now: number
  /** A live edge, not a replay: devices that have never spoken are a matter of their own. */
  readonly live: boolean
  /** State of a key, made by `initial` when there is none. */
  state(key: string): S
  peek(key: string): S | undefined
  /** An empty object as the state of a key, for operators whose state has no beginning of its own. */
  begin(key: string): Partial<S>
  forget(key: string): void
  keys(): IterableIterator<string>
  /**
   * Asks for `wake(key, tag)` at `at`. One wake-up a (key, tag) is kept, the earliest: the operator compares with its
   * state when woken and asks again for the rest. So a timer that each reading pushes back costs nothing per reading.
   */
  wake(key: string, at: number, cls: WakeClass, tag?: string): void
  hit(hit: Hit): void
  /** The condition of the key ended. */
  clear(key: string): void
  /** The condition became unknown (or known again): never clears, only marks. */
  stale(key: string, stale: boolean): void
  /** Puts the open alert of another rule into suppressed-by-design, or lets it out. */
  suppress(code: string, key: string, suppressed: boolean): void
  /** Counts something that did not become an alert (`inhibited`, `excused`); shown by `--why`. */
  count(name: string): void
}

export interface Prepared<S extends object> {
  initial(key: string): S
  on(input: Input, cx: Cx<S>): void
  wake?(key: string, tag: string, cx: Cx<S>): void
  /** Changes of alerts of the codes named in `watches` of the rule file. */
  alert?(event: AlertEvent, cx: Cx<S>): void
  /** The run begins: `cx.now` is the time of its first line. Not called after a restart. */
  start?(cx: Cx<S>): void
  /** The run goes on after a restart, perhaps with other rules. Must say nothing that it would not say without the restart. */
  restored?(cx: Cx<S>): void
  /** The context of the facility changed. */
  context?(cx: Cx<S>): void
  /** What the rule knows beyond its alerts, for `Engine.report`. */
  report?(cx: Cx<S>): unknown
}

export interface Operator<S extends object = never> {
  /** Named by `operator:` in rule files; equal to the file name. */
  name: string
  /** JSON Schema of the `pattern:` section. */
  schema: Record<string, unknown>
  /** Compiles a rule once. Throws an Error with a `field` of the pattern when something in it cannot work. */
  prepare(rule: Rule): Prepared<S>
}

export const mark = (input: Input): Mark => ({ id: input.id, t: input.time })
