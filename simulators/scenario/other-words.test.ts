/**
 * The same story told of another facility: other names, elsewhere on the ground and seen in a mirror, three weeks later, in
 * another time zone, its site file in another order, with strangers beside it. The alerts must be the same in other words;
 * else a rule has learnt a scenario by heart.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { AlertChange } from '#model/alert/alert.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { runReplay } from '#rules/replay.ts'
import { seededChance } from '../chance.ts'
import { SCENARIO_ROOT } from './story.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Line = Record<string, Json>
interface Telling {
  site: Line
  lines: Line[]
  /** Back to the words of the original. */
  back?: (word: string) => string
  /** How much later it happens, ms. */
  laterMs?: number
}

const SCENARIOS = ['INC-01', 'INC-08', 'INC-21', 'INC-24', 'INC-29', 'INC-32']
const HOUR_MS = 3_600_000

/** Replaces whatever `change` answers for; everything else is copied. */
function mapped(value: Json, change: (value: Json) => Json | undefined): Json {
  const other = change(value)
  if (other !== undefined) return other
  if (Array.isArray(value)) return value.map((v) => mapped(v, change))
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, mapped(v, change)]))
  return value
}
const told = (site: Line, lines: Line[], change: (value: Json) => Json | undefined): Telling => ({
  site: mapped(site, change) as Line,
  lines: lines.map((line) => mapped(line, change) as Line),
})

/** Every id of the site in other words, whose order is another too. */
function renamed(site: Line, lines: Line[]): Telling {
  const names = new Set<string>()
  const collect = (value: Json): void => {
    if (Array.isArray(value)) value.forEach(collect)
    else if (value !== null && typeof value === 'object')
      for (const [key, v] of Object.entries(value)) {
        // Words in small letters are kinds, not names.
        if ((key === 'id' || key === 'tag') && typeof v === 'string' && /[A-Z0-9]/.test(v)) names.add(v)
        collect(v)
      }
  }
  collect(site)
  const other = new Map([...names].sort().map((name, i) => [name, `Q${((i * 7919) % 100_003).toString(36)}x${i}`]))
  const original = new Map([...other].map(([name, word]) => [word, name]))
  const telling = told(site, lines, (v) => (typeof v === 'string' ? other.get(v) : undefined))
  return { ...telling, back: (word) => original.get(word) ?? word }
}

/** Every point of the plan and every fix moved, or mirrored at the diagonal and turned over. */
function moved(site: Line, lines: Line[], point: (x: number, y: number) => [number, number]): Telling {
  const mm = (n: number): number => Math.round(n * 1000) / 1000
  const change = (value: Json): Json | undefined => {
    if (Array.isArray(value) && value.length === 2 && value.every((n) => typeof n === 'number'))
      return point(value[0] as number, value[1] as number).map(mm)
    if (value === null || Array.isArray(value) || typeof value !== 'object' || typeof value.x_m !== 'number')
      return undefined
    const [x, y] = point(value.x_m, value.y_m as number)
    return { ...value, x_m: mm(x), y_m: mm(y) }
  }
  return told(site, lines, change)
}

function later(site: Line, lines: Line[], laterMs: number): Telling {
  const change = (value: Json): Json | undefined => {
    if (typeof value === 'number' && value > 1.7e12 && value < 1.9e12) return value + laterMs
    if (typeof value === 'string' && /^20\d\d-\d\d-\d\dT/.test(value))
      return new Date(Date.parse(value) + laterMs).toISOString()
    return undefined
  }
  return { ...told(site, lines, change), laterMs }
}

function inUtc(site: Line, lines: Line[]): Telling {
  const telling = later(site, lines, 8 * HOUR_MS)
  return { ...telling, site: { ...telling.site, facility: { ...(telling.site.facility as Line), timezone: 'UTC' } } }
}

function reordered(site: Line, lines: Line[]): Telling {
  const chance = seededChance(77)
  const mixed = (list: Json[]): Json[] =>
    list
      .map((v) => ({ v, at: chance.whole(0, 1_000_000) }))
      .sort((a, b) => a.at - b.at)
      .map(({ v }) => v)
  const lists = Object.entries(site).map(([k, v]) => [k, Array.isArray(v) ? mixed(v) : v])
  return { site: Object.fromEntries(lists), lines }
}

/** A far house with sensors of its own, whose ids come before all others. */
function accompanied(site: Line, lines: Line[]): Telling {
  const at = (line: Line): number => (line.received ?? line.time) as number
  const times = lines.map(at)
  const polygon = [[9000, 9000], [9020, 9000], [9020, 9020], [9000, 9020]] // biome-ignore format: one square
  const strangers = Array.from({ length: 12 }, (_, i) => `AA-${i}`)
  const readings: Line[] = []
  for (let t = Math.min(...times); t < Math.max(...times); t += 10_000)
    for (const [i, device] of strangers.entries()) {
      const value = { celsius: 20 + ((t / 10_000 + i * 3) % 7) / 10 }
      readings.push({ device, type: 'env.temperature', time: t + i * 10, received: t + 500 + i, value })
    }
  return {
    site: {
      ...site,
      zones: [...(site.zones as Json[]), { id: 'AA-FAR', kind: 'office', class: 'none', floor: 9, polygon }],
      devices: [
        ...(site.devices as Json[]),
        ...strangers.map((id) => ({ id, driver: 'opcua', kind: 'climate', zone: 'AA-FAR' })),
      ],
    },
    lines: [...lines, ...readings].sort((a, b) => at(a) - at(b)),
  }
}

/**
 * What happened, in the words of the original. Not told: which of two alerts of one instant sounds (the smaller id, and ids
 * are hashes), and lines that only count more evidence (what completes a pattern first among equals of one instant).
 */
async function happenings({ site, lines, back = (word) => word, laterMs = 0 }: Telling): Promise<string[]> {
  const parsed = parseSiteOrThrow(stringify(site, { aliasDuplicateObjects: false }), 'other-words')
  const changes: AlertChange[] = []
  await runReplay({
    site: parsed,
    rules: loadRules(CATALOGUE_DIR, parsed.rules ?? {}),
    file: 'other-words',
    source: async function* () {
      yield { lines: lines.map((line) => JSON.stringify(line)), bytes: 0 }
    },
    until: null,
    strict: true,
    adopt: false,
    restartEvery: 0,
    operator: null,
    onLine: (_line, change) => changes.push(change),
    onBad: () => {},
    onProgress: () => {},
  })
  return changes
    .filter((c) => c.change !== 'updated')
    .map(({ at, change, alert }) => {
      const key = alert.key
        .replace(/[^|:]+/g, back)
        .split('|')
        .sort()
        .join('|')
      return `${at - laterMs} ${change} ${alert.code} ${key} ${alert.level} ${alert.state} ${back(alert.zone ?? '')}`
    })
    .sort()
}

describe.each(SCENARIOS)('%s in other words', (id) => {
  const site = parse(readFileSync(join(SCENARIO_ROOT, id, 'site.yaml'), 'utf8')) as Line
  const lines = readFileSync(join(SCENARIO_ROOT, id, 'readings.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  let original: Promise<string[]> | undefined

  test.each<[string, () => Telling]>([
    ['with every name another', () => renamed(site, lines)],
    ['a kilometre away', () => moved(site, lines, (x, y) => [x + 1003.7, y - 517.3])],
    ['in a mirror, turned over', () => moved(site, lines, (x, y) => [y, -x])],
    ['three weeks later', () => later(site, lines, 21 * 24 * HOUR_MS)],
    ['in another time zone', () => inUtc(site, lines)],
    ['with its site file in another order', () => reordered(site, lines)],
    ['with strangers beside it', () => accompanied(site, lines)],
  ])('%s', async (_name, telling) => {
    original ??= happenings({ site, lines })
    expect((await original).length).toBeGreaterThan(0)
    expect(await happenings(telling())).toEqual(await original)
  })
})
