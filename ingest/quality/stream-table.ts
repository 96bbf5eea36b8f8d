/**
 * Counts per stream (device and type) in buckets of ten minutes of the readings' own time: received, late, bad, refused. Kept
 * for three days, so that what a gateway delivers afterwards still fills its place. Bounded: beyond the limit new streams
 * are counted as overflow, never mixed into others.
 */
import type { Window } from '#model/ports/quality.ts'

export const BUCKET_MS = 600_000
const BUCKETS = 3 * 144

export interface StreamEntry {
  index: number
  device: string
  type: string
  /** Earliest time heard of it within what is kept: before it nothing was expected. */
  armedAt: number
  lastTime: number | null
  /** Newest value as text, and since when it is the same; only for types that must vary. */
  said: string | null
  saidSince: number
  /** Changed since the last save. */
  dirty: boolean
  /** Its place in the buckets is known to the file. */
  placed: boolean
}

/** One bucket: four columns, a row for each stream. */
interface Bucket {
  counts: Uint16Array
  dirty: boolean
}
/** `bad`: of bad quality. `refused`: in quarantine, not among the received. */
const COLUMNS = { received: 0, late: 1, bad: 2, refused: 3 } as const
type Column = keyof typeof COLUMNS
const WIDTH = 4

export interface BucketCounts {
  received: number
  late: number
  bad: number
  refused: number
}

export class StreamTable {
  /** By device and type: asked for every reading, without a key to be made. */
  readonly #streams = new Map<string, Map<string, StreamEntry>>()
  #size = 0
  readonly #byIndex: StreamEntry[] = []
  readonly #free: number[] = []
  readonly #buckets = new Map<number, Bucket>()
  readonly #maxStreams: number
  /** Readings of streams beyond the limit. */
  overflow = 0

  constructor(options: { maxStreams?: number } = {}) {
    this.#maxStreams = options.maxStreams ?? 12_000
  }

  get size(): number {
    return this.#size
  }

  /** Null beyond the limit. */
  stream(device: string, type: string, at: number): StreamEntry | null {
    const known = this.find(device, type)
    if (known) return known
    if (this.#size >= this.#maxStreams) {
      this.overflow++
      return null
    }
    const entry: StreamEntry = {
      index: this.#free.pop() ?? this.#byIndex.length,
      device,
      type,
      armedAt: at,
      lastTime: null,
      said: null,
      saidSince: at,
      dirty: true,
      placed: false,
    }
    this.#put(entry)
    return entry
  }

  #put(entry: StreamEntry): void {
    const ofDevice = this.#streams.get(entry.device)
    if (ofDevice) ofDevice.set(entry.type, entry)
    else this.#streams.set(entry.device, new Map([[entry.type, entry]]))
    this.#byIndex[entry.index] = entry
    this.#size++
  }

  find(device: string, type: string): StreamEntry | null {
    return this.#streams.get(device)?.get(type) ?? null
  }

  add(stream: StreamEntry, column: Column, at: number, now: number): void {
    const number = Math.floor(at / BUCKET_MS)
    const newest = Math.floor(now / BUCKET_MS)
    if (number > newest + 1 || number <= newest - BUCKETS) return
    const bucket = this.#bucket(number, stream.index)
    const place = stream.index * WIDTH + COLUMNS[column]
    const count = bucket.counts[place]!
    // A count that is full stays full: more than a hundred a second is not a question of completeness.
    if (count < 0xffff) bucket.counts[place] = count + 1
    bucket.dirty = true
  }

  #bucket(number: number, index: number): Bucket {
    let bucket = this.#buckets.get(number)
    if (!bucket) {
      bucket = { counts: new Uint16Array(roundUp(index + 1) * WIDTH), dirty: true }
      this.#buckets.set(number, bucket)
    } else if (bucket.counts.length < (index + 1) * WIDTH) {
      const wider = new Uint16Array(roundUp(index + 1) * WIDTH)
      wider.set(bucket.counts)
      bucket.counts = wider
    }
    return bucket
  }

  /** Counts of one bucket; zeros where nothing came. */
  at(stream: StreamEntry, number: number): BucketCounts {
    const counts = this.#buckets.get(number)?.counts
    const place = stream.index * WIDTH
    return {
      received: counts?.[place] ?? 0,
      late: counts?.[place + 1] ?? 0,
      bad: counts?.[place + 2] ?? 0,
      refused: counts?.[place + 3] ?? 0,
    }
  }

  received(stream: StreamEntry, number: number): number {
    return this.#buckets.get(number)?.counts[stream.index * WIDTH] ?? 0
  }

  /** Asked for every stream and for days: it makes nothing but its answer. */
  sum(stream: StreamEntry, window: Window): BucketCounts {
    const total = { received: 0, late: 0, bad: 0, refused: 0 }
    const place = stream.index * WIDTH
    const end = Math.ceil(window.to / BUCKET_MS)
    // Beyond what is kept there is nothing to add.
    const first = Math.max(Math.floor(window.from / BUCKET_MS), end - BUCKETS - 2)
    for (let number = first; number < end; number++) {
      const counts = this.#buckets.get(number)?.counts
      if (!counts || counts.length <= place) continue
      total.received += counts[place]!
      total.late += counts[place + 1]!
      total.bad += counts[place + 2]!
      total.refused += counts[place + 3]!
    }
    return total
  }

  list(): StreamEntry[] {
    return this.#byIndex.filter((entry) => entry !== undefined)
  }

  /** Streams of devices that left; their places are given to others once they are empty everywhere. */
  remove(gone: (stream: StreamEntry) => boolean): StreamEntry[] {
    const removed = this.list().filter(gone)
    for (const stream of removed) {
      const ofDevice = this.#streams.get(stream.device)
      if (ofDevice?.delete(stream.type)) this.#size--
      if (ofDevice?.size === 0) this.#streams.delete(stream.device)
      delete this.#byIndex[stream.index]
      for (const bucket of this.#buckets.values()) {
        bucket.counts.fill(0, stream.index * WIDTH, (stream.index + 1) * WIDTH)
        bucket.dirty = true
      }
      this.#free.push(stream.index)
    }
    return removed
  }

  /** Forgets buckets that are too old; answers their numbers. */
  expire(now: number): number[] {
    const oldest = Math.floor(now / BUCKET_MS) - BUCKETS
    const gone = [...this.#buckets.keys()].filter((number) => number <= oldest)
    for (const number of gone) this.#buckets.delete(number)
    return gone
  }

  /**
   * Buckets and streams changed since the last call, to be written. Streams that the file knows may wait (`all`): only
   * the times of their last readings are new.
   */
  takeDirty(all: boolean): { buckets: { number: number; counts: Uint8Array }[]; streams: StreamEntry[] } {
    const buckets: { number: number; counts: Uint8Array }[] = []
    for (const [number, bucket] of this.#buckets)
      if (bucket.dirty) {
        bucket.dirty = false
        buckets.push({ number, counts: new Uint8Array(bucket.counts.slice().buffer) })
      }
    const streams = this.list().filter((s) => (all && s.dirty) || !s.placed)
    for (const stream of streams) {
      stream.dirty = false
      stream.placed = true
    }
    return { buckets, streams: streams.map((s) => ({ ...s })) }
  }

  /** What `takeDirty` gave could not be written: it is to be given again. */
  stillDirty(taken: { buckets: { number: number }[]; streams: StreamEntry[] }): void {
    for (const { number } of taken.buckets) {
      const bucket = this.#buckets.get(number)
      if (bucket) bucket.dirty = true
    }
    for (const { device, type } of taken.streams) {
      const stream = this.find(device, type)
      if (!stream) continue
      stream.dirty = true
      stream.placed = false
    }
  }

  restore(saved: { buckets: { number: number; counts: Uint8Array }[]; streams: StreamEntry[] }): void {
    for (const stream of saved.streams) {
      this.#put({ ...stream, dirty: false, placed: true })
    }
    for (let i = 0; i < this.#byIndex.length; i++) if (this.#byIndex[i] === undefined) this.#free.push(i)
    for (const { number, counts } of saved.buckets)
      this.#buckets.set(number, { counts: new Uint16Array(new Uint8Array(counts).buffer), dirty: false })
  }
}

const roundUp = (n: number): number => Math.ceil(n / 256) * 256
