/**
 * The console server of a facility or of the province, from the ports it is given: a port that is missing switches its
 * routes off. It keeps no state of alerts of its own and never decides what an act does: the desk does.
 */
import type { FastifyInstance } from 'fastify'
import type { AlertChange } from '#model/alert/alert.ts'
import { MASKS, type Mask } from '#model/permissions.ts'
import type { AlertDesk, EscalationView } from '#model/ports/alert-desk.ts'
import type { DeviceState, FacilityDesk } from '#model/ports/facility.ts'
import type { Ledger } from '#model/ports/ledger.ts'
import type { QualityDesk } from '#model/ports/quality.ts'
import type { Series } from '#model/ports/series.ts'
import type { Video } from '#model/ports/video.ts'
import type { Phone } from '#model/site/schema.ts'
import type { DeskLoad } from './alarm-load.ts'
import type { AuditEvent } from './authentication.ts'
import { type ConsoleAppOptions, createConsoleApp } from './console-app.ts'
import { Consoles, type ConsolesOptions, type DeskInfo } from './consoles.ts'
import { FacilityFacts, maskingFacts } from './facility-facts.ts'
import type { Window } from './indicators.ts'
import { type Look, Looks } from './looks.ts'
import { type MaskingFacts, maskChange } from './masking.ts'
import { registerAlertRoutes, standing } from './routes/alerts.ts'
import { registerConsoleRoutes } from './routes/console.ts'
import { registerContextRoutes } from './routes/context.ts'
import { deviceView, registerDeviceRoutes } from './routes/devices.ts'
import { registerEvidenceRoutes } from './routes/evidence.ts'
import { registerIncidentRoutes } from './routes/incidents.ts'
import { registerIndicatorRoutes } from './routes/indicators.ts'
import { registerLedgerRoutes } from './routes/ledger.ts'
import { registerNoticeRoutes } from './routes/notices.ts'
import { registerOperationRoutes } from './routes/operation.ts'
import { registerPeopleRoutes } from './routes/people.ts'
import { registerPictureRoutes } from './routes/pictures.ts'
import { registerQualityRoutes } from './routes/quality.ts'
import { registerReadingRoutes } from './routes/readings.ts'
import { registerReportRoutes } from './routes/reports.ts'
import { registerRuleRoutes } from './routes/rules.ts'
import { registerSeriesRoutes } from './routes/series.ts'
import { registerShiftRoutes } from './routes/shift.ts'
import { registerStreamRoute } from './routes/stream.ts'
import { registerVideoRoutes } from './routes/video.ts'
import { type AlertHistory, SseHub, type SseHubOptions } from './sse-hub.ts'
import { type Viewer, type ViewingFault, type ViewingRule, viewingFault } from './viewing.ts'

/** Indicator values of `domain.md` 4 as far as the tier computes them. */
export interface IndicatorSource {
  list(query: {
    ids?: string[]
    from?: number
    to?: number
  }): Promise<
    { id: string; value: number | null; n: number; from: number; to: number; detail?: Record<string, unknown> }[]
  >
  /** Values of the last whole days, oldest first. */
  days?(id: string, count: number): Promise<{ day: string; value: number | null; n: number }[]>
  /** Called with values as they are told; answers the unsubscriber. */
  onValue?(listener: (value: unknown) => void): () => void
  /** Load of each desk (ISA-18.2). */
  load?(window: Window): Promise<{ desks: DeskLoad[]; chatter: { what: string; times: number }[] }>
}

export interface ConsoleServerOptions extends ConsoleAppOptions {
  tier?: 'facility' | 'province'
  alerts?: AlertDesk
  facility?: FacilityDesk
  quality?: QualityDesk
  series?: Series
  ledger?: Ledger
  indicators?: IndicatorSource
  video?: Video
  /** Where alert changes older than the ring come from, under the sequence numbers of `AlertDesk.onChange`. */
  history?: AlertHistory<AlertChange>
  stream?: Partial<Pick<SseHubOptions<Mask>, 'ring' | 'otherRing' | 'clientBytes' | 'maxClients' | 'heartbeatMs'>>
  /** Each look at personal data; default: an act in the ledger. Must return quickly. */
  onLook?: (look: Look) => void
  /** Why the server is not ready; [] = ready. */
  notReady?: () => string[]
  /** Prometheus text when there is no facility port. */
  metrics?: () => Promise<string>
  /** JSON for `GET /api/v1/health` when there is no facility port. */
  health?: () => unknown
  /** Desks of the command centre; one console of each sounds. */
  desks?: readonly DeskInfo[]
  /** Zones whose pictures only some may see (`console.viewing`). */
  viewing?: readonly ViewingRule[]
  /** Numbers to call when the link is cut (`console.phones`), in the order of the site file. */
  phones?: readonly Phone[]
  /** `required`: no red or orange alert is resolved while a required step of its plan is open. Default `advised`. */
  closingSteps?: 'advised' | 'required'
  /** Which console sounds has changed. */
  onHolder?: ConsolesOptions['onHolder']
  /** More for every heartbeat: how old the last proof of liveness is. */
  beat?: () => Record<string, unknown>
  /** Where a console says whether its sound works. */
  onAudioState?: (report: { account: string; state: string; desk: string | null; at: number }) => void
  /** How alerts that wait are carried on; without it rows say nothing of it. */
  escalation?: { of(id: string): EscalationView | null }
  /** Own routes of the tier, registered before the server is ready. */
  extend?: (app: FastifyInstance, kit: ConsoleKit) => void | Promise<void>
}

/** What routes are given. */
export interface ConsoleKit {
  options: ConsoleServerOptions
  hub: SseHub<Mask>
  looks: Looks
  consoles: Consoles
  /**
   * Null when this account may look through the camera, given the right to see video at all. Of a camera that is no
   * longer known the place counts where it saw what was kept.
   */
  viewing: (viewer: Viewer, camera: string, lastZone?: string | null) => ViewingFault | null
  audit: (event: AuditEvent) => Promise<void>
  facts: FacilityFacts | null
  masking: MaskingFacts
}

export interface ConsoleServer {
  app: FastifyInstance
  hub: SseHub<Mask>
  consoles: Consoles
  /** Null until `listen`. */
  url: string | null
  /** Resolves with the address, e.g. `http://127.0.0.1:8080`. */
  listen(address?: { host?: string; port?: number }): Promise<string>
  inject: FastifyInstance['inject']
  /** Ends open streams and the server within two seconds. */
  close(): Promise<void>
}

export async function createConsoleServer(options: ConsoleServerOptions): Promise<ConsoleServer> {
  const { clock, ledger, alerts, facility, accounts } = options
  const audit = async (event: AuditEvent): Promise<void> => {
    if (options.audit) await options.audit(event)
    else await ledger?.append([{ kind: 'act', ref: event.ref, by: event.by, payload: { act: event.what, ...event } }])
  }
  const facts = facility ? new FacilityFacts(facility, clock) : null
  const masking = maskingFacts(facts)
  const app = await createConsoleApp({
    ...options,
    audit,
    place: options.place ?? {
      tier: options.tier ?? 'facility',
      facility: { id: options.id, ...(options.title ? { name: options.title } : {}) },
    },
  })

  const looks = new Looks(clock, (look) => {
    if (options.onLook) return options.onLook(look)
    ledger
      ?.append([{ kind: 'act', ref: look.by, by: look.by, payload: { act: 'look', ...look } }])
      .catch((error) => app.log.error({ err: error }, 'a look at personal data could not be recorded'))
  })

  const consoles = new Consoles({
    clock,
    ...(options.desks ? { desks: options.desks } : {}),
    ...(options.onHolder ? { onHolder: options.onHolder } : {}),
  })
  const hub = new SseHub<Mask>({
    clock,
    // With a durable history the position of a client outlives this process.
    epoch: options.history
      ? accounts.fact('stream-epoch', () => `e${clock.now().toString(36)}`)
      : `e${clock.now().toString(36)}`,
    masks: MASKS,
    openAlerts: () => alerts?.openCount() ?? 0,
    beat: () => ({ sounding: consoles.sounding(), attended: consoles.attended(), ...options.beat?.() }),
    view: (event, data, mask) => {
      if (event === 'alert') {
        const change = maskChange(data as AlertChange, mask, masking)
        return { ...change, alert: { ...change.alert, ...standing(options, change.alert.id, mask) } }
      }
      if (event === 'device') return mask === 'public' ? null : deviceView(data as DeviceState, facts, mask)
      return data
    },
    deviceStates: () => facility?.devices() ?? [],
    ...(options.history ? { history: options.history } : {}),
    ...options.stream,
  })
  const viewing: ConsoleKit['viewing'] = (viewer, camera, lastZone) => {
    const known = facts?.fresh()
    const entry = known?.devices.get(camera) ?? (lastZone ? { zone: lastZone } : null)
    return known && entry ? viewingFault(entry, viewer, known.zones, options.viewing ?? []) : null
  }
  const kit: ConsoleKit = { options, hub, looks, consoles, viewing, audit, facts, masking }

  if (alerts) {
    registerAlertRoutes(app, kit, alerts)
    registerIncidentRoutes(app, kit, alerts)
    registerEvidenceRoutes(app, kit, alerts)
    registerReportRoutes(app, kit, alerts)
  }
  registerStreamRoute(app, kit)
  registerConsoleRoutes(app, kit)
  if (facility) {
    registerDeviceRoutes(app, kit, facility)
    registerPeopleRoutes(app, kit, facility)
    registerContextRoutes(app, kit, facility)
    registerRuleRoutes(app, facility)
    registerReadingRoutes(app, kit, facility)
    registerPictureRoutes(app, kit, facility)
    if (options.video) registerVideoRoutes(app, kit, options.video)
    registerQualityRoutes(app, kit, facility)
  }
  if (options.series) registerSeriesRoutes(app, kit, options.series)
  if (ledger) {
    registerLedgerRoutes(app, kit, ledger)
    if (facility) registerShiftRoutes(app, kit, ledger)
    registerNoticeRoutes(app, kit, ledger)
  }
  registerIndicatorRoutes(app, kit)
  registerOperationRoutes(app, kit)
  await options.extend?.(app, kit)

  const unsubscribe = [
    alerts?.onChange((change, seq) => hub.publishAlert(change, seq)),
    options.indicators?.onValue?.((value) => hub.publish('indicator', value)),
    facility?.onDevice((device) => hub.publishDevice(device.id, device)),
    facility?.onPositions((positions) => hub.publishPositions(positions)),
  ]
  await hub.start()
  app.addHook('preClose', async () => {
    for (const stop of unsubscribe) stop?.()
    hub.close()
    consoles.close()
    looks.close()
  })
  await app.ready()

  const server: ConsoleServer = {
    app,
    hub,
    consoles,
    url: null,
    async listen({ host = '127.0.0.1', port = 0 } = {}) {
      server.url = await app.listen({ host, port })
      return server.url
    },
    inject: app.inject.bind(app) as FastifyInstance['inject'],
    close: () => app.close(),
  }
  return server
}
