import { expect, test } from 'vitest'
import type { Escort, Zone } from '#model/context/kinds.ts'
import type { PersonPosition } from '#model/ports/facility.ts'
import { FIX_VALID_MS } from './headcount.ts'
import { offSiteOf } from './off-site.ts'

const NOW = Date.parse('2026-11-22T10:00:00+08:00')
const zones = new Map<string, Zone>(
  [
    { id: 'W1', kind: 'ward' },
    { id: 'STREET', kind: 'outside' },
  ].map((z) => [z.id, z as Zone]),
)
const escort = (id: string, persons: string[], more: Partial<Escort> = {}): Escort => ({
  id,
  persons,
  officers: ['S1', 'S2'],
  route: ['W1', 'STREET'],
  ...more,
})
const fix = (person: string, zone: string, ageMs: number, staff = false) =>
  ({ person, staff, zone, time: NOW - ageMs }) as PersonPosition
const off = (escorts: Escort[], positions: PersonPosition[] = []) => offSiteOf(zones, escorts, positions, NOW)

test('an escort that leads out counts from its first moment to before its end; one inside, ended or to come does not', () => {
  const day = (from: string, to: string) => ({ from: `2026-11-22T${from}+08:00`, to: `2026-11-22T${to}+08:00` })
  expect(
    off([
      escort('E1', ['P1'], day('10:00:00', '12:00:00')),
      escort('E2', ['P2'], day('08:00:00', '10:00:00')),
      escort('E3', ['P3'], day('10:00:01', '12:00:00')),
      escort('E4', ['P4'], { route: ['W1'] }),
      escort('E5', ['P5'], { route: ['HOSPITAL-1'] }),
      escort('E6', ['P6'], { route: undefined }),
    ]).map((o) => [o.person, o.escort, o.until]),
  ).toEqual([
    ['P1', 'E1', NOW + 2 * 3_600_000],
    ['P5', 'E5', null],
  ])
})

test('who is still seen inside is said so; an old fix says nothing; who is outside without an escort is not hidden', () => {
  const found = off(
    [escort('E1', ['P1', 'P2', 'P3'])],
    [
      fix('P1', 'W1', 1000),
      fix('P2', 'W1', FIX_VALID_MS + 1),
      fix('P3', 'STREET', 10),
      fix('P9', 'STREET', 10),
      fix('S1', 'STREET', 10, true),
    ],
  )
  expect(found.map((o) => [o.person, o.escort, o.zone, o.inside])).toEqual([
    ['P1', 'E1', 'W1', true],
    ['P2', 'E1', null, false],
    ['P3', 'E1', 'STREET', false],
    ['P9', null, 'STREET', false],
  ])
})
