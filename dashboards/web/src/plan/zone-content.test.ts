import { expect, test } from 'vitest'
import type { DeviceItem, PersonItem, ZoneItem } from '../api/types.ts'
import type { Located } from '../live/positions.ts'
import { contentOf, within } from './zone-content.ts'

const NOW = 1_000_000
const zones = new Map<string, ZoneItem>(
  [
    { id: 'W1', kind: 'ward' },
    { id: 'W1-C1', kind: 'cell', parent: 'W1' },
    { id: 'BED', kind: 'cell', parent: 'W1-C1' },
    { id: 'YARD', kind: 'yard' },
    { id: 'LOOP-A', kind: 'store', parent: 'LOOP-B' },
    { id: 'LOOP-B', kind: 'store', parent: 'LOOP-A' },
  ].map((z) => [z.id, z]),
)
const people = new Map<string, PersonItem>(
  ['P1', 'P2', 'P3', 'P4'].map((id) => [id, { id, cell: 'W1-C1', ward: 'W1' }]),
)
const fix = (person: string, zone: string | null, ageMs: number, staff = false): Located => ({
  person,
  staff,
  zone,
  device: `${person}-D`,
  floor: 1,
  x_m: 0,
  y_m: 0,
  accuracy_m: 1,
  time: NOW - ageMs,
  heardAt: 0,
})
const device = (id: string, zone: string, online: boolean, kind = 'door'): [string, DeviceItem] => [
  id,
  { id, kind, zone, online, lastSeen: null, offsetMs: null, reason: null, readings: 0, quarantined: 0, latest: {} },
]

test('a place holds what lies in it at any depth, and a loop in the site file ends', () => {
  expect([...within(zones, 'W1')].sort()).toEqual(['BED', 'W1', 'W1-C1'])
  expect([...within(zones, 'LOOP-A')].sort()).toEqual(['LOOP-A', 'LOOP-B'])
})

test('who belongs here and is elsewhere, or was not seen for half a minute, is named; the unknown first, never as present', () => {
  const content = contentOf(
    { zones, people, devices: new Map() },
    'W1',
    [
      fix('P1', 'BED', 500),
      fix('P2', 'YARD', 500),
      fix('P3', 'W1-C1', 31_000),
      fix('S1', 'W1', 100, true),
      fix('X', 'W1', 1),
    ],
    NOW,
  )
  expect(content.missing.map((m) => [m.person, m.old, m.fix?.zone ?? null])).toEqual([
    ['P3', true, 'W1-C1'],
    ['P4', true, null],
    ['P2', false, 'YARD'],
  ])
  expect(content.inside.map((m) => [m.person, m.old])).toEqual([
    ['P3', true],
    ['P1', false],
    ['X', false],
  ])
  expect(content.officers.map((m) => m.person)).toEqual(['S1'])
})

test('devices that fail stand first; bands and tags are persons, not devices of a place', () => {
  const devices = new Map([
    device('D1', 'W1', true),
    device('D2', 'BED', false),
    device('D3', 'YARD', true),
    device('B1', 'W1', true, 'band'),
  ])
  expect(contentOf({ zones, people: new Map(), devices }, 'W1', [], NOW).devices.map((d) => d.id)).toEqual(['D2', 'D1'])
})
