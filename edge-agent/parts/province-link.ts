/**
 * The link to the province, by the site file: alerts, heartbeats with counts, and anchors of the ledger go out; acts of the
 * province on alerts come in, unless the link is one-way. No reading of a person leaves.
 */
import { readFileSync } from 'node:fs'
import type { EdgeDesk } from '#ingest/desk/desk.ts'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import { alertMark } from '#ingest/ledger/mark.ts'
import type { Damage } from '#ingest/thread/whole.ts'
import { startUplink, type Uplink } from '#ingest/uplink/uplink.ts'
import type { Clock } from '#model/clock.ts'
import type { Site } from '#model/site/load.ts'
import type { DownAct } from '#model/uplink.ts'
import type { ContextStore } from '../context-store.ts'
import type { DeviceTable } from '../device-table.ts'
import type { Log } from '../log.ts'

export interface ProvinceLinkPart {
  site: Site
  clock: Clock
  log: Log
  dir: string
  journal: EdgeJournal
  ledger: EdgeLedger
  desk: EdgeDesk
  context: ContextStore
  table: DeviceTable
  alias(person: string): string
  random(): number
  onDamage?(damage: Damage): void
}

/** An anchor may be acknowledged before the last alerts of its minute, ms. */
const ANCHOR_MARGIN_MS = 600_000

/**
 * Enters what the province did into the facility's own history, at the time it was done. What the state of the alert does not
 * allow any more (somebody here was first) stays in the history as a remark. An act that comes twice acts once.
 */
async function takeDownAct(act: DownAct, desk: EdgeDesk, log: Log): Promise<void> {
  const by = `province:${act.by}`
  const words = act.note === null ? {} : { note: act.note }
  const mark = `${by} ${act.act}`
  const timeline = await desk.timeline(act.alert)
  if (timeline.some((c) => c.at === act.at && (c.by === by || c.note?.startsWith(mark)))) return
  const outcome = await desk.act(
    { act: act.act, alert: act.alert, time: act.at, by, ...words },
    { id: by, role: 'provincial' },
  )
  if (outcome.ok) return
  if (outcome.status === 404) {
    log.warn('uplink.act-unknown', { alert: act.alert, act: act.act })
    return
  }
  const why = outcome.status === 409 ? `the alert was ${outcome.state} already` : 'it was not allowed'
  await desk.remark(act.alert, act.at, `${mark}: ${why}${act.note ? `; ${act.note}` : ''}`)
}

/** Null where the site file names no province. */
export async function openProvinceLink(part: ProvinceLinkPart): Promise<Uplink | null> {
  const { site, clock, log, journal, ledger, desk, context, table } = part
  const section = site.uplink
  if (!section) return null
  const facility = site.facility
  return startUplink({
    dir: part.dir,
    facility: facility.id,
    clock,
    journal,
    random: part.random,
    alias: part.alias,
    urls: [
      section.url,
      ...(section.backup ? [section.backup] : []),
      ...(section.paths ?? []).filter((path) => path.includes('://')),
    ],
    ...(section.user ? { user: section.user } : {}),
    ...(section.password ? { password: section.password } : {}),
    oneWay: section['one-way'] === true,
    certificates: () => ({
      ...(section.ca ? { ca: readFileSync(section.ca, 'utf8') } : {}),
      ...(section.cert ? { cert: readFileSync(section.cert, 'utf8') } : {}),
      ...(section.key ? { key: readFileSync(section.key, 'utf8') } : {}),
    }),
    ledgerHash: (change, seq = 0) =>
      change ? ledger.hashOf(change.alert.id, change, alertMark(seq, change)) : ledger.head().hash,
    health: () => {
      const counts = desk.counts()
      const devices = table.states(context.context.all('devices').map((d) => d.id))
      return {
        at: clock.now(),
        queueDepth: journal.stats().pending,
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
      const head = ledger.head()
      return head.seq === 0 ? null : { at: clock.now(), ledgerSeq: head.seq, ledgerHash: head.hash }
    },
    onAnchored: (anchor) => ledger.anchored(anchor),
    // Alerts go before everything else: when an anchor was acknowledged, those before it had been.
    acknowledgedUpTo: async () => {
      const at = await ledger.lastAnchorAt()
      return at === null ? 0 : Math.max(0, (await journal.seqAt(at - ANCHOR_MARGIN_MS)) - 1)
    },
    ...(part.onDamage ? { onDamage: part.onDamage } : {}),
    onAct: (act) => takeDownAct(act, desk, log),
    onEvent: (event) => log.warn(event.event, event),
  })
}
