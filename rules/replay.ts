/**
 * Runs the production rules over recorded readings in virtual time (`semantics.md` 1). Reads the file as a stream and
 * keeps only the reorder window, so memory stays flat. Everything printed depends on the input alone.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ALERT_FIELDS, type AlertChange } from '#model/alert/alert.ts'
import { WardwatchError } from '#model/errors.ts'
import { parseSite, parseSiteOrThrow, type Site } from '#model/site/load.ts'
import { abilityRule, ENGINE_OPERATORS } from './ability/monitor.ts'
import type { OperatorModel } from './alerts/book.ts'
import { applyOverrides, CATALOGUE_DIR, loadRules, OWN_FOLDER, outOfRange, readRuleFiles } from './catalogue/load.ts'
import { placedIn, placeIn } from './catalogue/place.ts'
import type { CommandIo } from './cli-io.ts'
import { comparison, comparisonText, RunCollector } from './compare.ts'
import { CSV_DEVICE, type CsvColumn, CsvScores, csvRows, csvSite } from './csv.ts'
import { Engine, type EngineOptions } from './engine/engine.ts'
import type { Rule, RuleFile } from './engine/rule.ts'
import { linesOf } from './lines.ts'
import { progressBar } from './progress.ts'
import {
  outcomeOf,
  outcomesText,
  Reached,
  SCENARIO_DIR,
  type ScenarioOutcome,
  scenariosIn,
} from './scenario-outcomes.ts'
import { WhyWatch } from './why.ts'

export interface ReplayOptions {
  /** May be left out with `csv`. */
  site?: string
  readings: string
  rules?: string
  out?: string
  until?: number
  strict?: boolean
  adopt?: boolean
  restartEvery?: number
  operator?: OperatorModel
  why?: { rule: string; key: string; at: number | null }
  against?: string
  /** Folder of scenarios that `against` compares too; null: none. By default those of the project. */
  scenarios?: string | null
  json?: boolean
  ability?: boolean
  /** The readings are a CSV of timestamp,value. */
  csv?: CsvColumn
  /** Where a score per row goes. */
  scores?: string
}

export interface ReplaySummary {
  readings: number
  duplicates: number
  quarantined: number
  late: number
  recordedOnly: number
  from: number | null
  to: number | null
  alerts: Record<string, Record<string, number>>
  incidents: number
  annunciations: number
  annunciationsPerHour: Record<string, number>
}

/** A change as one line: fields always all present, in the order of the contract, null when empty. */
export function changeLine(change: AlertChange): string {
  const alert: Record<string, unknown> = {}
  for (const field of ALERT_FIELDS) alert[field] = change.alert[field] ?? null
  return JSON.stringify({ at: change.at, change: change.change, alert, by: change.by, note: change.note })
}

/** Thrown by `--strict` at the first line that cannot be read. */
export class StrictFault extends Error {}

interface RunOptions {
  site: Site
  rules: readonly Rule[]
  file: string
  /** Lines to read instead of those of the file. */
  source?: () => AsyncIterable<{ lines: string[]; bytes: number }>
  /** What is wrong with a line that is no JSON. */
  notJson?: string
  until: number | null
  strict: boolean
  adopt: boolean
  restartEvery: number
  operator: OperatorModel | null
  why?: WhyWatch
  onLine: (line: string, change: AlertChange) => void
  onBad: (sentence: string) => void
  onProgress: (bytes: number, lines: number) => void
}

/** One pass over the file. */
export async function runReplay(options: RunOptions): Promise<{ summary: ReplaySummary; engine: Engine }> {
  const { why } = options
  const make = (): Engine => new Engine(engineOptions)
  let lineNumber = 0
  const engineOptions: EngineOptions = {
    site: options.site,
    rules: options.rules,
    operators: ENGINE_OPERATORS,
    adopt: options.adopt,
    ...(options.operator ? { operatorModel: options.operator } : {}),
    ...(options.until === null ? {} : { until: options.until }),
    onChange: (change) => {
      why?.change(change)
      options.onLine(changeLine(change), change)
    },
    onRefused: (_cause, detail, device, origin) => {
      options.why?.refused(device, detail)
      bad(detail, origin)
    },
    ...(why ? { onLate: (reading) => why.late(reading) } : {}),
    ...(why && why.at !== null ? { probe: { at: why.at, look: (e) => why.look(e, why.at as number) } } : {}),
  }
  const bad = (detail: string, origin = lineNumber): void => {
    const sentence = `${options.file}:${origin || lineNumber}: ${detail}`
    if (options.strict) throw new StrictFault(sentence)
    options.onBad(sentence)
  }
  let engine = make()
  let from: number | null = null
  let to: number | null = null
  let unreadable = 0
  let sinceRestart = 0
  const take = (raw: string): void => {
    lineNumber++
    // Some editors begin a file with a mark of its encoding.
    const text = lineNumber === 1 ? raw.replace(/^\uFEFF/, '') : raw
    if (text === '' || (text.charCodeAt(0) <= 32 && text.trim() === '')) return
    let line: Record<string, unknown>
    try {
      line = JSON.parse(text)
    } catch {
      unreadable++
      bad(options.notJson ?? 'the line is not JSON; write one JSON object a line')
      return
    }
    const time = (line?.time ?? line?.received) as number | undefined
    if (options.until !== null && typeof time === 'number' && time > options.until) return
    const spoken = engine.line(line, lineNumber)
    if (spoken !== null) {
      if (from === null || spoken < from) from = spoken
      if (to === null || spoken > to) to = spoken
    }
    sinceRestart++
    if (options.restartEvery > 0 && sinceRestart >= options.restartEvery) {
      sinceRestart = 0
      const snapshot = engine.snapshot()
      engine = make()
      engine.restore(snapshot)
    }
  }
  for await (const { lines, bytes } of options.source?.() ?? linesOf(options.file)) {
    for (const text of lines) take(text)
    options.onProgress(bytes, lineNumber)
  }
  // A question about a moment after the last line: time goes on in silence until then.
  const end = options.until ?? (to !== null && why?.at ? Math.max(to, why.at) : to)
  if (end !== null) engine.finish(end)
  const totals = engine.book.totals()
  const hours = from !== null && end !== null && end > from ? (end - from) / 3_600_000 : 0
  return {
    engine,
    summary: {
      readings: engine.counts.readings,
      duplicates: engine.counts.duplicates,
      quarantined: engine.counts.quarantined + unreadable,
      late: engine.counts.late,
      recordedOnly: engine.counts.recordedOnly,
      from,
      to: end,
      alerts: totals.alerts,
      incidents: totals.incidents,
      annunciations: totals.annunciations,
      annunciationsPerHour: Object.fromEntries(
        Object.entries(totals.sounded).map(([desk, n]) => [
          desk,
          hours > 0 ? Math.round((n / hours) * 1000) / 1000 : n,
        ]),
      ),
    },
  }
}

/** Rows of a CSV as lines of a replay, each in its place; their scores are written on the way. */
async function* csvLines(
  file: string,
  { type, field }: CsvColumn,
  scoresFile: string | null,
): AsyncGenerator<{ lines: string[]; bytes: number }> {
  let rows = 0
  for await (const _ of csvRows(file)) rows++
  const scores = scoresFile === null ? null : { file: await open(scoresFile, 'w'), rows: new CsvScores(rows) }
  let lines: string[] = []
  let scored: string[] = [CsvScores.HEADER]
  let read = 0
  let bytes = 0
  try {
    for await (const row of csvRows(file)) {
      // Blank lines and the heading keep their numbers.
      for (; read + 1 < row.line; read++) lines.push('')
      read++
      bytes += row.timestamp.length + row.text.length + 2
      const { time, value } = row
      const reading = { device: CSV_DEVICE, type, time, value: { [field]: value } }
      lines.push(time === null || value === null ? 'no reading' : JSON.stringify(reading))
      if (scores) scored.push(scores.rows.row(row))
      if (lines.length < 5_000) continue
      yield { lines, bytes }
      lines = []
      await scores?.file.write(`${scored.join('\n')}\n`)
      scored = []
    }
    yield { lines, bytes }
    if (scored.length > 0) await scores?.file.write(`${scored.join('\n')}\n`)
  } finally {
    await scores?.file.close()
  }
}

/** @param warn told of every name in it that leads nowhere. */
export function readSite(file: string, warn: (sentence: string) => void = () => undefined): Site {
  if (!existsSync(file))
    throw new WardwatchError('site-invalid', `${file}: there is no such file; give the site file with --site`)
  const text = readFileSync(file, 'utf8')
  for (const { line, column, field, message } of parseSite(text).warnings)
    warn(`${file}:${line}:${column}: warning: ${field}: ${message}`)
  return parseSiteOrThrow(text, file)
}

/** The rules of a folder as the site sets them; a fault of the section `rules:` says where in the site file it stands. */
function siteRules(site: Site, file: string | undefined, dir: string, own: string | null): Rule[] {
  try {
    return loadRules(dir, ofThese(site.rules ?? {}, dir), own)
  } catch (error) {
    throw file === undefined ? error : placedIn(error, file, readFileSync(file, 'utf8'))
  }
}

/** What the site says of rules of the catalogue that a folder leaves out is no fault of the site. */
function ofThese(said: NonNullable<Site['rules']>, dir: string): NonNullable<Site['rules']> {
  if (dir === CATALOGUE_DIR) return said
  const namesOf = (folder: string): Set<string> =>
    new Set(readRuleFiles(folder).files.flatMap((file) => [file.id, file.code]))
  const [here, catalogue] = [namesOf(dir), namesOf(CATALOGUE_DIR)]
  return Object.fromEntries(Object.entries(said).filter(([name]) => here.has(name) || !catalogue.has(name)))
}

/** Lines are text: a packed file would be refused line by line. */
function refusePacked(file: string): void {
  if (!statSync(file).isFile()) return
  const head = Buffer.alloc(2)
  const handle = openSync(file, 'r')
  try {
    readSync(handle, head, 0, 2, 0)
  } finally {
    closeSync(handle)
  }
  if (head[0] === 0x1f && head[1] === 0x8b)
    throw new WardwatchError(
      'usage',
      `${file}: the file is packed; give it unpacked: gzip -dc ${file} > readings.ndjson`,
    )
}

function warnOfRanges(rules: readonly Rule[], file: string, io: CommandIo): void {
  const odd = outOfRange(rules)
  const text = odd.length > 0 ? readFileSync(file, 'utf8') : ''
  for (const { field, message } of odd) {
    const { line, column } = placeIn(text, field)
    io.err(`${file}:${line}:${column}: warning: ${field.join('.')}: ${message}\n`)
  }
}

/** `wardwatch replay`. Exit codes: 0 done, 1 wrong arguments or files, 2 a bad line with --strict. */
export async function replay(options: ReplayOptions, io: CommandIo): Promise<number> {
  const { csv } = options
  if (options.site === undefined && !csv)
    throw new WardwatchError('usage', 'replay needs a site file; give it with --site')
  const site = options.site === undefined ? csvSite(csv as CsvColumn) : readSite(options.site, (t) => io.err(`${t}\n`))
  if (!existsSync(options.readings))
    throw new WardwatchError(
      'usage',
      `${options.readings}: there is no such file; give NDJSON readings with --readings`,
    )
  refusePacked(options.readings)
  // The facility's own rules run in a replay as they run live; a folder that is named stands for the whole set.
  const own = options.site === undefined ? null : join(dirname(options.site), OWN_FOLDER)
  const rulesOf = (dir?: string): Rule[] => [
    ...siteRules(site, options.site, dir ?? CATALOGUE_DIR, dir === undefined ? own : null),
    // The answer of `--why` also says where a rule cannot fire; nothing is printed of it.
    ...(options.ability || options.why ? [abilityRule()] : []),
  ]
  const rules = rulesOf(options.rules)
  if (options.site !== undefined) warnOfRanges(rules, options.site, io)
  const quiet = options.why !== undefined || options.against !== undefined
  const out = options.out && !quiet ? await open(options.out, 'w') : null
  let buffer: string[] = []
  const pending: Promise<unknown>[] = []
  const flush = (): void => {
    if (buffer.length === 0) return
    const text = `${buffer.join('\n')}\n`
    buffer = []
    if (out) pending.push(out.write(text))
    else io.out(text)
  }
  const progress = progressBar(io, statSync(options.readings).size, options.against === undefined ? 1 : 2)
  const common = {
    site,
    file: options.readings,
    until: options.until ?? null,
    strict: options.strict ?? false,
    // The device of a CSV belongs to no facility.
    adopt: (options.adopt ?? false) || csv !== undefined,
    restartEvery: options.restartEvery ?? 0,
    operator: options.operator ?? null,
    onBad: (sentence: string) => io.err(`${sentence}\n`),
    onProgress: progress.show,
    ...(csv
      ? {
          source: () => csvLines(options.readings, csv, options.scores ?? null),
          notJson: 'the row has no time or no number; write timestamp,value',
        }
      : {}),
  }
  try {
    if (options.against !== undefined)
      return await compare(options, common, rules, rulesOf(options.against), io, progress.end)
    const why = options.why ? new WhyWatch(options.why, rules) : null
    const { summary, engine } = await runReplay({
      ...common,
      rules,
      ...(why ? { why } : {}),
      onLine: (line) => {
        if (!why && buffer.push(line) >= 500) flush()
      },
    })
    flush()
    await Promise.all(pending)
    progress.end()
    if (why) {
      io.out(`${JSON.stringify(why.answer(engine))}\n`)
      return 0
    }
    const text = options.json ? `${JSON.stringify(summary)}\n` : summaryText(summary)
    if (out) io.out(text)
    else io.err(text)
    return 0
  } catch (error) {
    if (!(error instanceof StrictFault)) throw error
    flush()
    io.err(`${error.message}\n`)
    return 2
  } finally {
    progress.end()
    await Promise.allSettled(pending)
    await out?.close()
  }
}

export function summaryText(s: ReplaySummary): string {
  const iso = (ms: number | null): string => (ms === null ? '—' : new Date(ms).toISOString())
  const rows = Object.entries(s.alerts).map(
    ([code, levels]) =>
      `  ${code}  ${Object.entries(levels)
        .map(([level, n]) => `${level} ${n}`)
        .join(', ')}`,
  )
  return [
    `${s.readings} readings, ${s.duplicates} duplicates, ${s.quarantined} quarantined, ${s.late} late, ${s.recordedOnly} recorded only`,
    `${iso(s.from)} to ${iso(s.to)}`,
    rows.length > 0 ? `alerts\n${rows.join('\n')}` : 'no alerts',
    `${s.incidents} incidents, ${s.annunciations} annunciations (${Object.entries(s.annunciationsPerHour)
      .map(([desk, n]) => `${desk} ${n} per hour`)
      .join(', ')})`,
    '',
  ].join('\n')
}

/** `--against`: the same readings through both sets of rules, and all scenarios through both. */
async function compare(
  options: ReplayOptions,
  common: Omit<RunOptions, 'rules' | 'onLine'>,
  rules: readonly Rule[],
  other: readonly Rule[],
  io: CommandIo,
  endProgress: () => void,
): Promise<number> {
  const run = async (set: readonly Rule[]) => {
    const collector = new RunCollector(common.site)
    const { summary } = await runReplay({ ...common, rules: set, onLine: (_line, change) => collector.take(change) })
    return { alerts: collector.alerts, load: collector.load(summary.from, summary.to), summary }
  }
  const result = comparison(await run(rules), await run(other))
  endProgress()
  const dir = options.scenarios === undefined ? (existsSync(SCENARIO_DIR) ? SCENARIO_DIR : null) : options.scenarios
  const ids = dir === null ? [] : scenariosIn(dir)
  const scenarios = dir === null ? [] : await scenarioOutcomes(dir, ids, options, io)
  if (options.json) io.out(`${JSON.stringify({ ...result, scenarios, scenariosCompared: ids.length })}\n`)
  else io.out(comparisonText(result) + (dir === null ? '' : outcomesText(scenarios, ids.length)))
  return 0
}

/** Both sets of rules with the overrides of each scenario's own site. */
async function scenarioOutcomes(
  dir: string,
  ids: readonly string[],
  options: ReplayOptions,
  io: CommandIo,
): Promise<ScenarioOutcome[]> {
  const outcomes: ScenarioOutcome[] = []
  const [base, against] = [options.rules ?? CATALOGUE_DIR, options.against as string].map((d) => readRuleFiles(d).files)
  for (const [i, id] of ids.entries()) {
    if (io.isTerminal) io.err(`\rscenario ${i + 1} of ${ids.length} `)
    const site = readSite(join(dir, id, 'site.yaml'))
    const reachedBy = async (files: readonly RuleFile[]): Promise<Reached> => {
      const known = new Set(files.flatMap((f) => [f.id, f.code]))
      const overrides = Object.fromEntries(Object.entries(site.rules ?? {}).filter(([name]) => known.has(name)))
      const reached = new Reached()
      await runReplay({
        ...plainRun,
        site,
        file: join(dir, id, 'readings.ndjson'),
        rules: applyOverrides(files, overrides),
        onLine: (_line, change) => reached.take(change),
      })
      return reached
    }
    const outcome = outcomeOf(dir, id, await reachedBy(base ?? []), await reachedBy(against ?? []))
    if (outcome) outcomes.push(outcome)
  }
  if (io.isTerminal) io.err('\n')
  return outcomes
}

const plainRun = {
  until: null,
  strict: false,
  adopt: false,
  restartEvery: 0,
  operator: null,
  onBad: () => {},
  onProgress: () => {},
}
