/**
 * The last seconds of the cameras that see places where a red alert can arise: one picture a second, in memory only,
 * until an alert asks for them. Bounded in cameras, pictures and bytes; never stored without an alert.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '#model/clock.ts'
import type { Zone } from '#model/context/kinds.ts'
import type { PrerollFrame } from '#model/ports/video.ts'

export const MOST_CAMERAS = 32
export const PREROLL_S = 10
const EVERY_MS = 1000
const MAX_RING_BYTES = 64 * 1024 * 1024
const MAX_FRAME_BYTES = 1024 * 1024
/** A camera that gives nothing is asked less often, so that dead ones cost nothing. */
const REST_MS = 15_000
/** Alerts whose pre-roll is kept; the oldest goes first. */
const KEPT_ALERTS = 1000

/** Kinds of places that the rules hold able to turn red when the site file gives them no class. */
const RED_KINDS = new Set(['belt', 'fence', 'wall', 'gate', 'sally-port', 'roof', 'isolation', 'dock'])
export const isRedCapable = (zone: Pick<Zone, 'kind' | 'class'>): boolean =>
  zone.class === undefined ? RED_KINDS.has(zone.kind ?? '') : zone.class === 'red'

interface Frame {
  takenAt: number
  jpeg: Uint8Array
}
interface Ring {
  frames: Frame[]
  asking: boolean
  restUntil: number
  failures: number
}

export interface PrerollOptions {
  clock: Clock
  dir: string
  /** Cameras worth a ring, most important first; asked again now and then, for the site file may change. */
  cameras(): readonly string[]
  most?: number
  snapshot(camera: string): Promise<{ jpeg: Uint8Array; takenAt: number } | null>
}

export class PrerollRings {
  readonly #o: PrerollOptions
  readonly #rings = new Map<string, Ring>()
  #timer: Timer | null = null
  #bytes = 0
  #closed = false
  #kept = 0

  constructor(options: PrerollOptions) {
    this.#o = options
    if ((options.most ?? MOST_CAMERAS) > 0) this.#step()
  }

  get rings(): number {
    return this.#rings.size
  }
  get bytes(): number {
    return this.#bytes
  }

  #step(): void {
    if (this.#closed) return
    const wanted = new Set(this.#o.cameras().slice(0, Math.min(MOST_CAMERAS, this.#o.most ?? MOST_CAMERAS)))
    for (const [camera, ring] of this.#rings)
      if (!wanted.has(camera)) {
        for (const frame of ring.frames) this.#bytes -= frame.jpeg.length
        this.#rings.delete(camera)
      }
    const now = this.#o.clock.now()
    for (const camera of wanted) {
      let ring = this.#rings.get(camera)
      if (!ring) {
        ring = { frames: [], asking: false, restUntil: 0, failures: 0 }
        this.#rings.set(camera, ring)
      }
      if (!ring.asking && now >= ring.restUntil) void this.#take(camera, ring)
    }
    this.#timer = this.#o.clock.after(EVERY_MS, () => this.#step())
  }

  async #take(camera: string, ring: Ring): Promise<void> {
    ring.asking = true
    const taken = await this.#o.snapshot(camera).catch(() => null)
    ring.asking = false
    if (!taken) {
      ring.restUntil = this.#o.clock.now() + Math.min(REST_MS, EVERY_MS * 2 ** Math.min(4, ring.failures++))
      return
    }
    ring.failures = 0
    if (this.#closed || this.#rings.get(camera) !== ring || taken.jpeg.length > MAX_FRAME_BYTES) return
    if (ring.frames.at(-1)?.takenAt === taken.takenAt) return
    ring.frames.push(taken)
    this.#bytes += taken.jpeg.length
    while (ring.frames.length > PREROLL_S + 2) this.#drop(ring)
    // At the limit of memory the longest rings give first: every camera keeps something.
    while (this.#bytes > MAX_RING_BYTES) {
      const longest = [...this.#rings.values()].sort((a, b) => b.frames.length - a.frames.length)[0]
      if (!longest || longest.frames.length === 0) break
      this.#drop(longest)
    }
  }

  #drop(ring: Ring): void {
    const gone = ring.frames.shift()
    if (gone) this.#bytes -= gone.jpeg.length
  }

  /** The newest picture of a ring, so that nobody asks the camera twice. */
  newest(camera: string): Frame | null {
    return this.#rings.get(camera)?.frames.at(-1) ?? null
  }

  /** Keeps what the first of these cameras with a ring saw in the seconds up to `at`. */
  async keep(alert: string, cameras: readonly string[], at: number): Promise<PrerollFrame[]> {
    for (const device of cameras) {
      const frames = (this.#rings.get(device)?.frames ?? []).filter(
        (f) => f.takenAt <= at + EVERY_MS && f.takenAt >= at - PREROLL_S * 1000,
      )
      if (frames.length === 0) continue
      const dir = join(this.#o.dir, alert)
      await mkdir(dir, { recursive: true })
      const index: PrerollFrame[] = []
      for (const [i, { takenAt, jpeg }] of frames.entries()) {
        await writeFile(join(dir, `${i}.jpg`), jpeg)
        index.push({ device, takenAt, sha256: createHash('sha256').update(jpeg).digest('hex') })
      }
      // The index comes last: without it there is no pre-roll, half a one neither.
      await writeFile(join(dir, 'index.json'), JSON.stringify(index))
      if (++this.#kept % 50 === 0) await this.#prune()
      return index
    }
    return []
  }

  async of(alert: string): Promise<PrerollFrame[]> {
    try {
      return JSON.parse(await readFile(join(this.#o.dir, alert, 'index.json'), 'utf8')) as PrerollFrame[]
    } catch {
      return []
    }
  }
  async picture(alert: string, index: number): Promise<Uint8Array | null> {
    return readFile(join(this.#o.dir, alert, `${index}.jpg`)).catch(() => null)
  }

  async #prune(): Promise<void> {
    const names = await readdir(this.#o.dir)
    if (names.length <= KEPT_ALERTS) return
    const dated = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.#o.dir, name))).mtimeMs })),
    )
    for (const { name } of dated.sort((a, b) => a.at - b.at).slice(0, names.length - KEPT_ALERTS))
      await rm(join(this.#o.dir, name), { recursive: true, force: true })
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#rings.clear()
    this.#bytes = 0
  }
}
