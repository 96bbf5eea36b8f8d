/**
 * Facts that follow from records of the journal: roll-calls, watch rounds, alerts that sounded, alerts that chatter, who
 * acted. State of what is under way is part of the saved transaction, so a restart counts nothing twice. Drills and tests
 * never count.
 */
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type { Reading } from '#model/reading.ts'
import type { Follower } from '../quality/quality.ts'
import type { Facts } from './facts.ts'

/** R23: a roll-call is in time when it closes within ten minutes. */
const ROLL_CALL_MS = 600_000
const CHATTER = { times: 3, withinMs: 60_000 }
/** A condition that comes again sounds again when somebody had acknowledged it so long ago (`semantics.md` 7). */
const SOUNDS_AGAIN_MS = 60_000
const MAX_COUNTS = 200
const MAX_ALERTS = 5000
const MAX_KEYS = 5000

interface Count {
  at: number
  kind: string
  expected: number
  out: number
  closed: boolean
  cleared: boolean
}
interface Known {
  annunciated: boolean
  activations: number
  ackAt: number | null
}

export interface EventFactsOptions {
  /** Desks at which an alert of a zone sounds. */
  desksOf(zone: string | null): readonly string[]
  isWatch(route: string): boolean
  /** Is a person of staff or an account, not "system"? */
  facts: Facts
}

export class EventFacts implements Follower {
  readonly #o: EventFactsOptions
  readonly #counts = new Map<string, Count>()
  readonly #rounds = new Map<string, string[]>()
  readonly #alerts = new Map<string, Known>()
  readonly #raises = new Map<string, number[]>()

  constructor(options: EventFactsOptions) {
    this.#o = options
  }

  apply({ body }: JournalRecord): void {
    if (body.kind === 'reading') this.#reading(body.reading)
    else if (body.kind === 'alert') this.#change(body.change)
  }

  #reading(reading: Reading): void {
    if (reading.quality === 'bad') return
    if (reading.type === 'rollcall.started') this.#started(reading)
    else if (reading.type === 'rollcall.closed') this.#closed(reading)
    else if (reading.type === 'patrol.checkin') this.#round(reading)
  }

  #started({ value, time }: Reading): void {
    const id = String(value.count)
    if (this.#counts.has(id)) return
    const kind = String(value.kind)
    this.#counts.set(id, {
      at: time,
      kind,
      expected: Number(value.expected),
      out: Number(value.out_count),
      closed: false,
      cleared: false,
    })
    if (this.#counts.size > MAX_COUNTS) this.#counts.delete(this.#counts.keys().next().value as string)
    if (kind === 'scheduled') this.#o.facts.add('rollcall.scheduled', '', time)
  }

  #closed({ value, time }: Reading): void {
    const count = this.#counts.get(String(value.count))
    if (count?.kind !== 'scheduled' || count.cleared) return
    const { facts } = this.#o
    const difference = count.expected - count.out - Number(value.present)
    // All sums of one roll-call stand in the hour in which it began: a share is never of another hour's whole.
    if (!count.closed) {
      count.closed = true
      facts.add('rollcall.held', '', count.at)
      if (time - count.at <= ROLL_CALL_MS) facts.add('rollcall.on-time', '', count.at)
      if (difference !== 0) facts.add('rollcall.mismatch', '', count.at)
    }
    if (difference === 0) {
      count.cleared = true
      facts.add('rollcall.cleared', '', count.at)
      facts.add('rollcall.clear-ms', '', count.at, time - count.at)
    }
  }

  /** Beginning of a round: a point is visited that the running round has already seen (R44). */
  #round({ value, time }: Reading): void {
    const route = String(value.route)
    if (!this.#o.isWatch(route)) return
    const point = `${value.point}|${value.person ?? ''}`
    const seen = this.#rounds.get(route)
    if (seen && !seen.includes(point)) {
      seen.push(point)
      return
    }
    this.#rounds.set(route, [point])
    this.#o.facts.mark('watch', route, time)
  }

  #change(change: AlertChange): void {
    const { alert, by, at } = change
    if (!counts(alert)) return
    const { facts } = this.#o
    if (by !== null && by !== 'system' && by !== 'site-file') facts.add('operator', by, at)
    const known = this.#alerts.get(alert.id)
    const raised = change.change === 'raised'
    const again = known !== undefined && alert.activations > known.activations
    if (alert.annunciated) {
      const longAgo = known?.ackAt != null && at - known.ackAt >= SOUNDS_AGAIN_MS
      if (raised || (known && !known.annunciated) || (again && longAgo))
        for (const desk of this.#o.desksOf(alert.zone)) facts.mark('annunciated', desk, at)
    }
    if (raised || again) this.#chatter(alert, at)
    if (alert.closedAt !== null || alert.state === 'resolved' || alert.state === 'dismissed')
      this.#alerts.delete(alert.id)
    else {
      this.#alerts.delete(alert.id)
      this.#alerts.set(alert.id, {
        annunciated: alert.annunciated,
        activations: alert.activations,
        ackAt: alert.ackAt ?? known?.ackAt ?? null,
      })
      if (this.#alerts.size > MAX_ALERTS) this.#alerts.delete(this.#alerts.keys().next().value as string)
    }
  }

  /** I12: the same rule and subject raised three times in a minute. One burst is one chattering, however long. */
  #chatter(alert: Alert, at: number): void {
    const key = `${alert.code}|${alert.subject ?? alert.key}`
    const times = [...(this.#raises.get(key) ?? []), at].filter((t) => at - t <= CHATTER.withinMs)
    this.#raises.delete(key)
    this.#raises.set(key, times)
    if (this.#raises.size > MAX_KEYS) this.#raises.delete(this.#raises.keys().next().value as string)
    if (times.length === CHATTER.times) this.#o.facts.mark('chatter', alert.code, at)
  }

  takeFacts() {
    return this.#o.facts.take()
  }

  giveBack(taken: ReturnType<Facts['take']>): void {
    this.#o.facts.giveBack(taken)
  }

  meta(): Record<string, string> {
    return {
      events: JSON.stringify({
        counts: [...this.#counts],
        rounds: [...this.#rounds],
        alerts: [...this.#alerts],
        raises: [...this.#raises],
      }),
    }
  }

  restore(meta: Record<string, string>): void {
    const saved = JSON.parse(meta.events ?? 'null')
    if (!saved) return
    for (const [key, value] of saved.counts) this.#counts.set(key, value)
    for (const [key, value] of saved.rounds) this.#rounds.set(key, value)
    for (const [key, value] of saved.alerts) this.#alerts.set(key, value)
    for (const [key, value] of saved.raises) this.#raises.set(key, value)
  }
}

/** Nothing of a drill or a test is in any indicator; S02 is the test of the way itself. */
export const counts = (alert: Pick<Alert, 'drill' | 'test' | 'code'>): boolean =>
  !alert.drill && !alert.test && alert.code !== 'S02'
