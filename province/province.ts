/**
 * The provincial tier put together: store, intake, liveness, gaps, receiver and console. Used by the command line and
 * by the demo. Nothing here sends to a facility.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Accounts } from '#dashboards/accounts.ts'
import { createConsoleApp } from '#dashboards/console-app.ts'
import { SseHub } from '#dashboards/sse-hub.ts'
import type { Clock, Timer } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { registerProvinceRoutes, STREAM_MASKS, type StreamMask } from './api.ts'
import { answerBackups } from './backup.ts'
import { LINES, type Line, type ProvinceConfig } from './config.ts'
import { openExternalBroker } from './external-broker.ts'
import { actOnFacilityAlert, actTaken, takesActs, waitingActs } from './facility-acts.ts'
import { GapWatch } from './gaps.ts'
import { createIntake, type Intake } from './intake.ts'
import { createLiveness, SILENT_MS } from './liveness.ts'
import { type Log, silentLog } from './log.ts'
import { metricsText } from './metrics.ts'
import { createOverview, type FacilityView } from './overview.ts'
import { actOnOwn, clearLinkLost, raiseLinkLost } from './own-alerts.ts'
import { openReceiver, type Receiver } from './receiver.ts'
import { keepExpiring } from './retention.ts'
import { SequenceSet } from './sequences.ts'
import type { AppliedChange } from './store/apply.ts'
import { openStore } from './store/open.ts'
import { changesAfter, facilityStates, lastOrd, listGaps, putFacilities, writeGaps } from './store/queries.ts'

const TICK_MS = 5_000
/** An act that a facility has not acknowledged goes out again after this. */
const RESEND_MS = 60_000

export interface ProvinceOptions {
  config: ProvinceConfig
  dataDir: string
  clock: Clock
  log?: Log
  /** Folder of the built console; null = none; absent = the default. */
  webRoot?: string | null
}

export interface Province {
  urls: { console: string; overview: string; api: string; mqtt: string | null; mqtts: string | null }
  ports: { console: number; mqtt: number | null; mqtts: number | null }
  /** Accounts of the provincial console; the demo adds its own. */
  accounts: Accounts
  /** True when nobody can log in yet. */
  needsAccount: boolean
  intake: Pick<Intake, 'accept' | 'counters'>
  facilities(): FacilityView[]
  /** Ends within five seconds; what was acknowledged is in the store. */
  close(): Promise<void>
}

/** What goes into the stream, with the line that may see it. */
interface StreamItem {
  line: Line
  data: unknown
}

const streamChange = ({ change, alert, line }: Pick<AppliedChange, 'change' | 'alert' | 'line'>): StreamItem => ({
  line: line as Line,
  data: { at: change.at, change: change.change, by: change.by, note: null, alert },
})

export async function startProvince(options: ProvinceOptions): Promise<Province> {
  const { config, dataDir, clock } = options
  const log = options.log ?? silentLog
  const startedAt = clock.now()
  const undo: (() => unknown)[] = []
  const closeAll = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse())
      try {
        await step()
      } catch (error) {
        log.error({ err: error }, 'a part of the province did not close well')
      }
  }

  try {
    const store = await openStore({ url: config.store.url, dataDir })
    undo.push(() => store.close())
    undo.push(answerBackups(store, dataDir, clock))
    undo.push(
      keepExpiring(
        store,
        config.keepMs,
        clock,
        (removed) => log.info({ removed }, 'what was too old is removed'),
        (error) => log.error({ err: error }, 'what is too old could not be removed; it is tried again in an hour'),
      ),
    )
    const openedMs = clock.now() - startedAt
    await store.transaction((sql) => putFacilities(sql, config.facilities))
    const accountsDir = join(dataDir, 'accounts')
    mkdirSync(accountsDir, { recursive: true, mode: 0o700 })
    const accounts = new Accounts({ dir: accountsDir, clock })
    undo.push(() => accounts.close())

    const known = new Set(config.facilities.map((f) => f.id))
    const intake = createIntake({ store, clock, knows: (id) => known.has(id), log })
    undo.push(() => intake.close())
    const scope = { lines: LINES, facilities: [...known] }
    const states = await facilityStates(store, scope)
    const gaps = new GapWatch()
    const namedBefore = await listGaps(store, null, true)
    for (const state of states)
      gaps.restore(
        state.id,
        state.epoch,
        SequenceSet.parse(state.sequences),
        namedBefore.filter((gap) => gap.facility === state.id),
        clock.now(),
      )

    const hub = new SseHub<StreamMask>({
      clock,
      epoch: accounts.fact('stream-epoch', () => `p${clock.now().toString(36)}`),
      masks: STREAM_MASKS,
      openAlerts: () => overview.openCount(),
      view: (_event, item, mask) => {
        const { line, data } = item as StreamItem
        return mask === 'both' || mask === line ? data : null
      },
      history: {
        after: async (seq, limit) =>
          (await changesAfter(store, seq, limit)).map(({ ord, line, change }) => ({
            seq: ord,
            change: { line, data: { ...change, note: null } },
          })),
        last: () => lastOrd(store),
      },
    })
    undo.push(() => hub.close())

    const publish = (changes: AppliedChange[]): void => {
      for (const change of changes) if (change.ord !== null) hub.publishAlert(streamChange(change), change.ord)
      if (changes.length > 0) overview.touch()
    }

    /** The province's own alerts: between two commits, tried again until the store takes them. */
    const raiseOwn = (what: string, work: () => Promise<AppliedChange[]>): void => {
      intake.exclusive(work).then(publish, (error) => {
        log.error({ err: error }, `${what} could not be written; it is tried again`)
        retries.add(clock.after(TICK_MS, () => raiseOwn(what, work)))
      })
    }
    const retries = new Set<Timer>()
    undo.push(() => {
      for (const timer of retries) timer.cancel()
    })

    const liveness = createLiveness({
      clock,
      remembered: states.flatMap((s) =>
        s.lastHealthId === null ? [] : [{ facility: s.id, heartbeatId: s.lastHealthId, lost: s.linkLost }],
      ),
      onLost(facility, heartbeatId, at) {
        log.warn({ facility }, 'a facility is no longer heard')
        // A late second try must not raise what has ended meanwhile.
        raiseOwn('R55', async () =>
          liveness.lost(facility) ? raiseLinkLost(store, facility, heartbeatId, at, SILENT_MS) : [],
        )
      },
      onBack(facility, at) {
        log.info({ facility }, 'a facility is heard')
        raiseOwn('the end of R55', async () => (liveness.lost(facility) ? [] : clearLinkLost(store, facility, at)))
      },
    })
    undo.push(() => liveness.close())

    const overview = createOverview({
      sql: store,
      clock,
      facilities: config.facilities,
      liveness,
      gaps,
      onChange: (view) => hub.publish('facility', { line: view.line, data: view } satisfies StreamItem),
      onError: (error) => log.error({ err: error }, 'the overview could not be read from the store'),
    })
    undo.push(() => overview.close())

    intake.onApplied((applied) => {
      const now = clock.now()
      for (const [facility, at] of applied.seen) liveness.seen(facility, at)
      for (const beat of applied.heartbeats) liveness.heard(beat.facility, beat.id, beat.receivedAt)
      for (const [facility, { epoch, set }] of applied.sequences) gaps.update(facility, epoch, set, now)
      publish(applied.changes)
      for (const indicator of applied.indicators)
        hub.publish('indicator', { line: overview.get(indicator.facility)?.line ?? 'prison', data: indicator })
      if (applied.seen.size > 0) overview.touch()
    })

    const tick = async (): Promise<void> => {
      const now = clock.now()
      const { named, closed } = gaps.check(now, (id) => liveness.connectedSince(id))
      for (const gap of named)
        log.warn({ facility: gap.facility, from: gap.from, to: gap.to }, 'messages of a facility are missing')
      for (const gap of closed) log.info({ facility: gap.facility, from: gap.from, to: gap.to }, 'a gap is filled')
      if (named.length + closed.length > 0)
        await intake.exclusive(() => store.transaction((sql) => writeGaps(sql, named, closed, now)))
      await overview.refresh()
    }
    let ticking: Timer
    let ticks: Promise<void> = Promise.resolve()
    const arm = (): void => {
      ticking = clock.after(TICK_MS, () => {
        ticks = tick().catch((error) => log.error({ err: error }, 'the watch over gaps failed; it is tried again'))
        arm()
      })
    }
    arm()
    undo.push(async () => {
      ticking.cancel()
      await ticks
    })

    await overview.refresh()
    await hub.start()
    const app = await createConsoleApp({
      clock,
      id: config.province.id,
      title: config.province.name,
      accounts,
      place: { tier: 'province', facility: { id: config.province.id, name: config.province.name } },
      ...(config.console.tls ? { tls: config.console.tls } : {}),
      ...(options.webRoot === undefined ? {} : { webRoot: options.webRoot }),
    })
    undo.push(() => app.close())
    let receiver: Receiver | null = null
    /** What a facility has not taken yet; it knows an act that comes again by its id. */
    const sendWaiting = (facility: string): void => {
      waitingActs(store, facility).then(
        (acts) => acts.forEach((act) => void receiver?.sendAct(facility, act)),
        (error) =>
          log.error({ err: error, facility }, 'waiting acts could not be read; they go out at the next chance'),
      )
    }
    let resending: Timer
    const resend = (): void => {
      resending = clock.after(RESEND_MS, () => {
        for (const facility of overview.list()) if (facility.connected) sendWaiting(facility.id)
        resend()
      })
    }
    resend()
    undo.push(() => resending.cancel())
    const status = () => ({
      province: config.province.id,
      startedAt,
      store: { engine: store.engine, openedMs },
      intake: { ...intake.counters, queued: intake.queued() },
      receiver: receiver?.stats() ?? null,
      stream: hub.stats(),
      facilities: { total: known.size, connected: overview.list().filter((f) => f.connected).length },
    })
    registerProvinceRoutes(app, {
      config,
      sql: store,
      clock,
      overview,
      hub,
      act: (facility, act) =>
        intake.exclusive(async () => {
          const own = await actOnOwn(store, facility, act)
          const outcome = own ?? (await actOnFacilityAlert(store, facility, act))
          if (outcome.ok) publish(outcome.changes)
          if (outcome.ok && own === null) sendWaiting(facility)
          return outcome
        }),
      isActive: (account) => accounts.get(account)?.disabled === false,
      status,
      metrics: () => metricsText(intake, receiver, hub.stats(), overview.list()),
      notReady: () => (receiver ? [] : ['The receiver is not open yet.']),
    })
    app.addHook('preClose', async () => hub.close())
    await app.ready()
    const consoleUrl = await app.listen({ host: config.console.host, port: config.console.port }).catch((error) => {
      throw listenError(error, config.console)
    })

    receiver = config.external
      ? await openExternalBroker({ config: config.external, province: config.province.id, intake, log })
      : await openReceiver({
          config: config.broker!,
          intake,
          clock,
          log,
          onAsks: (facility) =>
            void intake
              .exclusive(() => takesActs(store, facility))
              .then(() => sendWaiting(facility))
              .catch((error) =>
                log.error({ err: error, facility }, 'a facility asks for acts; that could not be kept'),
              ),
          onTaken: (facility, id) =>
            void intake
              .exclusive(() => actTaken(store, facility, id, clock.now()))
              .catch((error) => log.error({ err: error, facility }, 'an act was taken; that could not be kept')),
        })
    const open = receiver
    undo.push(() => open.close())

    const { tcp, tls } = open.ports
    const host = config.broker?.host ?? config.console.host
    return {
      urls: {
        console: consoleUrl,
        overview: `${consoleUrl}/gov/overview`,
        api: `${consoleUrl}/api/docs`,
        mqtt: config.external ? config.external.url : tcp === null ? null : `mqtt://${host}:${tcp}`,
        mqtts: tls === null ? null : `mqtts://${host}:${tls}`,
      },
      ports: { console: Number(new URL(consoleUrl).port), mqtt: tcp, mqtts: tls },
      accounts,
      needsAccount: accounts.list().length === 0,
      intake,
      facilities: () => overview.list(),
      close: closeAll,
    }
  } catch (error) {
    await closeAll()
    throw error
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): Error {
  if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES' && error.code !== 'EADDRNOTAVAIL') return error
  return new WardwatchError(
    'port-taken',
    `The console cannot listen on ${host}:${port} (${error.code}); stop the other program or choose another console.port.`,
  )
}
