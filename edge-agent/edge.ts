import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Server as TlsServer } from 'node:tls'
import { type Broker, brokerDevices } from '#broker/index.ts'
import type { ConsoleServer, ConsoleServerOptions } from '#dashboards/server.ts'
import { type EdgeDesk, openDesk } from '#ingest/desk/desk.ts'
import { type EdgeJournal, openJournal } from '#ingest/journal/journal.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { Pump } from '#ingest/pump.ts'
import type { Quality } from '#ingest/quality/quality.ts'
import type { Uplink } from '#ingest/uplink/uplink.ts'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { RawReading, Reading } from '#model/reading.ts'
import type { Site } from '#model/site/load.ts'
import { topics } from '#model/topics.ts'
import { alertEvent } from './alert-event.ts'
import { ContextStore } from './context-store.ts'
import { openDataDir } from './data-dir.ts'
import { lockDataDir } from './data-lock.ts'
import { DeviceTable } from './device-table.ts'
import { createDrivers, type DriverSet, devicesOf } from './drivers.ts'
import { EvidencePictures } from './evidence-pictures.ts'
import { ExternalVoice, type Voice } from './external-voice.ts'
import type { EdgeFacilityDesk } from './facility-desk.ts'
import { Intake } from './intake.ts'
import type { Log } from './log.ts'
import { openAliases } from './parts/aliases.ts'
import { openBroker } from './parts/broker.ts'
import { watchCertificates } from './parts/certificates.ts'
import { openEdgeConsole } from './parts/console.ts'
import { type Duty, openDuty } from './parts/duty.ts'
import { type EndToEndTest, openEndToEndTest, ownAddress, ownIdentity } from './parts/end-to-end-test.ts'
import { openFacilityLedger } from './parts/facility-ledger.ts'
import { IndicatorFacts } from './parts/indicators.ts'
import { Placing } from './parts/placing.ts'
import { openProvinceLink } from './parts/province-link.ts'
import { openEdgeQuality } from './parts/quality.ts'
import { classRetention, type RetentionJob, retentionJob } from './parts/retention.ts'
import { RuleSet } from './parts/rule-set.ts'
import { openSeriesStores } from './parts/series-stores.ts'
import { StorageTroubles } from './parts/storage-trouble.ts'
import { openVideo, type VideoPart } from './parts/video.ts'
import { RulesRunner } from './rules-runner.ts'
import { type SiteWatch, watchSiteFile } from './site-reload.ts'

const HEARTBEAT_MS = 30_000
const SAVE_MS = 10_000
const EXPIRE_MS = 3_600_000

export interface EdgeOptions {
  site: Site
  siteFile: string
  dataDir: string
  clock: Clock
  log: Log
  /** Chance for jitter: 0 ≤ x < 1. */
  random(): number
  /** The journal can take nothing any more: only a new process can help. */
  onFailed?(detail: string): void
  /** Routes beyond the contract, e.g. the test surface of a demo. */
  extend?(edge: Edge): ConsoleServerOptions['extend']
  webRoot?: string | null
}

export interface Edge {
  readonly url: string
  readonly ports: { console: number; mqtt: number | null; mqtts: number | null; ws: number | null }
  readonly desk: EdgeDesk
  readonly journal: EdgeJournal
  readonly ledger: EdgeLedger
  readonly drivers: DriverSet
  readonly console: ConsoleServer
  /** Watches the site file; `reload` reads it now. */
  readonly siteWatch: SiteWatch
  close(): Promise<void>
}

export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const starting = new EdgeAgent(options)
  try {
    await starting.open()
    return starting
  } catch (error) {
    await starting.close()
    throw error
  }
}

class EdgeAgent implements Edge {
  readonly #options: EdgeOptions
  readonly #ends: [name: string, end: () => unknown][] = []
  readonly #timers = new Set<Timer>()
  readonly #pumps: Pump[] = []
  #context!: ContextStore
  #placing!: Placing
  #table!: DeviceTable
  #intake!: Intake
  #ruleSet!: RuleSet
  #rules!: RulesRunner
  #broker: Broker | null = null
  /** Through which local subscribers are told: the embedded broker, or a foreign one. */
  #voice: Voice | null = null
  #uplink: Uplink | null = null
  #pictures!: EvidencePictures
  #video!: VideoPart
  #facility!: EdgeFacilityDesk
  #quality!: Quality
  #facts!: IndicatorFacts
  #retention!: RetentionJob
  #troubles!: StorageTroubles
  #duty!: Duty
  #self = ''
  #own!: ReturnType<typeof ownIdentity>
  #test: EndToEndTest | null = null
  #startedAt = 0
  #closing = false
  desk!: EdgeDesk
  journal!: EdgeJournal
  ledger!: EdgeLedger
  drivers!: DriverSet
  console!: ConsoleServer
  siteWatch!: SiteWatch
  url = ''
  ports: Edge['ports'] = { console: 0, mqtt: null, mqtts: null, ws: null }

  constructor(options: EdgeOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    const { site, clock, log } = this.#options
    const facility = site.facility.id
    this.#startedAt = clock.now()
    this.#self = (site.devices ?? []).find((d) => d.kind === 'edge-agent')?.id ?? `${facility}-edge`
    this.#own = ownIdentity(this.#self)
    const data = openDataDir(this.#options.dataDir)
    this.#end('lock', lockDataDir(data.root))
    const alias = openAliases(site, data.root)
    const troubles = new StorageTroubles({ facility, clock, log, root: data.root })
    this.#troubles = troubles

    this.journal = await openJournal({
      dir: data.journal,
      clock,
      retentionMs: classRetention(site),
      ...(site.retention?.['max-gb'] ? { maxBytes: site.retention['max-gb'] * 2 ** 30 } : {}),
      onEvent: (event) => {
        log.warn(event.event, event)
        troubles.journal(event)
        if (event.event === 'journal-failed' && this.journal?.failed) this.#options.onFailed?.(event.detail)
      },
    })
    this.#end('journal', () => this.journal.close())
    this.ledger = await openFacilityLedger({ site, clock, log, root: data.root, dir: data.ledger })
    this.#end('ledger', () => this.ledger.close())
    this.desk = await openDesk({
      dir: data.desk,
      facility,
      clock,
      journal: this.journal,
      ledger: this.ledger,
      onEvent: (event) => {
        log.warn(event.event, event)
        if (event.event === 'desk-corrupt') troubles.damaged('desk', { ...event })
        if (event.event === 'desk-failed' && this.desk?.failed) this.#options.onFailed?.(event.detail)
      },
    })
    this.#end('desk', () => this.desk.close())

    this.#context = new ContextStore(site, join(data.root, 'context.json'), clock.now())
    await this.#context.catchUp(this.journal)
    if (this.#context.setAside) troubles.damaged('context', { file: this.#context.setAside, reason: 'not JSON' })
    this.#placing = new Placing(this.#context)
    this.#table = new DeviceTable()
    this.#intake = new Intake({
      facility,
      clock,
      journal: this.journal,
      self: this.#self,
      knows: (id) => id === this.#self || this.#context.context.device(id) !== undefined,
    })
    this.#end('context', () => this.#context.save())

    this.#ruleSet = new RuleSet({
      siteFile: this.#options.siteFile,
      self: this.#self,
      clock,
      log,
      intake: this.#intake,
      ledger: this.ledger,
      running: () => this.#rules?.rules,
    })
    this.#rules = new RulesRunner({
      site,
      ...this.#ruleSet.load(site.rules ?? {}),
      clock,
      journal: this.journal,
      stateFile: data.rulesState,
      onChange: (change, source) => this.#taken(this.desk.apply(change, { source }), change.alert.id),
      onNotConfirmed: (id, at) => this.#taken(this.desk.notConfirmed(id, at), id),
      onFault: (detail) => log.error('rules.fault', { detail }),
    })
    const { replayed } = await this.#rules.start()
    if (replayed > 0) log.info('rules.caught-up', { records: replayed })
    this.#end('rules', () => this.#rules.close())
    // After the rules: what they make of a reading is on its way before the views have it.
    this.#follow()
    const { sinceLastRun } = this.#context
    if (sinceLastRun.length > 0)
      await this.journal.append(sinceLastRun.map((change) => ({ kind: 'context', change, by: 'site-file' })))
    this.#saveContext()

    this.drivers = createDrivers({
      site,
      clock,
      data,
      intake: this.#intake,
      log,
      self: this.#self,
      modelDirs: [join(dirname(this.#options.siteFile), 'models')],
      random: this.#options.random,
    })
    this.#pictures = new EvidencePictures(data.pictures, clock, {
      snapshot: async (camera) => this.#video.recent(camera) ?? this.drivers.onvif.snapshot(camera),
    })
    this.#video = openVideo({
      site,
      clock,
      log,
      dir: data.pictures,
      context: this.#context,
      drivers: this.drivers,
    })
    this.#end('video', () => this.#video.close())
    const {
      local: series,
      sinks,
      pumps,
    } = await openSeriesStores({
      site,
      clock,
      log,
      dir: data.series,
      onDamage: (damage) => troubles.damaged('series', { ...damage }),
      journal: this.journal,
      placing: this.#placing,
      alias,
      random: this.#options.random,
      onEnd: (name, end) => this.#end(name, end),
    })
    this.#pumps.push(...pumps)
    this.#uplink = await openProvinceLink({
      site,
      clock,
      log,
      dir: data.uplink,
      onDamage: (damage) => troubles.damaged('uplink', { ...damage }),
      journal: this.journal,
      ledger: this.ledger,
      desk: this.desk,
      context: this.#context,
      table: this.#table,
      alias,
      random: this.#options.random,
    })
    this.#end('uplink', () => this.#uplink?.close())
    this.#facts = new IndicatorFacts({ site, context: this.#context })
    this.#quality = await openEdgeQuality({
      followers: this.#facts.followers,
      clock,
      log,
      dir: data.quality,
      onDamage: (damage) => troubles.damaged('quality', { ...damage }),
      journal: this.journal,
      ledger: this.ledger,
      context: this.#context,
      table: this.#table,
      intake: this.#intake,
      drivers: this.drivers,
    })
    this.#end('quality', () => this.#quality.close())
    this.#retention = retentionJob({
      site,
      clock,
      log,
      journal: this.journal,
      desk: this.desk,
      quality: this.#quality,
      sinks,
    })
    this.desk.onChange((change) => this.#published(change))
    await troubles.open(this.desk, this.ledger, this.#startedAt)
    this.#duty = await openDuty({
      site,
      clock,
      log,
      journal: this.journal,
      desk: this.desk,
      context: this.#context,
      ruleName: (slug) => this.#facility?.rules().find((rule) => rule.id === slug)?.name ?? null,
      random: this.#options.random,
      onEnd: (name, end) => this.#end(name, end),
    })
    await this.#openConsole(data.accounts, series, sinks)

    for (const driver of this.drivers.all) {
      await driver.start(devicesOf(driver, site.devices ?? []))
      this.#end(`driver ${driver.name}`, () => driver.stop())
    }
    // The broker opens its doors last: what it took before its driver knows the devices would be a stranger's.
    if (site.broker?.url) this.#openVoice(site.broker.url)
    else if (site.broker) await this.#openBroker(data.broker)
    await this.#openTest()
    this.#watchCertificates()
    this.#watchSite()
    this.#beat()
    this.#every(SAVE_MS, () => this.#context.save())
    this.#every(EXPIRE_MS, () => this.#retention.run())
  }

  /** What the desk could not take for want of a journal is lost to this run: the next one must say it again. */
  #taken(work: Promise<unknown>, alert: string): Promise<unknown> {
    return work.catch((error: Error) => {
      this.#options.log.error('desk.apply-failed', { error: error.message, alert })
      if (this.journal.failed || this.desk.failed) throw error
    })
  }

  /** On a full disk the edge starts and runs on; what is not kept yet stands in the journal. */
  #saveContext(): void {
    try {
      this.#context.save()
    } catch (error) {
      this.#options.log.warn('context.save-failed', { error: (error as Error).message })
    }
  }

  /** Views and local subscribers hear what the journal has, after it has it. */
  #follow(): void {
    this.journal.onCommit((records: JournalRecord[]) => {
      const { context } = this.#context
      for (const { seq, body } of records) {
        if (body.kind === 'context') this.#context.apply(body.change, seq)
        else if (body.kind === 'quarantine') this.#table.quarantined(body.item.device)
        else if (body.kind === 'reading') {
          const { reading } = body
          const subject = reading.subject ?? context.subjectOfDevice(reading.device)
          this.#table.note(reading, {
            zone: this.#placing.zoneOf(reading),
            subject,
            staff: subject !== null && context.staff(subject) !== undefined,
          })
          if (this.#voice) this.#tell(reading, subject)
        }
      }
    })
  }

  #tell(reading: Reading, subject: string | null): void {
    const topic = topics.reading(reading.facility, reading.type)
    if (!this.#voice?.wanted(topic)) return
    void this.#voice
      .publish(topic, JSON.stringify({ ...reading, zone: this.#placing.zoneOf(reading), subject }), { qos: 0 })
      .catch(() => {})
  }

  /** After each change of an alert: local subscribers hear it, and a picture is taken when it is raised. */
  #published(change: AlertChange): void {
    const { log } = this.#options
    void this.#voice
      ?.publish(topics.alert(change.alert.facility, change.alert.level), JSON.stringify(alertEvent(change)), { qos: 1 })
      .catch(() => {})
    if (change.change === 'raised' && change.alert.domain !== 'equipment') {
      const { id, raisedAt } = change.alert
      const cameras = this.#placing.camerasFor(change.alert)
      void Promise.all([this.#pictures.keep(id, cameras), this.#video.keepPreroll(id, cameras, raisedAt)]).catch(
        (error: Error) => log.warn('picture.failed', { alert: id, error: error.message }),
      )
    }
  }

  async #openBroker(dataDir: string): Promise<void> {
    const { site, clock, log } = this.#options
    const { drivers, journal } = this
    const broker = await openBroker({
      site,
      clock,
      log,
      dataDir,
      drivers,
      journal,
      intake: this.#intake,
      own: this.#own,
      onDamage: (damage) => this.#troubles.damaged('sessions', damage),
    })
    this.#broker = broker
    this.#voice = broker
    this.ports = { ...this.ports, mqtt: broker.ports.tcp, mqtts: broker.ports.tls, ws: broker.ports.ws }
    this.#end('broker', () => broker.close())
  }

  /** Proof that an alarm would arrive; over the broker that devices use. */
  async #openTest(): Promise<void> {
    const { site, clock, log } = this.#options
    const { url, user, password, ca, cert, key, host } = site.broker ?? {}
    const file = (path: string | undefined) => (path ? readFileSync(path) : undefined)
    this.#test = await openEndToEndTest({
      facility: site.facility.id,
      self: this.#self,
      clock,
      log,
      journal: this.journal,
      desk: this.desk,
      rulesAt: () => this.#rules.position,
      broker: url
        ? { url, options: { username: user, password, ca: file(ca), cert: file(cert), key: file(key) } }
        : this.#broker && ownAddress(this.#broker.ports, host ?? '127.0.0.1', this.#own),
    })
    this.#end('end-to-end test', () => this.#test?.close())
  }

  #openVoice(url: string): void {
    const { site, log } = this.#options
    const { user, password, ca, cert, key } = site.broker ?? {}
    const voice = new ExternalVoice({ url, facility: site.facility.id, user, password, ca, cert, key, log })
    this.#voice = voice
    this.#end('voice', () => voice.close())
  }

  async #openConsole(accountsDir: string, series: SeriesSink, sinks: readonly SeriesSink[]): Promise<void> {
    const { site, clock, log, dataDir, webRoot } = this.#options
    const { server, facility, url } = await openEdgeConsole({
      site,
      clock,
      log,
      dataDir,
      accountsDir,
      startedAt: this.#startedAt,
      journal: this.journal,
      ledger: this.ledger,
      desk: this.desk,
      drivers: this.drivers,
      intake: this.#intake,
      rules: this.#rules,
      ruleSet: this.#ruleSet,
      context: this.#context,
      table: this.#table,
      pictures: this.#pictures,
      video: this.#video,
      pumps: this.#pumps,
      troubles: this.#troubles,
      broker: () => this.#broker,
      uplink: () => this.#uplink,
      quality: this.#quality,
      facts: this.#facts,
      retention: this.#retention,
      duty: () => this.#duty,
      test: () => this.#test?.state() ?? null,
      series,
      sinks,
      webRoot,
      extend: this.#options.extend?.(this),
      onEnd: (name, end) => this.#end(name, end),
    })
    this.console = server
    this.#facility = facility
    this.url = url
    this.ports = { ...this.ports, console: Number(new URL(url).port) }
  }

  /** Renewed or revoked with `wardwatch pki` while the edge runs. The uplink reads its own at each connection. */
  #watchCertificates(): void {
    const { site, clock, log } = this.#options
    const end = watchCertificates(
      [
        { name: 'broker', files: site.broker ?? {}, apply: (tls, revoked) => this.#broker?.renewTls(tls, revoked) },
        {
          name: 'console',
          files: site.console ?? {},
          apply: ({ cert, key }) => (this.console.app.server as unknown as TlsServer).setSecureContext({ cert, key }),
        },
      ],
      clock,
      log,
    )
    this.#end('certificates', end)
  }

  #watchSite(): void {
    const { site, siteFile, clock, log } = this.#options
    this.siteWatch = watchSiteFile({
      file: siteFile,
      site,
      clock,
      log,
      apply: async (changes, next) => {
        // Context goes the way of every change: through the journal, in sequence with the readings.
        await this.#facility.changeContext(changes, 'site-file')
        const devices = next.devices ?? []
        this.#table.keepOnly(new Set(devices.map((d) => d.id)))
        this.#broker?.update({
          devices: [...brokerDevices(devices), this.#own],
          subscribers: next.broker?.subscribers ?? [],
        })
        for (const driver of this.drivers.all) await driver.update(devicesOf(driver, devices))
      },
      rules: (next) => {
        const loaded = this.#ruleSet.load(next.rules ?? {})
        return () => this.#ruleSet.replace(loaded)
      },
      folders: this.#ruleSet.folders,
    })
    this.#end('site watch', () => this.siteWatch.close())
  }

  /** The edge speaks for itself every 30 s: its heartbeat stands in the journal like any reading. */
  #beat(): void {
    const say = (): void => {
      if (this.#closing) return
      const state = this.#uplink?.state()
      const reading: RawReading = {
        device: this.#self,
        type: 'agent.heartbeat',
        time: this.#options.clock.now(),
        value: {
          queue_depth: this.journal.stats().pending,
          uplink: state === undefined || state.connected ? 'up' : 'down',
        },
      }
      void this.#intake
        .accept([reading], 'edge')
        .catch((error: Error) => this.#options.log.warn('heartbeat.failed', { error: error.message }))
    }
    say()
    this.#every(HEARTBEAT_MS, say)
  }

  #every(ms: number, task: () => unknown): void {
    const { clock, log } = this.#options
    const step = (): void => {
      const timer = clock.after(ms, () => {
        this.#timers.delete(timer)
        if (this.#closing) return
        Promise.resolve()
          .then(task)
          .catch((error: Error) => log.warn('task.failed', { error: error.message }))
          .finally(step)
      })
      this.#timers.add(timer)
    }
    step()
  }

  #end(name: string, end: () => unknown): void {
    this.#ends.push([name, end])
  }

  /** Ends in the opposite order of the start: sources first, the journal last. Resolves within five seconds. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    for (const timer of this.#timers) timer.cancel()
    // Drivers all at once: each may take up to three seconds.
    const drivers = this.#ends.filter(([name]) => name.startsWith('driver '))
    await Promise.allSettled(drivers.map(([, end]) => end()))
    for (const [name, end] of this.#ends.filter(([n]) => !n.startsWith('driver ')).reverse())
      try {
        await end()
      } catch (error) {
        this.#options.log.warn('close.failed', { what: name, error: (error as Error).message })
      }
  }
}
