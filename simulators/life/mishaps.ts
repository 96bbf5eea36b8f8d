/**
 * What goes a little wrong on an ordinary day, in devices and in people: a band out of reach, a card that is not read, a
 * door held too long, an animal at the fence. Rates are per device and day, or per act, as such a facility sees them; none
 * of it is an incident. It has a chance of its own, so that life itself is the same with and without it.
 */
import type { Device } from '#model/context/kinds.ts'
import { inHours } from '#model/local-time.ts'
import type { Site } from '#model/site/load.ts'
import { type Chance, seededChance } from '../chance.ts'
import type { Draft } from './draft.ts'

/** How often an act goes wrong: one in so many. */
const ONE_IN = {
  /** Somebody talks in the door. */
  'door-held': 8000,
  /** A door is opened by key: no command, no card. */
  'door-by-key': 40_000,
  /** A cell is shut and its bolt does not fall. */
  'bolt-stays': 6000,
  'card-misread': 60,
  /** The officer has the wrong card in hand and tries thrice. */
  'card-refused': 4000,
  'round-late': 2000,
  /** One is overlooked and found by the second count. */
  miscount: 400,
  'toilet-long': 6000,
  /** A person on watch stays longer than he should. */
  'toilet-watched-long': 400,
} as const
export type Slip = keyof typeof ONE_IN

interface Kind {
  of: (device: Device) => boolean
  /** Times a device and day. */
  perDay: number
  only?: 'day' | 'night'
  begin: (m: Mishaps, device: Device, now: number) => void
}

const isKind =
  (...kinds: string[]) =>
  (d: Device): boolean =>
    kinds.includes(d.kind ?? '')
const isAtPerimeter = (d: Device): boolean => d.kind === 'camera' && (d.watches ?? []).some((z) => z.startsWith('BELT'))

const KINDS: Record<string, Kind> = {
  // Bands: a steel door, a corner without reception; now and then one hangs until the officer resets it on the alert.
  'band-out-of-reach': {
    of: isKind('band'),
    perDay: 0.2,
    begin: (m, d, now) => m.silence(d.id, now + (8 + 90 * m.chance.next() ** 2) * 1000),
  },
  'band-hangs': {
    of: isKind('band'),
    perDay: 1 / 800,
    begin: (m, d, now) => m.silence(d.id, now + m.chance.between(130, 250) * 1000),
  },
  'strap-adjusted': {
    of: isKind('band'),
    perDay: 0.15,
    only: 'day',
    begin: (m, d, now) => m.takeOff(d.id, now, m.chance.between(2, 8)),
  },
  'strap-broken': {
    of: isKind('band'),
    perDay: 1 / 1500,
    only: 'day',
    begin: (m, d, now) => m.takeOff(d.id, now, m.chance.between(12, 40)),
  },
  'call-for-help': {
    of: isKind('band'),
    perDay: 1 / 1000,
    begin: (m, d, now) => m.say({ device: d.id, type: 'band.sos', time: now, value: {} }),
  },
  // Sitting down hard looks like a fall; he moves on.
  'false-fall': {
    of: isKind('band'),
    perDay: 1 / 300,
    only: 'day',
    begin: (m, d, now) => m.say({ device: d.id, type: 'band.fall', time: now, value: {} }),
  },
  // Tags: laid on the table; its wearer answers the pre-alert, nearly always.
  'tag-laid-down': {
    of: isKind('tag'),
    perDay: 0.5,
    begin: (m, d, now) => {
      const seconds = m.chance.between(30, 100)
      m.lay(d.id, 'tag.activity', now + seconds * 1000, () => ({ activity: 0.02 }))
      if (seconds > 85 && m.chance.next() > 1 / 60)
        m.say({ device: d.id, type: 'tag.answer', time: now + 97_000, value: {} })
    },
  },
  'gateway-restarts': {
    of: isKind('gateway'),
    perDay: 1 / 40,
    begin: (m, d, now) => {
      const until = now + m.chance.between(40, 170) * 1000
      for (const device of [d.id, ...m.childrenOf(d.id)]) m.silence(device, until)
    },
  },
  'picture-flickers': {
    of: isKind('camera'),
    perDay: 1 / 20,
    begin: (m, d, now) => m.pulse(d.id, 'camera.signal', { present: false }, { present: true }, now, 1, 8),
  },
  'picture-lost': {
    of: isKind('camera'),
    perDay: 1 / 250,
    begin: (m, d, now) => m.pulse(d.id, 'camera.signal', { present: false }, { present: true }, now, 12, 90),
  },
  'device-restarts': {
    of: isKind('camera', 'climate', 'smoke', 'gas', 'noise', 'light', 'reader'),
    perDay: 1 / 90,
    begin: (m, d, now) => {
      const until = now + m.chance.between(30, 300) * 1000
      m.say({ device: d.id, type: 'device.status', time: now, value: { online: false, reason: 'session-lost' } })
      m.silence(d.id, until)
      m.say({ device: d.id, type: 'device.status', time: until + 1000, value: { online: true } })
    },
  },
  // A spider, rain, a lamp: short, and sometimes not so short.
  'scene-changes': {
    of: isKind('camera'),
    perDay: 1 / 30,
    begin: (m, d, now) => m.tamper(d.id, now, m.chance.between(1, 4)),
  },
  'lens-dirty': {
    of: isKind('camera'),
    perDay: 1 / 300,
    begin: (m, d, now) => m.tamper(d.id, now, m.chance.between(6, 25)),
  },
  'animal-in-the-belt': {
    of: isAtPerimeter,
    perDay: 2,
    begin: (m, d, now) =>
      m.frames(d.id, now, m.chance.whole(2, 12), {
        object: 'animal',
        confidence: m.round(m.chance.between(0.6, 0.95)),
        count: 1,
      }),
  },
  'shadow-like-a-man': {
    of: isAtPerimeter,
    perDay: 0.3,
    begin: (m, d, now) =>
      m.frames(d.id, now, m.chance.whole(1, 3), {
        object: 'human',
        confidence: m.round(m.chance.between(0.4, 0.72)),
        count: 1,
      }),
  },
  // Wind and cats at the fence: the camera of the side says what it was, or that there is nothing.
  'fence-touched': {
    of: isKind('fence'),
    perDay: 3,
    begin: (m, d, now) => {
      m.say({ device: d.id, type: 'fence.alarm', time: now, value: { strength: 'low' } })
      const cameras = m.camerasOf(d.zone ?? '')
      if (cameras.length === 0 || m.chance.next() < 0.4) return
      m.frames(m.chance.pick(cameras), now + m.chance.whole(1, 6) * 1000, 3, {
        object: 'animal',
        confidence: 0.8,
        count: 1,
      })
    },
  },
  'fence-in-the-rain': {
    of: isKind('fence'),
    perDay: 4,
    begin: (m, d, now) =>
      m.lay(d.id, 'fence.voltage', now + m.chance.between(1000, 3500), (v) => ({ ...v, kv: m.round(6 * 0.6) })),
  },
  'steam-at-the-detector': {
    of: isKind('smoke'),
    perDay: 0.05,
    only: 'day',
    begin: (m, d, now) =>
      m.lay(d.id, 'env.smoke', now + 11_000, () => ({ percent_per_m: m.round(m.chance.between(0.8, 1.9)) })),
  },
  'smoke-of-a-cigarette': {
    of: isKind('smoke'),
    perDay: 1 / 120,
    begin: (m, d, now) =>
      m.lay(d.id, 'env.smoke', now + 19_000, () => ({ percent_per_m: m.round(m.chance.between(2.05, 2.4)) })),
  },
  'plates-fall': {
    of: isKind('noise'),
    perDay: 3,
    only: 'day',
    begin: (m, d, now) => m.pulse(d.id, 'env.noise', { db: 88 }, { db: 60 }, now, 1, 3),
  },
  'value-out-of-range': {
    of: isKind('climate', 'smoke', 'gas'),
    perDay: 0.3,
    begin: (m, d, now) =>
      m.say({ device: d.id, type: 'env.temperature', time: now, quality: 'bad', value: { celsius: -40 } }),
  },
  'mains-flicker': {
    of: isKind('power'),
    perDay: 0.2,
    begin: (m, d, now) => m.pulse(d.id, 'power.mains', { on: false }, { on: true }, now, 0.3, 3),
  },
}

interface Overlay {
  type: string
  until: number
  value: (v: Record<string, unknown>) => Record<string, unknown>
}

export class Mishaps {
  readonly chance: Chance
  readonly #kinds: { kind: Kind; devices: Device[]; perSecond: number }[]
  readonly #children = new Map<string, string[]>()
  readonly #cameras = new Map<string, string[]>()
  readonly #factor: number
  readonly #watched: ReadonlySet<string>
  readonly #timezone: string
  readonly #night: string
  readonly #isBusy: (device: string) => boolean
  readonly #silent = new Map<string, number>()
  readonly #overlays = new Map<string, Overlay>()
  #due: Draft[] = []

  /**
   * @param isBusy bands that lie on the charger.
   * @param factor multiplies every rate.
   */
  constructor(site: Site, devices: readonly Device[], seed: number, isBusy: (device: string) => boolean, factor = 1) {
    this.#factor = factor
    this.chance = seededChance(seed + 104_729)
    this.#isBusy = isBusy
    this.#timezone = site.facility.timezone ?? 'Asia/Shanghai'
    this.#night = site.facility.night ?? '22:00-06:00'
    this.#watched = new Set((site.people ?? []).filter((p) => p.watch).map((p) => p.id))
    for (const device of devices) {
      if (device.via) this.#children.set(device.via, [...(this.#children.get(device.via) ?? []), device.id])
      if (device.kind === 'camera')
        for (const zone of device.watches ?? []) this.#cameras.set(zone, [...this.camerasOf(zone), device.id])
    }
    this.#kinds = Object.values(KINDS).map((kind) => {
      const own = devices.filter((d) => kind.of(d))
      return { kind, devices: own, perSecond: (own.length * kind.perDay * factor) / 86_400 }
    })
  }

  /** Does this act go wrong? */
  happens(slip: Slip): boolean {
    return this.chance.next() * ONE_IN[slip] < this.#factor
  }

  /** How long somebody is in the toilet, ms. */
  toiletMs(person: string): number {
    const stay = 50 + 190 * this.chance.next() * this.chance.next()
    if (this.#watched.has(person)) return (this.happens('toilet-watched-long') ? 185 : Math.min(stay, 140)) * 1000
    return (this.happens('toilet-long') ? this.chance.between(605, 720) : stay) * 1000
  }

  /** One second: new mishaps begin. @returns what is said because of them. */
  tick(now: number): Draft[] {
    const night = inHours(this.#timezone, this.#night, now)
    for (const { kind, devices, perSecond } of this.#kinds) {
      if (this.chance.next() >= perSecond || (kind.only && (kind.only === 'night') !== night)) continue
      const device = this.chance.pick(devices)
      if (this.#isBusy(device.id) || this.#silent.has(device.id) || this.#overlays.has(device.id)) continue
      kind.begin(this, device, now)
    }
    for (const [device, until] of this.#silent) if (until <= now) this.#silent.delete(device)
    for (const [device, { until }] of this.#overlays) if (until <= now) this.#overlays.delete(device)
    if (this.#due.every((d) => d.time > now)) return []
    const said = this.#due.filter((d) => d.time <= now)
    this.#due = this.#due.filter((d) => d.time > now)
    return said
  }

  /** What is heard of what a device says. @returns null = nothing. */
  heard(draft: Draft): Draft | null {
    if (this.#silent.has(draft.device) && draft.type !== 'device.status') return null
    const overlay = this.#overlays.get(draft.device)
    if (overlay && overlay.type === draft.type) return { ...draft, value: overlay.value(draft.value) }
    if (draft.type === 'band.position') return this.#position(draft)
    if (draft.type === 'band.vitals') return this.#vitals(draft)
    return draft
  }

  /** Reflections: some fixes are known to be poor, a few are wrong and do not know it. */
  #position(draft: Draft): Draft {
    const luck = this.chance.next()
    if (luck > 0.015) return draft
    const isUnaware = luck < 0.000_05
    const metres = isUnaware ? 12 : 4
    // It lasts for one fix, a second; where fixes are thinned the right one is told after it.
    if (isUnaware) this.say({ ...draft, time: draft.time + 1000 })
    return {
      ...draft,
      value: {
        ...draft.value,
        x_m: this.round((draft.value.x_m as number) + this.chance.between(-metres, metres)),
        y_m: this.round((draft.value.y_m as number) + this.chance.between(-metres, metres)),
        accuracy_m: isUnaware ? 1.5 : this.round(this.chance.between(3.1, 7)),
      },
    }
  }

  /** Light between skin and sensor, a hand that moves. */
  #vitals(draft: Draft): Draft {
    const luck = this.chance.next()
    if (luck > 0.011 || typeof draft.value.hr !== 'number') return draft
    const confidence = luck < 0.001 ? 0.64 : this.round(this.chance.between(0.25, 0.58))
    const hr = Math.round(Math.max(35, draft.value.hr + this.chance.between(-35, 45)))
    return { ...draft, value: { ...draft.value, hr, confidence } }
  }

  // What mishaps are made of.

  round(x: number): number {
    return Math.round(x * 100) / 100
  }
  childrenOf(gateway: string): string[] {
    return this.#children.get(gateway) ?? []
  }
  camerasOf(zone: string): string[] {
    return this.#cameras.get(zone) ?? []
  }
  silence(device: string, until: number): void {
    this.#silent.set(device, until)
  }
  /** Something of the device's own is another value for a while. */
  lay(device: string, type: string, until: number, value: Overlay['value']): void {
    this.#overlays.set(device, { type, until, value })
  }
  say(draft: Draft): void {
    this.#due.push(draft)
  }
  pulse(
    device: string,
    type: string,
    value: Record<string, unknown>,
    after: Record<string, unknown>,
    now: number,
    fromS: number,
    toS: number,
  ): void {
    this.say({ device, type, time: now, value })
    this.say({ device, type, time: now + Math.round(this.chance.between(fromS, toS) * 1000), value: after })
  }
  tamper(device: string, now: number, seconds: number): void {
    const value = { tamper: 'scene-change', active: true }
    this.pulse(device, 'camera.tamper', value, { ...value, active: false }, now, seconds, seconds)
  }
  frames(device: string, from: number, count: number, value: Record<string, unknown>): void {
    for (let i = 0; i < count; i++) this.say({ device, type: 'camera.intrusion', time: from + i * 1000, value })
  }
  takeOff(device: string, now: number, seconds: number): void {
    const until = now + Math.round(seconds * 1000)
    this.say({ device, type: 'band.worn', time: now, value: { worn: false } })
    this.say({ device, type: 'band.worn', time: until, value: { worn: true } })
    this.lay(device, 'band.vitals', until, () => UNWORN)
  }
}

/** What an unworn band measures. */
export const UNWORN = { hr: null, spo2: null, resp: null, activity: 0, confidence: 0.1 }
