/**
 * The simulated province: the production intake, judgement of sequences and merge over one embedded database for the
 * whole run, emptied between seeds. It may be killed: what was not committed was not acknowledged.
 */
import { PGlite } from '@electric-sql/pglite'
import type { LinkOptions, UplinkLink } from '#ingest/uplink/link.ts'
import { WardwatchError } from '#model/errors.ts'
import { createIntake, type Intake } from '#province/intake.ts'
import { migrate } from '#province/store/open.ts'
import type { Sql, Store } from '#province/store/sql.ts'
import { FACILITY } from './field.ts'
import { MachineClock, type World } from './world.ts'

export async function openProvinceStore(): Promise<Store> {
  const db = await PGlite.create()
  const rows = async <T>(sql: Pick<PGlite, 'query'>, text: string, params: unknown[] = []): Promise<T[]> =>
    (await sql.query<T>(text, params)).rows
  const store: Store = {
    engine: 'pglite',
    query: (text, params) => rows(db, text, params),
    transaction: (work) =>
      db.transaction((tx) =>
        work({ query: (text, params) => rows(tx as unknown as PGlite, text, params) } as Sql),
      ) as ReturnType<typeof work>,
    script: async (text) => void (await db.exec(text)),
    close: () => db.close(),
  }
  await migrate(store)
  return store
}

export async function emptyProvince(store: Store): Promise<void> {
  const tables = await store.query<{ tablename: string }>(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'",
  )
  await store.script(`TRUNCATE ${tables.map((t) => t.tablename).join(', ')} RESTART IDENTITY CASCADE`)
  await store.query(`INSERT INTO facilities (id) VALUES ($1)`, [FACILITY])
}

interface Wire {
  topic: string
  payload: string
  process: { alive: boolean }
  resolve(): void
}

/** Messages reach the province in bundles: a group commit for each. */
const BUNDLE_MS = 400

export class ProvinceNode {
  readonly #world: World
  readonly #store: Store
  readonly clock: MachineClock
  #intake: Intake | null
  #arriving: Wire[] = []
  #bundling = false
  readonly faults = { loss: 0, duplicate: 0, delayMs: 20 }
  /** Every text that ever left the facility. */
  readonly wire: string[] = []
  quarantined = 0
  /** Acknowledges some messages without keeping them: what the invariants must find. */
  forgetful = false
  kills = 0
  reachable = true
  #links = new Set<() => void>()

  constructor(world: World, store: Store) {
    this.#world = world
    this.#store = store
    this.clock = new MachineClock(world)
    this.#intake = this.#open()
  }

  #open(): Intake {
    return createIntake({ store: this.#store, clock: this.clock.of({ alive: true }), knows: (id) => id === FACILITY })
  }

  #arrived(message: Wire): void {
    this.#arriving.push(message)
    if (this.#bundling) return
    this.#bundling = true
    this.#world.after(BUNDLE_MS, () => {
      this.#bundling = false
      const intake = this.#intake
      const bundle = this.#arriving.splice(0)
      if (intake && this.reachable)
        for (const { topic, payload, process, resolve } of bundle) {
          if (this.forgetful && this.#world.maybe(0.1)) {
            resolve()
            continue
          }
          this.#world.busy++
          void intake
            .accept(topic, Buffer.from(payload), FACILITY)
            .then(
              (outcome) => {
                if (outcome === 'quarantined') this.quarantined++
                // Killed after the commit, or the acknowledgement is lost on its way: the edge sends it again.
                if (this.#intake !== intake || this.#world.maybe(this.faults.loss)) return
                this.#world.after(this.#world.chance() * this.faults.delayMs, () => process.alive && resolve())
              },
              () => undefined,
            )
            .finally(() => this.#world.busy--)
        }
      if (intake && this.#world.maybe(this.#killChance)) this.kill()
    })
  }

  #killChance = 0
  set killChance(to: number) {
    this.#killChance = to
  }

  kill(): void {
    this.kills++
    this.#intake = null
    this.#arriving = []
    this.cut()
    this.#world.after(this.#world.between(500, 20_000), () => {
      this.#intake = this.#open()
    })
  }

  cut(): void {
    for (const drop of [...this.#links]) drop()
  }

  /** The connection of one life of the edge, with the promises of `ingest/uplink/link.ts`. */
  link(options: LinkOptions, process: { alive: boolean }): UplinkLink {
    const world = this.#world
    let connected = false
    let open = true
    let waiting = new Set<(error: Error) => void>()
    const drop = (): void => {
      if (!connected) return
      connected = false
      this.#links.delete(drop)
      const lost = waiting
      waiting = new Set()
      if (!process.alive) return
      for (const reject of lost) reject(new WardwatchError('uplink-down', 'The connection was closed (simulated).'))
      options.onDown('closed')
      later()
    }
    const later = (): void => {
      options.clock.after(world.between(300, 6000), () => {
        if (!open) return
        if (this.#intake === null || !this.reachable) {
          options.onDown('not reachable')
          return later()
        }
        connected = true
        this.#links.add(drop)
        options.onUp()
      })
    }
    later()
    return {
      get connected() {
        return connected
      },
      url: 'sim://province',
      publish: (topic, payload) => {
        if (!connected || !process.alive)
          return Promise.reject(new WardwatchError('uplink-down', 'The province is not connected.'))
        return new Promise((resolve, reject) => {
          const mine = waiting
          mine.add(reject)
          const done = (): void => {
            if (!mine.delete(reject)) return
            timer.cancel()
            resolve()
          }
          const timer = options.clock.after(20_000, () => {
            if (mine.delete(reject)) reject(new WardwatchError('uplink-down', 'No acknowledgement in time.'))
            drop()
          })
          this.wire.push(payload)
          const copies = world.maybe(this.faults.duplicate) ? 2 : 1
          for (let i = 0; i < copies; i++)
            if (!world.maybe(this.faults.loss))
              world.after(world.chance() ** 3 * this.faults.delayMs, () =>
                this.#arrived({ topic, payload, process, resolve: done }),
              )
        })
      },
      close: async () => {
        open = false
        connected = false
        this.#links.delete(drop)
        for (const reject of waiting) reject(new WardwatchError('uplink-down', 'closed'))
        waiting.clear()
      },
    }
  }
}
