/** People and things that stay as they are for too long: doors, cells, toilets, belts; beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf } from './bench.ts'
import { heldSpans, heldSteps, speaking, type Truth } from './held.ts'
import { type Place, placeAt, usableFixes } from './places.ts'
import { event, eventOfAny, good, oneOf, status, together, walk } from './streams.ts'

const TICK = 500
const EVER = Number.POSITIVE_INFINITY
const not = (truth: Truth): Truth => (truth === null ? null : !truth)

/** What said it badly is taken to be normal. */
const modeOf =
  (lines: readonly Line[], door: string) =>
  (at: number): unknown => {
    const last = lines.findLast((l) => l.device === door && l.type === 'door.mode' && l.time <= at)
    return last && last.quality !== 'bad' ? last.value.mode : 'normal'
  }

describe('doors', () => {
  const DOORS: Record<string, number> = { 'D-C1': 10_000, 'D-PER': 15_000, 'D-AB1-IN': 20_000 }
  const END = 120_000
  holdsAsReference('a door that stands open', {
    least: { rise: 0.4 },
    rules: [catalogueRule('door-held-open', { cellLimit: 10, limit: 15, sallyLimit: 20, orangeAfter: 40 })],
    lines: streamOf(
      fc
        .constantFrom(...Object.keys(DOORS))
        .chain((door) =>
          oneOf(
            [4, event(door, 'door.state', fc.constantFrom({ state: 'open' }, { state: 'open' }, { state: 'closed' }))],
            [1, event(door, 'door.mode', fc.constantFrom({ mode: 'normal' }, { mode: 'maintenance' }))],
            [1, status(door)],
          ),
        ),
      90_000,
      { min: 2, max: 24 },
    ),
    end: END,
    reference: (lines) =>
      stepsOf(
        Object.entries(DOORS).flatMap(([door, limit]) => {
          const state = speaking(lines, door, 'door.state', EVER)
          const mode = modeOf(lines, door)
          const stands = (at: number): Truth => {
            const said = state(at)
            return said && said.state === 'open' && mode(at) === 'normal'
          }
          return heldSpans({
            key: door,
            parts: [
              { level: 'yellow', forMs: limit, holds: stands },
              { level: 'orange', forMs: 40_000, holds: stands },
            ],
            over: (at) => (state(at) ? state(at)?.state === 'closed' : null),
            overMs: 0,
            end: END,
            tickMs: TICK,
          })
        }),
      ),
  })

  // From 10:01 to 10:05 the cells are locked up.
  holdsAsReference('a cell that is not locked', {
    rules: [catalogueRule('cell-not-locked-after-lock-up', { yellowAfter: 30, orangeAfter: 60 })],
    site: { timetable: [{ id: 'LU', zone: 'W1', from: '10:01', to: '10:05', activity: 'lock-up' }] },
    lines: streamOf(
      oneOf(
        [4, event('D-C1', 'door.state', fc.constantFrom({ state: 'open' }, { state: 'closed' }))],
        [4, event('D-C1', 'door.lock', fc.constantFrom({ state: 'locked' }, { state: 'unlocked' }))],
        [1, event('D-C1', 'door.mode', fc.constantFrom({ mode: 'normal' }, { mode: 'maintenance' }))],
        [1, status('D-C1')],
      ),
      320_000,
      { min: 1, max: 16 },
      2_500,
    ),
    end: 350_000,
    reference: (lines) => lockUpSteps(lines, 60_000, 300_000, 350_000),
  })
})

/** Tick by tick, over all that was said of the lock and the leaf. */
function lockUpSteps(lines: readonly Line[], from: number, to: number, end: number) {
  const lock = speaking(lines, 'D-C1', 'door.lock', EVER)
  const leaf = speaking(lines, 'D-C1', 'door.state', EVER)
  const mode = modeOf(lines, 'D-C1')
  /** Since when it was so by all good words; null: it is not. */
  const since = (type: string, word: string, at: number): number | null => {
    const said = good(lines).filter((l) => l.type === type && l.time <= at)
    const other = said.findLastIndex((l) => l.value.state !== word)
    return said[other + 1]?.time ?? null
  }
  const isBadFor =
    (ms: number) =>
    (at: number): Truth => {
      if (at < from || at >= to) return false
      // What comes in the very instant of the limit comes too late.
      const just = [since('door.lock', 'unlocked', at - 1), since('door.state', 'open', at - 1)].filter(
        (t) => t !== null,
      )
      const wasKnown = lock(at - 1)?.state === 'unlocked' || leaf(at - 1)?.state === 'open'
      if (wasKnown && mode(at - 1) === 'normal' && at - Math.max(from, Math.min(...just)) === ms) return true
      if (mode(at) !== 'normal') return false
      const now = [since('door.lock', 'unlocked', at), since('door.state', 'open', at)].filter((t) => t !== null)
      const isKnown = lock(at)?.state === 'unlocked' || leaf(at)?.state === 'open'
      return isKnown && at - Math.max(from, Math.min(...now)) >= ms
    }
  const isUnknown = (at: number, type: string): boolean =>
    lines.findLast((l) => l.type === type && l.time <= at)?.quality === 'bad'
  return heldSteps({
    key: 'D-C1',
    parts: [
      { level: 'yellow', forMs: 0, holds: isBadFor(30_000) },
      { level: 'orange', forMs: 0, holds: isBadFor(60_000) },
    ],
    over: (at) =>
      at >= to ||
      (since('door.lock', 'unlocked', at) === null &&
        since('door.state', 'open', at) === null &&
        !isUnknown(at, 'door.lock') &&
        !isUnknown(at, 'door.state')),
    overMs: 0,
    end,
    tickMs: 2_500,
  })
}

describe('places', () => {
  const END = 240_000
  const zones: Record<number, string> = { 22: 'T1', 32: 'BLIND', 37: 'POST1', 2: 'C1', 0.5: 'C1-T', 30: 'COR1' }
  const zoneOf = (place: Place | null): string | null => place && (zones[place.x] ?? null)
  const worn = (device: string) =>
    streamOf(
      fc.boolean().map((w) => ({ device, type: 'band.worn', value: { worn: w } })),
      200_000,
      { min: 0, max: 2 },
    )

  holdsAsReference('a stay in a toilet or where nobody sees', {
    rules: [catalogueRule('toilet-blind-zone-overstay', { toiletLimit: 60, blindLimit: 30 })],
    lines: together(
      walk(
        'B1',
        [
          [22, 2],
          [32, 2],
          [37, 2],
          [0.5, 0.5],
        ],
        { min: 1, max: 12 },
        200_000,
      ),
      worn('B1'),
    ),
    end: END,
    reference(lines) {
      const fixes = usableFixes(lines, 'B1')
      const inside =
        (zone: string) =>
        (at: number): Truth => {
          const here = zoneOf(placeAt(fixes, at))
          return here === null ? null : here === zone
        }
      const stay = (zone: string, forMs: number) =>
        heldSpans({
          key: `P1|${zone}`,
          parts: [{ level: 'yellow', forMs, holds: inside(zone) }],
          over: (at) => not(inside(zone)(at)),
          overMs: 10_000,
          end: END,
          tickMs: TICK,
        })
      return stepsOf([...stay('T1', 60_000), ...stay('BLIND', 30_000), ...stay('C1-T', 60_000)])
    },
  })

  // From 10:01 on it is night in this facility.
  holdsAsReference('out of the cell at night', {
    rules: [catalogueRule('out-of-cell-at-night', { limit: 30, toiletLimit: 60 })],
    site: { facility: { night: '10:01-18:00' } },
    lines: together(
      walk(
        'B1',
        [
          [22, 2],
          [30, 12],
          [2, 3],
          [0.5, 0.5],
        ],
        { min: 1, max: 14 },
        200_000,
      ),
      worn('B1'),
    ),
    end: END,
    reference(lines) {
      const fixes = usableFixes(lines, 'B1')
      const zone = (at: number) => zoneOf(placeAt(fixes, at))
      /** First fix of the stay, heard without a gap. */
      const toiletSince = (at: number): number => {
        let i = fixes.findLastIndex((f) => f.at <= at)
        const isStay = (f: Place | undefined, next: Place): boolean =>
          f !== undefined && zoneOf(f) === 'T1' && next.at - f.at <= 10_000
        while (isStay(fixes[i - 1], fixes[i] as Place)) i--
        return (fixes[i] as Place).at
      }
      const isCell = (z: string) => z === 'C1' || z === 'C1-T'
      const out = (at: number): Truth => {
        const here = zone(at)
        if (here === null) return null
        if (at < 60_000 || isCell(here)) return false
        return here !== 'T1' || at >= Math.max(60_000, toiletSince(at)) + 60_000
      }
      return heldSteps({
        key: 'P1',
        parts: [{ level: 'yellow', forMs: 30_000, holds: out }],
        over: (at) => (zone(at) === null ? null : isCell(zone(at) as string)),
        overMs: 0,
        end: END,
        tickMs: TICK,
      })
    },
  })

  holdsAsReference('one officer in an open cell', {
    rules: [catalogueRule('lone-officer-in-cell')],
    site: { facility: { night: '09:00-10:02' } },
    lines: together(
      walk(
        'S1T',
        [
          [3, 3],
          [20, 3],
        ],
        { min: 1, max: 10 },
        150_000,
      ),
      walk(
        'S2T',
        [
          [3, 3],
          [20, 3],
          [20, 3],
          [20, 3],
        ],
        { min: 0, max: 6 },
        150_000,
      ),
      walk(
        'B1',
        [
          [2, 3],
          [2, 3],
          [20, 12],
        ],
        { min: 1, max: 12 },
        150_000,
      ),
      streamOf(
        oneOf(
          [6, event('D-C1', 'door.state', fc.constantFrom({ state: 'open' }, { state: 'open' }, { state: 'closed' }))],
          [1, status('D-C1')],
        ),
        150_000,
        { min: 1, max: 8 },
      ),
    ),
    end: 200_000,
    reference(lines) {
      const door = speaking(lines, 'D-C1', 'door.state', EVER)
      /** In the cell, elsewhere or never heard, or nobody knows: last heard in there, but too long ago. */
      const inCell = (device: string) => {
        const fixes = usableFixes(lines, device)
        return (at: number): Truth => {
          const last = fixes.findLast((f) => f.at <= at)
          if (!last || last.x > 5) return false
          return placeAt(fixes, at) ? true : null
        }
      }
      const people = [inCell('S1T'), inCell('S2T'), inCell('B1')] as const
      const alone = (at: number): Truth => {
        const [one, two, inmate] = people.map((p) => p(at)) as [Truth, Truth, Truth]
        const open = door(at) ? door(at)?.state === 'open' : null
        const officer = one !== two && one !== null && two !== null ? true : one === two && one !== null ? false : null
        const all = [officer, inmate, open, at < 120_000]
        return all.includes(false) ? false : all.includes(null) ? null : true
      }
      return heldSteps({
        key: 'C1',
        parts: [{ level: 'yellow', forMs: 10_000, holds: alone }],
        over: (at) => not(alone(at)),
        overMs: 10_000,
        end: 200_000,
        tickMs: TICK,
      })
    },
  })

  holdsAsReference('somebody in the belt', {
    rules: [catalogueRule('warning-belt-presence')],
    lines: together(
      walk(
        'B1',
        [
          [162, 10],
          [150, 10],
        ],
        { min: 0, max: 8 },
        120_000,
      ),
      walk(
        'B2',
        [
          [162, 10],
          [150, 10],
          [150, 10],
        ],
        { min: 0, max: 8 },
        120_000,
      ),
      streamOf(
        eventOfAny(
          ['K1', 'K2'],
          'camera.intrusion',
          fc.record({
            object: fc.constantFrom('human', 'human', 'animal'),
            confidence: fc.constantFrom(0.79, 0.8, 0.9),
            active: fc.boolean(),
          }),
        ),
        120_000,
        { min: 0, max: 10 },
      ),
    ),
    end: 200_000,
    reference(lines) {
      const bands = ['B1', 'B2'].map((d) => usableFixes(lines, d))
      const camera =
        (device: string) =>
        (at: number): boolean => {
          const said = good(lines).filter((l) => l.device === device && l.time <= at)
          const isHuman = (l: Line) =>
            l.value.object === 'human' && (l.value.confidence as number) >= 0.8 && l.value.active === true
          const last = said.at(-1)
          return last !== undefined && isHuman(last)
        }
      const cameras = [camera('K1'), camera('K2')]
      const somebody = (at: number): Truth => {
        if (cameras.some((c) => c(at))) return true
        const last = bands.map((fixes) => fixes.findLast((f) => f.at <= at))
        const known = bands.map((fixes) => placeAt(fixes, at))
        if (known.some((p) => p?.x === 162)) return true
        return last.some((f, i) => f?.x === 162 && known[i] === null) ? null : false
      }
      return heldSteps({
        key: 'BELT',
        parts: [{ level: 'orange', forMs: 10_000, holds: somebody }],
        over: (at) => not(somebody(at)),
        overMs: 30_000,
        end: 200_000,
        tickMs: TICK,
      })
    },
  })
})
