/**
 * Columns on the open ground: a party sets out only when it will walk apart from every other one that is already on its
 * way, as the movement orders of a house ask. It waits until those who come towards it have passed.
 */
import type { Journey } from './walker.ts'

interface Place {
  x: number
  y: number
  floor: number
  party: string
}

/** So far apart two parties of a cell are no crowd. */
const APART_M = 11
/** Longer than this no two parties are near each other. */
const MEETING_S = 2

export class Roads {
  readonly #places = new Map<number, Place[]>()

  /**
   * Books the way of a party, beginning at a time, ms.
   * @returns false = it would walk beside another one; nothing is booked.
   */
  book(party: string, way: Journey, startMs: number): boolean {
    const [from, to] = onTheGround(way)
    const start = Math.floor(startMs / 1000)
    const beside = new Map<string, number>()
    for (let s = from; s < to; s++) {
      const spot = way.spots[s]
      if (!spot) continue
      for (const other of this.#places.get(start + s) ?? []) {
        if (other.party === party || other.floor !== spot.floor) continue
        if (Math.hypot(other.x - spot.x_m, other.y - spot.y_m) >= APART_M) continue
        const seconds = (beside.get(other.party) ?? 0) + 1
        if (seconds > MEETING_S) return false
        beside.set(other.party, seconds)
      }
    }
    for (let s = from; s < to; s++) {
      const spot = way.spots[s]
      if (!spot) continue
      const place = { x: spot.x_m, y: spot.y_m, floor: spot.floor, party }
      const others = this.#places.get(start + s)
      if (others) others.push(place)
      else this.#places.set(start + s, [place])
    }
    return true
  }

  /** What is past is forgotten. */
  forgetBefore(now: number): void {
    const second = Math.floor(now / 1000)
    for (const known of this.#places.keys()) if (known < second) this.#places.delete(known)
  }
}

/** Seconds of a way on the open ground: from the last door out to the first door in. */
function onTheGround({ passages, spots }: Journey): [number, number] {
  const out = passages.filter((p) => !p.inward).at(-1)?.second ?? 0
  const into = passages.find((p) => p.inward)?.second ?? spots.length
  return [out, into]
}
