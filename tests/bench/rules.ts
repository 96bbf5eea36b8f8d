/**
 * Readings a second of one core through the rules: the whole catalogue in the ordered run, the live pair of runs, a
 * replay from a file, each operator alone; beside them three rules by hand (Map) and by json-rules-engine. The stream has
 * some 5,000 keys (bands, tags, doors, cameras, sensors) and is uneventful. One JSON object per figure (`bars.md`).
 *
 * BENCH_READINGS (default 300,000), BENCH_OPERATORS=0 to leave out the operators one by one.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Engine as JsonRules } from 'json-rules-engine'
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { ReadingType } from '#model/catalogue/type.ts'
import type { Reading, ReadingValue } from '#model/reading.ts'
import { parseSiteOrThrow, type Site } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { Engine } from '#rules/engine/engine.ts'
import { OPERATORS } from '#rules/engine/operators/index.ts'
import type { Rule } from '#rules/engine/rule.ts'
import { createLiveRules } from '#rules/live.ts'
import { foreignLoad, percentile, print, round } from './figures.ts'

const COUNT = Number(process.env.BENCH_READINGS ?? 300_000)
const BANDS = 3000
const TAGS = 300
const DOORS = 800
const CAMERAS = 500
const SENSORS = 400
const START = 1_800_000_000_000
const SAMPLES_PER_S = 5000

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const id = (letter: string, i: number): string => `${letter}${String(i).padStart(4, '0')}`

function facility(): Site {
  const cells = BANDS / 4
  const corner = (i: number) => [(i % 50) * 4, Math.floor(i / 50) * 4] as const
  const lines = [
    'facility: { id: bench-01, kind: prison, timezone: Asia/Shanghai }',
    'zones:',
    '  - { id: W1, kind: ward, floor: 1 }',
    ...many(cells, (i) => {
      const [x, y] = corner(i)
      const polygon = [
        [x, y],
        [x + 4, y],
        [x + 4, y + 4],
        [x, y + 4],
      ]
      return `  - { id: ${id('C', i)}, parent: W1, kind: cell, floor: 1, capacity: 8, polygon: ${JSON.stringify(polygon)} }`
    }),
    'devices:',
    ...many(BANDS, (i) => `  - { id: ${id('B', i)}, driver: mqtt, kind: band, subject: ${id('P', i)} }`),
    ...many(TAGS, (i) => `  - { id: ${id('T', i)}, driver: mqtt, kind: tag }`),
    ...many(DOORS, (i) => `  - { id: ${id('D', i)}, driver: opcua, kind: door, zone: ${id('C', i % cells)} }`),
    ...many(CAMERAS, (i) => `  - { id: ${id('K', i)}, driver: onvif, kind: camera, zone: ${id('C', i % cells)} }`),
    ...many(SENSORS, (i) => `  - { id: ${id('E', i)}, driver: opcua, kind: climate, zone: ${id('C', i % cells)} }`),
    'people:',
    ...many(BANDS, (i) => {
      const cell = id('C', Math.floor(i / 4))
      return `  - { id: ${id('P', i)}, number: "${i}", cell: ${cell}, ward: W1, allowed: [W1, ${cell}] }`
    }),
    'staff:',
    ...many(TAGS, (i) => `  - { id: ${id('S', i)}, tag: ${id('T', i)}, role: officer }`),
  ]
  return parseSiteOrThrow(`${lines.join('\n')}\n`, 'bench')
}

/** One reading of the stream: of 20, 12 positions, 4 vital signs, and tags, doors, cameras, climate. */
function readingOf(n: number): Reading {
  const time = START + Math.floor((n * 1000) / SAMPLES_PER_S)
  const slot = n % 20
  const round_ = Math.floor(n / 20)
  let device: string
  let type: string
  let value: ReadingValue
  if (slot < 12) {
    const i = (round_ * 12 + slot) % BANDS
    device = id('B', i)
    type = 'band.position'
    const cell = Math.floor(i / 4)
    value = { x_m: (cell % 50) * 4 + 0.5 + (n % 30) / 10, y_m: Math.floor(cell / 50) * 4 + 1, floor: 1, accuracy_m: 1 }
  } else if (slot < 16) {
    const i = (round_ * 4 + slot - 12) % BANDS
    device = id('B', i)
    type = 'band.vitals'
    value = {
      hr: 64 + (n % 17),
      spo2: 97,
      skin_celsius: 33,
      resp: 14 + (n % 3),
      activity: 0.3 + (n % 5) / 10,
      posture: 'sitting',
      confidence: 0.9,
    }
  } else if (slot === 16) {
    device = id('T', round_ % TAGS)
    type = 'tag.activity'
    value = { activity: 0.3 + (n % 5) / 10 }
  } else if (slot === 17) {
    device = id('D', round_ % DOORS)
    type = 'door.state'
    value = { state: 'closed' }
  } else if (slot === 18) {
    device = id('K', round_ % CAMERAS)
    type = 'camera.motion'
    value = { active: n % 2 === 0 }
  } else {
    device = id('E', round_ % SENSORS)
    type = 'env.temperature'
    value = { celsius: 21 + (n % 10) / 10 }
  }
  const common = { id: `r${n}`, facility: 'bench-01', zone: null, device, type, time, received: time + 20 }
  return { ...common, quality: 'good', subject: null, value }
}

const site = facility()
const rules = loadRules(CATALOGUE_DIR, {})
const readings = many(COUNT, readingOf)

interface Result {
  /** Readings a second of processor time, all threads of this process counted. */
  rate: number
  alerts: number
  foreign: number
}

async function timed(work: () => number | Promise<number>, count = COUNT): Promise<Result> {
  const foreign = foreignLoad([process.pid])
  const before = process.cpuUsage()
  const alerts = await work()
  const used = process.cpuUsage(before)
  return { rate: count / ((used.user + used.system) / 1e6), alerts, foreign: foreign() }
}

function engineRun(some: readonly Rule[], stream: readonly Reading[] = readings): Promise<Result> {
  return timed(() => {
    let alerts = 0
    const engine = new Engine({ site, rules: some, operators: OPERATORS, trustIds: true, onChange: () => alerts++ })
    for (const reading of stream) engine.line(reading)
    engine.finish(stream.at(-1)!.received)
    return alerts
  }, stream.length)
}

function liveRun(): Promise<Result> {
  return timed(() => {
    let alerts = 0
    const live = createLiveRules({ site, rules, onChange: () => alerts++, onNotConfirmed: () => {} })
    for (const reading of readings) live.line(reading)
    return alerts
  })
}

/** `wardwatch replay` as anybody runs it, in a process of its own, less what it takes to start; its output is thrown away. */
function replayRun(): Result & { perSecond: number; peakMb: number } {
  const dir = mkdtempSync(join(tmpdir(), 'ww-bench-'))
  const siteFile = join(dir, 'site.yaml')
  // JSON is YAML.
  writeFileSync(siteFile, JSON.stringify(site))
  const run = (count: number) => {
    const file = join(dir, `${count}.ndjson`)
    writeFileSync(
      file,
      readings
        .slice(0, count)
        .map((reading) => `${JSON.stringify(reading)}\n`)
        .join(''),
    )
    const began = performance.now()
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        ...['--import', join(import.meta.dirname, 'usage-at-exit.ts'), join(import.meta.dirname, '../../bin/main.ts')],
        ...['replay', '--site', siteFile, '--readings', file, '--json'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
    )
    const ms = performance.now() - began
    if (status !== 0) throw new Error(`replay ended with ${status}: ${stderr}`)
    const used = JSON.parse(stderr.trim().split('\n').at(-1)!) as { cpuUs: number; peakBytes: number }
    return { ms, ...used }
  }
  const others = foreignLoad([process.pid])
  const began = performance.now()
  const start = run(1000)
  const whole = run(COUNT)
  // The program itself is nobody else.
  const own = (start.cpuUs + whole.cpuUs) / 1000 / (performance.now() - began) / availableParallelism()
  const foreign = round(Math.max(0, others() - own), 2)
  rmSync(dir, { recursive: true, force: true })
  const count = COUNT - 1000
  return {
    rate: count / ((whole.cpuUs - start.cpuUs) / 1e6),
    perSecond: count / ((whole.ms - start.ms) / 1e3),
    peakMb: whole.peakBytes / 2 ** 20,
    foreign,
    alerts: 0,
  }
}

/** Three rules as a person would write them for this one purpose, with a state a device: the limit. */
function byHand(): Promise<Result> {
  return timed(() => {
    let alerts = 0
    const devices = new Map<string, { seen: number; lowSince: number; openSince: number }>()
    for (const { device, type, time, value } of readings) {
      let state = devices.get(device)
      if (!state) {
        state = { seen: 0, lowSince: 0, openSince: 0 }
        devices.set(device, state)
      }
      if (state.seen > 0 && time - state.seen > 60_000) alerts++
      state.seen = time
      if (type === 'band.vitals') {
        if ((value.hr as number) >= 40) state.lowSince = 0
        else if (state.lowSince === 0) state.lowSince = time
        else if (time - state.lowSince >= 10_000) alerts++
      } else if (type === 'door.state') {
        if (value.state !== 'open') state.openSince = 0
        else if (state.openSince === 0) state.openSince = time
        else if (time - state.openSince >= 30_000) alerts++
      }
    }
    return alerts
  })
}

type JsonCondition = readonly [type: string, fact: string, operator: string, value: unknown]
const THREE: readonly JsonCondition[] = [
  ['band.vitals', 'hr', 'lessThan', 40],
  ['door.state', 'state', 'equal', 'open'],
  ['env.temperature', 'celsius', 'greaterThan', 54],
]
/** As many as the catalogue has: of each rule one condition over what it listens to, without time and without state. */
const ONE_EACH: readonly JsonCondition[] = rules.map((rule) => {
  const type = READING_TYPES.get(rule.file.inputs[0] ?? '')
  const field = type?.fields.find((f) => f.type === 'number' || f.type === 'integer')
  return field ? [type!.type, field.name, 'lessThan', -1e9] : [type?.type ?? 'none', 'state', 'equal', 'never']
})

/** Conditions in json-rules-engine, on a part of the stream: it is slow. */
async function byJsonRules(conditions: readonly JsonCondition[], count: number): Promise<Result> {
  const engine = new JsonRules([], { allowUndefinedFacts: true })
  for (const [type, fact, operator, value] of conditions)
    engine.addRule({
      conditions: {
        all: [
          { fact: 'type', operator: 'equal', value: type },
          { fact, operator, value },
        ],
      },
      event: { type: `${type}.${fact}` },
    })
  const result = await timed(async () => {
    let alerts = 0
    for (const reading of readings.slice(0, count)) {
      const { events } = await engine.run({ type: reading.type, ...reading.value })
      alerts += events.length
    }
    return alerts
  })
  return { ...result, rate: (result.rate * count) / COUNT }
}

/** What the engine remembers of the stream, with all rules: heap after a full collection, and the size of a snapshot. */
function memory(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const empty = new Engine({ site, rules, operators: OPERATORS, trustIds: true, onChange: () => {} })
  const before = used()
  for (const reading of readings) empty.line(reading)
  empty.finish(readings.at(-1)!.received)
  const bytes = used() - before
  const keys = (BANDS + TAGS + DOORS + CAMERAS + SENSORS) / 1000
  const per = { bench: 'rules', case: `catalogue of ${rules.length} rules, after the stream`, n: COUNT }
  print({ ...per, metric: 'heap per 1,000 keys', value: round(bytes / 2 ** 20 / keys, 2), unit: 'MB' })
  const text = empty.snapshot().json.length
  print({ ...per, metric: 'snapshot per 1,000 keys', value: round(text / 2 ** 20 / keys, 2), unit: 'MB' })
}

/** A value as the collection list allows it, near the middle of its range: calm, and never the same twice running. */
function calmValue(type: ReadingType, n: number): ReadingValue {
  const fields = type.fields.map((field): [string, ReadingValue[string]] => {
    if (field.type === 'boolean') return [field.name, false]
    if (field.type === 'string') return [field.name, field.values?.[0] ?? `x${n % 7}`]
    const low = field.min ?? 0
    const value = low + ((field.max ?? low + 100) - low) * (0.2 + (n % 11) / 1000)
    return [field.name, field.type === 'integer' ? Math.round(value) : value]
  })
  return Object.fromEntries(fields)
}

const BY_PRODUCER: Record<string, readonly [letter: string, count: number]> = {
  band: ['B', BANDS],
  tag: ['T', TAGS],
  door: ['D', DOORS],
  camera: ['K', CAMERAS],
}

/** Readings of the given types alone, 5,000 a second, spread over the devices that may send them. */
function streamOf(types: readonly ReadingType[], count: number): Reading[] {
  return many(count, (n) => {
    const type = types[n % types.length]!
    const [letter, devices] = BY_PRODUCER[type.producers.find((p) => BY_PRODUCER[p]) ?? ''] ?? ['E', SENSORS]
    const time = START + Math.floor((n * 1000) / SAMPLES_PER_S)
    const device = id(letter, Math.floor(n / types.length) % devices)
    const common = { id: `o${n}`, facility: 'bench-01', zone: null, device, type: type.type, time }
    const value = calmValue(type, n)
    return { ...common, received: time + 20, quality: 'good', subject: null, value }
  })
}

/** One operator with its rules over the readings that they listen to, beside the engine without a rule on the same stream. */
async function operatorAlone(operator: string): Promise<void> {
  const own = rules.filter((r) => r.file.operator === operator)
  const names = [...new Set(own.flatMap((r) => r.file.inputs))]
  const types = names.flatMap((name) => READING_TYPES.get(name) ?? [])
  if (types.length === 0) return
  const stream = streamOf(types, Math.min(COUNT, 60_000))
  const foreign = foreignLoad([process.pid])
  const bare: number[] = []
  const full: number[] = []
  for (let run = 0; run < 3; run++) {
    bare.push((await engineRun([], stream)).rate)
    full.push((await engineRun(own, stream)).rate)
  }
  const common = { bench: 'rules', case: `operator ${operator}`, n: stream.length, foreign: foreign() }
  const [without, value] = [percentile(bare, 0.5), percentile(full, 0.5)]
  const peer = { peer: 'no rule: order and enrichment', peerValue: Math.round(without) }
  const metric = 'readings a second of processor time, of the types it listens to'
  print({ ...common, metric, value: Math.round(value), unit: 'readings/s', ...peer })
}

const row = (name: string, r: Result, peer: { name: string; rate: number } | null): void =>
  print({
    bench: 'rules',
    case: name,
    metric: 'readings a second of processor time',
    value: Math.round(r.rate),
    unit: 'readings/s',
    peer: peer?.name ?? null,
    peerValue: peer ? Math.round(peer.rate) : null,
    n: COUNT,
    foreign: r.foreign,
  })

// Once for nothing: the first run pays for compiling.
await engineRun(rules)
const hand = await byHand()
const json = await byJsonRules(THREE, Math.min(COUNT, 20_000))
const jsonAll = await byJsonRules(ONE_EACH, Math.min(COUNT, 5_000))
row('three rules by hand', hand, null)
row('three conditions in json-rules-engine', json, { name: 'by hand', rate: hand.rate })
row(`${rules.length} conditions in json-rules-engine`, jsonAll, { name: 'by hand', rate: hand.rate })
const three = await engineRun(rules.filter((r) => ['R07', 'R18', 'R25'].includes(r.code)))
row('three rules of the catalogue (R07 R18 R25), ordered run', three, { name: 'json-rules-engine', rate: json.rate })
row('three rules of the catalogue (R07 R18 R25), ordered run', three, { name: 'by hand', rate: hand.rate })
const whole = await engineRun(rules)
row(`catalogue of ${rules.length} rules, ordered run`, whole, { name: 'json-rules-engine', rate: json.rate })
row(`catalogue of ${rules.length} rules, ordered run`, whole, { name: 'by hand', rate: hand.rate })
row(`catalogue of ${rules.length} rules, ordered run`, whole, {
  name: `${rules.length} conditions in json-rules-engine`,
  rate: jsonAll.rate,
})
memory()
row(`catalogue of ${rules.length} rules, eager and ordered run`, await liveRun(), {
  name: 'ordered run alone',
  rate: whole.rate,
})
const replayed = replayRun()
row('replay from a file', replayed, { name: 'ordered run alone', rate: whole.rate })
for (const [metric, value, unit] of [
  ['readings a second', Math.round(replayed.perSecond), 'readings/s'],
  ['resident memory at most', round(replayed.peakMb), 'MB'],
] as const)
  print({ bench: 'rules', case: 'replay from a file', metric, value, unit, n: COUNT, foreign: replayed.foreign })

if (process.env.BENCH_OPERATORS !== '0') {
  for (const operator of [...new Set(rules.map((r) => r.file.operator))].sort()) await operatorAlone(operator)
}
process.exit(0)
