/**
 * One look at all devices and streams: what is missing, late, unreadable, stuck, silent or by the wrong clock. Pure; the
 * limits stand here. Where a gateway is silent with all it carries, the gateway is the finding and not each of its devices.
 */
import type { Bilingual } from '#model/alert/alert.ts'
import { READING_TYPES } from '#model/catalogue/types.ts'
import type { StreamState, TicketKind } from '#model/ports/quality.ts'
import { type Measured, measure, rates, SETTLE_MS } from './measure.ts'
import { BUCKET_MS, type StreamEntry, type StreamTable } from './stream-table.ts'
import type { Finding } from './tickets.ts'

export const LIMITS = {
  completeness: { opens: 0.95, closes: 0.98 },
  timeliness: { opens: 0.9, closes: 0.97 },
  validity: { opens: 0.98, closes: 0.995 },
  /** Q33: older than so many periods is silent. */
  silentPeriods: 3,
  silentLeastMs: 30_000,
  offlineMs: 60_000,
  stuckMs: 1_800_000,
  neverSeenMs: 600_000,
  clockMs: { opens: 1000, closes: 800 },
} as const

/** What is known of a device beyond its readings. */
export interface WatchedDevice {
  id: string
  kind: string | null
  zone: string | null
  driver: string | null
  via: string | null
  online: boolean | null
  /** Since when it is offline, as far as it is known. */
  lastSeen: number | null
  offsetMs: number | null
  /** Nothing may be expected of it now. */
  excused: boolean
}

export interface InspectOptions {
  table: StreamTable
  devices: readonly WatchedDevice[]
  streamsOf(device: string): readonly StreamEntry[]
  periodOf(stream: StreamEntry): number | null
  excusedMs(stream: StreamEntry, bucket: number): number
  /** Was the edge itself away in this time? Then nobody else is to blame. */
  wasAway(from: number, to: number): boolean
  /** Since when the device is expected: start of the edge, or its entry. */
  watchedSince(device: string): number
  now: number
}

const ownerOf = (type: string | null): string =>
  (type === null ? 'equipment' : READING_TYPES.get(type)?.owner) ?? 'equipment'
const percent = (x: number): string => `${(x * 100).toFixed(1)}%`

/** Kinds of device that say something of themselves without being asked. */
const SPEAKING = new Set(
  [...READING_TYPES.values()].filter((t) => t.signal.kind === 'sample').flatMap((t) => [...t.producers]),
)

export function silentAfterMs(periodMs: number): number {
  return Math.max(LIMITS.silentLeastMs, LIMITS.silentPeriods * periodMs)
}

export function stateOf(stream: StreamEntry, periodMs: number | null, excused: boolean, now: number): StreamState {
  if (excused) return 'excused'
  if (periodMs === null) return 'event'
  if (stream.lastTime === null || now - stream.lastTime > silentAfterMs(periodMs)) return 'silent'
  if (stream.said !== null && stream.lastTime - stream.saidSince >= LIMITS.stuckMs) return 'stuck'
  return 'ok'
}

export function inspect(options: InspectOptions): Finding[] {
  const { devices, now } = options
  const findings: Finding[] = []
  const silent = new Map(devices.map((d) => [d.id, d.excused ? false : isSilent(d, options)]))
  const children = new Map<string, string[]>()
  for (const d of devices)
    if (d.via !== null && silent.get(d.id) !== null) children.set(d.via, [...(children.get(d.via) ?? []), d.id])
  /** Gateways that have taken three devices or more with them. */
  const deadGateways = new Set(
    [...children].flatMap(([via, ids]) => (ids.length >= 3 && ids.every((id) => silent.get(id)) ? [via] : [])),
  )
  for (const device of devices) {
    const say: Say = (kind, type, verdict, texts) => {
      const words = verdict === 'bad' ? texts?.() : undefined
      findings.push({ kind, device: device.id, type, owner: ownerOf(type), verdict, ...words })
    }
    if (device.excused) continue
    const dead = deadGateways.has(device.id)
    const carried = device.via !== null && deadGateways.has(device.via)
    const quiet = dead || (silent.get(device.id) === true && !carried)
    say('silent', null, quiet ? 'bad' : 'good', () =>
      silentTexts(device, dead ? (children.get(device.id)?.length ?? 0) : 0),
    )
    if (device.lastSeen === null && SPEAKING.has(device.kind ?? '') && options.streamsOf(device.id).length === 0)
      say(
        'never-seen',
        null,
        now - options.watchedSince(device.id) >= LIMITS.neverSeenMs ? 'bad' : 'unclear',
        () => NEVER_SEEN,
      )
    clock(device, say)
    if (silent.get(device.id) === true) {
      // While it says nothing, nothing else of it is better or worse than before.
      for (const kind of ['incomplete', 'late', 'invalid', 'stuck'] as const) say(kind, null, 'unclear')
      continue
    }
    for (const stream of options.streamsOf(device.id)) inspectStream(stream, options, say)
  }
  return withPaths(findings, devices)
}

type Texts = { reason: Bilingual; advice: Bilingual }
/** Words are made only for what is wrong. */
type Say = (kind: TicketKind, type: string | null, verdict: Finding['verdict'], texts?: () => Texts) => void

/** Null: it speaks only when something happens, so its silence says nothing. */
function isSilent(device: WatchedDevice, options: InspectOptions): boolean | null {
  const { now } = options
  if (device.online === false) return device.lastSeen === null || now - device.lastSeen >= LIMITS.offlineMs
  let watched = false
  for (const stream of options.streamsOf(device.id)) {
    const periodMs = options.periodOf(stream)
    if (periodMs === null || stream.type === 'device.clock') continue
    watched = true
    if (stream.lastTime !== null && now - stream.lastTime <= silentAfterMs(periodMs)) return false
  }
  // What the edge could not hear, nobody has failed to say.
  return watched ? !options.wasAway(now - LIMITS.offlineMs, now) : null
}

function silentTexts(device: WatchedDevice, children: number): Texts {
  const many = children > 0
  return {
    reason: many
      ? {
          zh: `网关 ${device.id} 及其 ${children} 台设备均无数据`,
          en: `Gateway ${device.id} and its ${children} devices say nothing`,
        }
      : { zh: `${device.id} 超过 3 个周期无数据`, en: `${device.id} has said nothing for three periods` },
    advice: many
      ? {
          zh: '检查网关供电与网络；恢复前用巡逻或其他点位补位',
          en: 'Check power and network of the gateway; cover its area by patrol until it is back',
        }
      : { zh: '检查供电、网络与所属网关', en: 'Check power, network and its gateway' },
  }
}

const NEVER_SEEN: Texts = {
  reason: { zh: '已登记但从未上报', en: 'Configured, but has never spoken' },
  advice: {
    zh: '核对站点文件中的地址与凭证，或删除该条目',
    en: 'Compare address and credentials in the site file, or remove the entry',
  },
}

function clock(device: WatchedDevice, say: Say): void {
  if (device.offsetMs === null) return
  const off = Math.abs(device.offsetMs)
  const verdict = off > LIMITS.clockMs.opens ? 'bad' : off <= LIMITS.clockMs.closes ? 'good' : 'unclear'
  say('clock', 'device.clock', verdict, () => ({
    reason: { zh: `时钟偏差 ${device.offsetMs} ms`, en: `Its clock is ${device.offsetMs} ms off` },
    advice: { zh: '配置 NTP 并核对时区', en: 'Set its NTP server and check its time zone' },
  }))
}

function inspectStream(stream: StreamEntry, options: InspectOptions, say: Say): void {
  const { table, now } = options
  const { type } = stream
  const periodMs = options.periodOf(stream)
  const newest = Math.floor((now - SETTLE_MS) / BUCKET_MS)
  const size = periodMs === null ? 1 : Math.max(1, Math.ceil((60 * periodMs) / BUCKET_MS))
  const window = { from: (newest - size) * BUCKET_MS, to: newest * BUCKET_MS }
  const measured: Measured = measure(table, stream, window, {
    periodMs,
    now,
    excusedMs: (bucket) => options.excusedMs(stream, bucket),
  })
  const { completeness, timeliness, validity } = rates(measured)
  const away = options.wasAway(window.from, window.to)

  if (periodMs !== null) {
    const { opens, closes } = LIMITS.completeness
    // A stream that has begun within the window is not yet judged.
    const known = completeness !== null && !away && stream.armedAt <= window.from
    say(
      'incomplete',
      type,
      !known ? 'unclear' : completeness < opens ? 'bad' : completeness >= closes ? 'good' : 'unclear',
      () => ({
        reason: {
          zh: `${type} 应收 ${measured.expected}，实收 ${measured.arrived}（完整率 ${percent(completeness ?? 0)}）`,
          en: `${type}: ${measured.arrived} of ${measured.expected} samples came (completeness ${percent(completeness ?? 0)})`,
        },
        advice: {
          zh: '检查链路质量、网关负载与上报周期（site 文件 periods）',
          en: 'Check the link, the load of its gateway and its period (periods in the site file)',
        },
      }),
    )
  }
  const { opens, closes } = LIMITS.timeliness
  const enough = timeliness !== null && measured.received >= 10 && !away
  say(
    'late',
    type,
    !enough ? 'unclear' : timeliness < opens ? 'bad' : timeliness >= closes ? 'good' : 'unclear',
    () => ({
      reason: {
        zh: `${type} 及时率 ${percent(timeliness ?? 0)}`,
        en: `${type}: ${percent(timeliness ?? 0)} came in time`,
      },
      advice: {
        zh: '检查网络时延、缓存补传与设备时钟',
        en: 'Check the delay of the network, its buffer and its clock',
      },
    }),
  )
  // What cannot be read is said at once, not only when the ten minutes are over.
  const running = table.at(stream, Math.floor(now / BUCKET_MS))
  const refused = measured.refused + running.refused
  const bad = measured.bad + running.bad
  const judged = measured.received + running.received + refused
  const valid = judged === 0 ? null : 1 - (refused + bad) / judged
  const limits = LIMITS.validity
  say(
    'invalid',
    type,
    valid === null
      ? validity === null
        ? 'good'
        : 'unclear'
      : valid < limits.opens
        ? 'bad'
        : valid >= limits.closes
          ? 'good'
          : 'unclear',
    () => ({
      reason: {
        zh: `${type} 有 ${refused} 条无法读取、${bad} 条质量为坏`,
        en: `${type}: ${refused} could not be read, ${bad} were of bad quality`,
      },
      advice: {
        zh: '在隔离区查看原因，修正模型文件或设备后重放',
        en: 'See the causes in the quarantine; correct the model file or the device, then replay',
      },
    }),
  )
  if (stream.said !== null) {
    const stuck = stateOf(stream, periodMs, false, now) === 'stuck'
    say('stuck', type, stuck ? 'bad' : 'good', () => ({
      reason: { zh: `${type} 已 30 分钟毫无变化`, en: `${type} has not changed for 30 minutes` },
      advice: { zh: '现场核对传感器，必要时更换', en: 'Compare the sensor on the spot; replace it if it is stuck' },
    }))
  }
}

/** Troubles of a way that many devices share. */
const SHARED = ['late', 'incomplete'] as const
const SHARED_BY = { least: 10, share: 0.3 } as const

/**
 * Where a third of the devices of one driver have the same trouble at once, it is the way they share: the network, the
 * broker, the edge itself under load. One finding names the way; its devices open none of their own.
 */
function withPaths(findings: Finding[], devices: readonly WatchedDevice[]): Finding[] {
  const driverOf = new Map(devices.map((d) => [d.id, d.driver]))
  /** By driver and trouble: devices looked at, devices that have it. */
  const groups = new Map<string, { driver: string; kind: TicketKind; all: Set<string>; bad: Set<string> }>()
  for (const driver of new Set(driverOf.values()))
    if (driver !== null)
      for (const kind of SHARED) groups.set(`${driver} ${kind}`, { driver, kind, all: new Set(), bad: new Set() })
  for (const { kind, device, type, verdict } of findings) {
    const group = groups.get(`${driverOf.get(device)} ${kind}`)
    if (!group || (verdict === 'unclear' && type === null)) continue
    group.all.add(device)
    if (verdict === 'bad') group.bad.add(device)
  }
  const shared = new Set<string>()
  const ways: Finding[] = []
  for (const [name, { driver, kind, all, bad }] of groups) {
    const many = bad.size >= SHARED_BY.least && bad.size >= all.size * SHARED_BY.share
    if (many) shared.add(name)
    ways.push({
      kind,
      device: `driver:${driver}`,
      type: null,
      owner: 'equipment',
      verdict: many ? 'bad' : 'good',
      reason: {
        zh: `${driver} 接入的 ${all.size} 台设备中有 ${bad.size} 台同时${kind === 'late' ? '迟到' : '缺数'}`,
        en: `${bad.size} of ${all.size} devices on ${driver} ${kind === 'late' ? 'are late' : 'lose samples'} at once`,
      },
      advice: {
        zh: '检查共用的网络、代理服务与边缘节点负载，而非单台设备',
        en: 'Check what they share: network, broker, load of the edge; not the single devices',
      },
    })
  }
  for (const finding of findings)
    if (shared.size > 0 && shared.has(`${driverOf.get(finding.device)} ${finding.kind}`)) finding.verdict = 'unclear'
  return [...ways, ...findings]
}
