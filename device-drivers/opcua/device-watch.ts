/**
 * One device as the driver sees it: the last value of each field, its readings, its state of health. It turns values and
 * events into readings and must never talk to a server; it outlives connections, so nothing unchanged is said twice.
 */
import { valueFault } from '#model/catalogue/index.ts'
import type { Clock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import { canonicalJson } from '#model/ids.ts'
import type { Quality, RawReading, ReadingValue } from '#model/reading.ts'
import { type DeviceHealth, type DriverHost, saidOffset } from '../contract.ts'
import type { QuietLog } from '../supervision.ts'
import { convertField, describe, plainScalar, qualityOf } from './conversion.ts'
import { eventValue, fitsCondition, fitsEvent, inactiveValue } from './event-value.ts'
import type { EventMap } from './model-file.ts'
import type { DevicePlan, FieldPlan, SlotPlan } from './plan.ts'
import type { WireEvent, WireValue } from './wire.ts'

interface FieldState {
  value: string | number | boolean | null
  quality: Quality
  sourceMs: number | null
  statusName: string
  /** Raw of a triggered slot, to see a change. */
  raw: string | number | boolean | null
}

interface Slot {
  plan: SlotPlan
  fields: FieldState[]
  dirty: Set<number>
  lastKey: string | null
  /** Edge time of the last reading, for the repetition of samples. */
  lastAt: number
  /** A triggered slot has seen its first value, which only says where things stand. */
  primed: boolean
  complained: boolean
  /** The next value was not seen to change: it is how things stand after the driver was away. */
  confirming: boolean
}

export interface WatchHost {
  host: DriverHost
  clock: Clock
  log: QuietLog
  emit(reading: RawReading): void
}

const CONDITIONS_PER_DEVICE = 200
/** Older than this, a first value is a standing state, not a change. */
const STANDING_MS = 60_000
const CLOCK_EVERY_MS = 600_000
const CLOCK_STEP_MS = 200

export class DeviceWatch {
  readonly device: Device
  readonly #to: WatchHost
  plan: DevicePlan | null = null
  #slots: Slot[] = []
  #byNode = new Map<string, { slot: Slot; index: number }[]>()
  #conditions = new Map<string, { active: boolean; sinceMs: number; maps: EventMap[] }>()
  #seenInRefresh: Set<string> | null = null
  #online: boolean | null = null
  #reason: string | null = 'not yet connected'
  #lastSeen: number | null = null
  #offsetMs: number | null = null
  #clockSaid: { at: number; offsetMs: number } | null = null
  #quarantined = new Set<string>()
  #ended = false

  constructor(device: Device, to: WatchHost) {
    this.device = device
    this.#to = to
  }

  health(): DeviceHealth {
    return {
      device: this.device.id,
      online: this.#online === true,
      reason: this.#reason,
      lastSeen: this.#lastSeen,
      offsetMs: this.#offsetMs,
    }
  }

  get online(): boolean {
    return this.#online === true
  }

  end(): void {
    this.#ended = true
  }

  /** A (new) plan of the same device: what was said before is kept where the node is the same. */
  follow(plan: DevicePlan): void {
    const before = new Map(this.#slots.map((slot) => [slotKey(slot.plan), slot]))
    this.plan = plan
    this.#byNode.clear()
    this.#slots = plan.slots.map((slotPlan) => {
      const known = before.get(slotKey(slotPlan))
      const slot: Slot = {
        plan: slotPlan,
        fields: slotPlan.fields.map(() => ({ value: null, quality: 'bad', sourceMs: null, statusName: '', raw: null })),
        dirty: new Set(),
        lastKey: null,
        lastAt: 0,
        primed: false,
        complained: false,
        confirming: true,
        ...(known ? { fields: known.fields, lastKey: known.lastKey, lastAt: known.lastAt, primed: known.primed } : {}),
      }
      slotPlan.fields.forEach((field, index) => {
        const list = this.#byNode.get(field.nodeId) ?? []
        list.push({ slot, index })
        this.#byNode.set(field.nodeId, list)
      })
      return slot
    })
    for (const path of plan.unmapped) {
      this.#to.host.count('unmapped', this.device.id)
      this.#keepOnce(
        `unmapped ${path}`,
        'unmapped',
        `node ${path} of ${this.device.id} is mapped to no reading type; add it to the model file or to its "ignore"`,
        path,
      )
    }
    if (plan.missing.length > 0) this.#to.host.count('missing-nodes', this.device.id, plan.missing.length)
  }

  /** The driver was away: the next values say how things stand now. */
  expectConfirmation(): void {
    for (const slot of this.#slots) slot.confirming = true
  }

  setOnline(online: boolean, reason: string | null, code: 'session-lost' | 'driver' | null = null): void {
    this.#reason = reason
    if (online) this.#lastSeen = this.#to.clock.now()
    if (this.#online === online) return
    this.#online = online
    this.#emit({
      device: this.device.id,
      type: 'device.status',
      time: this.#to.clock.now(),
      value: online ? { online } : { online, reason: code ?? 'session-lost' },
    })
    // What was true before the silence is said again only if it changed; the clock is said anew.
    if (!online) this.#clockSaid = null
  }

  setOffset(offsetMs: number): void {
    const now = this.#to.clock.now()
    this.#offsetMs = offsetMs
    const said = this.#clockSaid
    if (said && now - said.at < CLOCK_EVERY_MS && Math.abs(offsetMs - said.offsetMs) <= CLOCK_STEP_MS) return
    this.#clockSaid = { at: now, offsetMs }
    this.#emit({
      device: this.device.id,
      type: 'device.clock',
      time: now + offsetMs,
      value: { offset_ms: saidOffset(offsetMs) },
    })
  }

  /** One value of one node. Readings appear at `flush`, so that fields that change together are one reading. */
  onValue(nodeId: string, wire: WireValue): void {
    if (this.#ended) return
    this.#lastSeen = this.#to.clock.now()
    for (const { slot, index } of this.#byNode.get(nodeId) ?? []) {
      // A second value of the same field before the flush is a second reading (a door that opens and closes).
      if (slot.dirty.has(index)) this.#say(slot)
      const plan = slot.plan.fields[index] as FieldPlan
      const state = slot.fields[index] as FieldState
      this.#take(slot, index, plan, state, wire)
    }
  }

  #take(slot: Slot, index: number, plan: FieldPlan, state: FieldState, wire: WireValue): void {
    const quality = qualityOf(wire.status)
    if (quality === 'bad') this.#to.host.count('bad-status', this.device.id)
    const before = { ...state }
    state.statusName = wire.statusName
    if (quality === 'bad' && !wire.present) {
      // The last known value goes on as `bad`: nothing is made up, and nobody takes the old one for good.
      state.quality = 'bad'
      state.sourceMs = wire.sourceMs ?? state.sourceMs
    } else {
      const converted =
        plan.name === '' && plan.spec.type === 'string'
          ? { ok: true as const, value: String(plainScalar(wire.value)) }
          : convertField(plan.map, plan.spec, wire.value)
      if (!converted.ok) {
        this.#to.host.count('bad-value', this.device.id)
        this.#keepOnce(
          `value ${plan.nodeId} ${describe(wire.value)}`,
          'bad-value',
          `node ${plan.nodeId} of ${this.device.id} ${converted.detail}`,
          describe(wire.value),
        )
        state.quality = 'bad'
        state.sourceMs = wire.sourceMs
      } else {
        state.value = converted.value
        state.quality = quality
        state.sourceMs = wire.sourceMs
      }
    }
    // A new source time alone is news only where each writing is a happening; samples are said again each period anyway.
    const rewritten = plan.name === '' && before.sourceMs !== state.sourceMs
    const fresh = before.statusName === ''
    if (fresh || before.value !== state.value || before.quality !== state.quality || rewritten) slot.dirty.add(index)
  }

  flush(): void {
    if (this.#ended) return
    for (const slot of this.#slots) if (slot.dirty.size > 0) this.#say(slot)
    this.#judge()
  }

  /** All variables bad = the device behind the server is gone. */
  #judge(): void {
    if (this.#slots.length === 0 || this.#online === null) return
    const spoken = this.#slots.flatMap((slot) => slot.fields).filter((field) => field.statusName !== '')
    if (spoken.length === 0) return
    if (spoken.every((field) => field.quality === 'bad' && /^Bad/.test(field.statusName))) {
      this.setOnline(
        false,
        `the server reports ${spoken[0]?.statusName} for every node of ${this.device.id}; check the device and its line to the server`,
        'driver',
      )
    } else if (!this.#online) this.setOnline(true, null)
  }

  #say(slot: Slot, repeat: { atMs: number } | null = null): void {
    const changed = [...slot.dirty]
    slot.dirty.clear()
    if (slot.plan.kind === 'rising' || (slot.plan.kind === 'change' && slot.plan.fields[0]?.name === '')) {
      this.#sayTriggered(slot, changed)
      return
    }
    const value: ReadingValue = { ...slot.plan.set }
    let quality: Quality = 'good'
    let time: number | null = null
    let untimed = false
    for (const [i, field] of slot.fields.entries()) {
      const plan = slot.plan.fields[i] as FieldPlan
      if (field.value === null) {
        // Not heard yet, or never a legal value.
        if (plan.spec.optional) continue
        // What came with a good status and could not be converted has been told as such.
        if (field.statusName !== '' && !/^Good/.test(field.statusName) && !slot.complained) {
          slot.complained = true
          this.#keepOnce(
            `status ${plan.nodeId}`,
            'bad-value',
            `node ${plan.nodeId} of ${this.device.id} reports ${field.statusName} and no value yet; check the sensor behind it`,
            field.statusName,
          )
        }
        return
      }
      value[plan.name] = field.value
      if (rank(field.quality) > rank(quality)) quality = field.quality
      if (changed.includes(i)) {
        if (field.sourceMs === null) untimed = true
        else time = Math.max(time ?? 0, field.sourceMs)
      }
    }
    slot.complained = false
    const now = this.#to.clock.now()
    if (repeat) time = Math.max(repeat.atMs, time ?? 0)
    // A state that has stood for hours is news to an edge that has just come: the server says that it is true now. With its
    // old time no rule would see it (`semantics.md` 2: later than 5 min is recorded only).
    const serverNow = now + (this.#offsetMs ?? 0)
    if (slot.confirming && time !== null && time < serverNow - STANDING_MS) time = serverNow
    slot.confirming = false
    if (time === null || untimed) {
      time = now
      if (quality === 'good') quality = 'uncertain'
    }
    const fault = valueFault(slot.plan.type, value)
    if (fault) {
      this.#to.host.count('bad-value', this.device.id)
      this.#keepOnce(
        `range ${slot.plan.type} ${canonicalJson(value)}`,
        fault.cause,
        `${this.device.id}: ${fault.detail}; check "scale" and "map" in the model file`,
        canonicalJson(value),
      )
      return
    }
    const key = canonicalJson({ value, quality })
    if (slot.plan.kind !== 'sample' && key === slot.lastKey) return
    slot.lastKey = key
    slot.lastAt = now
    this.#emit({ device: this.device.id, type: slot.plan.type, time, quality, value })
  }

  #sayTriggered(slot: Slot, changed: number[]): void {
    const trigger = slot.fields[0] as FieldState
    if (!changed.includes(0) || trigger.quality === 'bad') return
    const { raw } = trigger
    trigger.raw = trigger.value
    const first = !slot.primed
    slot.primed = true
    if (slot.plan.kind === 'rising') {
      if (trigger.value !== true || raw === true) return
    } else if (first || trigger.value === null || trigger.value === '' || trigger.value === 'null') return
    const value: ReadingValue = { ...slot.plan.set }
    slot.fields.forEach((field, i) => {
      const name = slot.plan.fields[i]?.name
      if (name && field.value !== null) value[name] = field.value
    })
    this.#sayEvent(slot.plan.type, value, trigger.sourceMs, trigger.quality)
  }

  /** Nodes whose samples have not been said for a period, to be read again. */
  dueSamples(now: number): string[] {
    const nodes: string[] = []
    for (const slot of this.#slots)
      if (slot.plan.periodMs !== null && slot.lastAt > 0 && now - slot.lastAt >= slot.plan.periodMs - 100)
        for (const field of slot.plan.fields) nodes.push(field.nodeId)
    return nodes
  }

  /**
   * Says samples again that were just read and have not changed. A sample that stays silent would become unknown, and a
   * sensor that is stuck must be seen to be stuck. @param atMs time of the read by the server's own clock.
   */
  repeatSamples(now: number, atMs: number): void {
    if (this.#ended) return
    for (const slot of this.#slots) {
      if (slot.plan.periodMs === null || slot.lastAt === 0 || now - slot.lastAt < slot.plan.periodMs - 100) continue
      if (slot.fields.some((field) => field.quality === 'bad')) continue
      const timed = slot.fields.every((field) => field.sourceMs !== null)
      this.#say(slot, timed ? { atMs } : null)
    }
  }

  onEvent(event: WireEvent): void {
    if (this.#ended) return
    this.#lastSeen = this.#to.clock.now()
    let mapped = false
    for (const map of this.plan?.events ?? []) {
      if (map.event && event.conditionId === null && fitsEvent(map.event, event)) {
        mapped = true
        this.#sayEvent(map.type, eventValue(map, event), event.timeMs, 'good')
      } else if (map.condition && event.conditionId !== null && fitsCondition(map, event)) {
        mapped = true
        this.#onCondition(map, event)
      }
    }
    if (!mapped) {
      this.#to.host.count('unmapped', this.device.id)
      const name = event.conditionName ?? event.names[0] ?? 'event'
      this.#keepOnce(
        `event ${name}`,
        'unmapped',
        `event ${name} of ${this.device.id} is mapped to no reading type; add it to "events" of the model file`,
        describe({ ...event, fields: Object.fromEntries(event.fields) }),
      )
    }
  }

  #onCondition(map: EventMap, event: WireEvent): void {
    const id = `${event.conditionId}\0${map.type}`
    const known = this.#conditions.get(id)
    this.#seenInRefresh?.add(id)
    const active = event.active === true
    const sinceMs = event.activeSinceMs ?? event.timeMs ?? this.#to.clock.now()
    // A refresh or an acknowledgement repeats what is known; a later activation that was missed is a new one.
    const begins = active && (!known?.active || (event.activeSinceMs !== null && event.activeSinceMs > known.sinceMs))
    if (!known && this.#conditions.size >= CONDITIONS_PER_DEVICE) {
      this.#to.host.count('condition-limit', this.device.id)
      return
    }
    this.#conditions.set(id, {
      active,
      sinceMs: active ? (begins ? sinceMs : (known?.sinceMs ?? sinceMs)) : (known?.sinceMs ?? 0),
      maps: [map],
    })
    if (begins) this.#sayEvent(map.type, eventValue(map, event), sinceMs, 'good')
    else if (!active && map.both && known?.active !== false)
      this.#sayEvent(map.type, eventValue(map, event), event.timeMs, 'good')
  }

  /** ConditionRefresh: what is not repeated between begin and end is no longer active. */
  beginRefresh(): void {
    this.#seenInRefresh = new Set()
  }

  endRefresh(): void {
    const seen = this.#seenInRefresh
    this.#seenInRefresh = null
    if (!seen || this.#ended) return
    for (const [id, condition] of this.#conditions) {
      if (seen.has(id) || !condition.active) continue
      condition.active = false
      for (const map of condition.maps) if (map.both) this.#sayEvent(map.type, inactiveValue(map), null, 'good')
    }
  }

  #sayEvent(type: string, value: ReadingValue, timeMs: number | null, quality: Quality): void {
    const fault = valueFault(type, value)
    if (fault) {
      this.#to.host.count('bad-value', this.device.id)
      void this.#to.host
        .quarantine({
          source: `opcua:${this.device.id}`,
          device: this.device.id,
          cause: fault.cause,
          detail: `event of ${this.device.id}: ${fault.detail}; check the fields of ${type} in the model file`,
          payload: describe(value),
        })
        .catch(() => {})
      return
    }
    this.#to.host.count('events', this.device.id)
    this.#emit({
      device: this.device.id,
      type,
      time: timeMs ?? this.#to.clock.now(),
      quality: timeMs === null && quality === 'good' ? 'uncertain' : quality,
      value,
    })
  }

  /** The same thing goes to the quarantine once a session; repetitions are counted by the caller. */
  #keepOnce(key: string, cause: string, detail: string, payload: string): void {
    if (this.#quarantined.has(key)) return
    if (this.#quarantined.size >= 1000) this.#quarantined.clear()
    this.#quarantined.add(key)
    void this.#to.host
      .quarantine({ source: `opcua:${this.device.id}`, device: this.device.id, cause, detail, payload })
      .catch(() => {})
  }

  #emit(reading: RawReading): void {
    if (!this.#ended) this.#to.emit(reading)
  }
}

function slotKey(slot: SlotPlan): string {
  return [slot.kind, slot.type, canonicalJson(slot.set), ...slot.fields.map((f) => `${f.name}=${f.nodeId}`)].join('\0')
}

function rank(quality: Quality): number {
  return quality === 'good' ? 0 : quality === 'uncertain' ? 1 : 2
}
