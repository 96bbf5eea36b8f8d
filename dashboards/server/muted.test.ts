import { describe, expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import { mutedBy } from './muted.ts'
import { sampleAlert, T0 } from './sample-facility.ts'

const upward = (zone: string | null) => (zone === 'W3-C1' ? ['W3-C1', 'W3'] : zone ? [zone] : [])
const change = (more: Partial<AlertChange>) => ({ at: T0, note: null, by: null, ...more }) as AlertChange
const muted = (
  alert: ReturnType<typeof sampleAlert>,
  more: { timeline?: AlertChange[]; until?: number; modes?: object[]; holders?: ReturnType<typeof sampleAlert>[] } = {},
) =>
  mutedBy(
    alert,
    more.timeline ?? [],
    more.until ?? null,
    (more.modes ?? []) as never,
    more.holders ?? [],
    upward,
    T0 + 1000,
  )

describe('which window mutes an alert', () => {
  test('an alert that nobody muted names none', () => expect(muted(sampleAlert('a1'))).toBeNull())

  test('the shelf: who, why and until when, by its last use', () => {
    const timeline = [
      change({ change: 'shelved', by: 'li', note: 'first' }),
      change({ change: 'unshelved' }),
      change({ change: 'shelved', by: 'wang', note: '围栏检修', at: T0 + 5 }),
    ]
    expect(muted(sampleAlert('a1', { state: 'shelved' }), { timeline, until: T0 + 60_000 })).toEqual({
      kind: 'shelf',
      window: null,
      number: null,
      by: 'wang',
      why: '围栏检修',
      since: T0 + 5,
      until: T0 + 60_000,
    })
  })

  test('maintenance: the window that is open now and names the device', () => {
    const alert = sampleAlert('a1', { state: 'out-of-service', device: 'K31' })
    const modes = [
      { id: 'm0', mode: 'maintenance', devices: ['K31'], to: T0 },
      { id: 'm1', mode: 'maintenance', devices: ['K9'] },
      {
        id: 'm2',
        mode: 'maintenance',
        devices: ['K31'],
        from: new Date(T0).toISOString(),
        to: T0 + 5000,
        note: '换镜头',
      },
      { id: 'm3', mode: 'drill', devices: ['K31'] },
    ]
    expect(muted(alert, { modes })).toMatchObject({ window: 'm2', why: '换镜头', since: T0, until: T0 + 5000 })
    expect(muted(alert, { modes: [modes[0]!] })).toMatchObject({ kind: 'maintenance', window: null })
  })

  test('by design: the wider alert around its place, else that of the whole facility', () => {
    const alert = sampleAlert('a1', { state: 'suppressed-by-design', zone: 'W3-C1' })
    const ward = sampleAlert('p1', { code: 'R54', zone: 'W3', number: '1122-0009' })
    const elsewhere = sampleAlert('p2', { code: 'R54', zone: 'YARD' })
    const flood = sampleAlert('p3', { code: 'R58', zone: null })
    expect(muted(alert, { holders: [elsewhere, ward] })).toMatchObject({
      window: 'p1',
      number: '1122-0009',
      why: 'R54',
    })
    expect(muted(alert, { holders: [elsewhere, flood] })).toMatchObject({ window: 'p3', why: 'R58' })
    expect(muted(alert, { holders: [elsewhere] })).toMatchObject({ kind: 'design', window: null })
  })
})
