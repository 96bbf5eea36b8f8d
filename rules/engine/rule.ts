/** A rule as the engine runs it: the rule file with the site's overrides applied. Immutable data and pure answers only. */
import type { Bilingual, Domain, Level } from '#model/alert/alert.ts'

export interface ParameterSpec {
  name: string
  /** s, m, %, bpm, kV … "s" parameters accept durations ("3s", "5m") in overrides. Null: a plain value. */
  unit: string | null
  default: number | string | boolean
  min?: number
  max?: number
  zh: string
  en: string
}

export interface RuleFile {
  id: string
  code: string
  name: Bilingual
  /** prison, detox or both. */
  scope: 'prison' | 'detox' | 'both'
  /** Where it is raised live. A replay runs both. */
  tier: 'facility' | 'province'
  domain: Domain
  mandatory: boolean
  levels: Level[]
  plan: string | null
  /** Another plan from this level on. */
  planAt: Partial<Record<Level, string>>
  /** Plans to be worked beside it. */
  planAlso: string[]
  key: string[]
  inputs: string[]
  /** Codes of rules whose alert changes the operator wants to see. */
  watches: string[]
  /** Positive evidence: may be run ahead on arrival. */
  eager: boolean
  shelvable: boolean
  /** False for alerts that never join an incident. */
  incident: boolean
  operator: string
  pattern: Record<string, unknown>
  /** End of the condition: after so long without evidence, by the operator itself, or only by a person. */
  clear: { by: 'quiet'; quietMs: number } | { by: 'operator' } | { by: 'person' }
  coolDownMs: number
  parameters: ParameterSpec[]
  reasons: Record<string, Bilingual>
  description: Bilingual | null
  falsePositives: string[]
  /** First characters of the SHA-256 of the file. */
  version: string
  file: string
}

/** A pattern asks for a parameter that the file does not have, or has as something else. */
export class ParameterFault extends Error {
  readonly parameter: string
  constructor(parameter: string, message: string) {
    super(message)
    this.parameter = parameter
  }
}

/** Codes of the alerts that a rule looks at; "*" = those of every other rule, the system's own alerts (S…) excepted. */
export function watchedCodes(file: RuleFile, all: readonly Rule[]): string[] {
  if (!file.watches.includes('*')) return file.watches
  return all.map((r) => r.code).filter((code) => code !== file.code && code.startsWith('R'))
}

export class Rule {
  readonly file: RuleFile
  readonly enabled: boolean
  readonly #values: ReadonlyMap<string, number | string | boolean>

  constructor(file: RuleFile, overrides: Record<string, unknown> = {}) {
    this.file = file
    this.enabled = overrides.enabled !== false
    this.#values = new Map(
      file.parameters.map((p) => [p.name, (overrides[p.name] as number | string | boolean | undefined) ?? p.default]),
    )
  }

  get id(): string {
    return this.file.id
  }
  get code(): string {
    return this.file.code
  }

  value(name: string): number | string | boolean {
    const value = this.#values.get(name)
    if (value === undefined) {
      const names = this.file.parameters.map((p) => (p.unit === null ? p.name : `${p.name} (${p.unit})`))
      throw new ParameterFault(
        name,
        `there is no parameter "${name}"; numbers and times are named parameters, and there are ${names.join(', ') || 'none'}`,
      )
    }
    return value
  }
  /** A number, in the unit of the parameter. */
  num(name: string): number {
    const value = this.value(name)
    if (typeof value !== 'number')
      throw new ParameterFault(name, `parameter "${name}" is ${typeof value}; make it a number`)
    return value
  }
  /** A duration of a parameter with unit "s", in ms. */
  ms(name: string): number {
    const unit = this.file.parameters.find((p) => p.name === name)?.unit
    if (unit !== undefined && unit !== 's')
      throw new ParameterFault(name, `parameter "${name}" has the unit ${unit ?? 'null'}; a time is given in s`)
    return Math.round(this.num(name) * 1000)
  }
  /** What its kept state depends on: another operator, pattern or key cannot go on from it. */
  get shape(): string {
    const { operator, pattern, key, inputs, watches } = this.file
    return JSON.stringify([operator, pattern, key, inputs, watches])
  }
  values(): Record<string, number | string | boolean> {
    return Object.fromEntries(this.#values)
  }
}
