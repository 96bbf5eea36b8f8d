/**
 * Replays a scenario's recording with the production rules and scores it: every expected row by its second, rules that
 * must stay silent, nothing else of a serious colour, one incident where one is told, the same bytes twice, and the same
 * bytes again when the lines come in another order and some of them twice.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AlertChange, levelRank } from '#model/alert/alert.ts'
import { replay } from '#rules/replay.ts'
import { seededChance } from '../chance.ts'
import { type Expected, readStory, SCENARIO_ROOT, scenarioIds } from './story.ts'

export interface Score {
  id: string
  passed: boolean
  rows: { code: string; key: string | null; level: string; by: number; at: number | null; ok: boolean }[]
  /** Sentences, one a fault. */
  faults: string[]
  incidents: number
  annunciations: number
}

/** How far a line may be moved: with the delay of the recording less than the allowed lateness. */
const SHUFFLE_MS = 4900

/** The same lines as they might have arrived: each a little later, every seventh twice. Nothing may come of it. */
export function shuffled(lines: readonly string[], seed: number): string[] {
  const chance = seededChance(seed)
  const arrivals = lines.flatMap((line, i) => {
    const { received, time } = JSON.parse(line) as { received?: number; time: number }
    const at = received ?? time
    // Lines without `received` set the clock themselves: they keep their place.
    const moved = { at: received === undefined ? at : at + chance.whole(0, SHUFFLE_MS), line }
    return i % 7 === 0 ? [moved, { at: at + chance.whole(0, SHUFFLE_MS), line }] : [moved]
  })
  return arrivals.sort((a, b) => a.at - b.at).map((a) => a.line)
}

/** Replays into a text; the summary and complaints go nowhere. */
async function replayed(id: string, reorder: ((lines: string[]) => string[]) | null = null): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'ww-scenario-'))
  try {
    const out = join(dir, 'lines.ndjson')
    let readings = join(SCENARIO_ROOT, id, 'readings.ndjson')
    if (reorder) {
      const lines = readFileSync(readings, 'utf8').trimEnd().split('\n')
      readings = join(dir, 'readings.ndjson')
      writeFileSync(readings, `${reorder(lines).join('\n')}\n`)
    }
    const complaints: string[] = []
    const code = await replay({ site: join(SCENARIO_ROOT, id, 'site.yaml'), readings, out }, {
      out: () => {},
      err: (text: string) => complaints.push(text),
      isTerminal: false,
    } as Parameters<typeof replay>[1])
    if (code !== 0) throw new Error(complaints.join('').trim() || `replay ended with ${code}`)
    return readFileSync(out, 'utf8')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

export async function scoreScenario(id: string): Promise<Score> {
  const { story, expected } = readStory(id)
  if (!existsSync(join(SCENARIO_ROOT, id, 'readings.ndjson')))
    return {
      id,
      passed: false,
      rows: [],
      faults: ['no recording; npm run scenarios:record writes it'],
      incidents: 0,
      annunciations: 0,
    }
  const text = await replayed(id)
  const changes = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AlertChange)
  const score = scoreChanges(id, changes, expected, Date.parse(story.start))
  if ((await replayed(id)) !== text) score.faults.push('two runs gave different bytes')
  // A story with its own disorder or late data has used up the lateness already.
  const isOrderly = !story.transport && !story.timeline.some((beat) => beat.buffered)
  if (isOrderly && (await replayed(id, (lines) => shuffled(lines, 11))) !== text)
    score.faults.push('shuffled within the lateness and with duplicates, the bytes are different')
  score.passed = score.faults.length === 0
  return score
}

export function scoreChanges(id: string, changes: AlertChange[], expected: Expected, startMs: number): Score {
  const faults: string[] = []
  const second = (at: number): number => (at - startMs) / 1000
  // Levels an alert reached, each with its time.
  const reached = changes.filter((c) => c.change === 'raised' || (c.change === 'escalated' && c.by === null))
  const used = new Set<AlertChange>()
  const rows = expected.alerts.map((row) => {
    const hit = reached.find(
      (c) =>
        !used.has(c) &&
        c.alert.code === row.code &&
        c.alert.level === row.level &&
        (row.key === undefined || c.alert.key === row.key),
    )
    if (hit) used.add(hit)
    const at = hit ? second(hit.at) : null
    const ok = at !== null && at <= row.by
    if (!ok)
      faults.push(
        `${row.code} ${row.key ?? ''} ${row.level}: ${at === null ? 'not raised' : `raised at ${at} s, later than ${row.by} s`}`,
      )
    if (hit && row.folded === true && hit.alert.incident === null)
      faults.push(`${row.code} ${row.key ?? ''} is in no incident`)
    for (const code of hit ? (row.advice ?? []) : [])
      if (!changes.some((c) => c.alert.id === hit?.alert.id && c.alert.advice.includes(code)))
        faults.push(`${row.code} ${row.key ?? ''} never advises ${code}`)
    if (hit && row.clearedBy !== undefined) {
      const cleared = changes.find((c) => c.change === 'cleared' && c.alert.id === hit.alert.id)
      if (!cleared || second(cleared.at) > row.clearedBy)
        faults.push(`${row.code} ${row.key ?? ''} is not cleared by ${row.clearedBy} s`)
    }
    return { code: row.code, key: row.key ?? null, level: row.level, by: row.by, at, ok }
  })
  for (const code of expected.silent ?? []) {
    const loud = changes.find((c) => c.change === 'raised' && c.alert.code === code)
    if (loud) faults.push(`${code} must stay silent, but was raised for ${loud.alert.key} at ${second(loud.at)} s`)
  }
  const named = new Set(expected.alerts.map((row) => row.code))
  const allowed = { none: 0, blue: 1, yellow: 2 }[expected.otherwise ?? 'yellow']
  for (const c of reached) {
    if (named.has(c.alert.code) && [...used].some((u) => u.alert.id === c.alert.id)) continue
    const isLower = named.has(c.alert.code) && levelRank(c.alert.level) <= 2
    if (!isLower && levelRank(c.alert.level) > allowed)
      faults.push(`${c.alert.code} ${c.alert.key} ${c.alert.level} at ${second(c.at)} s was not to be raised`)
  }
  const incidents = new Set(changes.flatMap((c) => (c.alert.incident === null ? [] : [c.alert.incident]))).size
  const annunciations = changes.filter(
    (c) => c.alert.annunciated && (c.change === 'raised' || c.change === 'escalated' || c.change === 'updated'),
  ).length
  if (expected.incidents !== undefined && incidents !== expected.incidents)
    faults.push(`${incidents} incidents instead of ${expected.incidents}`)
  if (expected.annunciations !== undefined && annunciations > expected.annunciations)
    faults.push(`${annunciations} annunciations, more than ${expected.annunciations}`)
  return { id, passed: faults.length === 0, rows, faults, incidents, annunciations }
}

/** @returns exit code: 0 when all pass. */
export async function checkScenarios(only: string | null, json: boolean): Promise<number> {
  if (only !== null) readStory(only)
  const scores: Score[] = []
  for (const id of only === null ? scenarioIds() : [only]) {
    const score = await scoreScenario(id)
    scores.push(score)
    if (json) continue
    process.stdout.write(
      `${score.passed ? '✓' : '✗'} ${id}  ${score.rows.filter((r) => r.ok).length}/${score.rows.length} rows, ${score.incidents} incidents, ${score.annunciations} annunciations\n`,
    )
    for (const row of score.rows)
      process.stdout.write(
        `    ${row.ok ? '✓' : '✗'} ${row.code} ${row.level.padEnd(6)} ${(row.key ?? '').padEnd(16)} ≤${row.by} s  ${row.at === null ? 'not raised' : `${row.at} s`}\n`,
      )
    for (const fault of score.faults) process.stdout.write(`    ! ${fault}\n`)
  }
  const expectedRows = scores.flatMap((s) => s.rows)
  const recall = expectedRows.length === 0 ? 1 : expectedRows.filter((r) => r.ok).length / expectedRows.length
  const failed = scores.filter((s) => !s.passed).length
  if (json) process.stdout.write(`${JSON.stringify({ scenarios: scores, recall, failed })}\n`)
  else
    process.stdout.write(
      `${scores.length - failed} of ${scores.length} scenarios pass; recall ${(recall * 100).toFixed(1)} %\n`,
    )
  return failed === 0 ? 0 : 1
}
