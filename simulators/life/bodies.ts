/**
 * People differ: most are well, some have a slow or a quick heart, a few breathe badly at night, and on some day somebody
 * is ill. Decided by the person's name and the day, so that the same person is the same all day long.
 */
import { type Chance, seededChance } from '../chance.ts'

export interface Body {
  /** Beats above or below what life gives everybody. */
  pulse: number
  /** Shares of oxygen and breaths below and above the usual. */
  spo2: number
  resp: number
  /** Stops breathing for seconds while he sleeps. */
  isApnoeic: boolean
}

/** One in so many is ill today: fever, a quick heart, short of breath. The clinic sees him, the score says yellow. */
const ILL_ONE_IN = 1500

export class Bodies {
  readonly #seed: number
  readonly #chance: Chance
  readonly #known = new Map<string, Body>()
  /** Pauses of breath: until when, and when the next one begins. */
  readonly #pauses = new Map<string, { until: number; next: number }>()
  #day = -1

  constructor(seed: number) {
    this.#seed = seed
    this.#chance = seededChance(seed + 15_485_863)
  }

  of(person: string, day: number): Body {
    if (day !== this.#day) this.#known.clear()
    this.#day = day
    let body = this.#known.get(person)
    if (!body) {
      body = this.#born(person, day)
      this.#known.set(person, body)
    }
    return body
  }

  #born(person: string, day: number): Body {
    const own = seededChance(this.#seed * 7 + numberOf(person))
    const kind = own.next()
    const body: Body = {
      pulse: kind < 0.05 ? own.between(-8, -3) : kind < 0.1 ? own.between(6, 12) : 0,
      spo2: own.next() < 0.03 ? -2 : 0,
      resp: own.between(-1, 1.5),
      isApnoeic: own.next() < 0.03,
    }
    if (seededChance(this.#seed * 13 + numberOf(person) * 31 + day).next() * ILL_ONE_IN >= 1) return body
    return { ...body, pulse: 28, spo2: -2, resp: 6.5 }
  }

  /** Is his breath paused just now? Ten to fourteen seconds, every few minutes of his sleep. */
  isPaused(person: string, now: number): boolean {
    let pause = this.#pauses.get(person)
    if (!pause || now >= pause.next) {
      const from = pause ? now : now + 300_000
      pause = {
        until: pause ? now + this.#chance.between(10, 14) * 1000 : 0,
        next: from + this.#chance.between(240, 1200) * 1000,
      }
      this.#pauses.set(person, pause)
    }
    return now < pause.until
  }
}

function numberOf(text: string): number {
  let sum = 7
  for (const c of text) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 1_000_003
  return sum
}
