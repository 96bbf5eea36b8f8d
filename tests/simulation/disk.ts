/**
 * The disk under the stores of one simulated edge: every call takes its turn and some virtual time, may fail as disks
 * fail, and may be the last thing that the process does. At a power cut the writes that were never acknowledged are
 * lost, torn, or reach the disk in another order than they were made: some sectors new, some as they were.
 */
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { StoreLink } from '#ingest/thread/store-thread.ts'
import { WardwatchError } from '#model/errors.ts'
import type { World } from './world.ts'

/** Calls that write, by store: these fail on a full disk. */
const WRITES = new Set(['commit', 'append', 'save', 'enqueue', 'done', 'reserve', 'forget'])
/** What a disk writes at once. */
const SECTOR = 512
/** Files of which no acknowledged byte may be lost; `desk.db` is a projection and may lose its last commits. */
const DURABLE = ['journal.db', 'ledger.db', 'uplink.db']

export interface DiskFaults {
  /** Chance that a write fails because the disk is full. */
  full: number
  /** Chance that a write fails for good. */
  broken: number
  /** Longest time of one call, ms. */
  slowMs: number
  /** Calls until the process is killed in the middle of one; infinite: never. */
  callsToKill: number
}

export class Disk {
  readonly #world: World
  readonly #root: string
  dir: string
  readonly faults: DiskFaults = { full: 0, broken: 0, slowMs: 1, callsToKill: Number.POSITIVE_INFINITY }
  /** Bytes of each log that were on disk when the last call was answered. */
  readonly #safe = new Map<string, number>()
  #open: StoreLink[] = []
  calls = 0
  fullAnswers = 0
  readonly powerCuts = { lost: 0, torn: 0, reordered: 0 }

  constructor(world: World, root: string) {
    this.#world = world
    this.#root = root
    this.dir = mkdtempSync(join(root, 'life-'))
  }

  /** Stands between a store and its user. */
  under(process: { alive: boolean; kill(): void }): (link: StoreLink) => StoreLink {
    return (inner) => {
      this.#open.push(inner)
      let turn: Promise<unknown> = Promise.resolve()
      return {
        call: <T>(method: string, ...args: unknown[]): Promise<T> => {
          const answer = turn.then(() => this.#call<T>(process, inner, method, args))
          turn = answer.catch(() => undefined)
          return answer
        },
        close: async () => {
          await turn
          if (!process.alive) return
          this.#open = this.#open.filter((link) => link !== inner)
          await inner.close()
        },
      }
    }
  }

  #call<T>(process: { alive: boolean; kill(): void }, inner: StoreLink, method: string, args: unknown[]): Promise<T> {
    const { faults } = this
    return new Promise<T>((resolve, reject) => {
      this.#world.after(this.#world.chance() ** 4 * faults.slowMs, () => {
        // A process that is gone gets no answer, ever.
        if (!process.alive) return
        this.calls++
        const last = --faults.callsToKill <= 0
        if (last && this.#world.maybe(0.5)) return process.kill()
        if (method === 'restoreBallast' && faults.full > 0) return resolve(false as T)
        if (WRITES.has(method)) {
          if (this.#world.maybe(faults.full)) {
            this.fullAnswers++
            return reject(new WardwatchError('disk-full', 'The disk is full (simulated).'))
          }
          if (this.#world.maybe(faults.broken)) return reject(new Error('disk I/O error (simulated)'))
        }
        inner.call<T>(method, ...args).then((answer) => {
          // On the disk, and nobody knows it: the worst moment.
          if (last) return process.kill()
          if (!process.alive) return
          this.#noteSafe()
          resolve(answer)
        }, reject)
      })
    })
  }

  #noteSafe(): void {
    for (const name of DURABLE) {
      const wal = join(this.dir, 'data', `${name}-wal`)
      if (existsSync(wal)) this.#safe.set(name, statSync(wal).size)
    }
  }

  /** Replaces a small file whole. At a power cut it may still be the one before: see `afterKill`. */
  async replace(process: { alive: boolean }, file: string, text: string): Promise<void> {
    await this.#world.sleep(this.#world.chance() * this.faults.slowMs)
    if (!process.alive) return new Promise(() => undefined)
    if (this.#world.maybe(this.faults.full)) throw new WardwatchError('disk-full', 'The disk is full (simulated).')
    if (existsSync(file)) renameSync(file, `${file}.before`)
    writeFileSync(file, text)
  }

  /** The files as a new process finds them. */
  async afterKill(powerCut: boolean): Promise<void> {
    const next = mkdtempSync(join(this.#root, 'life-'))
    cpSync(this.dir, next, { recursive: true, filter: (from) => !from.endsWith('-shm') })
    if (powerCut) {
      // The newest rename had not reached the disk.
      for (const name of readdirSync(next))
        if (name.endsWith('.before') && this.#world.maybe(0.5))
          renameSync(join(next, name), join(next, name.slice(0, -7)))
      for (const name of [...DURABLE, 'desk.db']) {
        const wal = join(next, 'data', `${name}-wal`)
        if (!existsSync(wal)) continue
        const { size } = statSync(wal)
        this.#cut(wal, name === 'desk.db' ? 0 : Math.min(size, this.#safe.get(name) ?? 0), size)
      }
    }
    for (const link of this.#open.splice(0)) await link.close().catch(() => undefined)
    rmSync(this.dir, { recursive: true, force: true })
    this.dir = next
  }

  /** What a power cut leaves of a log whose bytes up to `safe` were acknowledged. */
  #cut(wal: string, safe: number, size: number): void {
    if (safe === size) return
    const how = this.#world.below(3)
    this.powerCuts[how === 0 ? 'lost' : how === 1 ? 'torn' : 'reordered']++
    if (how < 2) {
      truncateSync(wal, how === 0 ? safe : safe + this.#world.below(size - safe + 1))
      return
    }
    // The length is there, and of the sectors some: the others read as what the disk gave the file, nothing.
    const file = openSync(wal, 'r+')
    try {
      const nothing = Buffer.alloc(SECTOR)
      const kept = this.#world.chance()
      for (let at = safe; at < size; ) {
        const end = Math.min(size, (Math.floor(at / SECTOR) + 1) * SECTOR)
        if (!this.#world.maybe(kept)) writeSync(file, nothing, 0, end - at, at)
        at = end
      }
    } finally {
      closeSync(file)
    }
  }

  async dispose(): Promise<void> {
    for (const link of this.#open.splice(0)) await link.close().catch(() => undefined)
  }
}
