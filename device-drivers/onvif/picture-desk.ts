/**
 * Pictures on demand: one request per camera at a time, shared by all who ask within 2 s. A camera that lives but gives
 * no picture has lost its signal; the desk tells it, and looks again until it is back.
 */
import type { Timer } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import type { RawReading } from '#model/reading.ts'
import type { DriverHost } from '../contract.ts'

export interface Picture {
  jpeg: Uint8Array
  /** Edge time, ms. */
  takenAt: number
}

const FRESH_MS = 2000
const LOOK_AGAIN_MS = 15_000

interface Desk {
  pending: Promise<Picture> | null
  last: Picture | null
  lost: boolean
  again: Timer | null
}

export class PictureDesk {
  readonly #host: DriverHost
  readonly #emit: (readings: RawReading[]) => Promise<void>
  readonly #desks = new Map<string, Desk>()
  #closed = false

  constructor(host: DriverHost, emit: (readings: RawReading[]) => Promise<void>) {
    this.#host = host
    this.#emit = emit
  }

  /** @param maxAgeMs how old a shared picture may be; pre-roll asks for younger ones. */
  take(device: string, shoot: () => Promise<Uint8Array>, maxAgeMs = FRESH_MS): Promise<Picture> {
    let desk = this.#desks.get(device)
    if (!desk) {
      desk = { pending: null, last: null, lost: false, again: null }
      this.#desks.set(device, desk)
    }
    const known = desk
    if (known.last && this.#host.clock.now() - known.last.takenAt < maxAgeMs) return Promise.resolve(known.last)
    known.pending ??= this.#shoot(device, known, shoot).finally(() => {
      known.pending = null
    })
    return known.pending
  }

  async #shoot(device: string, desk: Desk, shoot: () => Promise<Uint8Array>): Promise<Picture> {
    this.#host.count('snapshots', device)
    try {
      // One failure may be chance: a second look decides.
      const jpeg = await shoot().catch((error: unknown) => (isPictureFault(error) ? shoot() : Promise.reject(error)))
      desk.last = { jpeg, takenAt: this.#host.clock.now() }
      if (desk.lost) await this.#tell(device, desk, true)
      return desk.last
    } catch (error) {
      this.#host.count('snapshot-failed', device)
      desk.last = null
      if (isPictureFault(error)) {
        if (!desk.lost) await this.#tell(device, desk, false)
        this.#lookAgain(device, desk, shoot)
      }
      throw error
    }
  }

  async #tell(device: string, desk: Desk, present: boolean): Promise<void> {
    if (this.#closed || this.#desks.get(device) !== desk) return
    desk.lost = !present
    const now = this.#host.clock.now()
    await this.#emit([{ device, type: 'camera.signal', time: now, received: now, value: { present } }])
  }

  #lookAgain(device: string, desk: Desk, shoot: () => Promise<Uint8Array>): void {
    if (this.#closed || this.#desks.get(device) !== desk) return
    desk.again?.cancel()
    desk.again = this.#host.clock.after(LOOK_AGAIN_MS, () => {
      if (this.#desks.get(device) === desk) this.take(device, shoot).catch(() => {})
    })
  }

  forget(device: string): void {
    this.#desks.get(device)?.again?.cancel()
    this.#desks.delete(device)
  }

  close(): void {
    this.#closed = true
    for (const device of [...this.#desks.keys()]) this.forget(device)
  }
}

/** The camera answers, but not with a picture. One that does not answer at all is told by device.status. */
function isPictureFault(error: unknown): boolean {
  return error instanceof WardwatchError && (error.code === 'device-refused' || error.code === 'bad-payload')
}
