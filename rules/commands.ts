/** The commands of this folder: `replay`, `rules check`, `rules test`, `rules list`. Floor 3 registers them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Command } from 'commander'
import { WardwatchError } from '#model/errors.ts'
import type { RuleInfo } from '#model/ports/facility.ts'
import type { OperatorModel } from './alerts/book.ts'
import { rewriteCases } from './cases/case-file.ts'
import { casesPathOf, readCases, runCasesOf } from './cases/run.ts'
import { CATALOGUE_DIR, readRuleFiles, watchFaults } from './catalogue/load.ts'
import type { CommandIo } from './cli-io.ts'
import { csvColumn } from './csv.ts'
import { secondsOf } from './durations.ts'
import { Rule, type RuleFile } from './engine/rule.ts'
import { type ReplayOptions, replay } from './replay.ts'
import type { ShadowTally } from './shadow.ts'

export const processIo: CommandIo = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY === true,
}

/** Rules of a folder may watch those of the catalogue. */
const withCatalogue = (files: readonly RuleFile[]): RuleFile[] => [
  ...files,
  ...readRuleFiles(CATALOGUE_DIR).files.filter((c) => !files.some((f) => f.code === c.code || f.id === c.id)),
]

/** `rules check [DIR]`: 0 when every rule file is right and has its three kinds of cases, 1 otherwise. */
export function checkRules(dir: string | undefined, options: { json?: boolean }, io: CommandIo): number {
  const { files, faults } = readRuleFiles(dir ?? CATALOGUE_DIR)
  for (const file of files) faults.push(...readCases(file).faults)
  faults.push(...watchFaults(files, withCatalogue(files)))
  const wrong = new Set(faults.map((f) => f.file.replace(/\.[^.]*$/, '')))
  const right = files.filter((file) => !wrong.has(file.file.replace(/\.[^.]*$/, ''))).length
  if (options.json) io.out(`${JSON.stringify({ rules: files.length, right, faults })}\n`)
  else {
    for (const f of faults) io.err(`${relative(process.cwd(), f.file)}:${f.line}:${f.column}: ${f.message}\n`)
    io.out(`${right} rules are right, ${faults.length} faults\n`)
  }
  return faults.length === 0 ? 0 : 1
}

/** `rules test [DIR] [--rewrite]`: runs the cases beside the rules. */
export function testRules(
  dir: string | undefined,
  options: { rewrite?: boolean; json?: boolean; only?: string },
  io: CommandIo,
): number {
  const { files, faults } = readRuleFiles(dir ?? CATALOGUE_DIR)
  const problems = faults.map((f) => `${f.file}:${f.line}:${f.column}: ${f.message}`)
  let cases = 0
  let passed = 0
  const all = withCatalogue(files)
  for (const file of files) {
    if (options.only !== undefined && options.only !== file.id && options.only !== file.code) continue
    const { results, faults: own } = runCasesOf(file, all)
    problems.push(...own)
    cases += results.length
    if (options.rewrite && results.length > 0) {
      const path = casesPathOf(file)
      const text = readFileSync(path, 'utf8')
      const fresh = rewriteCases(text, new Map(results.map((r) => [r.case, r.got])))
      if (fresh !== text) writeFileSync(path, fresh)
      passed += results.length
    } else
      for (const result of results) {
        problems.push(...result.problems)
        if (result.problems.length === 0) passed++
      }
  }
  if (options.json) io.out(`${JSON.stringify({ rules: files.length, cases, passed, problems })}\n`)
  else {
    for (const problem of problems) io.err(`${problem}\n`)
    io.out(`${cases} cases of ${files.length} rules, ${passed} pass, ${problems.length} problems\n`)
  }
  return problems.length === 0 ? 0 : 1
}

/** Ids, codes, domains, keys, inputs, parameters with units and ranges; and what drafts would have raised. */
export function ruleInfos(
  rules: readonly Rule[],
  shadow: readonly ShadowTally[] = [],
  draftRules: readonly Rule[] = [],
): RuleInfo[] {
  const drafts = new Map(
    shadow.map(({ rule, version, values, since, raised, lastAt, alerts }) => [
      rule,
      { version, values, since, raised, lastAt, alerts },
    ]),
  )
  // A draft of a new rule is listed as what it is: a rule that is not in force.
  const fresh = draftRules.filter((d) => !rules.some((r) => r.id === d.id))
  return [...rules, ...fresh].map((rule) => {
    const draft = drafts.get(rule.id)
    const f = rule.file
    return {
      id: f.id,
      code: f.code,
      name: f.name,
      domain: f.domain,
      mandatory: f.mandatory,
      key: f.key,
      inputs: f.inputs,
      levels: f.levels,
      plan: f.plan,
      ...(Object.keys(f.planAt).length > 0 ? { planAt: f.planAt } : {}),
      ...(f.planAlso.length > 0 ? { planAlso: f.planAlso } : {}),
      version: f.version,
      enabled: rule.enabled && !fresh.includes(rule),
      parameters: f.parameters.map((p) => ({
        name: p.name,
        unit: p.unit,
        default: p.default,
        value: rule.value(p.name),
        ...(p.min === undefined ? {} : { min: p.min }),
        ...(p.max === undefined ? {} : { max: p.max }),
        description: { zh: p.zh, en: p.en },
      })),
      reasons: f.reasons,
      ...(f.description ? { description: f.description } : {}),
      falsePositives: f.falsePositives,
      ...(draft ? { shadow: draft } : {}),
    }
  })
}

/** `rules list`. */
export function listRules(dir: string | undefined, options: { json?: boolean }, io: CommandIo): number {
  const { files } = readRuleFiles(dir ?? CATALOGUE_DIR)
  const infos = ruleInfos(files.map((f) => new Rule(f)))
  if (options.json) io.out(`${JSON.stringify(infos)}\n`)
  else
    for (const r of infos)
      io.out(
        `${r.code}  ${r.id}${r.mandatory ? ' *' : ''}  ${r.name.zh}  ${r.levels.join('/')}  key ${r.key.join('|')}\n`,
      )
  return 0
}

function timeOf(text: string, option: string): number {
  const number = Number(text)
  const ms = text.trim() !== '' && Number.isFinite(number) ? number : Date.parse(text)
  if (Number.isNaN(ms)) throw new WardwatchError('usage', `${option} ${text}: give ms since 1970 UTC or RFC 3339`)
  return ms
}

export function operatorModel(text: string): OperatorModel {
  const model: OperatorModel = { ackMs: null, resolveMs: null }
  for (const part of text.split(',')) {
    const [name, value] = part.split('=')
    const seconds = secondsOf(value !== undefined && !Number.isNaN(Number(value)) ? Number(value) : value)
    if ((name !== 'ack' && name !== 'resolve') || seconds === null || seconds < 0)
      throw new WardwatchError('usage', `--operator ${text}: write ack=SECONDS,resolve=SECONDS`)
    if (name === 'ack') model.ackMs = Math.round(seconds * 1000)
    else model.resolveMs = Math.round(seconds * 1000)
  }
  return model
}

/** Runs a command and turns what it throws into one sentence and an exit code. */
export async function guarded(run: () => Promise<number> | number, io: CommandIo): Promise<number> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof WardwatchError)) throw error
    io.err(`${error.message}\n`)
    return 1
  }
}

/** Adds `replay` and `rules` to the program of floor 3. `exit` receives the exit code. */
export function registerRulesCommands(
  program: Command,
  io: CommandIo = processIo,
  exit = (code: number): void => {
    process.exitCode = code
  },
): void {
  program
    .command('replay')
    .description('run the production rules over recorded readings in virtual time')
    .option('--site <file>', 'site file of the facility; may be left out with --csv')
    .requiredOption('--readings <file>', 'NDJSON: readings, context changes and acts, one a line, in order of arrival')
    .option('--rules <dir>', 'folder of rule files instead of the built-in catalogue')
    .option('--out <file>', 'write the change lines here; the summary then goes to standard output')
    .option('--until <time>', 'end of the run: ms since 1970 UTC or RFC 3339')
    .option('--strict', 'stop at the first line that cannot be read (exit 2)')
    .option('--adopt', 'take unknown devices as devices of the zone of their reading')
    .option('--restart-every <n>', 'test aid: drop all state after every N lines and restore it from a snapshot')
    .option('--operator <model>', 'a modelled operator, seconds: ack=20,resolve=120')
    .option('--why <rule>', 'explain why an alert of this rule came or did not come')
    .option('--key <key>', 'key of the alert for --why')
    .option('--at <time>', 'instant for --why')
    .option('--against <dir>', 'compare with another folder of rules: alerts gained and lost, operator load, scenarios')
    .option(
      '--scenarios <dir>',
      'with --against: folder of scenarios to compare too, or none (default: all of the project)',
    )
    .option(
      '--csv <type=field>',
      'the readings are a CSV of timestamp,value of one device, e.g. env.temperature=celsius',
    )
    .option('--scores <file>', 'with --csv: how unusual each row is, as timestamp,value,anomaly_score')
    .option('--ability', 'also say where rules cannot fire (S01)')
    .option('--json', 'the summary as one JSON object')
    .action(async (o: Record<string, string | boolean | undefined>) => {
      exit(
        await guarded(() => {
          if (o.why !== undefined && o.key === undefined)
            throw new WardwatchError('usage', '--why needs --key; the key parts stand in rules list')
          const every = o.restartEvery === undefined ? 0 : Number(o.restartEvery)
          if (!Number.isInteger(every) || every < 0)
            throw new WardwatchError('usage', '--restart-every needs a number of lines')
          const options: ReplayOptions = {
            ...(typeof o.site === 'string' ? { site: o.site } : {}),
            readings: o.readings as string,
            restartEvery: every,
            strict: o.strict === true,
            adopt: o.adopt === true,
            json: o.json === true,
            ability: o.ability === true,
          }
          if (typeof o.rules === 'string') options.rules = o.rules
          if (typeof o.out === 'string') options.out = o.out
          if (typeof o.until === 'string') options.until = timeOf(o.until, '--until')
          if (typeof o.operator === 'string') options.operator = operatorModel(o.operator)
          if (typeof o.csv === 'string') options.csv = csvColumn(o.csv)
          if (typeof o.scores === 'string') options.scores = o.scores
          if (options.scores !== undefined && !options.csv)
            throw new WardwatchError('usage', '--scores needs --csv: scores are of one series')
          if (typeof o.against === 'string') options.against = o.against
          if (typeof o.scenarios === 'string') options.scenarios = o.scenarios === 'none' ? null : o.scenarios
          if (typeof o.why === 'string')
            options.why = {
              rule: o.why,
              key: o.key as string,
              at: typeof o.at === 'string' ? timeOf(o.at, '--at') : null,
            }
          return replay(options, io)
        }, io),
      )
    })
  const rules = program.command('rules').description('the rule files: check, test, list')
  rules
    .command('check [dir]')
    .description('validate rule files and that each has its kinds of cases; faults with line and column')
    .option('--json', 'as JSON')
    .action(async (dir: string | undefined, o: { json?: boolean }) =>
      exit(await guarded(() => checkRules(dir, o, io), io)),
    )
  rules
    .command('test [dir]')
    .description('run the cases beside the rules')
    .option('--rewrite', 'write the expected lines anew; read the diff')
    .option('--only <rule>', 'only this rule: id or code')
    .option('--json', 'as JSON')
    .action(async (dir: string | undefined, o: { rewrite?: boolean; json?: boolean; only?: string }) =>
      exit(await guarded(() => testRules(dir, o, io), io)),
    )
  rules
    .command('list [dir]')
    .description('ids, codes, domains, keys, inputs, parameters')
    .option('--json', 'as JSON')
    .action(async (dir: string | undefined, o: { json?: boolean }) =>
      exit(await guarded(() => listRules(dir, o, io), io)),
    )
}
