/**
 * The one door by which readings enter: checks, completes and journals them, and quarantines what it cannot read.
 * Nothing passes it without being in the journal or counted as a duplicate; it resolves only when the disk has it.
 */
import { isSample } from '#ingest/journal/record-codec.ts'
import { readingFault } from '#model/catalogue/index.ts'
import type { Clock } from '#model/clock.ts'
import { derivedReadingId } from '#model/ids.ts'
import type { Journal, JournalBody } from '#model/ports/journal.ts'
import type { Quarantined, RawReading, Reading } from '#model/reading.ts'

/** Kept of an unreadable payload, characters. */
const PAYLOAD_LIMIT = 64 * 1024

export interface IntakeCounts {
  accepted: number
  duplicates: number
  quarantined: number
  /** By cause. */
  causes: Record<string, number>
}

export interface IntakeOptions {
  facility: string
  clock: Clock
  journal: Journal
  /** Is the device in the site file? Unknown devices are quarantined and reported. */
  knows(device: string): boolean
  /** Device id of the edge itself, which reports refusals. */
  self: string
}

export interface ImportOutcome {
  accepted: number
  duplicates: number
  quarantined: { line: number; cause: string }[]
}

/** `received` where the driver knows it better: what it says of time must be the same when it is read again. */
export type Unreadable = Omit<Quarantined, 'received'> & { received?: number }

export class Intake {
  readonly #options: IntakeOptions
  readonly counts: IntakeCounts = { accepted: 0, duplicates: 0, quarantined: 0, causes: {} }

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Takes readings and what could not be read as such. */
  async accept(
    raw: readonly RawReading[],
    source: string,
    unreadable: readonly Unreadable[] = [],
  ): Promise<ImportOutcome> {
    const received = this.#options.clock.now()
    const bodies: JournalBody[] = []
    const bad: { line: number; cause: string }[] = []
    for (const [line, reading] of raw.entries()) {
      const fault = this.fault(reading)
      if (fault) {
        bad.push({ line: line + 1, cause: fault.cause })
        bodies.push(
          ...this.#refuse(
            {
              source,
              device: typeof reading?.device === 'string' ? reading.device : null,
              cause: fault.cause,
              detail: fault.detail,
              payload: safeJson(reading),
            },
            received,
          ),
        )
      } else bodies.push({ kind: 'reading', reading: this.#complete(reading, received) })
    }
    for (const item of unreadable) bodies.push(...this.#refuse(item, received))
    if (bodies.length === 0) return { accepted: 0, duplicates: 0, quarantined: [] }
    const seqs = await this.#append(bodies)
    let accepted = 0
    let duplicates = 0
    for (const [i, body] of bodies.entries()) {
      // The edge's own reports of refusals are readings too, but nobody's import.
      if (
        body.kind !== 'reading' ||
        (body.reading.device === this.#options.self && body.reading.type === 'security.rejected')
      )
        continue
      const seq = seqs[i] ?? 0
      if (seq === 0) duplicates++
      else if (seq > 0) accepted++
      // Below zero: shed on a full disk, counted by the journal.
    }
    this.counts.accepted += accepted
    this.counts.duplicates += duplicates
    return { accepted, duplicates, quarantined: bad }
  }

  /** What a device says of itself must not wait until the samples that came with it are enough for a commit. */
  async #append(bodies: JournalBody[]): Promise<number[]> {
    const { journal } = this.#options
    const samples = bodies.filter(isSample)
    if (samples.length === 0 || samples.length === bodies.length) return journal.append(bodies)
    const news = bodies.filter((body) => !isSample(body))
    const [newsSeqs, sampleSeqs] = await Promise.all([journal.append(news), journal.append(samples)])
    const [nextNews, nextSample] = [newsSeqs.values(), sampleSeqs.values()]
    return bodies.map((body) => (isSample(body) ? nextSample : nextNews).next().value ?? 0)
  }

  /** Why a reading cannot be taken; null when it can. */
  fault(reading: RawReading): { cause: string; detail: string } | null {
    const fault = readingFault(reading)
    if (fault) return fault
    if (reading.facility !== undefined && reading.facility !== this.#options.facility)
      return { cause: 'bad-reading', detail: `"facility" is ${reading.facility}, this is ${this.#options.facility}` }
    if (!this.#options.knows(reading.device))
      return {
        cause: 'unknown-device',
        detail: `device "${reading.device}" is not in the site file; add it there or remove it from the network`,
      }
    return null
  }

  #complete(raw: RawReading, received: number): Reading {
    const time = raw.time ?? received
    return {
      id: raw.id ?? derivedReadingId(raw.device, raw.type, time, raw.value),
      facility: this.#options.facility,
      zone: raw.zone ?? null,
      device: raw.device,
      type: raw.type,
      time,
      // An import may say when a reading arrived elsewhere, but nothing arrives in the future.
      received: raw.received !== undefined && raw.received < received ? raw.received : received,
      quality: raw.quality ?? (raw.time === undefined ? 'uncertain' : 'good'),
      subject: raw.subject ?? null,
      value: raw.value,
      ...(raw.replayOf === undefined ? {} : { replayOf: raw.replayOf }),
    }
  }

  #refuse(item: Unreadable, now: number): JournalBody[] {
    const received = Math.min(item.received ?? now, now)
    this.counts.quarantined++
    this.counts.causes[item.cause] = (this.counts.causes[item.cause] ?? 0) + 1
    const bodies: JournalBody[] = [
      { kind: 'quarantine', item: { ...item, payload: item.payload.slice(0, PAYLOAD_LIMIT), received } },
    ]
    if (item.cause === 'unknown-device')
      bodies.push({ kind: 'reading', reading: this.rejection(item.device ?? item.source, 'unknown-device', received) })
    return bodies
  }

  /** The reading that tells the rules of a refused client or device (R60). */
  rejection(
    client: string,
    cause: 'unknown-device' | 'bad-credential' | 'topic-denied' | 'malformed',
    at: number,
  ): Reading {
    const value = { client: client.slice(0, 256), cause }
    this.#rejections++
    return {
      // Two refusals in one millisecond are two refusals: the count is part of the id.
      id: derivedReadingId(this.#options.self, 'security.rejected', at, { ...value, n: this.#rejections }),
      facility: this.#options.facility,
      zone: null,
      device: this.#options.self,
      type: 'security.rejected',
      time: at,
      received: at,
      quality: 'good',
      subject: null,
      value,
    }
  }

  #rejections = 0
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
