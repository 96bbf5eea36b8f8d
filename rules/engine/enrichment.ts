/**
 * Done once per reading before any rule sees it: person, zone (a fix through the floor grid), liveness of device and
 * gateway, last known values. The edge never overrules a zone that the reading itself names.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { DeviceKind } from '#model/site/schema.ts'
import type { Gateways } from './gateways.ts'
import type { TakenReading } from './intake.ts'
import type { Input } from './operator.ts'
import type { Signals } from './signals.ts'
import { MAX_ACCURACY_M, type Whereabouts } from './whereabouts.ts'

const isPosition = (type: string): boolean => type === 'band.position' || type === 'tag.position'
const isWearable = (type: string): boolean => type.startsWith('band.') || type.startsWith('tag.')
/** Vital signs below this confidence are no evidence. */
const MIN_CONFIDENCE = 0.6
/** Said by a driver or the edge about the device, not by the device itself. */
const isAbout = (type: string): boolean => type === 'device.status' || type === 'device.clock'

export class Enrichment {
  readonly #site: FacilityContext
  readonly #signals: Signals
  readonly #people: Whereabouts
  readonly #gateways: Gateways

  constructor(site: FacilityContext, signals: Signals, people: Whereabouts, gateways: Gateways) {
    this.#site = site
    this.#signals = signals
    this.#people = people
    this.#gateways = gateways
  }

  enrich(reading: TakenReading, time: number, late: boolean, now: number): Input {
    const { value } = reading
    const spec = READING_TYPES.get(reading.type)
    let dev = this.#site.device(reading.device)
    // The site's and the catalogue's own texts: looking them up again is then a matter of a pointer.
    const type = spec?.type ?? reading.type
    const device = dev?.id ?? reading.device
    if (dev && dev.kind === undefined) {
      const producers = spec?.producers ?? []
      const kind = producers.length === 1 && producers[0] !== '*' ? producers[0] : undefined
      if (kind) {
        this.#site.learnKind(device, kind as DeviceKind)
        dev = this.#site.device(device)
      }
    }
    const named = this.#subject(reading)
    const subject = named === null ? null : (this.#site.person(named)?.id ?? named)
    const bad = reading.quality === 'bad'
    const record = this.#signals.record(device)
    if (!isAbout(type)) {
      // A message is a sign of life when it arrives, whatever time it speaks of.
      record.spokeAt = now
      if (dev?.via) this.#gateways.spoke(dev.via, device, now)
    } else if (type === 'device.status' && !bad) {
      const online = value.online === true
      if (record.online !== null && record.online !== online) record.onlineChangedAt = time
      if (dev?.kind === 'gateway' || this.#site.childrenOfGateway(device).length > 0)
        this.#gateways.status(device, online, now)
    }
    const afterGap = this.#signals.store(record, type, reading.id, time, value, bad)
    if (type === 'device.status' && !bad) record.online = record.signals[type]?.value.online === true
    // A device that speaks is there, even when the driver's "online" comes a moment later.
    else if (!isAbout(type) && record.online === false && !late) {
      record.online = true
      record.onlineChangedAt = time
    }
    if (subject !== null && typeof value.activity === 'number' && record.signals[type]?.id === reading.id) {
      const isSure =
        !bad &&
        !this.#signals.isUnworn(device) &&
        (value.confidence === undefined || (value.confidence as number) >= MIN_CONFIDENCE)
      if (isSure) this.#signals.rest(subject, value.activity, time, afterGap)
      else if (bad || afterGap) this.#signals.unrest(subject)
    }
    const input: Input = {
      id: reading.id,
      device,
      type,
      time,
      received: reading.received,
      quality: reading.quality,
      zone: reading.zone,
      subject,
      value,
      late,
      dev,
      usableFix: false,
      afterGap,
    }
    if (isPosition(type)) this.#locate(input, bad)
    else if (input.zone === null) input.zone = this.#zone(input)
    return input
  }

  #subject(reading: TakenReading): string | null {
    const named = reading.subject
    if (named !== null) {
      // A subject is a person, never a band: a gateway that names the band means its wearer.
      const wearer = this.#site.person(named) || this.#site.staff(named) ? null : this.#site.subjectOfDevice(named)
      return wearer ?? named
    }
    const holder = this.#site.subjectOfDevice(reading.device)
    if (holder !== null) return holder
    return reading.type === 'rollcall.response' || reading.type === 'panic.pressed'
      ? ((reading.value.person as string | undefined) ?? null)
      : null
  }

  #locate(input: Input, bad: boolean): void {
    const floor = input.value.floor as number
    const x = input.value.x_m as number
    const y = input.value.y_m as number
    if (input.zone === null) input.zone = this.#site.zoneAt(floor, x, y)
    if (bad || input.subject === null || (input.value.accuracy_m as number) > MAX_ACCURACY_M) return
    if (this.#signals.isUnworn(input.device)) return
    input.usableFix = true
    this.#people.move(input.subject, input, floor, x, y)
  }

  #zone(input: Input): string | null {
    if (isWearable(input.type) && input.subject !== null) {
      const fix = this.#people.last(input.subject)
      if (fix && fix.zone !== null) return fix.zone
    }
    return this.#site.zoneOfDevice(input.device)
  }
}
