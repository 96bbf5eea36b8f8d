/**
 * Puts what arrived into the order in which it happened: corrected device clocks, a buffer up to the lateness, and the
 * classes of equal times (`semantics.md` 1 and 2). It decides nothing about alerts.
 */
import type { Act } from '#model/alert/acts.ts'
import type { ContextChange } from '#model/context/kinds.ts'
import { Heap } from './heap.ts'
import type { TakenReading } from './intake.ts'

/** At equal times: sustained timers (1), context (2), acts (3), readings by id (4), absence deadlines (5). */
export const CLASS = { sustained: 1, context: 2, act: 3, reading: 4, absence: 5 } as const

export interface Queued {
  /** Place in the ordered run: corrected time; for a late reading the V at which it came. */
  at: number
  cls: number
  id: string
  reading: TakenReading | null
  /** Corrected time of the reading. */
  time: number
  late: boolean
  change: ContextChange | null
  act: Act | null
}

const inInstant = (a: Queued, b: Queued): number => a.cls - b.cls || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** Nearly always a handful, mostly in order already: a sort with its copy would cost more than all else here. */
const FEW = 24
function putInOrder(items: Queued[]): void {
  if (items.length > FEW) {
    items.sort(inInstant)
    return
  }
  for (let i = 1; i < items.length; i++) {
    const item = items[i] as Queued
    let place = i
    while (place > 0 && inInstant(item, items[place - 1] as Queued) < 0) {
      items[place] = items[place - 1] as Queued
      place--
    }
    items[place] = item
  }
}

/** What waits for one instant: put in order only when its turn comes. */
interface Instant {
  at: number
  items: Queued[]
  /** Items before it were taken. */
  next: number
  isOpen: boolean
}

/** Readings that wait for their turn, side by side, without what they say. */
export interface WaitingReadings {
  ids: string[]
  at: number[]
  time: number[]
  late: (0 | 1)[]
}

export interface OrderSnapshot {
  queue: Queued[]
  offsets: [string, Offset[]][]
  waiting?: WaitingReadings
}

interface Offset {
  t: number
  offsetMs: number
  /** Reading that told it: of two of the same time the larger id holds, whichever came first. */
  id: string
}

/** Offsets of a device that can still matter: the ones younger than this, and the one before them. */
const KEEP_OFFSETS_MS = 600_000
/** A device cannot have seen what the edge has not: at most so far in the future of its arrival. */
const MAX_AHEAD_MS = 1_000

export class EventOrder {
  // Thousands wait, but for a few instants: a heap of instants costs a fraction of a heap of readings.
  readonly #instants = new Heap<Instant>((a, b) => a.at < b.at)
  readonly #byTime = new Map<number, Instant>()
  readonly #offsets = new Map<string, Offset[]>()
  #size = 0
  /** The instant that was asked for last. */
  #recent: Instant | null = null

  get size(): number {
    return this.#size
  }
  peek(): Queued | undefined {
    const first = this.#instants.peek()
    if (first === undefined) return undefined
    if (!first.isOpen) {
      first.isOpen = true
      if (first.items.length > 1) putInOrder(first.items)
    }
    return first.items[first.next]
  }
  pop(): Queued | undefined {
    const item = this.peek()
    if (item === undefined) return undefined
    const first = this.#instants.peek() as Instant
    this.#size--
    if (++first.next === first.items.length) {
      this.#instants.pop()
      this.#byTime.delete(first.at)
      if (this.#recent === first) this.#recent = null
    }
    return item
  }
  push(item: Queued): void {
    const { at } = item
    let instant = this.#recent?.at === at ? this.#recent : this.#byTime.get(at)
    if (instant === undefined) {
      instant = { at, items: [], next: 0, isOpen: false }
      this.#byTime.set(at, instant)
      this.#instants.push(instant)
    }
    this.#recent = instant
    this.#size++
    const { items } = instant
    if (!instant.isOpen) {
      items.push(item)
      return
    }
    let place = items.length
    while (place > instant.next && inInstant(item, items[place - 1] as Queued) < 0) place--
    items.splice(place, 0, item)
  }

  #items(): Queued[] {
    return this.#instants.items().flatMap((instant) => instant.items.slice(instant.next))
  }
  #rebuild(items: readonly Queued[]): void {
    this.#instants.rebuild([])
    this.#byTime.clear()
    this.#recent = null
    this.#size = 0
    for (const item of items) this.push(item)
  }

  corrected(reading: TakenReading): number {
    const offsets = this.#offsets.get(reading.device)
    let time = reading.time
    if (offsets)
      for (let i = offsets.length - 1; i >= 0; i--) {
        const entry = offsets[i] as Offset
        if (entry.t <= reading.time) {
          time -= entry.offsetMs
          break
        }
      }
    return Math.min(time, reading.received + MAX_AHEAD_MS)
  }

  /** A `device.clock` came: what waits of that device, and is not older than it, moves to its corrected place. */
  learnClock(reading: TakenReading, onMoved: (item: Queued, corrected: number) => void): void {
    const offsetMs = reading.value.offset_ms as number
    let offsets = this.#offsets.get(reading.device)
    if (!offsets) {
      offsets = []
      this.#offsets.set(reading.device, offsets)
    }
    let at = offsets.length
    while (at > 0 && (offsets[at - 1] as Offset).t > reading.time) at--
    const same = offsets[at - 1]
    // The common case, a clock that goes on as it did, moves nothing: what waits need not be looked through.
    const goesOn = at === offsets.length && same?.t !== reading.time && (same?.offsetMs ?? 0) === offsetMs
    if (same && same.t === reading.time) {
      if (reading.id > (same.id ?? '')) Object.assign(same, { offsetMs, id: reading.id })
    } else offsets.splice(at, 0, { t: reading.time, offsetMs, id: reading.id })
    while (offsets.length > 2 && (offsets[1] as Offset).t < reading.time - KEEP_OFFSETS_MS) offsets.shift()
    if (goesOn) return
    let moved = false
    for (const { items, next } of this.#instants.items())
      for (let i = next; i < items.length; i++) {
        const item = items[i] as Queued
        if (item.reading === null || item.reading.device !== reading.device || item.late) continue
        const corrected = this.corrected(item.reading)
        if (corrected === item.time) continue
        item.time = corrected
        item.at = corrected
        onMoved(item, corrected)
        moved = true
      }
    if (moved) this.#rebuild(this.#items())
  }

  /** @param byId readings only by their ids: whoever keeps them elsewhere hands them in again. */
  snapshot(byId = false): OrderSnapshot {
    const items = this.#items()
    if (!byId) return { queue: items, offsets: [...this.#offsets] }
    const waiting: WaitingReadings = { ids: [], at: [], time: [], late: [] }
    for (const item of items) {
      if (item.reading === null) continue
      waiting.ids.push(item.reading.id)
      waiting.at.push(item.at)
      waiting.time.push(item.time)
      waiting.late.push(item.late ? 1 : 0)
    }
    return { queue: items.filter((item) => item.reading === null), offsets: [...this.#offsets], waiting }
  }

  restore(snapshot: OrderSnapshot, readings?: ReadonlyMap<string, TakenReading>): void {
    const { queue, offsets, waiting } = snapshot
    const items = [...queue]
    waiting?.ids.forEach((id, i) => {
      const reading = readings?.get(id)
      if (!reading) return
      const late = waiting.late[i] === 1
      const [at, time] = [waiting.at[i] as number, waiting.time[i] as number]
      items.push({ at, cls: CLASS.reading, id, reading, time, late, change: null, act: null })
    })
    this.#rebuild(items)
    this.#offsets.clear()
    for (const [device, known] of offsets) this.#offsets.set(device, known)
  }
}
