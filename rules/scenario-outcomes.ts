/**
 * What another set of rules makes of the recorded scenarios: which alerts each gains and loses, which of the expected rows
 * are met no more (or now), and which rules that must stay silent speak. Reads the folders as data, runs both sets.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { AlertChange, Level } from '#model/alert/alert.ts'
import { WardwatchError } from '#model/errors.ts'

/** The scenarios of the project; a folder each with site.yaml, readings.ndjson and expected.yaml. */
export const SCENARIO_DIR = join(import.meta.dirname, '../simulators/scenarios')

export interface ScenarioOutcome {
  id: string
  /** "R04 ROOF red", in order of time. */
  gained: string[]
  lost: string[]
  /** Rows of expected.yaml that only the other set of rules meets, or only this one. */
  rowsMet: string[]
  rowsMissed: string[]
  /** Rules that expected.yaml wants silent and that only the other set raises, or only this one. */
  silentBroken: string[]
  silentKept: string[]
}

interface Expected {
  alerts?: { code: string; key?: string; level: string }[]
  silent?: string[]
}

/** Ids of the scenarios in a folder. @throws WardwatchError when there are none. */
export function scenariosIn(dir: string): string[] {
  const ids = existsSync(dir)
    ? readdirSync(dir)
        .filter((id) => existsSync(join(dir, id, 'site.yaml')) && existsSync(join(dir, id, 'readings.ndjson')))
        .sort()
    : []
  if (ids.length === 0)
    throw new WardwatchError(
      'usage',
      `${dir}: there are no scenarios; give a folder of folders with site.yaml and readings.ndjson, or --scenarios none`,
    )
  return ids
}

/** Levels that alerts reached, each once, as text. */
export class Reached {
  readonly #reached: { code: string; key: string; level: Level }[] = []
  take({ change, by, alert: { code, key, level } }: AlertChange): void {
    if (change === 'raised' || (change === 'escalated' && by === null)) this.#reached.push({ code, key, level })
  }
  texts(): string[] {
    return [...new Set(this.#reached.map((r) => `${r.code} ${r.key} ${r.level}`))]
  }
  meets(row: { code: string; key?: string; level: string }): boolean {
    return this.#reached.some(
      (r) => r.code === row.code && r.level === row.level && (row.key === undefined || row.key === r.key),
    )
  }
  speaks(code: string): boolean {
    return this.#reached.some((r) => r.code === code)
  }
}

/** What differs; null when nothing does. */
export function outcomeOf(dir: string, id: string, base: Reached, against: Reached): ScenarioOutcome | null {
  const path = join(dir, id, 'expected.yaml')
  const expected = (existsSync(path) ? parse(readFileSync(path, 'utf8')) : {}) as Expected
  const [was, is] = [base.texts(), against.texts()]
  const rows = expected.alerts ?? []
  const only = (a: Reached, b: Reached): string[] =>
    rows.filter((row) => a.meets(row) && !b.meets(row)).map((r) => [r.code, r.key, r.level].filter(Boolean).join(' '))
  const speaks = (a: Reached, b: Reached): string[] =>
    (expected.silent ?? []).filter((code) => a.speaks(code) && !b.speaks(code))
  const outcome: ScenarioOutcome = {
    id,
    gained: is.filter((text) => !was.includes(text)),
    lost: was.filter((text) => !is.includes(text)),
    rowsMet: only(against, base),
    rowsMissed: only(base, against),
    silentBroken: speaks(against, base),
    silentKept: speaks(base, against),
  }
  return outcome.gained.length + outcome.lost.length > 0 ? outcome : null
}

export function outcomesText(outcomes: readonly ScenarioOutcome[], count: number): string {
  const lines = outcomes.flatMap((o) => [
    `  ${o.id}\n`,
    ...o.gained.map((text) => `    + ${text}\n`),
    ...o.lost.map((text) => `    − ${text}\n`),
    ...o.rowsMissed.map((text) => `    ! expected and met no more: ${text}\n`),
    ...o.rowsMet.map((text) => `    ✓ expected and met now: ${text}\n`),
    ...o.silentBroken.map((text) => `    ! must stay silent: ${text}\n`),
    ...o.silentKept.map((text) => `    ✓ silent now: ${text}\n`),
  ])
  return `scenarios with another outcome: ${outcomes.length} of ${count}\n${lines.join('')}`
}
