import { expect, test } from 'vitest'
import type { DeviceState } from '#model/ports/facility.ts'
import { coverageOf } from './coverage.ts'

const state = (id: string, online: boolean): DeviceState => ({
  id,
  online,
  lastSeen: 1,
  offsetMs: null,
  reason: null,
  readings: 1,
  quarantined: 0,
  latest: {},
})
const lacks = [{ kinds: ['fence'], atLeast: 1, devices: [{ id: 'F1', cause: 'stale' }] }]
const unable = (zone: string) => ({ zone, rule: 'electric-fence-down', code: 'R03', mandatory: true, since: 5, lacks })

test('a device that went silent does not cover its zone, and rules that cannot fire stand with their zone', () => {
  const zones = [
    { id: 'FENCE', kind: 'fence' as const },
    { id: 'OUT', kind: 'outside' as const },
  ]
  const devices = [{ id: 'F1', kind: 'fence' as const, zone: 'FENCE' }]
  const states = [state('F1', true)]
  expect(coverageOf(zones, devices, states)).toMatchObject([{ zone: 'FENCE', covered: true, unable: [] }])
  const ability = { unable: [unable('FENCE'), unable('OUT')], devices: { F1: 'stale' } }
  expect(coverageOf(zones, devices, states, undefined, ability)).toMatchObject([
    { zone: 'FENCE', covered: false, missing: ['fence'], unable: [{ code: 'R03', since: 5, lacks }] },
    // A place that needs no kind of device is listed for its rules alone.
    { zone: 'OUT', covered: true, missing: [], unable: [{ code: 'R03' }] },
  ])
})
