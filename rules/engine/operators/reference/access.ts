/**
 * Only for tests: who passes where with which card and which face, each rule as its sentence over all readings at once:
 * anti-passback, card away from its holder, tailgating, a face that is not the holder's, an inmate's face where it does not belong.
 */
import type { Level } from '#model/alert/alert.ts'
import type { Line } from './bench.ts'
import type { Place } from './places.ts'

export interface LevelPulse {
  at: number
  key: string
  level: Level
  /** The newest evidence, when it is older than the decision. */
  last?: number
}

/** Where a grant leads; null where the reader does not say. */
export type Leads = (grant: Line) => string | null

/** A card is let into the area into which its grant before had let it: in and in again, or out and out again. */
export function passbackPulses(
  grants: readonly Line[],
  into: Leads,
  levelOf: (reader: string) => Level,
  withinMs: number,
): LevelPulse[] {
  return grants.flatMap((grant, i) => {
    const area = into(grant)
    if (area === null) return []
    const before = grants.slice(0, i).findLast((g) => g.value.credential === grant.value.credential && into(g) !== null)
    if (!before || into(before) !== area || grant.time - before.time > withinMs) return []
    return [{ at: grant.time, key: grant.value.credential as string, level: levelOf(grant.device) }]
  })
}

/** The tag is known and far away, or the holder would have had to run from the reader before. */
export function awayPulses(
  grants: readonly Line[],
  holderOf: (credential: string) => string | null,
  tagAt: (holder: string, grant: Line) => Place | null,
  readerAt: (reader: string) => Omit<Place, 'at'> | null,
  farM: number,
  speed: number,
): LevelPulse[] {
  return grants.flatMap((grant, i) => {
    const holder = holderOf(grant.value.credential as string)
    const here = readerAt(grant.device)
    if (holder === null || here === null) return []
    const far = (a: Omit<Place, 'at'>): number => Math.hypot(a.x - here.x, a.y - here.y)
    const tag = tagAt(holder, grant)
    const isAway = tag !== null && (tag.floor !== here.floor || far(tag) > farM)
    const last = grants.slice(0, i).findLast((g) => g.value.credential === grant.value.credential)
    const lastAt = last && last.device !== grant.device ? readerAt(last.device) : null
    const ran = last && lastAt && far(lastAt) > (speed * (grant.time - last.time)) / 1_000
    return isAway || ran ? [{ at: grant.time, key: holder, level: 'orange' as const }] : []
  })
}

/** More people than grants from the first grant of a burst to a while after its last. */
export function tailgatingPulses(
  grants: readonly Line[],
  crossings: readonly { at: number; count: number }[],
  key: string,
  level: Level,
  afterMs: number,
): LevelPulse[] {
  const bursts: Line[][] = []
  for (const grant of grants) {
    const burst = bursts.at(-1)
    if (burst && grant.time - (burst.at(-1) as Line).time <= afterMs) burst.push(grant)
    else bursts.push([grant])
  }
  return bursts.flatMap((burst) => {
    const [from, to] = [(burst[0] as Line).time, (burst.at(-1) as Line).time + afterMs]
    const inside = crossings.filter((c) => c.at >= from && c.at <= to)
    const people = inside.reduce((sum, c) => sum + c.count, 0)
    const last = Math.max(...inside.map((c) => c.at), (burst.at(-1) as Line).time)
    return people > burst.length ? [{ at: to, key, level, last }] : []
  })
}

/**
 * So many faces within a while after a grant that are the holder's but badly, or surely somebody else's. A colleague behind a
 * holder who was surely recognised is a queue; an inmate there never is.
 */
export function strangerPulses(
  grants: readonly Line[],
  faces: readonly Line[],
  readerOf: (face: Line) => string | null,
  holderOf: (credential: string) => string | null,
  limits: { withinMs: number; notHolder: number; isOther: number; frames: number },
): LevelPulse[] {
  const score = (f: Line): number => f.value.score as number
  return grants.flatMap((grant) => {
    const holder = holderOf(grant.value.credential as string)
    if (holder === null) return []
    const seen = faces.filter(
      (f) => readerOf(f) === grant.device && f.time >= grant.time && f.time <= grant.time + limits.withinMs,
    )
    return seen.flatMap((face, i): LevelPulse[] => {
      const until = seen.slice(0, i + 1)
      const isKnown = until.some((f) => f.value.person === holder && score(f) >= limits.isOther)
      const enough = (list: Line[]): boolean =>
        list.includes(face) && new Set(list.map((f) => f.time)).size >= limits.frames
      const badly = until.filter((f) => f.value.person === holder && score(f) < limits.notHolder)
      const same = until.filter(
        (f) => f.value.person !== holder && f.value.person === face.value.person && score(f) >= limits.isOther,
      )
      const isInmate = face.value.list === 'inmate'
      if (enough(same) && (isInmate || !isKnown))
        return [{ at: face.time, key: grant.device, level: isInmate ? 'red' : 'orange' }]
      return enough(badly) ? [{ at: face.time, key: grant.device, level: 'orange' }] : []
    })
  })
}

/** The same inmate in so many frames of different times where he may not be. */
export function facePulses(
  faces: readonly Line[],
  zoneOf: (face: Line) => string,
  isForbidden: (person: string, zone: string) => boolean,
  minScore: number,
  frames: number,
  withinMs: number,
): LevelPulse[] {
  const match = (f: Line): boolean =>
    f.value.list === 'inmate' &&
    f.value.person !== undefined &&
    (f.value.score as number) >= minScore &&
    f.value.live !== false &&
    isForbidden(f.value.person as string, zoneOf(f))
  return faces.flatMap((face, i) => {
    if (!match(face)) return []
    const same = faces
      .slice(0, i + 1)
      .filter(
        (f) =>
          match(f) &&
          f.value.person === face.value.person &&
          zoneOf(f) === zoneOf(face) &&
          f.time >= face.time - withinMs,
      )
    if (new Set(same.map((f) => f.time)).size < frames) return []
    return [{ at: face.time, key: `${face.value.person}|${zoneOf(face)}`, level: 'red' as const }]
  })
}
