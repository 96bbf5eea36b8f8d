/**
 * The rules of an edge from their files: the catalogue as the site sets it, and the drafts that run in shadow. A draft that
 * cannot be read never holds up the rules in force.
 */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { Clock } from '#model/clock.ts'
import type { RuleInfo } from '#model/ports/facility.ts'
import type { RawReading } from '#model/reading.ts'
import type { Site } from '#model/site/load.ts'
import {
  CATALOGUE_DIR,
  DRAFT_FOLDER,
  draftRules,
  loadRules,
  OWN_FOLDER,
  outOfRange,
  shadowRules,
} from '#rules/catalogue/load.ts'
import { placedIn } from '#rules/catalogue/place.ts'
import { ruleInfos } from '#rules/commands.ts'
import type { Rule } from '#rules/engine/rule.ts'
import type { LiveRules } from '#rules/live.ts'
import type { Intake } from '../intake.ts'
import type { Log } from '../log.ts'

export interface RuleSetPart {
  siteFile: string
  /** Device id of the edge itself. */
  self: string
  clock: Clock
  log: Log
  intake: Intake
  ledger: EdgeLedger
  /** The rules that run; undefined before the first start. */
  running(): LiveRules | undefined
}

export interface LoadedRules {
  rules: Rule[]
  drafts: Rule[]
}

export class RuleSet {
  readonly #part: RuleSetPart
  readonly #draftDir: string
  /** The facility's own rules, in force beside the catalogue. */
  readonly #ownDir: string
  /** Whose changes are worth a new look. */
  readonly folders: readonly string[]

  constructor(part: RuleSetPart) {
    this.#part = part
    this.#draftDir = join(dirname(part.siteFile), DRAFT_FOLDER)
    this.#ownDir = join(dirname(part.siteFile), OWN_FOLDER)
    this.folders = [CATALOGUE_DIR, this.#ownDir, this.#draftDir]
  }

  /** Parameters in the site file, rule files beside it. Throws a `WardwatchError` when the rules in force are wrong. */
  load(overrides: NonNullable<Site['rules']>): LoadedRules {
    const rules = this.#inForce(overrides)
    const drafts = shadowRules(rules, overrides)
    try {
      return { rules, drafts: [...drafts, ...draftRules(this.#draftDir, rules, overrides)] }
    } catch (error) {
      // Nothing that only would raise may hold up what does raise: the drafts of before go on.
      this.#part.log.error('rules.draft-refused', { message: (error as Error).message })
      const running = (this.#part.running()?.drafts ?? []).filter((d) => dirname(d.file.file) === this.#draftDir)
      return { rules, drafts: [...drafts, ...running.filter((d) => !drafts.some((x) => x.id === d.id))] }
    }
  }

  #inForce(overrides: NonNullable<Site['rules']>): Rule[] {
    const { siteFile, log } = this.#part
    let rules: Rule[]
    try {
      rules = loadRules(CATALOGUE_DIR, overrides, this.#ownDir)
    } catch (error) {
      throw existsSync(siteFile) ? placedIn(error, siteFile, readFileSync(siteFile, 'utf8')) : error
    }
    for (const { field, message } of outOfRange(rules))
      log.warn('rules.out-of-range', { field: field.join('.'), message })
    return rules
  }

  infos(): RuleInfo[] {
    const running = this.#part.running()
    return running ? ruleInfos(running.rules, running.shadow(), running.drafts) : []
  }

  /** Other rules from now on: told to the log and the ledger, and to R61 as changes of configuration. */
  async replace({ rules, drafts }: LoadedRules): Promise<number> {
    const { clock, log, self } = this.#part
    const running = this.#part.running()
    if (!running) return 0
    const draftsChanged = saying(running.drafts) !== saying(drafts)
    const changes = running.replace(rules, drafts)
    if (draftsChanged) log.info('rules.drafts', { drafts: drafts.map((d) => d.id) })
    if (changes.length === 0) return draftsChanged ? 1 : 0
    for (const change of changes) log.info('rules.changed', { ...change })
    const time = clock.now()
    const told = changes.flatMap(({ rule, what, field, from, to }): RawReading[] => {
      if (what === 'text') return []
      const value = { what: 'rule', id: rule, by: 'site-file', field: field ?? what, from, to }
      return [{ device: self, type: 'config.changed', time, value }]
    })
    await this.#part.intake.accept(told, 'edge')
    await this.#part.ledger.append([{ kind: 'note', by: 'site-file', payload: { what: 'rules', at: time, changes } }])
    return changes.length
  }
}

const saying = (list: readonly Rule[]): string =>
  list.map((d) => `${d.id} ${d.file.version} ${JSON.stringify(d.values())}`).join('\n')
