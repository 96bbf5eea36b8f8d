/**
 * Pictures: a look through a camera, shared by everybody who asks within two seconds, and the picture kept as evidence
 * at the moment of an alert, with its hash. One request a camera at a time; the folder is bounded.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '#model/clock.ts'
import type { Snapshot } from '#model/ports/facility.ts'

const SHARED_MS = 2000
const KEEP_FILES = 5000

export interface PictureSource {
  snapshot(camera: string): Promise<{ jpeg: Uint8Array; takenAt: number } | null>
}

export class EvidencePictures {
  readonly #dir: string
  readonly #clock: Clock
  readonly #source: PictureSource
  readonly #latest = new Map<string, { at: number; picture: Promise<Snapshot | null> }>()
  failed = 0
  kept = 0

  constructor(dir: string, clock: Clock, source: PictureSource) {
    this.#dir = dir
    this.#clock = clock
    this.#source = source
  }

  /** A picture not older than two seconds; null when the camera gives none. */
  look(camera: string): Promise<Snapshot | null> {
    const now = this.#clock.now()
    const known = this.#latest.get(camera)
    if (known && now - known.at < SHARED_MS) return known.picture
    const picture = this.#source.snapshot(camera).then(
      (taken) =>
        taken
          ? {
              device: camera,
              takenAt: taken.takenAt,
              jpeg: taken.jpeg,
              sha256: createHash('sha256').update(taken.jpeg).digest('hex'),
            }
          : null,
      () => null,
    )
    this.#latest.set(camera, { at: now, picture })
    picture.then((taken) => {
      if (!taken) this.failed++
    })
    return picture
  }

  /** Tries the cameras in order and keeps the first picture for the alert. */
  async keep(alert: string, cameras: readonly string[]): Promise<Snapshot | null> {
    for (const camera of cameras.slice(0, 4)) {
      const taken = await this.look(camera)
      if (!taken) continue
      await writeFile(join(this.#dir, `${alert}.jpg`), taken.jpeg)
      await writeFile(
        join(this.#dir, `${alert}.json`),
        JSON.stringify({ device: camera, takenAt: taken.takenAt, sha256: taken.sha256 }),
      )
      this.kept++
      if (this.kept % 200 === 0) await this.#prune()
      return taken
    }
    return null
  }

  async evidenceOf(alert: string): Promise<Snapshot | null> {
    try {
      const about = JSON.parse(await readFile(join(this.#dir, `${alert}.json`), 'utf8')) as {
        device: string
        takenAt: number
        sha256: string
      }
      return { ...about, jpeg: await readFile(join(this.#dir, `${alert}.jpg`)) }
    } catch {
      return null
    }
  }

  async #prune(): Promise<void> {
    const files = (await readdir(this.#dir)).filter((f) => f.endsWith('.jpg'))
    if (files.length <= KEEP_FILES) return
    const dated = await Promise.all(files.map(async (f) => ({ f, at: (await stat(join(this.#dir, f))).mtimeMs })))
    for (const { f } of dated.sort((a, b) => a.at - b.at).slice(0, files.length - KEEP_FILES)) {
      await rm(join(this.#dir, f), { force: true })
      await rm(join(this.#dir, f.replace(/jpg$/, 'json')), { force: true })
    }
  }
}
