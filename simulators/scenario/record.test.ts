import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildFacility } from '../facility/facility.ts'
import { compileStory, isHeld, overlaid, resumedAt } from './compile.ts'
import { cutSite, recordStory } from './record.ts'
import { type Beat, readStory, SCENARIO_ROOT, type Story } from './story.ts'
import { recordingOf } from './write-recordings.ts'

const facility = buildFacility('demo')

function story(timeline: Beat[], more: Partial<Story> = {}): Story {
  return {
    id: 'T-1',
    title: { zh: '样例', en: 'Sample' },
    start: '2026-11-22T10:00:00+08:00',
    length: 60,
    background: 30,
    cast: { persons: ['P001', 'P002', 'P003', 'P004'], devices: ['D-C200', 'F07', 'DET5'] },
    timeline,
    ...more,
  }
}
const startMs = Date.parse('2026-11-22T10:00:00+08:00')
const readingsOf = (s: Story) =>
  recordStory(facility, s).lines.map(
    (line) =>
      JSON.parse(line) as {
        device: string
        type: string
        time: number
        received: number
        value: Record<string, unknown>
        quality?: string
        subject?: string
      },
  )

describe('a compiled story', () => {
  it('says a held sample at every period until the next value of the story', () => {
    const script = compileStory(
      story([
        { at: 10, device: 'DET5', type: 'env.smoke', value: { percent_per_m: 3 } },
        { at: 30, device: 'DET5', type: 'env.smoke', value: { percent_per_m: 0.1 } },
      ]),
      facility,
    )
    const smoke = script.drafts.filter((d) => d.type === 'env.smoke')
    expect(smoke.map((d) => d.time / 1000)).toEqual([10, 20, 30, 40, 50, 60])
    expect(smoke.map((d) => d.value.percent_per_m)).toEqual([3, 3, 0.1, 0.1, 0.1, 0.1])
    expect(isHeld(script, 'DET5', 'env.smoke', 9_999)).toBe(false)
    expect(isHeld(script, 'DET5', 'env.smoke', 10_000)).toBe(true)
  })

  it('says a range up to and including its end, then lets ordinary life speak again', () => {
    const script = compileStory(
      story([{ from: 5, to: 8, device: 'F07', type: 'fence.voltage', value: { kv: 1, nominal_kv: 6 } }]),
      facility,
    )
    expect(script.drafts.map((d) => d.time)).toEqual([5000, 6000, 7000, 8000])
    expect(resumedAt(script, 9000)).toEqual([{ device: 'F07', type: 'fence.voltage', fromMs: 5000, toMs: 9000 }])
    expect(isHeld(script, 'F07', 'fence.voltage', 8999)).toBe(true)
    expect(isHeld(script, 'F07', 'fence.voltage', 9000)).toBe(false)
  })

  it('brings a walker to his place on the second', () => {
    const script = compileStory(story([{ from: 0, to: 40, walk: 'W001', zone: 'CANTEEN', offset: [2, 1] }]), facility)
    const middle = facility.plan.middle.get('CANTEEN')
    const last = script.drafts.at(-1)
    expect(last?.time).toBe(40_000)
    expect(last?.value.x_m).toBeCloseTo((middle?.x_m ?? 0) + 2, 0)
    expect(last?.value.y_m).toBeCloseTo((middle?.y_m ?? 0) + 1, 0)
    expect([...script.persons]).toEqual(['P001'])
  })

  it('lays what it says of vital signs over those of ordinary life, in its time only', () => {
    const script = compileStory(
      story([{ from: 10, to: 20, vitals: ['W001', 'W002'], set: { activity: 0 }, ramp: { hr: [70, 90] } }]),
      facility,
    )
    const draft = { device: 'W002', type: 'band.vitals', time: 0, value: { hr: 60, activity: 0.3 } }
    expect(overlaid(script, draft, 9_000).value).toEqual({ hr: 60, activity: 0.3 })
    expect(overlaid(script, draft, 15_000).value).toEqual({ hr: 80, activity: 0 })
    expect(overlaid(script, draft, 21_000).value).toEqual({ hr: 60, activity: 0.3 })
  })

  it('refuses a device, a zone or a type that does not exist, naming the second', () => {
    expect(() => compileStory(story([{ at: 7, device: 'F07', type: 'fence.mood' }]), facility)).toThrow(
      /timeline at 7: type fence.mood is not in the collection list/,
    )
    expect(() => compileStory(story([{ from: 3, to: 5, stay: 'W999', zone: 'MED' }]), facility)).toThrow(
      /no device W999/,
    )
    expect(() => compileStory(story([{ from: 3, to: 5, stay: 'W001', zone: 'MOON' }]), facility)).toThrow(
      /no zone MOON/,
    )
    expect(() => compileStory(story([{ at: 4 }]), facility)).toThrow(/timeline at 4: says nothing/)
  })
})

describe('a recorded story', () => {
  it('says nothing for a silent device, and delivers late what was buffered', () => {
    const silent = readingsOf(story([{ from: 10, to: 30, silent: ['W001'] }])).filter((r) => r.device === 'W001')
    expect(silent.filter((r) => r.time >= startMs + 10_000 && r.time < startMs + 30_000)).toEqual([])
    expect(silent.some((r) => r.time >= startMs + 30_000)).toBe(true)
    const late = readingsOf(story([{ from: 10, to: 30, silent: ['W001'], buffered: true }])).filter(
      (r) => r.device === 'W001' && r.time >= startMs + 10_000 && r.time < startMs + 30_000,
    )
    expect(late.length).toBeGreaterThan(0)
    for (const reading of late) expect(reading.received).toBeGreaterThanOrEqual(startMs + 30_000)
  })

  it('writes quality and subject where the story names them', () => {
    const lines = readingsOf(story([{ at: 5, device: 'W001', type: 'band.sos', quality: 'bad', subject: 'P001' }]))
    expect(lines.find((r) => r.type === 'band.sos')).toMatchObject({ quality: 'bad', subject: 'P001' })
  })

  it('keeps persons whom the story moves at home before it begins', () => {
    const s = story([{ from: 50, to: 60, stay: 'W001', zone: 'MED' }], { background: 3600 })
    const home = facility.plan.middle.get('W3-C200')
    for (const r of readingsOf(s))
      if (r.device === 'W001' && r.type === 'band.position' && r.time < startMs + 50_000)
        expect(
          Math.hypot((r.value.x_m as number) - (home?.x_m ?? 0), (r.value.y_m as number) - (home?.y_m ?? 0)),
        ).toBeLessThan(3)
  })

  it('cuts the site to its cast and lays items over it by their id', () => {
    const site = cutSite(
      facility,
      story([], {
        site: {
          lists: [{ id: 'charging', persons: ['P001'] }],
          timetable: [{ zone: 'CANTEEN', days: '1-7', from: '11:40', to: '12:20', activity: 'visit' }],
        },
      }),
    )
    expect(site.people?.map((p) => p.id)).toEqual(['P001', 'P002', 'P003', 'P004'])
    expect(site.devices?.every((d) => d.url === undefined && d.password === undefined)).toBe(true)
    expect(site.lists?.find((l) => l.id === 'charging')?.persons).toEqual(['P001'])
    const slots = site.timetable?.filter((t) => t.zone === 'CANTEEN') ?? []
    expect(slots.map((t) => t.activity)).toEqual(['meal', 'visit', 'meal'])
  })

  it.each(['INC-08', 'NM-01'])('%s: what stands in the folder is what the script writes, byte for byte', (id) => {
    const { site, readings } = recordingOf(id)
    expect(site).toBe(readFileSync(join(SCENARIO_ROOT, id, 'site.yaml'), 'utf8'))
    expect(readings).toBe(readFileSync(join(SCENARIO_ROOT, id, 'readings.ndjson'), 'utf8'))
  })

  it('differs with another seed', () => {
    const { story: told } = readStory('NM-01')
    expect(recordStory(facility, told, 2).lines).not.toEqual(recordStory(facility, told, 1).lines)
  })
})
