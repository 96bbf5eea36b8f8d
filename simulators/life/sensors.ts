/** What a sensor keeps measuring on an ordinary day: a level that wanders about its mean, and light that follows the sun. */
import type { Device } from '#model/context/kinds.ts'
import { localTime } from '#model/local-time.ts'
import type { Chance } from '../chance.ts'
import type { Draft } from './draft.ts'

interface Quantity {
  type: string
  field: string
  everyS: number
  level: number
  mean: number
  swing: number
  digits: number
  more?: Record<string, unknown>
}

const DAWN_H = 6.6
const DUSK_H = 17.4
const LAMPS_LUX = 4

export class Sensors {
  readonly #all: (Quantity & { device: string; kind: string })[] = []
  readonly #cameras: string[] = []
  readonly #chance: Chance
  readonly #timezone: string
  readonly #isLifelike: boolean
  #dark: boolean | null = null

  /** @param isLifelike rooms grow loud and close as the day goes. */
  constructor(chance: Chance, timezone: string, isLifelike = false) {
    this.#isLifelike = isLifelike
    this.#chance = chance
    this.#timezone = timezone
  }

  add(device: Device, sees: 'outdoors' | 'indoors', kind = ''): void {
    for (const quantity of quantitiesOf(device)) this.#all.push({ ...quantity, device: device.id, kind })
    if (device.kind === 'camera' && sees === 'outdoors') this.#cameras.push(device.id)
  }

  /** What a sensor measures now, out of its turn. */
  sample(device: string, type: string, now: number): Draft | null {
    const quantity = this.#all.find((s) => s.device === device && s.type === type)
    return quantity ? this.#measure(quantity, localTime(this.#timezone, now).minuteOfDay / 60, now) : null
  }

  #measure(s: Quantity & { device: string; kind: string }, hour: number, now: number): Draft {
    const byHour = this.#isLifelike ? meanAt(s.type, s.kind, hour) : null
    const mean = s.type === 'env.light' ? luxAt(hour) : (byHour ?? s.mean)
    const swing = s.type === 'env.light' ? 0.02 * mean : s.swing
    s.level = Math.max(0, s.level + this.#chance.bell(swing) + (mean - s.level) * 0.05)
    return { device: s.device, type: s.type, time: now, value: { [s.field]: round(s.level, s.digits), ...s.more } }
  }

  *tick(second: number, now: number): Generator<Draft> {
    const hour = localTime(this.#timezone, now).minuteOfDay / 60
    for (const [i, s] of this.#all.entries()) if ((second + i) % s.everyS === 0) yield this.#measure(s, hour, now)
    const dark = hour < DAWN_H || hour >= DUSK_H
    if (this.#dark !== null && dark !== this.#dark)
      for (const [i, camera] of this.#cameras.entries())
        yield { device: camera, type: 'camera.day-night', time: now + i * 700, value: { night: dark } }
    this.#dark = dark
  }
}

/** Mean of a quantity in a room of a kind by the hour of the day; null = the same all day. */
function meanAt(type: string, kind: string, hour: number): number | null {
  const isNight = hour >= 22 || hour < 6
  if (type === 'env.co2') return kind === 'cell' ? (isNight ? 1150 : 760) : isNight ? 520 : 680
  if (type === 'env.temperature') return 21.5 + 1.5 * Math.sin(((hour - 9) / 24) * 2 * Math.PI)
  if (type !== 'env.noise') return null
  if (isNight) return 36
  const isMeal = [7.2, 11.9, 17.4].some((meal) => Math.abs(hour - meal) < 0.4)
  if (kind === 'class-room') return isMeal ? 70 : 58
  if (kind === 'workshop') return hour >= 8 && hour < 17 ? 74 : 45
  return 52
}

function luxAt(hour: number): number {
  const share = (hour - DAWN_H) / (DUSK_H - DAWN_H)
  return share <= 0 || share >= 1 ? LAMPS_LUX : LAMPS_LUX + 2000 * Math.sin(Math.PI * share)
}

const round = (x: number, digits: number): number => Math.round(x * 10 ** digits) / 10 ** digits

function quantitiesOf(device: Device): Quantity[] {
  const slow = (
    type: string,
    field: string,
    mean: number,
    swing: number,
    digits: number,
    everyS = 10,
    more?: Record<string, unknown>,
  ): Quantity => ({ type, field, everyS, level: mean, mean, swing, digits, ...(more ? { more } : {}) })
  switch (device.kind) {
    case 'fence':
      return [slow('fence.voltage', 'kv', 6.1, 0.02, 2, 1, { nominal_kv: 6 })]
    case 'climate':
      return [
        slow('env.temperature', 'celsius', 22, 0.04, 2),
        slow('env.humidity', 'percent', 48, 0.2, 1),
        slow('env.co2', 'ppm', 640, 4, 0),
      ]
    case 'smoke':
      return [slow('env.smoke', 'percent_per_m', 0.05, 0.01, 2), slow('env.temperature', 'celsius', 22, 0.04, 2)]
    case 'gas':
      return [slow('env.co', 'ppm', 2, 0.2, 1), slow('env.gas', 'lel_percent', 0.3, 0.05, 2)]
    case 'noise':
      return [slow('env.noise', 'db', 48, 1.2, 1)]
    case 'light':
      return [slow('env.light', 'lux', 180, 2, 1)]
    case 'power':
      return [slow('power.ups', 'percent', 99, 0.1, 1, 60)]
    default:
      return []
  }
}
