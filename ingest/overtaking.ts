/**
 * Readings that come in now do not wait behind those of an outage. While the main lane works off the backlog in order, a
 * second lane begins at the head of the journal; the span of numbers that it has delivered is kept with the cursors, and
 * the main lane passes over it when it gets there. A span says only what was delivered: one that is forgotten is delivered
 * again, as the same points. Must never call delivered what the store has not confirmed.
 */
import type { Clock } from '#model/clock.ts'
import { type Journal, type JournalCursor, type JournalRecord, SIDE_MARK } from '#model/ports/journal.ts'
import { type LaneOptions, PumpLane } from './pump-lane.ts'

export interface OvertakingOptions extends Omit<LaneOptions, 'reopen' | 'prepare' | 'delivered'> {
  name: string
  journal: Journal
  clock: Clock
  /** A backlog older than this is overtaken, ms. */
  afterMs: number
}

/** Numbers above `from` up to `upTo` are delivered. */
interface Span {
  name: string
  from: number
  upTo: number
  /** Records of the lane among them. */
  records: number
}

/** Beyond this many, the smallest is forgotten and delivered again. */
const MAX_SPANS = 32
/** Fewer batches than this are sooner delivered than overtaken. */
const MIN_BATCHES = 2

export class Overtaking {
  readonly main: PumpLane
  readonly #o: OvertakingOptions
  /** In order, apart from each other; that of the live lane is the last. */
  readonly #spans: Span[]
  #live: { lane: PumpLane; span: Span } | null = null
  #ended = { delivered: 0, failures: 0 }
  #closed = false

  private constructor(options: OvertakingOptions, cursor: JournalCursor, spans: Span[]) {
    this.#o = options
    this.#spans = spans
    this.main = new PumpLane(
      {
        ...options,
        reopen: () => options.journal.cursor(options.name, 'other'),
        prepare: (records, full) => this.#prepareMain(records, full),
        onTurn: (turn, detail) => this.#onTurn(turn, detail),
      },
      cursor,
    )
  }

  static async open(options: OvertakingOptions): Promise<Overtaking> {
    const { name, journal } = options
    const cursor = await journal.cursor(name, 'other')
    const spans: Span[] = []
    for (const [owner, , upTo] of journal.positions()) {
      if (!owner.startsWith(name + SIDE_MARK)) continue
      const from = Number(owner.slice(name.length + SIDE_MARK.length))
      if (!(upTo > Math.max(from, cursor.position()))) {
        await journal.forget(owner)
        continue
      }
      const records = (await journal.count(from, 'other')) - (await journal.count(upTo, 'other'))
      spans.push({ name: owner, from, upTo, records })
    }
    spans.sort((a, b) => a.from - b.from)
    return new Overtaking(options, cursor, spans)
  }

  /** Records that are not delivered: of now, and of the backlog behind which they need not wait. */
  lag(): { live: number; backlog: number } {
    const passed = this.#spans.reduce((sum, span) => sum + span.records, 0)
    const all = Math.max(0, this.main.cursor.lag() - passed)
    if (!this.#live) return { live: all, backlog: 0 }
    const live = Math.min(all, this.#live.lane.cursor.lag())
    return { live, backlog: all - live }
  }

  counts(): { delivered: number; failures: number; lastError: string | null } {
    const lanes = [this.main, ...(this.#live ? [this.#live.lane] : [])]
    return {
      delivered: lanes.reduce((sum, lane) => sum + lane.delivered, this.#ended.delivered),
      failures: lanes.reduce((sum, lane) => sum + lane.failures, this.#ended.failures),
      lastError: lanes.find((lane) => lane.lastError !== null)?.lastError ?? null,
    }
  }

  /** Another lane of this store has got through again. */
  retryNow(): void {
    this.main.retryNow()
    this.#live?.lane.retryNow()
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.main.close(), this.#live?.lane.close()])
  }

  #onTurn(turn: 'sink-down' | 'sink-back', detail: string): void {
    this.#o.onTurn?.(turn, detail)
    if (turn === 'sink-back') this.retryNow()
  }

  #isBehind(records: JournalRecord[], full: boolean, lag: number): boolean {
    return full && lag > MIN_BATCHES * this.#o.batch && this.#o.clock.now() - records[0]!.at > this.#o.afterMs
  }

  async #prepareMain(records: JournalRecord[], full: boolean): Promise<JournalRecord[]> {
    const span = this.#spans[0]
    if (span && records[0]!.seq > span.from) {
      if (this.#live?.span === span) {
        await this.#endLive(this.#live.lane)
        // It may have begun another span at its last step.
        return this.#prepareMain(records, full)
      }
      // Everything before the span is delivered, and the span is.
      this.main.cursor.commit(span.upTo)
      this.main.stale = true
      this.#spans.shift()
      await this.#o.journal.forget(span.name)
      return []
    }
    if (!this.#live && this.#isBehind(records, full, this.lag().live)) await this.#startLive()
    const next = this.#spans[0]
    if (!next || records.at(-1)!.seq <= next.from) return records
    this.main.stale = true
    return records.filter((record) => record.seq <= next.from)
  }

  async #startLive(): Promise<void> {
    const { span, cursor } = await this.#begin()
    // Set before the lane takes its first record: a lane waits for one turn of the loop before it begins.
    const lane = new PumpLane(
      {
        ...this.#o,
        prepare: (records, full) => this.#prepareLive(records, full),
        delivered: (records) => this.#advance(records),
        onTurn: (turn, detail) => this.#onTurn(turn, detail),
      },
      cursor,
    )
    this.#live = { lane, span }
    if (this.#closed) await lane.close()
  }

  /** A span at the head of the journal, with nothing in it. */
  async #begin(): Promise<{ span: Span; cursor: JournalCursor }> {
    const { journal, name } = this.#o
    const from = journal.stats().lastSeq
    const span = { name: `${name}${SIDE_MARK}${from}`, from, upTo: from, records: 0 }
    const cursor = await journal.cursor(span.name, 'other', from)
    this.#spans.push(span)
    return { span, cursor }
  }

  /** Behind by itself, after an outage in its time: it begins again at the head, and the rest belongs to the backlog. */
  async #prepareLive(records: JournalRecord[], full: boolean): Promise<JournalRecord[]> {
    const live = this.#live!
    if (!this.#isBehind(records, full, live.lane.cursor.lag())) return records
    const before = live.span
    if (before.from === this.#o.journal.stats().lastSeq) return records
    const { span, cursor } = await this.#begin()
    live.lane.cursor.close()
    live.lane.cursor = cursor
    live.span = span
    if (before.upTo === before.from) await this.#forget(before)
    else if (this.#spans.length > MAX_SPANS) {
      const others = this.#spans.slice(0, -1)
      await this.#forget(others.reduce((least, s) => (s.records < least.records ? s : least)))
    }
    return []
  }

  #advance(records: JournalRecord[]): void {
    const { span } = this.#live!
    span.upTo = records.at(-1)!.seq
    span.records += records.length
  }

  async #endLive(lane: PumpLane): Promise<void> {
    await lane.end()
    this.#ended.delivered += lane.delivered
    this.#ended.failures += lane.failures
    this.#live = null
  }

  async #forget(span: Span): Promise<void> {
    this.#spans.splice(this.#spans.indexOf(span), 1)
    await this.#o.journal.forget(span.name)
  }
}
