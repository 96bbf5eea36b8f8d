import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { type Expected, readStory, SCENARIO_ROOT, type Story, scenarioIds } from './story.ts'

const stories = scenarioIds().map((id) => readStory(id))
const rules = loadRules(CATALOGUE_DIR).map((rule) => rule.file)

/** What the story itself says, beside ordinary life: types of readings, and "silence". */
function saidBy(story: Story): Set<string> {
  const said = new Set<string>()
  for (const beat of story.timeline) {
    const moved = [beat.walk ?? beat.stay ?? []].flat()
    for (const device of moved) said.add(device.endsWith('T') ? 'tag.position' : 'band.position')
    if (beat.vitals) said.add('band.vitals')
    if (beat.silent || beat.via) said.add('silence')
    if (beat.type) said.add(beat.type)
  }
  return said
}

/** What looks like the rule's case where its inputs do not tell it. */
const LOOKS_LIKE: Record<string, string[]> = {
  // A card that is refused or taken, and no more.
  R14: ['access.denied', 'access.granted'],
  // A rule about every device: one that says nothing, but not for long enough.
  R29: ['silence'],
}

/** Does a near-miss come close to the rule: by a reading that the rule reads, or an alert that it is composed of? */
function resembles(rule: (typeof rules)[number], { story, expected }: { story: Story; expected: Expected }): boolean {
  const said = saidBy(story)
  if ((LOOKS_LIKE[rule.code] ?? rule.inputs).some((type) => said.has(type))) return true
  return (
    rule.inputs.length === 0 &&
    expected.alerts.some((row) => rule.watches.some((code) => code === '*' || code === row.code))
  )
}

describe('every rule of the catalogue', () => {
  it('is one of 68', () => expect(rules.map((rule) => rule.code)).toHaveLength(68))

  it.each(rules.map((rule) => [rule.code, rule.name.en, rule] as const))(
    '%s %s is raised by a scenario, and kept silent by a near-miss that looks like it',
    (code, _name, rule) => {
      const raising = stories.filter(({ expected }) => expected.alerts.some((row) => row.code === code))
      expect(raising.map(({ story }) => story.id)).not.toEqual([])
      const near = stories.filter(
        ({ story, expected }) => story.id.startsWith('NM-') && (expected.silent ?? []).includes(code),
      )
      expect(near.filter((n) => resembles(rule, n)).map(({ story }) => story.id)).not.toEqual([])
    },
  )

  it('reaches every level that it can have in some scenario, or is tested to in the cases beside it', () => {
    const missing: string[] = []
    for (const rule of rules) {
      const cases = readFileSync(join(CATALOGUE_DIR, `${rule.id}.cases`), 'utf8')
      for (const level of rule.levels) {
        const told = stories.some(({ expected }) =>
          expected.alerts.some((r) => r.code === rule.code && r.level === level),
        )
        if (!told && !new RegExp(`\\b${level}\\b`).test(cases)) missing.push(`${rule.code} ${level}`)
      }
    }
    expect(missing).toEqual([])
  })
})

describe('the published scenarios', () => {
  const design = readFileSync(join(import.meta.dirname, '../../docs/design/scenarios.md'), 'utf8')
  const rows = [...design.matchAll(/^\| ((?:INC|NM)-\d+) ([^|]*)\|[^|]*\|([^|]*)\|$/gm)].map(([, id, name, told]) => ({
    id: id as string,
    name: name as string,
    told: (told as string).replaceAll('*', ''),
  }))

  it('all stand as folders', () => {
    expect(rows.length).toBeGreaterThanOrEqual(12)
    expect(scenarioIds()).toEqual(expect.arrayContaining(rows.map((r) => r.id)))
  })

  it.each(rows.filter((r) => r.id.startsWith('INC-')))(
    '$id is expected as published, to the second',
    ({ id, told }) => {
      const { expected } = readStory(id)
      const wanted: { code: string; level: string | undefined; by: number }[] = []
      let code = ''
      for (const [, named, level, by] of told.matchAll(/(?:(R\d\d)\s*)?(?:\b(red|orange|yellow|blue)\s*)?≤(\d+)/g)) {
        if (!named && !level) continue
        code = named ?? code
        wanted.push({ code, level, by: Number(by) })
      }
      expect(wanted.length).toBeGreaterThan(2)
      for (const { code, level, by } of wanted) {
        const row = expected.alerts.find(
          (r) => r.code === code && (level === undefined || r.level === level) && r.by <= by,
        )
        expect(row, `${code} ${level ?? ''} ≤${by}`).toBeDefined()
      }
      const silent =
        /((?:R\d\d )+)(?:not|must stay silent)|silent:? ((?:R\d\d ?)+)/.exec(told)?.[1]?.trim().split(' ') ?? []
      for (const code of silent) expect(expected.silent ?? [], `${code} silent`).toContain(code)
    },
  )

  it.each(rows.filter((r) => r.id.startsWith('NM-')))('$id keeps silent what is published', ({ id, told }) => {
    const { expected } = readStory(id)
    const silent = [...told.matchAll(/no ((?:R\d\d\/?)+)|\(((?:R\d\d,? ?)+)silent\)/g)].flatMap(([, a, b]) =>
      (a ?? b ?? '').split(/[/, ]+/).filter(Boolean),
    )
    for (const code of silent) expect(expected.silent ?? [], `${code} silent`).toContain(code)
    if (told.trim().startsWith('nothing')) expect(expected.alerts.filter((row) => row.level !== 'blue')).toEqual([])
  })

  it('each carries the name of its folder and stands in the list', () => {
    const list = readFileSync(join(SCENARIO_ROOT, 'README.md'), 'utf8')
    for (const [i, id] of scenarioIds().entries()) {
      expect(stories[i]?.story.id).toBe(id)
      expect(list).toContain(`| ${id} |`)
    }
  })

  it('expect of a near-miss nothing red that is not a plain button', () => {
    for (const { story, expected } of stories)
      if (story.id.startsWith('NM-') && story.id !== 'NM-12')
        expect(
          expected.alerts.filter((row) => row.level === 'red' && row.code !== 'R39'),
          story.id,
        ).toEqual([])
  })
})
