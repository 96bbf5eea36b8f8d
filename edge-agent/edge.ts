/**
 * One facility: wires journal, ledger, desk, rules, drivers, broker, stores, uplink and console, and ends them in
 * order. It holds no logic of its own: what enters goes to the journal, and everything else follows the journal.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Broker, brokerDevices, createBroker } from '#broker/index.ts'
import { openAccounts } from '#dashboards/accounts.ts'
import { historyOfJournal } from '#dashboards/history.ts'
import { type ConsoleServer, type ConsoleServerOptions, createConsoleServer } from '#dashboards/server.ts'
import { type EdgeDesk, openDesk } from '#ingest/desk/desk.ts'
import { type EdgeJournal, openJournal } from '#ingest/journal/journal.ts'
import { type EdgeLedger, openLedger } from '#ingest/ledger/ledger.ts'
import { type Pump, startSinkPump } from '#ingest/pump.ts'
import { openEmbeddedSeries } from '#ingest/series/embedded.ts'
import { openInfluxV1 } from '#ingest/series/influx-v1.ts'
import { openInfluxV2 } from '#ingest/series/influx-v2.ts'
import { startUplink, type Uplink } from '#ingest/uplink/uplink.ts'
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { Clock, Timer } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { pseudonym } from '#model/ids.ts'
import { durationMs } from '#model/local-time.ts'
import type { JournalRecord } from '#model/ports/journal.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { RawReading, Reading } from '#model/reading.ts'
import type { Site } from '#model/site/load.ts'
import { topics } from '#model/topics.ts'
import { CATALOGUE_DIR, loadRules, shadowRules } from '#rules/catalogue/load.ts'
import { ruleInfos } from '#rules/commands.ts'
import type { Rule } from '#rules/engine/rule.ts'
import { loadPlans } from '#rules/plans/load.ts'
import { alertEvent } from './alert-event.ts'
import { ContextStore } from './context-store.ts'
import { openDataDir } from './data-dir.ts'
import { lockDataDir } from './data-lock.ts'
import { DeviceTable } from './device-table.ts'
import { createDrivers, type DriverSet, devicesOf } from './drivers.ts'
import { EvidencePictures } from './evidence-pictures.ts'
import { ExternalVoice, type Voice } from './external-voice.ts'
import { EdgeFacilityDesk } from './facility-desk.ts'
import { Intake } from './intake.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import { RulesRunner } from './rules-runner.ts'
import { type SiteWatch, watchSiteFile } from './site-reload.ts'

const HEARTBEAT_MS = 30_000
const SAVE_MS = 10_000
const EXPIRE_MS = 3_600_000
/** Stores get readings in few large writes: half a second matters to no chart, and it halves the work of the edge. */
const SINK_REST_MS = 500
const SINK_BATCH = 5000

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
  #table!: DeviceTable
  #intake!: Intake
  #rules!: RulesRunner
  #broker: Broker | null = null
  /** Through which local subscribers are told: the embedded broker, or a foreign one. */
  #voice: Voice | null = null
  #uplink: Uplink | null = null
  #pictures!: EvidencePictures
  #facility!: EdgeFacilityDesk
  #self = ''
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
    const data = openDataDir(this.#options.dataDir)
    this.#end('lock', lockDataDir(data.root))
    const alias = this.#aliases(data.root)

    const retention = site.retention ?? {}
    const keep = Object.fromEntries(
      (['L2', 'L3', 'L4', 'alerts'] as const).flatMap((name) =>
        retention[name] ? [[name, durationMs(retention[name])]] : [],
      ),
    )
    this.journal = await openJournal({
      dir: data.journal,
      clock,
      retentionMs: keep,
      ...(retention['max-gb'] ? { maxBytes: retention['max-gb'] * 2 ** 30 } : {}),
      onEvent: (event) => {
        log.warn(event.event, event)
        if (event.event === 'journal-failed' && this.journal?.failed) this.#options.onFailed?.(event.detail)
      },
    })
    this.#end('journal', () => this.journal.close())
    this.ledger = await openLedger({
      dir: data.ledger,
      clock,
      timezone: site.facility.timezone ?? 'Asia/Shanghai',
      onEvent: (event) => log.warn(event.event, event),
    })
    this.#end('ledger', () => this.ledger.close())
    this.desk = await openDesk({
      dir: data.desk,
      facility,
      clock,
      journal: this.journal,
      ledger: this.ledger,
      onEvent: (event) => log.warn(event.event, event),
    })
    this.#end('desk', () => this.desk.close())

    this.#context = new ContextStore(site, join(data.root, 'context.json'), clock.now())
    this.#table = new DeviceTable()
    this.#intake = new Intake({
      facility,
      clock,
      journal: this.journal,
      self: this.#self,
      knows: (id) => id === this.#self || this.#context.context.device(id) !== undefined,
    })
    this.#end('context', () => this.#context.save())
    this.#follow()

    this.#rules = new RulesRunner({
      site,
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
    const { sinceLastRun } = this.#context
    if (sinceLastRun.length > 0)
      await this.journal.append(sinceLastRun.map((change) => ({ kind: 'context', change, by: 'site-file' })))
    this.#context.save()

    this.drivers = createDrivers({
      site,
      clock,
      data,
      intake: this.#intake,
      log,
      modelDirs: [join(dirname(this.#options.siteFile), 'models')],
      random: this.#options.random,
    })
    this.#pictures = new EvidencePictures(data.pictures, clock, {
      snapshot: (camera) => this.drivers.onvif.snapshot(camera),
    })
    const series = await this.#openSeries(data.series, alias)
    await this.#openUplink(data.uplink, alias)
    this.desk.onChange((change) => this.#published(change))
    await this.#openConsole(data.accounts, series)

    for (const driver of this.drivers.all) {
      await driver.start(devicesOf(driver, site.devices ?? []))
      this.#end(`driver ${driver.name}`, () => driver.stop())
    }
    // The broker opens its doors last: what it took before its driver knows the devices would be a stranger's.
    if (site.broker?.url) this.#openVoice(site.broker.url)
    else if (site.broker) await this.#openBroker(data.broker)
    this.#watchSite()
    this.#beat()
    this.#every(SAVE_MS, () => this.#context.save())
    this.#every(EXPIRE_MS, () => this.#expire(series))
  }

  /** What the desk could not take for want of a journal is lost to this run: the next one must say it again. */
  #taken(work: Promise<unknown>, alert: string): Promise<unknown> {
    return work.catch((error: Error) => {
      this.#options.log.error('desk.apply-failed', { error: error.message, alert })
      if (this.journal.failed) throw error
    })
  }

  /** The key of the facility makes pseudonyms; it is drawn once where the site file names none. */
  #aliases(root: string): (person: string) => string {
    const file = join(root, 'facility.key')
    const named = this.#options.site.facility.key
    if (!named && !existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 })
    const key = named ?? readFileSync(file, 'utf8').trim()
    const known = new Map<string, string>()
    return (person) => {
      let name = known.get(person)
      if (name === undefined) {
        name = pseudonym(key, person)
        if (known.size > 20_000) known.clear()
        known.set(person, name)
      }
      return name
    }
  }

  /** Views and local subscribers hear what the journal has, after it has it. */
  #follow(): void {
    this.journal.onCommit((records: JournalRecord[]) => {
      const { context } = this.#context
      for (const { body } of records) {
        if (body.kind === 'context') this.#context.apply(body.change)
        else if (body.kind === 'quarantine') this.#table.quarantined(body.item.device)
        else if (body.kind === 'reading') {
          const { reading } = body
          const subject = reading.subject ?? context.subjectOfDevice(reading.device)
          this.#table.note(reading, {
            zone: this.#zoneOf(reading),
            subject,
            staff: subject !== null && context.staff(subject) !== undefined,
          })
          if (this.#voice) this.#tell(reading, subject)
        }
      }
    })
  }

  #zoneOf(reading: Reading): string | null {
    if (reading.zone !== null) return reading.zone
    const { context } = this.#context
    if (reading.type.endsWith('.position'))
      return context.zoneAt(Number(reading.value.floor), Number(reading.value.x_m), Number(reading.value.y_m))
    return context.zoneOfDevice(reading.device)
  }

  #tell(reading: Reading, subject: string | null): void {
    const topic = topics.reading(reading.facility, reading.type)
    if (!this.#voice?.wanted(topic)) return
    void this.#voice
      .publish(topic, JSON.stringify({ ...reading, zone: this.#zoneOf(reading), subject }), { qos: 0 })
      .catch(() => {})
  }

  /** After each change of an alert: local subscribers hear it, and a picture is taken when it is raised. */
  #published(change: AlertChange): void {
    const { log } = this.#options
    void this.#voice
      ?.publish(topics.alert(change.alert.facility, change.alert.level), JSON.stringify(alertEvent(change)), { qos: 1 })
      .catch(() => {})
    if (change.change === 'raised' && change.alert.domain !== 'equipment')
      void this.#pictures
        .keep(change.alert.id, this.#camerasFor(change.alert))
        .catch((error: Error) => log.warn('picture.failed', { alert: change.alert.id, error: error.message }))
  }

  /** Cameras that see an alert, the nearest first: its own, those of its zone, those of linked zones. */
  #camerasFor(alert: Alert): string[] {
    const { context } = this.#context
    const own = alert.device !== null && context.device(alert.device)?.kind === 'camera' ? [alert.device] : []
    const zone = alert.zone
    // Toilets, washrooms and medical rooms are not to be seen, whoever asks.
    const kind = context.zone(zone)?.kind
    if (zone === null || kind === 'toilet' || kind === 'washroom' || kind === 'medical') return own
    return [...new Set([...own, ...context.camerasOf(zone), ...context.camerasLinkedTo(zone)])]
  }

  async #openBroker(dataDir: string): Promise<void> {
    const { site, clock, log } = this.#options
    const section = site.broker ?? {}
    const { limits = {} } = section
    const tls =
      section.tls !== undefined && section.tls !== null && section.cert && section.key
        ? {
            port: section.tls,
            cert: readFileSync(section.cert),
            key: readFileSync(section.key),
            ...(section.ca ? { ca: readFileSync(section.ca) } : {}),
          }
        : null
    this.#broker = await createBroker({
      facility: site.facility.id,
      clock,
      dataDir,
      host: section.host ?? '127.0.0.1',
      tcp: section.tcp ?? null,
      tls,
      ws: section.ws ?? null,
      anonymous: section.anonymous ?? false,
      identities: { devices: brokerDevices(site.devices ?? []), subscribers: section.subscribers ?? [] },
      limits: {
        ...(limits['packet-kb'] ? { packetBytes: limits['packet-kb'] * 1024 } : {}),
        ...(limits.connections ? { connections: limits.connections } : {}),
        ...(limits.rate ? { rate: limits.rate } : {}),
        ...(limits.burst ? { burst: limits.burst } : {}),
      },
      mayPublish: (device, topic) => this.drivers.mqtt.mayPublish(device, topic),
      onPublish: (batch) => this.drivers.mqtt.ingest(batch),
      onSession: (session) => this.drivers.mqtt.session(session),
      onRejected: ({ client, cause }) =>
        void this.journal
          .append([{ kind: 'reading', reading: this.#intake.rejection(client, cause, clock.now()) }])
          .catch(() => {}),
      log,
    })
    this.#voice = this.#broker
    const { tcp, tls: tlsPort, ws } = this.#broker.ports
    this.ports = { ...this.ports, mqtt: tcp ?? null, mqtts: tlsPort ?? null, ws: ws ?? null }
    this.#end('broker', () => this.#broker?.close())
  }

  #openVoice(url: string): void {
    const { site, log } = this.#options
    const { user, password, ca, cert, key } = site.broker ?? {}
    const voice = new ExternalVoice({ url, facility: site.facility.id, user, password, ca, cert, key, log })
    this.#voice = voice
    this.#end('voice', () => voice.close())
  }

  async #openSeries(dir: string, alias: (person: string) => string): Promise<SeriesSink> {
    const { site, clock, log } = this.#options
    const local = await openEmbeddedSeries({
      dir,
      clock,
      ...(site.sinks?.local?.retention ? { retentionMs: durationMs(site.sinks.local.retention) ?? undefined } : {}),
    })
    this.#end('local series', () => local.close())
    const sinks: SeriesSink[] = [local]
    const influx = site.sinks?.influx
    if (influx) {
      const rules = { l4: influx.l4 ?? ('none' as const), alias }
      const sink =
        (influx.version ?? 1) === 1
          ? openInfluxV1({ ...influx, ...rules })
          : openInfluxV2({ ...influx, ...rules, bucket: influx.bucket ?? influx.database })
      this.#end('influx', () => sink.close())
      sinks.push(sink)
    }
    for (const sink of sinks) {
      const pump = await startSinkPump({
        sink: this.#placed(sink),
        journal: this.journal,
        clock,
        random: this.#options.random,
        batch: SINK_BATCH,
        restMs: SINK_REST_MS,
        onEvent: (event) => log.warn(event.event, event),
        onRejected: (rejected) =>
          log.warn('sink.rejected', { sink: sink.name, points: rejected.length, first: rejected[0] }),
      })
      this.#pumps.push(pump)
      this.#end(`pump ${sink.name}`, () => pump.close())
    }
    return local
  }

  /** A store that gets readings with the zone and person that context gives them. */
  #placed(sink: SeriesSink): SeriesSink {
    const { context } = this.#context
    return {
      name: sink.name,
      write: (items) =>
        sink.write(
          items.map((item) =>
            'change' in item
              ? item
              : {
                  reading: {
                    ...item.reading,
                    zone: this.#zoneOf(item.reading),
                    subject: item.reading.subject ?? context.subjectOfDevice(item.reading.device),
                  },
                },
          ),
        ),
      query: (query) => sink.query(query),
      expire: (now) => sink.expire(now),
      close: () => sink.close(),
    }
  }

  async #openUplink(dir: string, alias: (person: string) => string): Promise<void> {
    const { site, clock, log } = this.#options
    const section = site.uplink
    if (!section) return
    const facility = site.facility
    this.#uplink = await startUplink({
      dir,
      facility: facility.id,
      clock,
      journal: this.journal,
      random: this.#options.random,
      alias,
      urls: [
        section.url,
        ...(section.backup ? [section.backup] : []),
        ...(section.paths ?? []).filter((path) => path.includes('://')),
      ],
      ...(section.user ? { user: section.user } : {}),
      ...(section.password ? { password: section.password } : {}),
      ...(section.ca ? { ca: readFileSync(section.ca, 'utf8') } : {}),
      ...(section.cert ? { cert: readFileSync(section.cert, 'utf8') } : {}),
      ...(section.key ? { key: readFileSync(section.key, 'utf8') } : {}),
      ledgerHash: (change) => (change ? this.ledger.hashOf(change.alert.id, change) : this.ledger.head().hash),
      health: () => {
        const counts = this.desk.counts()
        const devices = this.#table.states(this.#context.context.all('devices').map((d) => d.id))
        return {
          at: clock.now(),
          queueDepth: this.journal.stats().pending,
          openAlerts: {
            red: counts.red.open,
            orange: counts.orange.open,
            yellow: counts.yellow.open,
            blue: counts.blue.open,
          },
          devices: { total: devices.length, online: devices.filter((d) => d.online).length },
          name: facility.name ?? { zh: facility.id, en: facility.id },
          kind: facility.kind ?? 'prison',
          version: '0.1.0',
        }
      },
      anchor: () => {
        const head = this.ledger.head()
        return head.seq === 0 ? null : { at: clock.now(), ledgerSeq: head.seq, ledgerHash: head.hash }
      },
      onEvent: (event) => log.warn(event.event, event),
    })
    this.#end('uplink', () => this.#uplink?.close())
  }

  async #openConsole(accountsDir: string, series: SeriesSink): Promise<void> {
    const { site, clock, log } = this.#options
    const plans = loadPlans()
    const accounts = openAccounts({ dir: accountsDir, clock })
    this.#end('accounts', () => accounts.close())
    this.#facility = new EdgeFacilityDesk({
      clock,
      dataDir: this.#options.dataDir,
      journal: this.journal,
      context: this.#context,
      table: this.#table,
      intake: this.#intake,
      pictures: this.#pictures,
      rules: () => ruleInfos(this.#rules.rules.rules, this.#rules.rules.shadow()),
      plans: () => plans,
      ability: () => this.#rules.rules.ability(),
      health: () => this.#health(),
      metrics: this.#metrics(),
    })
    this.#end('facility desk', () => this.#facility.close())
    const section = site.console ?? {}
    this.console = await createConsoleServer({
      clock,
      id: site.facility.id,
      title: site.facility.name ?? { zh: site.facility.id, en: site.facility.id },
      accounts,
      tier: 'facility',
      alerts: this.desk,
      facility: this.#facility,
      series,
      ledger: this.ledger,
      ...(section.cert && section.key
        ? { tls: { cert: readFileSync(section.cert), key: readFileSync(section.key) } }
        : {}),
      ...(this.#options.webRoot === undefined ? {} : { webRoot: this.#options.webRoot }),
      history: historyOfJournal(this.journal),
      place: {
        tier: 'facility',
        facility: {
          id: site.facility.id,
          name: site.facility.name ?? { zh: site.facility.id, en: site.facility.id },
          timezone: site.facility.timezone ?? 'Asia/Shanghai',
        },
      },
      onAudioState: (report) => log.info('console.audio', report),
      ...(this.#options.extend ? { extend: this.#options.extend(this) } : {}),
    })
    this.#end('console', () => this.console.close())
    const port = section.port ?? 8080
    this.url = await this.console
      .listen({ host: section.host ?? '127.0.0.1', port })
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE') throw error
        throw new WardwatchError(
          'port-taken',
          `port ${port} of the console is taken by another program; stop it, or choose another console.port in the site file`,
        )
      })
    this.ports = { ...this.ports, console: Number(new URL(this.url).port) }
  }

  #health() {
    const stats = this.journal.stats()
    return {
      facility: this.#options.site.facility.id,
      startedAt: this.#startedAt,
      journal: { lastSeq: stats.lastSeq, pending: stats.pending, bytes: stats.bytes, lag: this.journal.lag() },
      drivers: this.drivers.all.map((driver) => {
        const health = driver.health()
        return { name: driver.name, devices: health.length, online: health.filter((h) => h.online).length }
      }),
      sinks: this.#pumps.map((pump) => pump.state()).map(({ name, lag, lastError }) => ({ name, lag, lastError })),
      uplink: this.#uplink
        ? (({ connected, lag, lastError }) => ({ configured: true, connected, lag, lastError }))(this.#uplink.state())
        : { configured: false, connected: false, lag: 0, lastError: null },
      broker: this.#broker
        ? {
            clients: this.#broker.metrics().clients,
            refused: Object.values(this.#broker.metrics().refused).reduce((a, b) => a + b, 0),
          }
        : null,
      quarantined: this.#intake.counts.quarantined,
    }
  }

  #metrics(): () => Promise<string> {
    return createMetrics({
      readings: () => this.#intake.counts,
      journal: () => {
        const { lastSeq, pending, bytes, commits, duplicates, shed } = this.journal.stats()
        return { lastSeq, pending, bytes, commits, duplicates, shed, lag: this.journal.lag() }
      },
      drivers: () =>
        this.drivers.all.map((driver) => {
          const health = driver.health()
          return {
            name: driver.name,
            devices: health.length,
            online: health.filter((h) => h.online).length,
            counts: Object.fromEntries(this.drivers.counts.get(driver.name) ?? []),
          }
        }),
      sinks: () =>
        this.#pumps
          .map((pump) => pump.state())
          .map(({ name, lag, delivered, failures }) => ({ name, lag, delivered, failures })),
      broker: () =>
        this.#broker
          ? Object.fromEntries(
              Object.entries(this.#broker.metrics()).filter(
                (entry): entry is [string, number] => typeof entry[1] === 'number',
              ),
            )
          : null,
      uplink: () =>
        this.#uplink ? (({ connected, lag, sent }) => ({ connected, lag, sent }))(this.#uplink.state()) : null,
      alerts: () => this.desk.counts(),
      rules: () => ({ evaluated: this.#rules.evaluated, faults: this.#rules.faults }),
      pictures: () => ({ kept: this.#pictures.kept, failed: this.#pictures.failed }),
    })
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
        this.#broker?.update({ devices: brokerDevices(devices), subscribers: next.broker?.subscribers ?? [] })
        for (const driver of this.drivers.all) await driver.update(devicesOf(driver, devices))
      },
      rules: (next) => {
        const overrides = next.rules ?? {}
        const rules = loadRules(CATALOGUE_DIR, overrides)
        const drafts = shadowRules(rules, overrides)
        return () => this.#replaceRules(rules, drafts)
      },
      folders: [CATALOGUE_DIR],
    })
    this.#end('site watch', () => this.siteWatch.close())
  }

  /** Other rules from now on: told to the log and the ledger, and to R61 as changes of configuration. */
  async #replaceRules(rules: readonly Rule[], drafts: readonly Rule[]): Promise<number> {
    const { clock, log } = this.#options
    const changes = this.#rules.rules.replace(rules, drafts)
    if (changes.length === 0) return 0
    for (const change of changes) log.info('rules.changed', { ...change })
    const time = clock.now()
    await this.#intake.accept(
      changes.flatMap(({ rule, what, field, from, to }): RawReading[] =>
        what === 'text'
          ? []
          : [
              {
                device: this.#self,
                type: 'config.changed',
                time,
                value: { what: 'rule', id: rule, by: 'site-file', field: field ?? what, from, to },
              },
            ],
      ),
      'edge',
    )
    await this.ledger.append([{ kind: 'note', by: 'site-file', payload: { what: 'rules', at: time, changes } }])
    return changes.length
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

  async #expire(series: SeriesSink): Promise<void> {
    const { clock, log, site } = this.#options
    const now = clock.now()
    const removed = await this.journal.expire()
    const points = await series.expire(now)
    const alerts = await this.desk.expire(now - (durationMs(site.retention?.alerts ?? '3y') ?? 0))
    log.info('retention.done', { removed, points: points.removed, alerts })
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
