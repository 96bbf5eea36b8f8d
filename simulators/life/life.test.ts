import { describe, expect, it } from 'vitest'
import { READING_TYPES, readingFault } from '#model/catalogue/index.ts'
import { FacilityContext } from '#model/context/facility-context.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { Engine } from '#rules/engine/engine.ts'
import { OPERATORS } from '#rules/engine/operators/index.ts'
import { buildFacility } from '../facility/facility.ts'
import type { Draft } from './draft.ts'
import { Life, type LifeOptions } from './life.ts'

const facility = buildFacility('demo')

function live(start: string, seconds: number, options: LifeOptions = {}): Draft[] {
  const life = new Life(facility, { positionEveryS: 10, vitalsEveryS: 15, ...options })
  const startMs = Date.parse(start)
  const drafts = [...life.initial(startMs)]
  for (let s = 1; s <= seconds; s++) for (const draft of life.tick(startMs + s * 1000)) drafts.push(draft)
  return drafts
}

describe('ordinary life', () => {
  it('is the same for the same seed and start, and another for another seed', () => {
    const once = live('2026-11-23T07:00:00+08:00', 300, { seed: 4 })
    expect(live('2026-11-23T07:00:00+08:00', 300, { seed: 4 })).toEqual(once)
    expect(live('2026-11-23T07:00:00+08:00', 300, { seed: 5 })).not.toEqual(once)
  })

  it('says only what the collection list knows, of devices that the site has', () => {
    const known = new Set((facility.site.devices ?? []).map((d) => d.id))
    const types = new Set<string>()
    for (const draft of live('2026-11-23T06:25:00+08:00', 900)) {
      if (!known.has(draft.device)) throw new Error(`${draft.device} is not in the site`)
      if (types.has(draft.type)) continue
      types.add(draft.type)
      expect(READING_TYPES.has(draft.type), draft.type).toBe(true)
      expect(readingFault({ ...draft, time: draft.time }), JSON.stringify(draft)).toBeNull()
    }
    for (const type of ['band.position', 'band.vitals', 'rollcall.started', 'rollcall.closed', 'patrol.checkin'])
      expect(types).toContain(type)
  })

  it('closes every door within the shortest limit, and opens none without a command or a card', () => {
    const readerOf = new Map((facility.site.devices ?? []).flatMap((d) => (d.door ? [[d.id, d.door] as const] : [])))
    const openSince = new Map<string, number>()
    const permitted = new Map<string, number>()
    let opened = 0
    for (const { device, type, time, value } of live('2026-11-23T06:58:00+08:00', 900)) {
      if (type === 'door.command') permitted.set(device, time)
      if (type === 'access.granted') permitted.set(readerOf.get(device) as string, time)
      if (type !== 'door.state') continue
      if (value.state === 'open') {
        opened++
        openSince.set(device, time)
        expect(time - (permitted.get(device) ?? 0)).toBeLessThanOrEqual(5000)
      } else {
        const since = openSince.get(device)
        if (since !== undefined) expect(time - since).toBeLessThanOrEqual(20_000)
        openSince.delete(device)
      }
    }
    expect(opened).toBeGreaterThan(60)
    expect(openSince.size).toBeLessThan(5)
  })

  it('takes the wards to the canteen at meal times and home again', () => {
    const context = new FacilityContext(facility.site)
    const where = new Map<string, string | null>()
    const life = new Life(facility, { positionEveryS: 10, vitalsEveryS: 600 })
    const inCanteen = (): number => [...where.values()].filter((z) => z === 'CANTEEN').length
    const start = Date.parse('2026-11-23T06:55:00+08:00')
    const counts = new Map<number, number>()
    for (let s = 1; s <= 3000; s++) {
      for (const { device, type, value } of life.tick(start + s * 1000))
        if (type === 'band.position')
          where.set(device, context.zoneAt(value.floor as number, value.x_m as number, value.y_m as number))
      if (s % 300 === 0) counts.set(s / 60, inCanteen())
    }
    expect(counts.get(5)).toBe(0)
    expect(counts.get(20)).toBeGreaterThan(180)
    expect(counts.get(25)).toBeGreaterThan(215)
    expect(counts.get(45)).toBeLessThan(20)
    expect(counts.get(50)).toBe(0)
  })

  it('keeps at home whom a story needs, with his mates', () => {
    const life = new Life(facility, { positionEveryS: 10, vitalsEveryS: 600 })
    life.keepHome(['P017'])
    const home = facility.plan.middle.get('W3-C204')
    const start = Date.parse('2026-11-23T07:00:00+08:00')
    for (let s = 1; s <= 1200; s++)
      for (const { device, type, value } of life.tick(start + s * 1000))
        if (type === 'band.position' && ['W017', 'W018', 'W019', 'W020'].includes(device))
          expect(Math.abs((value.x_m as number) - (home?.x_m ?? 0))).toBeLessThan(2.5)
  })

  it('raises nothing above blue in the busiest quarter of an hour', { timeout: 60_000 }, () => {
    const raised: string[] = []
    const engine = new Engine({
      site: facility.site,
      rules: loadRules(CATALOGUE_DIR, {}),
      operators: OPERATORS,
      trustIds: true,
      onChange: ({ change, alert }) => {
        if (change === 'raised' && alert.level !== 'blue') raised.push(`${alert.code} ${alert.key} ${alert.level}`)
      },
    })
    let n = 0
    const drafts = live('2026-11-23T11:38:00+08:00', 900)
    for (const { device, type, time, value } of drafts)
      engine.line({
        id: `r${n++}`,
        device,
        type,
        time,
        received: time,
        quality: 'good',
        zone: null,
        subject: null,
        value,
      })
    engine.finish(drafts.at(-1)?.time ?? 0)
    expect(engine.counts.quarantined).toBe(0)
    expect(raised).toEqual([])
  })
})
