import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ALERT_FIELDS } from '#model/alert/alert.ts'
import { derivedReadingId } from '#model/ids.ts'
import { CATALOGUE_DIR } from './catalogue/load.ts'
import { registerRulesCommands } from './commands.ts'

const T = 1_795_300_352_000
let dir: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'replay-'))
  writeFileSync(
    join(dir, 'site.yaml'),
    `
facility: { id: js-03, kind: prison }
zones:
  - { id: BELT, kind: belt, class: red, perimeter: true, adjacent: [YARD] }
  - { id: YARD, kind: yard, class: orange }
  - { id: C1, kind: cell }
devices:
  - { id: F07, driver: opcua, kind: fence, zone: BELT }
  - { id: K31, driver: onvif, zone: YARD }
  - { id: D1, driver: opcua, kind: door, zone: C1 }
  - { id: T1, driver: mqtt, kind: tag, subject: S1 }
staff: [{ id: S1, tag: T1 }]
console: { desks: [{ id: east, zones: [BELT, YARD] }, { id: all, zones: ["*"] }] }
`,
  )
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const file = (name: string, lines: unknown[]): string => {
  const path = join(dir, name)
  writeFileSync(path, `${lines.map((l) => (typeof l === 'string' ? l : JSON.stringify(l))).join('\n')}\n`)
  return path
}

async function ww(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const result = { code: 0, out: '', err: '' }
  const program = new Command('wardwatch').exitOverride()
  registerRulesCommands(
    program,
    {
      out: (t) => {
        result.out += t
      },
      err: (t) => {
        result.err += t
      },
      isTerminal: false,
    },
    (code) => {
      result.code = code
    },
  )
  await program.parseAsync(['node', 'wardwatch', ...args])
  return result
}
const replay = (readings: string, ...more: string[]) =>
  ww('replay', '--site', join(dir, 'site.yaml'), '--readings', readings, ...more)
const lines = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((l) => JSON.parse(l))

const INTRUSION = [
  { device: 'K31', type: 'camera.intrusion', time: T, value: { object: 'human', confidence: 0.9 } },
  { device: 'F07', type: 'fence.alarm', time: T + 2_000, value: { strength: 'high' } },
  { device: 'K31', type: 'camera.motion', time: T + 90_000, value: { active: false } },
]

describe('replay', () => {
  test('prints one line per change with every field in the order of the contract', async () => {
    const { code, out, err } = await replay(file('a.ndjson', INTRUSION), '--json')
    expect(code).toBe(0)
    const [raised, cleared] = lines(out)
    expect(Object.keys(raised)).toEqual(['at', 'change', 'alert', 'by', 'note'])
    expect(Object.keys(raised.alert)).toEqual([...ALERT_FIELDS])
    expect(raised).toMatchObject({ at: T + 2_000, change: 'raised', by: null })
    expect(raised.alert).toMatchObject({
      code: 'R01',
      key: 'BELT',
      level: 'red',
      zone: 'BELT',
      device: 'F07',
      annunciated: true,
      delayed: false,
      evidence: [
        derivedReadingId('K31', 'camera.intrusion', T, { object: 'human', confidence: 0.9 }),
        derivedReadingId('F07', 'fence.alarm', T + 2_000, { strength: 'high' }),
      ],
    })
    expect(cleared).toMatchObject({ at: T + 62_000, change: 'cleared', alert: { state: 'returned-unacknowledged' } })
    const summary = JSON.parse(err)
    expect(summary).toMatchObject({
      readings: 3,
      duplicates: 0,
      quarantined: 0,
      late: 0,
      recordedOnly: 0,
      from: T,
      to: T + 90_000,
      alerts: { R01: { red: 1 } },
      incidents: 1,
      annunciations: 1,
      annunciationsPerHour: { east: 40, all: 40 },
    })
  })

  test('with --out the lines go to the file and the summary to standard output', async () => {
    const path = join(dir, 'out.ndjson')
    const { out, err } = await replay(file('a.ndjson', INTRUSION), '--out', path, '--json')
    expect(lines(readFileSync(path, 'utf8'))).toHaveLength(2)
    expect(JSON.parse(out).incidents).toBe(1)
    expect(err).toBe('')
  })

  test('the same input, whole or with a restart after every line, gives the same bytes', async () => {
    const path = file('a.ndjson', INTRUSION)
    const first = await replay(path)
    expect((await replay(path)).out).toBe(first.out)
    expect((await replay(path, '--restart-every', '1')).out).toBe(first.out)
  })

  test('a line that cannot be read is named by file and line, and the run goes on; --strict stops with 2', async () => {
    const path = file('bad.ndjson', [
      INTRUSION[0],
      '{"device":',
      { device: 'NEW', type: 'tag.sos', time: T, value: {} },
      { device: 'F07', type: 'fence.sings', time: T, value: {} },
      ...INTRUSION.slice(1),
    ])
    const { code, out, err } = await replay(path)
    expect(code).toBe(0)
    expect(lines(out).filter((l) => l.alert.code === 'R01' && l.change === 'raised')).toHaveLength(1)
    expect(err).toContain(`${path}:2: the line is not JSON`)
    expect(err).toContain(`${path}:3: device "NEW" is not in the site file`)
    expect(err).toContain(`${path}:4: type "fence.sings"`)
    expect(err).toContain('3 quarantined')
    const strict = await replay(path, '--strict')
    expect(strict.code).toBe(2)
    expect(strict.err).toContain(`${path}:2:`)
  })

  test('what an edge exports is read to the last line: its own readings, and context that has no id of its own', async () => {
    const slot = { zone: 'YARD', days: '1-7', from: '15:00', to: '16:00', activity: 'sport', gathering: true }
    const path = file('exported.ndjson', [
      { device: 'js-03-edge', type: 'agent.heartbeat', time: T - 2, value: { queue_depth: 0, uplink: 'up' } },
      { context: 'timetable', op: 'put', id: 'YARD|1-7|15:00', item: slot, time: T - 1 },
      ...INTRUSION,
      { context: 'timetable', op: 'delete', id: 'YARD|1-7|15:00', time: T + 200_000 },
    ])
    const { out, err } = await replay(path, '--json')
    expect(JSON.parse(err)).toMatchObject({ quarantined: 0, alerts: { R01: { red: 1 } } })
    expect(lines(out).map((l) => l.alert.code)).not.toContain('R60')
  })

  test('a file that begins with the mark of its encoding loses no line by it', async () => {
    const [first, ...rest] = INTRUSION
    const { out } = await replay(file('bom.ndjson', [`\uFEFF${JSON.stringify(first)}`, ...rest]))
    expect(out).toBe((await replay(file('plain.ndjson', INTRUSION))).out)
  })

  test('a packed file is refused with what to do; a folder of fewer rules may meet a site that speaks of others', async () => {
    const packed = join(dir, 'packed.ndjson.gz')
    writeFileSync(packed, Uint8Array.from([0x1f, 0x8b, 8, 0]))
    const site = join(dir, 'speaks.yaml')
    writeFileSync(site, `facility: { id: few-1, kind: prison }\nrules: { drone: { enabled: false } }\n`)
    const refused = await ww('replay', '--site', site, '--readings', packed)
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/packed\.ndjson\.gz: the file is packed; give it unpacked/),
    })
    const few = join(dir, 'few')
    mkdirSync(few, { recursive: true })
    copyFileSync(join(CATALOGUE_DIR, 'repeated-denial.yaml'), join(few, 'repeated-denial.yaml'))
    const empty = join(dir, 'empty.ndjson')
    writeFileSync(empty, '')
    expect((await ww('replay', '--site', site, '--readings', empty, '--rules', few)).code).toBe(0)
    writeFileSync(site, `facility: { id: few-1, kind: prison }\nrules:\n  drones: { enabled: false }\n`)
    const wrong = await ww('replay', '--site', site, '--readings', empty, '--rules', few)
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringMatching(/speaks\.yaml:3:11: rules\.drones: there is no such rule/),
    })
  })
  test('--adopt takes a stranger as a device of the zone of its reading', async () => {
    const path = file('new.ndjson', [
      { device: 'K99', type: 'camera.intrusion', zone: 'BELT', time: T, value: { object: 'human', confidence: 0.9 } },
      { device: 'F07', type: 'fence.alarm', time: T + 1_000, value: { strength: 'high' } },
    ])
    expect(lines((await replay(path)).out).map((l) => l.alert.code)).not.toContain('R01')
    expect(lines((await replay(path, '--adopt')).out).map((l) => l.alert.code)).toContain('R01')
  })

  test('deadlines up to the end fire and later ones do not; --until moves the end both ways', async () => {
    const path = file('door.ndjson', [{ device: 'D1', type: 'door.state', time: T, value: { state: 'open' } }])
    expect(lines((await replay(path)).out)).toEqual([])
    expect(lines((await replay(path, '--until', String(T + 2_999))).out)).toEqual([])
    const on = lines((await replay(path, '--until', String(T + 20_000))).out)
    expect(on.map((l) => `${l.alert.code} ${l.at - T}`)).toEqual(['R07 3000', 'R08 20000'])
    const cut = file('cut.ndjson', INTRUSION)
    expect(lines((await replay(cut, '--until', new Date(T + 1_000).toISOString())).out)).toEqual([])
  })

  test('acts and a modelled operator change states as people do', async () => {
    const acts = file('acts.ndjson', [
      ...INTRUSION.slice(0, 2),
      { act: 'acknowledge', rule: 'R01', key: 'BELT', time: T + 10_000, by: 'officer-1' },
      {
        act: 'resolve',
        rule: 'perimeter-intrusion-confirmed',
        key: 'BELT',
        time: T + 70_000,
        by: 'officer-1',
        result: 'confirmed',
        note: 'seen',
      },
      { act: 'approve', rule: 'R01', key: 'BELT', time: T + 80_000, by: 'chief-1' },
      INTRUSION[2],
    ])
    const got = lines((await replay(acts)).out)
    expect(got.map((l) => [l.change, l.alert.state, l.alert.handling, l.by])).toEqual([
      ['raised', 'unacknowledged', 'none', null],
      ['acknowledged', 'acknowledged', 'none', 'officer-1'],
      ['cleared', 'latched', 'none', null],
      ['pending-review', 'latched', 'pending-review', 'officer-1'],
      ['approved', 'resolved', 'closed', 'chief-1'],
    ])
    const modelled = lines((await replay(file('a.ndjson', INTRUSION), '--operator', 'ack=20,resolve=80')).out)
    expect(modelled.map((l) => `${l.change} ${l.at - T}`)).toEqual([
      'raised 2000',
      'acknowledged 22000',
      'cleared 62000',
      'pending-review 82000',
    ])
  })

  test('a late reading that still matters raises a delayed alert now; an older one is only recorded', async () => {
    const path = file('late.ndjson', [
      { device: 'K31', type: 'camera.motion', time: T + 600_000, value: { active: false } },
      { device: 'T1', type: 'tag.sos', time: T + 500_000, received: T + 600_000, value: {} },
      { device: 'T1', type: 'tag.sos', time: T, received: T + 600_000, value: {} },
    ])
    const { out, err } = await replay(path, '--json')
    const got = lines(out)
    expect(got).toHaveLength(1)
    expect(got[0]).toMatchObject({ at: T + 600_000, alert: { code: 'R39', delayed: true, eventTime: T + 500_000 } })
    expect(JSON.parse(err)).toMatchObject({ late: 1, recordedOnly: 1 })
  })

  test('a context line takes effect at its time', async () => {
    const path = file('fire.ndjson', [
      { context: 'modes', op: 'put', id: 'fire-1', item: { id: 'fire-1', mode: 'fire', zones: ['C1'] }, time: T },
      { device: 'D1', type: 'door.state', time: T, value: { state: 'open' } },
      { context: 'modes', op: 'delete', id: 'fire-1', time: T + 60_000 },
      { device: 'D1', type: 'door.state', time: T + 61_000, value: { state: 'closed' } },
      { device: 'D1', type: 'door.state', time: T + 62_000, value: { state: 'open' } },
    ])
    const got = lines((await replay(path, '--until', String(T + 70_000))).out)
    // The door that still stands open when the fire ends is held open; the one opened afterwards is forced.
    expect(got.map((l) => `${l.change} ${l.alert.code} ${l.at - T}`)).toEqual([
      'raised R08 60000',
      'cleared R08 61000',
      'raised R07 65000',
    ])
  })

  test('--why answers whether and on what evidence', async () => {
    const path = file('a.ndjson', INTRUSION)
    const yes = JSON.parse((await replay(path, '--why', 'R01', '--key', 'BELT')).out)
    expect(yes).toMatchObject({ rule: 'perimeter-intrusion-confirmed', key: 'BELT', fired: true })
    expect(yes.because.length).toBeGreaterThan(0)
    const no = JSON.parse((await replay(path, '--why', 'climbing', '--key', 'BELT')).out)
    expect(no.fired).toBe(false)
    expect(no.because[0]).toMatchObject({ predicate: 'camera.behaviour', cause: 'no reading of this type came' })
  })

  test('--against names what another rule set gains and loses', async () => {
    const other = mkdtempSync(join(dir, 'rules-'))
    const yaml = readFileSync(join(import.meta.dirname, 'catalogue/perimeter-intrusion-confirmed.yaml'), 'utf8')
    writeFileSync(
      join(other, 'perimeter-intrusion-confirmed.yaml'),
      yaml
        .replace('default: 10', 'default: 2')
        .replace('min: 2', 'min: 1')
        .replace('within, default: 2', 'within, default: 2'),
    )
    const path = file('far.ndjson', [INTRUSION[0], { ...INTRUSION[1], time: T + 5_000 }])
    const result = JSON.parse((await replay(path, '--against', other, '--scenarios', 'none', '--json')).out)
    expect(result).toMatchObject({ scenarios: [], scenariosCompared: 0 })
    expect(result.lost.map((a: { code: string }) => a.code)).toEqual(['R01'])
    expect(result.gained).toEqual([])
    expect(result.levels).toMatchObject({ base: { red: 1 }, lost: { red: 1 }, gained: { red: 0 } })
    expect(result.load.base).toHaveProperty('east')
    expect(result.peak.base.east).toBeGreaterThan(0)
    expect(result.peak.against.east).toBe(0)
    const spoken = (await replay(path, '--against', other, '--scenarios', 'none')).out
    expect(spoken).toMatch(/lost: 1\n.* R01 BELT red\n/)
    expect(spoken).toMatch(/red {5}1 → 0 {2}\(\+0 −1\)/)
    expect(spoken).toMatch(/east: [\d.]+ → 0 alarms per 10 min, worst \d → 0/)
  })

  test('--against names the scenarios whose outcome changed, with the rows that are met no more', async () => {
    const other = mkdtempSync(join(dir, 'rules-'))
    const slugs = ['perimeter-intrusion-confirmed', 'climbing']
    for (const slug of slugs) {
      const yaml = readFileSync(join(import.meta.dirname, `catalogue/${slug}.yaml`), 'utf8')
      writeFileSync(
        join(other, `${slug}.yaml`),
        slug === 'climbing' ? yaml : yaml.replace('default: 10, min: 2', 'default: 1, min: 1'),
      )
    }
    const base = mkdtempSync(join(dir, 'base-'))
    for (const slug of slugs)
      writeFileSync(
        join(base, `${slug}.yaml`),
        readFileSync(join(import.meta.dirname, `catalogue/${slug}.yaml`), 'utf8'),
      )
    const folder = mkdtempSync(join(dir, 'scenarios-'))
    for (const [id, camera] of [
      ['A', 5_000],
      ['B', 1_000],
    ] as const) {
      mkdirSync(join(folder, id))
      writeFileSync(join(folder, id, 'site.yaml'), readFileSync(join(dir, 'site.yaml'), 'utf8'))
      const lines = [INTRUSION[0], { ...INTRUSION[1], time: T + camera }]
      writeFileSync(join(folder, id, 'readings.ndjson'), lines.map((l) => JSON.stringify(l)).join('\n'))
      writeFileSync(join(folder, id, 'expected.yaml'), 'alerts: [{ code: R01, key: BELT, level: red, by: 5 }]\n')
    }
    const path = file('far.ndjson', [INTRUSION[0]])
    const args = ['--rules', base, '--against', other, '--scenarios', folder]
    const result = JSON.parse((await replay(path, ...args, '--json')).out)
    expect(result.scenariosCompared).toBe(2)
    expect(result.scenarios).toEqual([
      {
        id: 'A',
        gained: [],
        lost: ['R01 BELT red'],
        rowsMet: [],
        rowsMissed: ['R01 BELT red'],
        silentBroken: [],
        silentKept: [],
      },
    ])
    const spoken = (await replay(path, ...args)).out
    expect(spoken).toContain('scenarios with another outcome: 1 of 2\n  A\n    − R01 BELT red\n')
    expect((await replay(path, '--against', other, '--scenarios', base)).err).toContain('there are no scenarios')
  })

  test('a wrong site file or option is one sentence and exit 1', async () => {
    const { code, err } = await ww(
      'replay',
      '--site',
      join(dir, 'none.yaml'),
      '--readings',
      file('a.ndjson', INTRUSION),
    )
    expect(code).toBe(1)
    expect(err).toContain('none.yaml: there is no such file')
    expect((await replay(join(dir, 'a.ndjson'), '--operator', 'quick')).err).toContain('ack=SECONDS')
  })
})

describe('rules', () => {
  test('check names file, line and column of a fault in the schema and in a condition', async () => {
    const bad = mkdtempSync(join(dir, 'bad-'))
    const yaml = readFileSync(join(import.meta.dirname, 'catalogue/smoke-single.yaml'), 'utf8')
    writeFileSync(join(bad, 'smoke-single.yaml'), yaml.replace('percent_per_m >= limit', 'percentage >= limit'))
    const { code, err } = await ww('rules', 'check', bad)
    expect(code).toBe(1)
    expect(err).toMatch(/smoke-single\.yaml:\d+:\d+: there is no "percentage" here; there are percent_per_m/)
    writeFileSync(join(bad, 'smoke-single.yaml'), yaml.replace('domain: equipment', 'domain: weather'))
    expect((await ww('rules', 'check', bad)).err).toMatch(/smoke-single\.yaml:4:9: .*behaviour, duty, equipment/)
  })

  test('list gives what integrators need', async () => {
    const rules = JSON.parse((await ww('rules', 'list', '--json')).out)
    const r03 = rules.find((r: { code: string }) => r.code === 'R03')
    expect(r03).toMatchObject({ id: 'electric-fence-down', domain: 'equipment', mandatory: true, key: ['device'] })
    expect(r03.parameters[0]).toMatchObject({ name: 'lowPercent', unit: '%', default: 70, min: 50, max: 95 })
  })
})

test('rules check refuses a rule without a firing, a silent and a missing-data case', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rules-check-'))
  try {
    const yaml = readFileSync(join(import.meta.dirname, 'catalogue/smoke-single.yaml'), 'utf8')
    writeFileSync(join(folder, 'smoke-single.yaml'), yaml)
    const cases = join(folder, 'smoke-single.cases')
    expect((await ww('rules', 'check', folder)).err).toMatch(/smoke-single\.cases:1:1: a rule needs cases/)
    const firing =
      'case it burns\nSM1 env.smoke percent_per_m | 3 3 3 3 3 3\nexpect\n  5.000 raised R47 SM1 yellow zone=COR1\n'
    const silent = 'case it does not burn\nSM1 env.smoke percent_per_m | 1 1 1\nexpect\n  none\n'
    writeFileSync(cases, firing + firing + firing)
    const onlyFiring = await ww('rules', 'check', folder)
    expect(onlyFiring.code).toBe(1)
    expect(onlyFiring.err).toContain('no case stays silent')
    expect(onlyFiring.err).toContain('no case has missing, bad or late data')
    writeFileSync(cases, silent + silent + silent.replace('1 1 1', '1 ? 1'))
    expect((await ww('rules', 'check', folder)).err).toContain('no case fires')
    writeFileSync(cases, firing + silent + silent.replace('1 1 1', '1 ? 1'))
    expect(await ww('rules', 'check', folder)).toMatchObject({ code: 0, err: '' })
    // Where the input does not tell what is missing, the case says so.
    writeFileSync(cases, firing + silent + silent.replace('burn\n', 'burn\nwithout a second detector\n'))
    expect((await ww('rules', 'check', folder)).code).toBe(0)
    expect((await ww('rules', 'test', folder)).code).toBe(0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
