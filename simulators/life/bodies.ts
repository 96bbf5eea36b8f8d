/**
 * People differ: most are well, some have a slow or a quick heart, a few breathe badly at night, and on some day somebody
 * falls ill. Decided by the person's name and the day, so that the same person is the same all day long. What a band then
 * measures wanders slowly about it, as bodies do: two sets of vital signs of one minute are alike.
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
  /** Falls ill on this day. */
  illness: Illness | null
}

/** Fever: a quick heart, short of breath; it comes within hours, is treated, and goes within hours. */
interface Illness {
  /** Hours after the beginning of the day. */
  fromH: number
  risesH: number
  staysH: number
  fallsH: number
  /** At its worst. */
  pulse: number
  spo2: number
  resp: number
}

export interface Vitals {
  pulse: number
  spo2: number
  resp: number
}

/** One in so many falls ill on a day; how badly differs, and with six in ten the score says yellow. */
const ILL_ONE_IN = 1000
const DAY_MS = 86_400_000
/** How far breath and oxygen of somebody at rest wander from his mean, and how long they take to come back to it. */
const WANDERS = { resp: 0.9, spo2: 0.6, backS: 60 } as const

export class Bodies {
  readonly #seed: number
  readonly #chance: Chance
  /** Of the last two days: who fell ill yesterday may still be. */
  readonly #known = new Map<number, Map<string, Body>>()
  /** Pauses of breath: until when, and when the next one begins. */
  readonly #pauses = new Map<string, { until: number; next: number }>()
  readonly #drifts = new Map<string, { resp: number; spo2: number }>()
  readonly #driftChance: Chance

  constructor(seed: number) {
    this.#seed = seed
    this.#chance = seededChance(seed + 15_485_863)
    this.#driftChance = seededChance(seed + 32_452_843)
  }

  of(person: string, day: number): Body {
    let bodies = this.#known.get(day)
    if (!bodies) {
      for (const old of this.#known.keys()) if (old < day - 1) this.#known.delete(old)
      bodies = new Map()
      this.#known.set(day, bodies)
    }
    let body = bodies.get(person)
    if (!body) {
      body = this.#born(person, day)
      bodies.set(person, body)
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
      illness: null,
    }
    const ofDay = seededChance(this.#seed * 13 + numberOf(person) * 31 + day)
    if (ofDay.next() * ILL_ONE_IN >= 1) return body
    return {
      ...body,
      illness: {
        fromH: ofDay.between(0, 24),
        risesH: ofDay.between(1, 2),
        staysH: ofDay.between(3, 8),
        fallsH: ofDay.between(2, 4),
        pulse: ofDay.between(18, 34),
        spo2: -ofDay.between(0.5, 3),
        resp: ofDay.between(4, 7.5),
      },
    }
  }

  /** What sets his vital signs apart from everybody's just now: how he is built, and how ill he is. */
  at(person: string, now: number): Vitals {
    const day = Math.floor(now / DAY_MS)
    const { pulse, spo2, resp, illness } = this.of(person, day)
    const sum = { pulse, spo2, resp }
    for (const [ill, of] of [
      [illness, day],
      [this.of(person, day - 1).illness, day - 1],
    ] as const) {
      const share = ill ? shareOf(ill, (now - of * DAY_MS) / 3_600_000) : 0
      if (!ill || share === 0) continue
      sum.pulse += ill.pulse * share
      sum.spo2 += ill.spo2 * share
      sum.resp += ill.resp * share
    }
    return sum
  }

  /** How far his breath and oxygen have wandered when the next set of vital signs is taken, `afterS` after the last. */
  wander(person: string, afterS: number): { resp: number; spo2: number } {
    let drift = this.#drifts.get(person)
    if (!drift) {
      drift = { resp: this.#driftChance.bell(WANDERS.resp), spo2: this.#driftChance.bell(WANDERS.spo2) }
      this.#drifts.set(person, drift)
      return drift
    }
    const keeps = Math.exp(-afterS / WANDERS.backS)
    const fresh = Math.sqrt(1 - keeps * keeps)
    drift.resp = drift.resp * keeps + this.#driftChance.bell(WANDERS.resp * fresh)
    drift.spo2 = drift.spo2 * keeps + this.#driftChance.bell(WANDERS.spo2 * fresh)
    return drift
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

/** How ill, 0 to 1, so many hours after the beginning of the day on which he fell ill. */
function shareOf(ill: Illness, hour: number): number {
  const since = hour - ill.fromH
  const left = ill.risesH + ill.staysH + ill.fallsH - since
  return Math.max(0, Math.min(1, since / ill.risesH, left / ill.fallsH))
}

function numberOf(text: string): number {
  let sum = 7
  for (const c of text) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 1_000_003
  return sum
}
