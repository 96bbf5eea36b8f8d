/**
 * One simulated edge: the production journal, ledger, desk, intake, rules runner, pump and uplink sender, wired as
 * `edge-agent/edge.ts` wires them, without sockets and threads. It may be killed at any call and started again.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ImportOutcome, Intake } from '#edge/intake.ts'
import { RulesRunner } from '#edge/rules-runner.ts'
import { type EdgeDesk, openDesk } from '#ingest/desk/desk.ts'
import { type EdgeJournal, openJournal } from '#ingest/journal/journal.ts'
import { type EdgeLedger, openLedger } from '#ingest/ledger/ledger.ts'
import { alertMark } from '#ingest/ledger/mark.ts'
import { type Pump, startSinkPump } from '#ingest/pump.ts'
import type { LinkOptions, UplinkLink } from '#ingest/uplink/link.ts'
import { startUplink, type Uplink } from '#ingest/uplink/uplink.ts'
import { FacilityContext } from '#model/context/facility-context.ts'
import { pseudonym } from '#model/ids.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { RawReading } from '#model/reading.ts'
import type { Site } from '#model/site/load.ts'
import type { Rule } from '#rules/engine/rule.ts'
import { Disk } from './disk.ts'
import { MachineClock, type World } from './world.ts'

export const FACILITY_KEY = 'ab'.repeat(32)
/** Rows that may wait for the disk: small, so that the limit is met. */
export const MAX_PENDING = 200

export interface EdgeParts {
  world: World
  root: string
  site: Site
  rules: readonly Rule[]
  sink: SeriesSink
  openLink(options: LinkOptions, process: { alive: boolean }): UplinkLink
  trace(text: string): void
}

interface Life {
  alive: boolean
  n: number
  kill(): void
}

export interface Running {
  life: Life
  journal: EdgeJournal
  ledger: EdgeLedger
  desk: EdgeDesk
  intake: Intake
  runner: RulesRunner
  pump: Pump
  uplink: Uplink
}

export class EdgeNode {
  readonly disk: Disk
  readonly clock: MachineClock
  readonly #parts: EdgeParts
  #lives = 0
  #life: Life | null = null
  running: Running | null = null
  /** Everything that the journal ever held: a full disk makes it give up what all have taken. */
  readonly history: JournalRecord[] = []
  /** Where in the journal and when each process began to listen, and up to when the one before it had judged. */
  readonly starts: { seq: number; at: number; judgedTo: number }[] = []
  #judgedTo = 0
  kills = 0
  stops = 0
  shed = 0
  /** Records that retention gave up for want of space, and how many of them nobody had read. */
  removed = 0
  removedUnread = 0
  /** What the rules said they could not do, and what stores gave up. */
  readonly faults: string[] = []
  mostPending = 0

  constructor(parts: EdgeParts) {
    this.#parts = parts
    this.disk = new Disk(parts.world, parts.root)
    this.clock = new MachineClock(parts.world)
  }

  get up(): boolean {
    return this.running !== null
  }

  /** Starts a process. One that cannot start says so and ends; its supervisor tries again. */
  start(): void {
    const life: Life = { alive: true, n: ++this.#lives, kill: () => this.#killed(life) }
    this.#life = life
    this.#parts.trace(`start of life ${life.n}`)
    this.#open(life).catch((error: Error) => {
      this.#parts.trace(`life ${life.n} cannot start: ${error.message}`)
      life.kill()
    })
  }

  async #open(life: Life): Promise<void> {
    const { world, site, rules, sink, openLink, trace } = this.#parts
    const clock = this.clock.of(life)
    const intercept = this.disk.under(life)
    const facility = site.facility.id
    const dir = (name: string): string => {
      const path = join(this.disk.dir, name)
      mkdirSync(path, { recursive: true })
      return path
    }
    const random = () => world.chance()
    const onEvent = (event: { event: string; detail?: string; removed?: number; unread?: number }) => {
      trace(`${event.event} ${event.detail ?? ''}`)
      this.removed += event.removed ?? 0
      this.removedUnread += event.unread ?? 0
      if (event.event === 'journal-corrupt') this.faults.push(JSON.stringify(event))
      // What cannot be mended by waiting is mended by the supervisor: a new process.
      if (stores.some((store) => store.failed)) world.after(2000, () => life.alive && life.kill())
    }
    const stores: { readonly failed: boolean }[] = []
    let salt = 0
    const common = { dir: dir('data'), clock, thread: false, intercept, onEvent }
    const journal = await openJournal({ ...common, ballastBytes: 0, maxPending: MAX_PENDING, tailRecords: 300 })
    stores.push(journal)
    const remember = (records: readonly JournalRecord[]): void => {
      for (const record of records) if (record.seq > (this.history.at(-1)?.seq ?? 0)) this.history.push(record)
    }
    // What was committed and not told before the last process was killed.
    remember(await journal.read((this.history.at(-1)?.seq ?? 0) + 1, 100_000))
    journal.onCommit(remember)
    const ledger = await openLedger({
      ...common,
      facilityKey: FACILITY_KEY,
      salt: () => `${life.n}-${salt++}`,
      bytes: (n) => Buffer.from(Array.from({ length: n }, () => world.below(256))),
    })
    const desk = await openDesk({ ...common, facility, journal, ledger })
    stores.push(desk)
    const context = new FacilityContext(site)
    const self = `${facility}-edge`
    const intake = new Intake({
      facility,
      clock,
      journal,
      self,
      knows: (id) => id === self || context.device(id) !== undefined,
    })
    const runner = new RulesRunner({
      site,
      rules,
      clock,
      journal,
      stateFile: join(this.disk.dir, 'rules-state.json'),
      write: async (file, text) => this.disk.replace(life, file, text),
      onChange: (change, source) => desk.apply(change, { source }),
      onNotConfirmed: (id, at) => desk.notConfirmed(id, at),
      onFault: (detail) => {
        trace(`rules fault: ${detail}`)
        this.faults.push(detail)
      },
    })
    const { seq, at } = await runner.start()
    this.starts.push({ seq, at, judgedTo: this.#judgedTo })
    const pump = await startSinkPump({ sink, journal, clock, random, batch: 100, restMs: 500 })
    const uplink = await startUplink({
      dir: common.dir,
      facility,
      clock,
      journal,
      random,
      thread: false,
      intercept,
      urls: ['sim://province'],
      maxWaiting: 60,
      alias: (id) => pseudonym(FACILITY_KEY, id),
      ledgerHash: (change, seq = 0) =>
        change ? ledger.hashOf(change.alert.id, change, alertMark(seq, change)) : ledger.head().hash,
      openLink: (options) => openLink(options, life),
      health: () => ({
        at: clock.now(),
        queueDepth: journal.stats().pending,
        openAlerts: { red: 0, orange: 0, yellow: 0, blue: 0 },
        devices: { total: 1, online: 1 },
        name: { zh: facility, en: facility },
        kind: 'prison',
        version: '0.1.0',
      }),
      anchor: () => {
        const head = ledger.head()
        return head.seq === 0 ? null : { at: clock.now(), ledgerSeq: head.seq, ledgerHash: head.hash }
      },
    })
    this.running = { life, journal, ledger, desk, intake, runner, pump, uplink }
    this.#beat(life, intake, self)
    trace(`life ${life.n} runs`)
  }

  #beat(life: Life, intake: Intake, self: string): void {
    const { world } = this.#parts
    const say = (): void => {
      if (!life.alive) return
      const beat: RawReading = {
        device: self,
        type: 'agent.heartbeat',
        time: this.clock.now(),
        value: { queue_depth: 0, uplink: 'up' },
      }
      void intake.accept([beat], 'edge').catch(() => undefined)
      world.after(30_000, say)
    }
    say()
  }

  /** Readings that came over the wire; resolves when the edge acknowledges. */
  async accept(readings: RawReading[]): Promise<ImportOutcome> {
    const { running } = this
    if (!running) return new Promise(() => undefined)
    const before = running.journal.stats().shed
    const outcome = await running.intake.accept(readings, 'mqtt')
    this.shed += running.journal.stats().shed - before
    this.mostPending = Math.max(this.mostPending, running.journal.stats().pending)
    return outcome
  }

  kill(): void {
    this.#life?.kill()
  }

  #killed(life: Life): void {
    if (!life.alive) return
    const { world, trace } = this.#parts
    this.#noteEnd()
    life.alive = false
    this.running = null
    this.#life = null
    this.kills++
    this.disk.faults.callsToKill = Number.POSITIVE_INFINITY
    const powerCut = world.maybe(0.4)
    trace(`life ${life.n} ends: ${powerCut ? 'power cut' : 'kill -9'}`)
    world.busy++
    void this.disk.afterKill(powerCut).finally(() => {
      world.busy--
      world.after(world.between(200, 15_000), () => this.start())
    })
  }

  /** Time of the rules of a process that ends. */
  #noteEnd(): void {
    if (!this.running) return
    const now = this.clock.now()
    this.#judgedTo = Math.min(now, this.running.journal.waitingSince() ?? now)
  }

  /** Ends as `wardwatch edge` ends at SIGTERM: uplink, pump, rules, desk, ledger, journal. False: nothing was running. */
  async stop(): Promise<boolean> {
    const { running } = this
    if (!running) return false
    this.#noteEnd()
    this.running = null
    this.stops++
    this.#parts.trace(`life ${running.life.n} is stopped`)
    await running.uplink.close()
    await running.pump.close()
    await running.runner.close()
    await running.desk.close()
    await running.ledger.close()
    await running.journal.close()
    if (!running.life.alive) return false
    running.life.alive = false
    this.#life = null
    return true
  }

  /** Lets go of the files of a run that is over. */
  async dispose(): Promise<void> {
    if (this.#life) this.#life.alive = false
    await this.disk.dispose()
  }
}
