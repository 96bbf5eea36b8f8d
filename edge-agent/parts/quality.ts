/** Data quality of a running edge: what it watches, and how an item of the quarantine becomes readings again. */
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { WatchedDevice } from '#ingest/quality/inspect.ts'
import { type Follower, openQuality, type Quality } from '#ingest/quality/quality.ts'
import type { QuarantineReplay } from '#ingest/quality/quarantine.ts'
import type { Damage } from '#ingest/thread/whole.ts'
import type { Clock } from '#model/clock.ts'
import type { Quarantined, RawReading } from '#model/reading.ts'
import type { ContextStore } from '../context-store.ts'
import type { DeviceTable } from '../device-table.ts'
import { type DriverSet, devicesOf } from '../drivers.ts'
import type { Intake } from '../intake.ts'
import type { Log } from '../log.ts'

export interface QualityPart {
  clock: Clock
  log: Log
  dir: string
  journal: EdgeJournal
  ledger: EdgeLedger
  context: ContextStore
  table: DeviceTable
  intake: Intake
  drivers: DriverSet
  followers?: Follower[]
  onDamage?(damage: Damage): void
}

/** Model files are read anew before a replay, but not for each of its items. */
const FRESH_MS = 2000

export function openEdgeQuality(part: QualityPart): Promise<Quality> {
  const { clock, log, journal, context } = part
  return openQuality({
    dir: part.dir,
    clock,
    journal,
    devices: () => watchedDevices(part),
    period: (device, type) => context.context.device(device)?.periods?.[type],
    replay: replayOf(part),
    ...(part.followers ? { followers: part.followers } : {}),
    onTicket: ({ id, kind, device, closedAt, reason }) =>
      log.info(closedAt === null ? 'quality.ticket' : 'quality.ticket-closed', { id, kind, device, reason: reason.en }),
    onFault: (detail) => log.warn('quality.fault', { detail }),
    ...(part.onDamage ? { onDamage: part.onDamage } : {}),
  })
}

function watchedDevices({ context, table, clock }: QualityPart): WatchedDevice[] {
  const site = context.context
  const now = clock.now()
  return site.all('devices').map((device) => {
    const state = table.row(device.id)
    const person = device.subject ?? null
    // A band on the charger or off by a doctor's word owes nobody a sample.
    const aside =
      state.latest['band.charging']?.value.charging === true ||
      (person !== null && (site.isOnList('charging', person) || site.isOnList('medical', person)))
    return {
      id: device.id,
      kind: device.kind ?? null,
      zone: site.zoneOfDevice(device.id),
      driver: device.driver ?? null,
      via: device.via ?? null,
      online: state.online,
      lastSeen: state.lastSeen,
      offsetMs: state.offsetMs,
      excused: aside || site.isInMaintenance(device.id, now),
    }
  })
}

function replayOf({ clock, ledger, context, intake, drivers }: QualityPart): QuarantineReplay {
  let freshAt = Number.NEGATIVE_INFINITY
  const refresh = async (): Promise<void> => {
    if (clock.now() - freshAt < FRESH_MS) return
    freshAt = clock.now()
    await drivers.mqtt.update(devicesOf(drivers.mqtt, context.context.all('devices')))
  }
  const decoded = async (
    item: Quarantined,
  ): Promise<{ readings: RawReading[] } | { cause: string; detail: string }> => {
    if (!item.source.startsWith('mqtt:')) return plain(item)
    await refresh()
    const speaker =
      item.device === null ? null : { id: item.device, children: context.context.childrenOfGateway(item.device) }
    const { readings, quarantine } = await drivers.mqtt.reread({
      topic: item.source.slice('mqtt:'.length),
      payload: Buffer.from(item.payload),
      device: speaker,
      receivedMs: item.received,
    })
    const [fault] = quarantine
    // A message of several readings counts as repaired when all of it can be read.
    return fault ? { cause: fault.cause, detail: fault.detail } : { readings }
  }
  return {
    async read(item) {
      const found = await decoded(item)
      if (!('readings' in found)) return found
      for (const reading of found.readings) {
        const fault = intake.fault(reading)
        if (fault) return fault
      }
      return found
    },
    async accept(readings) {
      const { accepted, duplicates } = await intake.accept(readings, 'quarantine')
      return { accepted, duplicates }
    },
    async record({ act, by, items, note }) {
      await ledger.append([{ kind: 'act', ref: by, by, payload: { act, items, note, at: clock.now() } }])
    },
  }
}

/** Of imports and other drivers the original is the reading itself. */
function plain(item: Quarantined): { readings: RawReading[] } | { cause: string; detail: string } {
  try {
    const value = JSON.parse(item.payload) as RawReading
    if (value !== null && typeof value === 'object' && typeof value.type === 'string') return { readings: [value] }
  } catch {
    return { cause: 'bad-json', detail: 'The original is not JSON; it can only be dropped.' }
  }
  return {
    cause: 'bad-reading',
    detail: `The original of ${item.source} does not say which reading it is; the device says it again, this one can only be dropped.`,
  }
}
