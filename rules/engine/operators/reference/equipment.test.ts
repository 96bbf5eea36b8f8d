/** Devices that go away together, and rules that somebody weakens, beside their references. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { Rule } from '../../rule.ts'
import { catalogueRule, holdsAsReference, type Line, stepsOf, streamOf, T0 } from './bench.ts'
import { heldSpans, type Truth } from './held.ts'
import { event, eventOfAny, good, oneOf } from './streams.ts'

describe('equipment', () => {
  const DEVICES = ['D-AB1-IN', 'D-AB1-OUT', 'GATE1', 'K6', 'LIFE1', 'R-AB1']
  const END = 200_000
  const TICK = 500
  const rule = catalogueRule('zone-mass-offline', { minimum: 3, within: 20, singleAfter: 20, lowFor: 10 })
  holdsAsReference('many devices of a zone, and single ones', {
    // Children of a mass failure are closed when they are back: without a cool-down the next time is told at once.
    rules: [new Rule({ ...rule.file, coolDownMs: 0 }, rule.values())],
    runs: 25,
    lines: streamOf(
      eventOfAny(DEVICES, 'device.status', fc.record({ online: fc.constantFrom(false, false, true) })),
      150_000,
      {
        min: 0,
        max: 24,
      },
    ),
    end: END,
    reference(lines) {
      const away = Object.fromEntries(DEVICES.map((d) => [d, awayAt(lines, d)]))
      const isAway =
        (d: string) =>
        (at: number): boolean =>
          away[d]?.(at) !== null
      const offline = (at: number): string[] => DEVICES.filter((d) => isAway(d)(at))
      const singles = DEVICES.flatMap((key) =>
        heldSpans({
          key,
          parts: [{ level: 'blue', forMs: 20_000, holds: isAway(key) }],
          over: (at) => !isAway(key)(at),
          overMs: 10_000,
          end: END,
          tickMs: TICK,
        }),
      )
      /** By the words in their order, also of one instant: so many freshly gone, and so large a share. */
      const isMass = (at: number): Truth =>
        lines.some((l, i) => {
          if (l.time !== at || l.quality === 'bad' || l.value.online !== false) return false
          const gone = DEVICES.map((d) => awayAt(lines.slice(0, i + 1), d)(at)).filter((t) => t !== null)
          return gone.filter((t) => t >= at - 20_000).length >= 3 && gone.length / DEVICES.length >= 0.3
        })
      const mass = heldSpans({
        key: 'SALLY',
        parts: [{ level: 'orange', forMs: 0, holds: isMass }],
        over: (at) => offline(at).length / DEVICES.length < 0.3,
        overMs: 10_000,
        end: END,
        tickMs: TICK,
      })
      return stepsOf([...singles, ...mass])
    },
  })

  /** Since when a device has been away; null: it is there. */
  const awayAt =
    (lines: readonly Line[], device: string) =>
    (at: number): number | null => {
      const said = good(lines).filter((l) => l.device === device && l.time <= at)
      const back = said.findLastIndex((l) => l.value.online === true)
      return said[back + 1]?.time ?? null
    }
})

describe('rules', () => {
  const HOUR = 3_600_000
  const rule = (id: string, field: string, values: readonly unknown[]) =>
    event(
      'EDGE',
      'config.changed',
      fc.constantFrom(...values).map((to) => ({ what: 'rule', id, by: 'admin', field, to })),
    )
  holdsAsReference('somebody weakens a rule', {
    rules: [
      catalogueRule('protective-rule-weakened', { maxShelved: 3600 }),
      catalogueRule('climbing'),
      catalogueRule('tailgating'),
    ],
    lines: streamOf(
      oneOf(
        [2, rule('climbing', 'enabled', ['true', 'false', false, true])],
        [2, rule('R04', 'sustained', ['2s', 10, '11s', 60])],
        [1, rule('tailgating', 'enabled', ['true', 'false'])],
        [
          2,
          event(
            'EDGE',
            'alert.shelved',
            fc.record({
              alert: fc.constantFrom('a1', 'a2'),
              rule: fc.constant('tailgating'),
              until: fc.integer({ min: 1, max: 12 }).map((n) => T0 + n * 1_500_000 + 250),
              by: fc.constant('S1'),
            }),
          ),
        ],
      ),
      4 * HOUR,
      { min: 0, max: 10 },
      60_000,
    ),
    end: 6 * HOUR,
    reference(all) {
      const lines = good(all)
      const newest = (fits: (l: Line) => boolean, at: number) => lines.findLast((l) => l.time <= at && fits(l))
      const field = (id: string, name: string, at: number) =>
        newest((l) => l.value.id === id && l.value.field === name, at)?.value.to
      const isOff = (at: number): boolean => String(field('climbing', 'enabled', at)) === 'false'
      // From one to ten seconds is allowed.
      const isOut = (at: number): boolean => ['11s', 60].includes(field('R04', 'sustained', at) as never)
      const isHidden = (at: number): boolean =>
        ['a1', 'a2'].some((alert) => {
          const shelf = newest((l) => l.value.alert === alert, at)
          const until = (shelf?.value.until as number) - T0
          return shelf !== undefined && until - shelf.time > HOUR && at < until
        })
      const moments = [
        ...lines.map((l) => l.time),
        ...lines.flatMap((l) => (l.value.until === undefined ? [] : [(l.value.until as number) - T0])),
      ]
      const spans = (key: string, isWrong: (at: number) => boolean) => {
        const times = [...new Set(moments)].sort((a, b) => a - b)
        return times
          .filter((t, i) => isWrong(t) && !(i > 0 && isWrong(times[i - 1] as number)))
          .map((from) => ({
            key,
            level: 'yellow' as const,
            from,
            to: times.find((t) => t > from && !isWrong(t)) ?? null,
          }))
      }
      return stepsOf([...spans('climbing', (at) => isOff(at) || isOut(at)), ...spans('tailgating', isHidden)])
    },
  })
})
