import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Broker } from '#broker/index.ts'
import type { ConsoleServer } from '#dashboards/server.ts'
import { type EdgeDesk, openDesk } from '#ingest/desk/desk.ts'
import { type EdgeJournal, openJournal } from '#ingest/journal/journal.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { Pump } from '#ingest/pump.ts'
import type { Quality } from '#ingest/quality/quality.ts'
import type { Uplink } from '#ingest/uplink/uplink.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import { ContextStore } from './context-store.ts'
import { openDataDir } from './data-dir.ts'
import { lockDataDir } from './data-lock.ts'
import { DeviceTable } from './device-table.ts'
import { createDrivers, type DriverSet, devicesOf } from './drivers.ts'
import type { Edge, EdgeOptions } from './edge-port.ts'
import { EvidencePictures } from './evidence-pictures.ts'
import { ExternalVoice, type Voice } from './external-voice.ts'
import type { EdgeFacilityDesk } from './facility-desk.ts'
import { Intake } from './intake.ts'
import { openAliases } from './parts/aliases.ts'
import { openBroker } from './parts/broker.ts'
import { openEdgeConsole } from './parts/console.ts'
import { type Duty, openDuty } from './parts/duty.ts'
import { type EndToEndTest, openEndToEndTest, ownAddress, ownIdentity } from './parts/end-to-end-test.ts'
import { Endings } from './parts/endings.ts'
import { openFacilityLedger } from './parts/facility-ledger.ts'
import { beat } from './parts/heartbeat.ts'
import { IndicatorFacts } from './parts/indicators.ts'
import { Placing } from './parts/placing.ts'
import { openProvinceLink } from './parts/province-link.ts'
import { openEdgeQuality } from './parts/quality.ts'
import { classRetention, type RetentionJob, retentionJob } from './parts/retention.ts'
import { RuleSet } from './parts/rule-set.ts'
import { openSeriesStores } from './parts/series-stores.ts'
import { StorageTroubles } from './parts/storage-trouble.ts'
import { type TellingPart, tellChange, tellReadings } from './parts/telling.ts'
import { openVideo, type VideoPart } from './parts/video.ts'
import { watchOwnCertificates, watchSite } from './parts/watching.ts'
import { RulesRunner } from './rules-runner.ts'
import type { SiteWatch } from './site-reload.ts'

export type { Edge, EdgeOptions } from './edge-port.ts'

const SAVE_MS = 10_000
const EXPIRE_MS = 3_600_000

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
  readonly #endings: Endings
  readonly #pumps: Pump[] = []
  #context!: ContextStore
  #placing!: Placing
  #table!: DeviceTable
  #intake!: Intake
  #ruleSet!: RuleSet
  #rules!: RulesRunner
  #broker: Broker | null = null
  #voice: Voice | null = null
  #telling!: TellingPart
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
    this.#endings = new Endings(options.clock, options.log)
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
    this.#telling = {
      log,
      journal: this.journal,
      context: this.#context,
      placing: this.#placing,
      table: this.#table,
      voice: () => this.#voice,
    }
    tellReadings(this.#telling)
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
    this.desk.onChange((change) => tellChange(this.#telling, change, this.#pictures, this.#video))
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
    const watching = {
      site,
      siteFile: this.#options.siteFile,
      clock,
      log,
      broker: () => this.#broker,
      console: this.console,
      facility: this.#facility,
      table: this.#table,
      drivers: this.drivers,
      ruleSet: this.#ruleSet,
      own: this.#own,
    }
    this.#end('certificates', watchOwnCertificates(watching))
    this.siteWatch = watchSite(watching)
    this.#end('site watch', () => this.siteWatch.close())
    beat({
      self: this.#self,
      clock,
      log,
      journal: this.journal,
      intake: this.#intake,
      uplink: this.#uplink,
      endings: this.#endings,
    })
    this.#endings.every(SAVE_MS, () => this.#context.save())
    this.#endings.every(EXPIRE_MS, () => this.#retention.run())
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

  #end(name: string, end: () => unknown): void {
    this.#endings.add(name, end)
  }

  /** Ends in the opposite order of the start: sources first, the journal last. Resolves within five seconds. */
  close(): Promise<void> {
    return this.#endings.close()
  }
}
