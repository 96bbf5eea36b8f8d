import { describe, expect, it } from 'vitest'
import { READING_TYPES, readingFault } from '#model/catalogue/index.ts'
import type { ContextChange } from '#model/context/kinds.ts'
import { localTime } from '#model/local-time.ts'
import { buildFacility } from '../facility/facility.ts'
import { batteryPercent, chargedNow } from './batteries.ts'
import { Bodies } from './bodies.ts'
import type { Draft } from './draft.ts'
import { Life } from './life.ts'
import { Mishaps } from './mishaps.ts'

const facility = buildFacility('demo')
const startOf = (clock: string): number => Date.parse(`2026-11-23T${clock}:00+08:00`)

function live(clock: string, seconds: number, seed: number, lifelike: boolean) {
  const life = new Life(facility, { seed, positionEveryS: 10, vitalsEveryS: 60, lifelike })
  const contexts: ContextChange[] = []
  life.onContext = (change) => contexts.push(change)
  const drafts: Draft[] = []
  for (let s = 1; s <= seconds; s++) for (const draft of life.tick(startOf(clock) + s * 1000)) drafts.push(draft)
  return { drafts, contexts }
}

describe('a lifelike day', () => {
  it('is the same for the same seed, and says only what the collection list knows', () => {
    const once = live('09:00', 900, 5, true)
    expect(live('09:00', 900, 5, true)).toEqual(once)
    for (const draft of once.drafts) {
      expect(READING_TYPES.has(draft.type), draft.type).toBe(true)
      const fault = draft.quality === 'bad' ? null : readingFault(draft)
      if (fault) throw new Error(`${JSON.stringify(draft)}: ${fault}`)
    }
  })

  it('sends single persons on errands, each under an entered escort whose officer stays within five metres', () => {
    const { drafts, contexts } = live('08:35', 5400, 2, true)
    const begun = contexts.filter((c) => c.context === 'escorts' && c.op === 'put')
    expect(begun.length).toBeGreaterThan(1)
    const tagOf = new Map((facility.site.staff ?? []).map((s) => [s.id, s.tag]))
    const bandOf = new Map((facility.site.devices ?? []).filter((d) => d.kind === 'band').map((d) => [d.subject, d.id]))
    let ended = 0
    let went = 0
    for (const { id, item, time } of begun) {
      const end = contexts.find((c) => c.id === id && c.op === 'delete')
      if (end) ended++
      const { persons, officers } = item as { persons: string[]; officers: string[] }
      const [person] = persons
      const [officer] = officers
      const home = facility.plan.middle.get(facility.site.people?.find((p) => p.id === person)?.cell ?? '')
      let tag: Draft | null = null
      for (const draft of drafts) {
        if (draft.time < time + 15_000 || draft.time > (end?.time ?? Number.POSITIVE_INFINITY)) continue
        if (draft.device === tagOf.get(officer as string) && draft.type === 'tag.position') tag = draft
        if (draft.device !== bandOf.get(person as string) || draft.type !== 'band.position' || !tag) continue
        if ((draft.value.accuracy_m as number) > 1.4) continue
        const [a, b] = [draft.value as Record<string, number>, tag.value as Record<string, number>]
        const metres = Math.hypot((a.x_m ?? 0) - (b.x_m ?? 0), (a.y_m ?? 0) - (b.y_m ?? 0))
        // Two fixes at different instants of two who walk: a little more than what they keep.
        expect(metres, `${id} at ${new Date(draft.time).toISOString()}`).toBeLessThan(8)
        if (Math.hypot((a.x_m ?? 0) - (home?.x_m ?? 0), (a.y_m ?? 0) - (home?.y_m ?? 0)) > 40) went++
      }
    }
    expect(ended).toBeGreaterThan(0)
    expect(went).toBeGreaterThan(50)
  })

  it('brings its mishaps at their rates, whatever they are of', () => {
    const devices = facility.site.devices ?? []
    const mishaps = new Mishaps(facility.site, devices, 1, () => false)
    const counts = new Map<string, number>()
    for (let s = 0; s < 86_400; s++)
      for (const { type, value } of mishaps.tick(startOf('00:00') + s * 1000))
        if (value.active !== false && value.worn !== true) counts.set(type, (counts.get(type) ?? 0) + 1)
    const fences = devices.filter((d) => d.kind === 'fence').length
    expect(counts.get('fence.alarm')).toBeGreaterThan(fences)
    expect(counts.get('fence.alarm')).toBeLessThan(fences * 6)
    expect(counts.get('camera.intrusion')).toBeGreaterThan(20)
    expect(counts.get('band.worn')).toBeGreaterThan(10)
    expect(counts.get('band.worn')).toBeLessThan(60)
  })

  it('silences a device for a while, and lays a value over what it says', () => {
    const mishaps = new Mishaps(facility.site, facility.site.devices ?? [], 1, () => false)
    const draft = { device: 'CLI1', type: 'env.temperature', time: 0, value: { celsius: 21 } }
    expect(mishaps.heard(draft)).toBe(draft)
    mishaps.lay('CLI1', 'env.temperature', 5000, (v) => ({ ...v, celsius: 40 }))
    expect(mishaps.heard(draft)?.value.celsius).toBe(40)
    mishaps.silence('CLI1', 9000)
    expect(mishaps.heard(draft)).toBeNull()
    mishaps.tick(10_000)
    expect(mishaps.heard(draft)).toBe(draft)
  })
})

describe('batteries', () => {
  const at = (day: number, clock: string) => localTime('Asia/Shanghai', Date.parse(`2026-11-${day}T${clock}:00+08:00`))

  it('are charged in turn, everybody within three days, and are full after it', () => {
    const charged = new Set<number>()
    for (const day of [23, 24, 25])
      for (const clock of ['12:40', '13:10', '13:40', '14:10', '14:40'])
        for (const seat of chargedNow(at(day, clock))?.(60) ?? []) {
          charged.add(seat)
          const [hour, minute] = clock.split(':').map(Number) as [number, number]
          const later = `${String(hour + (minute === 40 ? 1 : 0)).padStart(2, '0')}:${minute === 40 ? '10' : '40'}`
          expect(batteryPercent(seat, 60, 1, at(day, later))).toBe(100)
        }
    expect(charged.size).toBe(60)
    expect(chargedNow(at(23, '12:41'))).toBeNull()
    expect(chargedNow(at(23, '14:40'))?.(60)).toEqual([])
  })

  it('drain between two turns, and never below one per cent', () => {
    for (let seat = 0; seat < 60; seat++)
      for (const day of [23, 24, 25]) {
        const [noon, night] = [
          batteryPercent(seat, 60, seat, at(day, '15:00')),
          batteryPercent(seat, 60, seat, at(day, '23:00')),
        ]
        expect(night).toBeLessThan(noon)
        expect(night).toBeGreaterThanOrEqual(1)
        expect(noon).toBeLessThanOrEqual(100)
      }
  })
})

describe('bodies', () => {
  it('differ from person to person, and are the same all day long', () => {
    const bodies = new Bodies(1)
    const all = (facility.site.people ?? []).map((p) => bodies.of(p.id, 20_000))
    expect(new Set(all.map((b) => b.pulse)).size).toBeGreaterThan(5)
    expect(bodies.of('P017', 20_000)).toBe(bodies.of('P017', 20_000))
    expect(new Bodies(1).of('P017', 20_000)).toEqual(bodies.of('P017', 20_000))
  })

  it('fall ill one in a thousand a day, within hours and not at a stroke, and are well again on the day after the next', () => {
    const bodies = new Bodies(1)
    const days = [20_000, 20_001, 20_002]
    const ill = days.flatMap((day) =>
      Array.from({ length: 3000 }, (_, i) => `P${i}`)
        .filter((p) => bodies.of(p, day).illness)
        .map((p) => ({ p, day })),
    )
    expect(ill.length).toBeGreaterThan(3)
    expect(ill.length).toBeLessThan(20)
    for (const { p, day } of ill) {
      const usual = bodies.of(p, day).pulse
      let worst = usual
      let last: number | null = null
      for (let minute = 0; minute <= 2 * 1440; minute++) {
        const { pulse } = bodies.at(p, (day * 1440 + minute) * 60_000)
        if (last !== null) expect(Math.abs(pulse - last)).toBeLessThan(0.7)
        last = pulse
        worst = Math.max(worst, pulse)
      }
      expect(worst - usual).toBeGreaterThanOrEqual(17)
      if (!days.some((d) => d !== day && bodies.of(p, d).illness)) expect(last).toBe(usual)
    }
  })

  it('breathe alike within a minute and not within ten: no sample is independent of the one before it', () => {
    const bodies = new Bodies(1)
    const drift = Array.from({ length: 20_000 }, () => bodies.wander('P1', 15).resp)
    const mean = drift.reduce((a, b) => a + b) / drift.length
    const spread = drift.reduce((a, b) => a + (b - mean) ** 2, 0) / drift.length
    const alike = (apart: number): number =>
      drift.slice(apart).reduce((a, b, i) => a + (b - mean) * ((drift[i] as number) - mean), 0) / drift.length / spread
    expect(Math.sqrt(spread)).toBeCloseTo(0.9, 1)
    expect(alike(1)).toBeCloseTo(Math.exp(-15 / 60), 1)
    expect(Math.abs(alike(40))).toBeLessThan(0.1)
  })

  it('stop breathing for less than a quarter of a minute', () => {
    const bodies = new Bodies(1)
    let longest = 0
    let since: number | null = null
    for (let s = 0; s < 8 * 3600; s++) {
      if (bodies.isPaused('P001', s * 1000)) since ??= s
      else {
        if (since !== null) longest = Math.max(longest, s - since)
        since = null
      }
    }
    expect(longest).toBeGreaterThanOrEqual(10)
    expect(longest).toBeLessThanOrEqual(15)
  })
})
