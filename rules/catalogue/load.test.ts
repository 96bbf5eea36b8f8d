/** What is wrong in a rule file, or in what a site says of a rule, is refused with its place and with what to do. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CATALOGUE_DIR, loadRules, outOfRange, parseRuleFile, readRuleFiles, watchFaults } from './load.ts'
import { placedIn } from './place.ts'

const RULE = `id: own-heat
code: R70
name: { zh: 过热, en: Own heat }
domain: equipment
levels: [yellow]
plan: RP13
key: [device]
inputs: [env.temperature]
parameters:
  limit: { unit: °C, default: 30, min: 10, max: 60, zh: 上限, en: limit }
  hold: { unit: s, default: 10, min: 0, max: 600, zh: 持续, en: how long }
operator: held
pattern:
  parts:
    - { when: celsius > limit, for: hold, level: yellow, reason: hot, show: [celsius] }
  clear: { when: celsius <= limit, for: hold }
clear: operator
reasons:
  hot: { zh: "{zone} {celsius} °C", en: "{zone} is {celsius} °C" }
false-positives: [A heater that is tested.]
`
const dir = mkdtempSync(join(tmpdir(), 'rule-files-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const faultsOf = (text: string): string[] =>
  parseRuleFile(text, '/x/own-heat.yaml').faults.map((f) => `${f.line}:${f.column} ${f.message}`)
const changed = (from: string, to: string): string[] => {
  expect(RULE).toContain(from)
  return faultsOf(RULE.replace(from, to))
}

describe('a rule file', () => {
  it('is taken as it stands, also with a byte order mark and with CRLF', () => {
    expect(faultsOf(RULE)).toEqual([])
    expect(faultsOf(`\uFEFF${RULE.replaceAll('\n', '\r\n')}`)).toEqual([])
  })
  it('may give the default of a time as a duration', () => {
    const { file } = parseRuleFile(RULE.replace('default: 10,', 'default: 2m,'), '/x/own-heat.yaml')
    expect(file?.parameters.find((p) => p.name === 'hold')?.default).toBe(120)
  })
  it.each([
    [
      'a default outside its own range',
      'default: 30',
      'default: 90',
      /^10:31 the default 90 is outside the range 10 to 60/,
    ],
    ['a range that is turned round', 'min: 10', 'min: 70', /^10:40 min 70 is above max 60; exchange them/],
    ['a time that is text', 'default: 10,', 'default: ten,', /^11:29 hold is a time; write seconds or a duration/],
    [
      'a time in another unit',
      'unit: s',
      'unit: min',
      /^15:37 parameter "hold" has the unit min; a time is given in s/,
    ],
    [
      'a literal where a parameter is named',
      'for: hold, level',
      'for: 10s, level',
      /^15:37 there is no parameter "10s".*there are limit \(°C\), hold \(s\)/,
    ],
    ['a reason without a text', 'reason: hot', 'reason: warm', /^15:66 reason "warm" has no text; add it to reasons/],
    [
      'a level that the rule does not have',
      'level: yellow',
      'level: red',
      /^15:50 level red is not in levels; add it there/,
    ],
    ['a plan that does not exist', 'RP13', 'RP99', /^6:7 there is no plan RP99; there are RP1, /],
    [
      'a word that is no part of a key',
      'key: [device]',
      'key: [colour]',
      /^7:7 "colour" is no part of a key; there are zone/,
    ],
    [
      'a value to show that is never there',
      'show: [celsius]',
      'show: [celcius]',
      /^15:\d+ there is no value "celcius" to show/,
    ],
    [
      'a name that a condition does not know',
      'celsius > limit, for',
      'celcius > limit, for',
      /^15:15 there is no "celcius" here; there are celsius,/,
    ],
    ['two sides that do not fit', 'celsius > limit, for', 'celsius > "hot", for', /^15:15 .*the two sides do not fit/],
    [
      'a condition that is none',
      'celsius > limit, for',
      'celsius > , for',
      /^15:15 the condition is not CEL: .*write for example/,
    ],
    [
      'an unknown key, at the key',
      'domain: equipment',
      'domain: equipment\ncolour: red',
      /^5:1 unknown key "colour"; remove it or correct its spelling; known here: id/,
    ],
    [
      'a clearing of no form',
      'clear: operator',
      'clear: { quiet: 10 }',
      /^17:8 clear must be operator, person or \{ quiet: 60s \}$/,
    ],
    [
      'a code of the system itself',
      'code: R70',
      'code: S02',
      /^2:7 S02 is a code of the system itself; take R and two digits/,
    ],
    [
      'a rule that watches itself',
      'operator: held',
      'watches: [R70]\noperator: held',
      /^12:11 a rule cannot watch its own alerts/,
    ],
    [
      'aliases that grow without end',
      'id: own-heat',
      `a: &a [x]\nb: &b [${'*a,'.repeat(99)}*a]\nc: [${'*b,'.repeat(9)}*b]\nid: own-heat`,
      /^1:1 Excessive alias count/,
    ],
    ['what is no rule at all', RULE, 'hello', /^1:1 this is no rule; write keys and values/],
  ])('refuses %s with line, column and one sentence', (_what, from, to, wanted) => {
    const faults = changed(from, to)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(wanted)
  })

  it('refuses words and kinds that a condition over several types could never meet', () => {
    const two = (when: string) =>
      faultsOf(
        RULE.replace('[env.temperature]', '[env.temperature, door.state]').replace(
          'celsius > limit, for',
          `'${when}', for`,
        ),
      )[0]
    expect(two('state == "opened"')).toMatch(/^15:\d+ "state" is never "opened"; it is one of open, closed/)
    expect(two('celsius > "hot"')).toMatch(/the two sides do not fit/)
    expect(two('celsius == null || celsius == 30')).toBeUndefined()
  })

  it('refuses a type that it would never hear, and one that is not in inputs', () => {
    const text = RULE.replace('operator: held', 'operator: event').replace(
      /pattern:[\s\S]*clear: operator/,
      'pattern: { key: [device], cases: [{ type: env.leak, level: yellow, reason: hot }] }\nclear: person',
    )
    expect(faultsOf(text)[0]).toMatch(/^13:\d+ env\.leak is not in inputs, so the rule would never hear it/)
  })
})

describe('a folder of rule files', () => {
  const folder = (name: string, files: Record<string, string | Uint8Array>): string => {
    const path = join(dir, name)
    mkdirSync(path)
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content)
    return path
  }
  const own = (id: string, code: string, watches = ''): string =>
    RULE.replace('id: own-heat', `id: ${id}`).replace('R70', code).replace('operator: held', `${watches}operator: held`)

  it('names a file that is too large, not UTF-8, or a folder, and reads the others', () => {
    const path = folder('odd', {
      'own-heat.yaml': RULE,
      'large.yaml': `${RULE}#${'x'.repeat(300_000)}`,
      'latin.yaml': Uint8Array.from([0x69, 0x64, 0x3a, 0x20, 0xe9]),
      'OTHER.YAML': 'id: OTHER\n',
    })
    mkdirSync(join(path, 'folder.yaml'))
    const { files, faults } = readRuleFiles(path)
    expect(files.map((f) => f.id)).toEqual(['own-heat'])
    const told = faults.map((f) => `${f.file.split('/').pop()} ${f.message}`)
    expect(told.some((t) => /^large\.yaml 294 kB; a rule file holds one rule/.test(t))).toBe(true)
    expect(told.some((t) => /^latin\.yaml .*UTF-8/.test(t))).toBe(true)
    expect(told.some((t) => t.startsWith('folder.yaml '))).toBe(true)
    expect(told.some((t) => /^OTHER\.YAML id must match/.test(t))).toBe(true)
  })

  it('refuses rules that watch each other in a ring, and codes that no rule has', () => {
    const path = folder('ring', {
      'first-heat.yaml': own('first-heat', 'R71', 'watches: [R72]\n'),
      'second-heat.yaml': own('second-heat', 'R72', 'watches: [R71, R79]\n'),
    })
    const { files, faults } = readRuleFiles(path)
    expect(faults.map((f) => f.message)).toEqual([
      'rules that watch each other in a ring: R71 → R72 → R71; take one of them out of watches',
    ])
    expect(watchFaults(files, files).map((f) => f.message)).toEqual([
      'watches R79: there is no such rule; wardwatch rules list names them',
    ])
  })

  it("a facility's own rules are in force beside the catalogue; they cannot take the place of one of it", () => {
    const path = folder('own', { 'own-heat.yaml': RULE })
    const rules = loadRules(CATALOGUE_DIR, { 'own-heat': { limit: 35 } }, path)
    expect(rules).toHaveLength(69)
    expect(rules.find((r) => r.code === 'R70')?.value('limit')).toBe(35)
    expect(loadRules(CATALOGUE_DIR, {}, join(dir, 'none'))).toHaveLength(68)
    writeFileSync(join(path, 'drone.yaml'), own('drone', 'R73'))
    expect(() => loadRules(CATALOGUE_DIR, {}, path)).toThrow(
      /drone\.yaml:1:1: R73 drone is already the catalogue's R06 drone/,
    )
  })
})

describe('what a site says of a rule', () => {
  const said =
    (own: unknown): (() => unknown) =>
    () =>
      loadRules(CATALOGUE_DIR, { drone: own as Record<string, unknown> })

  it.each([
    ['a number as text', { minConfidence: '90%' }, 'rules.drone.minConfidence: must be a number in ratio, 0.5 to 0.99'],
    ['no number', { minConfidence: Number.NaN }, 'rules.drone.minConfidence: must be a number in ratio, 0.5 to 0.99'],
    [
      'an endless time',
      { sustained: Number.POSITIVE_INFINITY },
      'rules.drone.sustained: must be a duration such as "3s"',
    ],
    ['a time before the beginning', { sustained: -3 }, 'rules.drone.sustained: must be a duration such as "3s"'],
    ['a unit that is none', { sustained: '3 sec' }, 'rules.drone.sustained: must be a duration such as "3s"'],
    ['no parameters', null, 'rules.drone: write parameters and their values'],
  ])('%s is refused with its unit and range', (_what, own, sentence) => {
    expect(said(own)).toThrow(sentence)
  })

  it('a rule that is named by id and by code is refused instead of one of them being ignored', () => {
    expect(() => loadRules(CATALOGUE_DIR, { drone: {}, R06: {} })).toThrow(
      /rules\.R06: R06 and drone are the same rule/,
    )
  })

  it('a fault says the line and column of the site file', () => {
    const text = 'facility: { id: x }\nrules:\n  drone:\n    sustained: 3 sec\n'
    try {
      loadRules(CATALOGUE_DIR, { drone: { sustained: '3 sec' } })
      expect.unreachable()
    } catch (error) {
      expect((placedIn(error, 'site.yaml', text) as Error).message).toMatch(
        /^site\.yaml:4:16: rules\.drone\.sustained: must be/,
      )
    }
  })

  it('a value outside the allowed range is taken, and told', () => {
    const rules = loadRules(CATALOGUE_DIR, { drone: { minConfidence: 90 }, climbing: { minConfidence: 0.1 } })
    expect(outOfRange(rules).map((o) => `${o.field.join('.')} ${o.message}`)).toEqual([
      expect.stringMatching(/^rules\.climbing\.minConfidence 0\.1 is outside .*R61 says so while it lasts$/),
      expect.stringMatching(/^rules\.drone\.minConfidence 90 is outside the allowed range 0\.5 to 0\.99 ratio/),
    ])
  })
})
