import { describe, expect, test } from 'vitest'
import type { Alert } from '#model/alert/alert.ts'
import type { ContextStore } from '../context-store.ts'
import { Placing } from './placing.ts'

const ZONES: Record<string, { kind: string; parent?: string }> = {
  W3: { kind: 'ward' },
  WC: { kind: 'toilet', parent: 'W3' },
  STALL: { kind: 'corridor', parent: 'WC' },
  MED: { kind: 'medical' },
}
const DEVICES: Record<string, { kind: string; zone?: string; watches?: string[] }> = {
  K1: { kind: 'camera', zone: 'W3' },
  KWC: { kind: 'camera', zone: 'W3', watches: ['STALL'] },
  KMED: { kind: 'camera', zone: 'MED' },
  KMED2: { kind: 'camera', zone: 'MED' },
}
const camerasIn = (zone: string) =>
  Object.keys(DEVICES).filter((id) => DEVICES[id]!.zone === zone || DEVICES[id]!.watches?.includes(zone))
const placing = new Placing({
  context: {
    zone: (id: string) => ZONES[id],
    device: (id: string) => DEVICES[id],
    camerasOf: camerasIn,
    camerasLinkedTo: () => [],
  },
} as unknown as ContextStore)
const cameras = (zone: string | null, device: string | null) => placing.camerasFor({ zone, device } as Alert)

describe('the cameras of an alert', () => {
  test('are its own and those of its zone', () => {
    expect(cameras('W3', 'K1')).toEqual(['K1'])
    expect(cameras('W3', null)).toEqual(['K1'])
  })
  test('are never one that sees a toilet, not even the one that raised the alert', () => {
    expect(cameras('W3', 'KWC')).toEqual(['K1'])
    expect(cameras('WC', 'KWC')).toEqual([])
    expect(cameras(null, 'KWC')).toEqual([])
  })
  test('of a medical zone are the one that raised the alert alone', () => {
    expect(cameras('MED', 'KMED')).toEqual(['KMED'])
    expect(cameras('MED', null)).toEqual([])
  })
})
