/**
 * Only for tests: plays a random stream through the engine and compares what one rule said with a slow, obvious reference,
 * and holds the promises of the engine on the same stream: any order within the lateness, copies, restarts, batches.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AlertChange, Level } from '#model/alert/alert.ts'
import { levelRank } from '#model/alert/alert.ts'
import type { Site } from '#model/site/load.ts'
import { mergedSite } from '../../../cases/run.ts'
import { CATALOGUE_DIR, parseRuleFile } from '../../../catalogue/load.ts'
import { changeLine } from '../../../replay.ts'
import { Engine } from '../../engine.ts'
import { Rule, type RuleFile } from '../../rule.ts'
import { OPERATORS } from '../index.ts'

/** A Monday, ten in the morning in the case facility. */
export const T0 = Date.parse('2026-03-02T10:00:00+08:00')

export interface Line {
  device: string
  type: string
  /** ms after T0. */
  time: number
  value: Record<string, unknown>
  quality?: 'good' | 'bad'
  /** The reading names its zone itself. */
  zone?: string
}
/** "on" = true (again), "rise" = a higher level, "off" = over. */
export interface Step {
  at: number
  what: 'on' | 'rise' | 'off'
  key: string
  level: Level
}

export interface Bench {
  /** Rules that run; steps of the first one are compared. */
  rules: readonly Rule[]
  site?: Record<string, unknown>
  lines: fc.Arbitrary<Line[]>
  /** End of the run, ms after T0. */
  end: number
  /** What must come, from the lines in order of (time, order given) and from what the other rules said. */
  reference: (lines: readonly Line[], others: readonly AlertChange[], site: Site) => Step[]
  runs?: number
  /** Least share of streams in which something comes, rises, ends. A generator that rarely fires proves nothing. */
  least?: Partial<Record<Step['what'], number>>
}

/** A share of the streams, unless a bench says otherwise. */
const LEAST = { on: 0.1, rise: 0, off: 0.03 }

export function catalogueRule(slug: string, overrides: Record<string, unknown> = {}): Rule {
  const path = join(CATALOGUE_DIR, `${slug}.yaml`)
  return new Rule(parsed(readFileSync(path, 'utf8'), path), overrides)
}

/** A rule of a test: the parts that matter, the rest filled in. */
export function ruleOf(fields: Record<string, unknown>): Rule {
  const whole = {
    id: 'under-test',
    code: 'R90',
    name: { zh: '测试', en: 'Under test' },
    domain: 'equipment',
    levels: ['blue', 'yellow', 'orange', 'red'],
    key: ['device'],
    clear: 'operator',
    'false-positives': ['none'],
    ...fields,
  }
  return new Rule(parsed(JSON.stringify(whole), '/under-test.yaml'))
}

function parsed(text: string, path: string): RuleFile {
  const { file, faults } = parseRuleFile(text, path)
  if (!file) throw new Error(faults.map((f) => f.message).join('; '))
  return file
}

/** The same rule with an end that meets no reading of the grid. */
export const quietAfter = (rule: Rule, quietMs: number): Rule =>
  new Rule({ ...rule.file, clear: { by: 'quiet', quietMs } }, rule.values())

export const seconds = (value: number) => ({ unit: 's', default: value, zh: '秒', en: 'seconds' })
export const number = (value: number) => ({ unit: null, default: value, zh: '数', en: 'number' })

/** Readings at half seconds between 0 and `lastMs`; equal times happen. */
export function streamOf(
  event: fc.Arbitrary<Omit<Line, 'time'>>,
  lastMs: number,
  length: { min: number; max: number },
  gridMs = 500,
): fc.Arbitrary<Line[]> {
  return fc
    .array(fc.tuple(event, fc.integer({ min: 0, max: lastMs / gridMs })), {
      minLength: length.min,
      maxLength: length.max,
    })
    .map((list) => {
      const taken = new Set<string>()
      const lines: Line[] = []
      for (const [e, slot] of list) {
        // One reading of a device and an instant: of two the ids would decide.
        const name = `${e.device} ${slot}`
        if (taken.has(name)) continue
        taken.add(name)
        lines.push({ ...e, time: slot * gridMs })
      }
      return lines.sort((a, b) => a.time - b.time)
    })
}

interface Played {
  text: string
  steps: string[]
  changes: AlertChange[]
}

interface Manner {
  restartEvery?: number
  /** After so many lines time is told to pass up to the last line: the end of a batch. */
  batch?: number
}

function play(b: Bench, site: Site, lines: readonly Line[], manner: Manner = {}): Played {
  const changes: AlertChange[] = []
  const make = (): Engine =>
    new Engine({
      site,
      rules: b.rules,
      operators: OPERATORS,
      onChange: (c) => changes.push(structuredClone(c)),
      // A stream that is refused shows nothing.
      onRefused: (_cause, detail) => {
        throw new Error(detail)
      },
    })
  let engine = make()
  let latest = 0
  for (const [i, line] of lines.entries()) {
    engine.line({ ...line, id: idOf(line), time: T0 + line.time })
    latest = Math.max(latest, T0 + line.time)
    if (manner.restartEvery && (i + 1) % manner.restartEvery === 0) {
      const kept = engine.snapshot()
      engine = make()
      engine.restore(kept)
    }
    if (manner.batch && (i + 1) % manner.batch === 0) engine.advance(latest)
  }
  engine.finish(T0 + b.end)
  return { text: changes.map(changeLine).join('\n'), steps: said(changes, b.rules[0] as Rule), changes }
}

/** Ids in the order in which the reference is given equal times: by device and type. */
const idOf = (line: Line): string => `${line.device} ${line.type} ${String(line.time).padStart(9, '0')}`

/** Order of the engine: by time, at equal times by id. */
export const inOrder = (lines: readonly Line[]): Line[] =>
  [...lines].sort((a, b) => a.time - b.time || (idOf(a) < idOf(b) ? -1 : 1))

const print = (s: Step): string => `${s.at / 1000} ${s.what} ${s.key} ${s.level}`

function said(changes: readonly AlertChange[], rule: Rule): string[] {
  const activations = new Map<string, number>()
  const out: string[] = []
  for (const c of changes) {
    if (c.alert.rule !== rule.id) continue
    const step = (what: Step['what']): void => {
      out.push(print({ at: c.at - T0, what, key: c.alert.key, level: c.alert.level }))
    }
    const before = activations.get(c.alert.id) ?? 0
    activations.set(c.alert.id, c.alert.activations)
    if (c.change === 'raised') step('on')
    else if (c.change === 'cleared') step('off')
    else if (c.alert.activations > before) step('on')
    else if (c.change === 'escalated') step('rise')
  }
  return out.sort()
}

/** An alert never falls back in level: what the reference says per moment becomes what an alert shows. */
export function stepsOf(spans: readonly { key: string; level: Level; from: number; to: number | null }[]): Step[] {
  const steps: Step[] = []
  for (const key of new Set(spans.map((s) => s.key))) {
    const own = spans.filter((s) => s.key === key)
    const moments = [...new Set(own.flatMap((s) => (s.to === null ? [s.from] : [s.from, s.to])))].sort((a, b) => a - b)
    let on = false
    let level: Level = 'blue'
    for (const at of moments) {
      const holding = own.filter((s) => s.from <= at && (s.to === null || s.to > at))
      const top = holding.map((s) => s.level).reduce<Level>((a, l) => (levelRank(l) > levelRank(a) ? l : a), 'blue')
      // Over, and true again in the same instant.
      if (
        on &&
        holding.length > 0 &&
        holding.every((s) => s.from === at) &&
        own.some((s) => s.to === at && s.from < at)
      ) {
        steps.push({ at, what: 'off', key, level })
        on = false
      }
      if (holding.length > 0 && !on) {
        if (levelRank(top) > levelRank(level) || steps.every((s) => s.key !== key)) level = top
        steps.push({ at, what: 'on', key, level })
        on = true
      } else if (holding.length > 0 && levelRank(top) > levelRank(level)) {
        level = top
        steps.push({ at, what: 'rise', key, level })
      } else if (holding.length === 0 && on) {
        // What came true in the very instant in which it ended.
        const last = own.filter((s) => s.from === at && s.to === at && levelRank(s.level) > levelRank(level)).at(-1)
        if (last) {
          level = last.level
          steps.push({ at, what: 'rise', key, level })
        }
        steps.push({ at, what: 'off', key, level })
        on = false
      }
      // Over in the instant in which it came.
      const wasOn = steps.some((s) => s.key === key && s.at === at && s.what === 'off')
      const moment = own.filter((s) => s.from === at && s.to === at)
      for (const s of holding.length === 0 && !wasOn ? moment.slice(0, 1) : []) {
        if (steps.every((x) => x.key !== key) || levelRank(s.level) > levelRank(level)) level = s.level
        steps.push({ at, what: 'on', key, level }, { at, what: 'off', key, level })
      }
    }
  }
  return steps
}

/** Pulses that end a quiet time after the last evidence of the last of them. */
export function pulseSpans(
  pulses: readonly { at: number; key: string; level: Level; last?: number }[],
  quietMs: number,
  end: number,
): { key: string; level: Level; from: number; to: number | null }[] {
  return pulses.map(({ at, key, level, last: newest }) => {
    const last = pulses.reduce(
      (until, p) => (p.key === key && p.at >= at && p.at < until ? Math.max(until, (p.last ?? p.at) + quietMs) : until),
      (newest ?? at) + quietMs,
    )
    return { key, level, from: at, to: last <= end ? last : null }
  })
}

/** The operator says what the reference says, and the promises of the engine hold on the same streams. */
export function holdsAsReference(title: string, b: Bench): void {
  const site = mergedSite(b.site ?? {})
  // FC_RUNS=20 looks twenty times as long, for a search by hand.
  const factor = Number(process.env.FC_RUNS ?? 1)
  const numRuns = (b.runs ?? 40) * factor
  // Bounded, and long enough for a machine that does other things.
  const LONG = 120_000 * factor
  test(
    `${title}: the same as the reference`,
    () => {
      let silent = 0
      const streams = { on: 0, rise: 0, off: 0 }
      fc.assert(
        fc.property(b.lines, (lines) => {
          const played = play(b, site, lines)
          const others = played.changes.filter((c) => c.alert.rule !== b.rules[0]?.id)
          const wanted = b
            .reference(inOrder(lines), others, site)
            .filter((s) => s.at <= b.end)
            .map(print)
            .sort()
          if (wanted.length === 0) silent++
          for (const what of ['on', 'rise', 'off'] as const)
            if (wanted.some((step) => step.includes(` ${what} `))) streams[what]++
          expect(played.steps).toEqual(wanted)
        }),
        { numRuns },
      )
      const least = { ...LEAST, ...(b.rules[0]?.file.clear.by === 'person' ? { off: 0 } : {}), ...b.least }
      for (const what of ['on', 'rise', 'off'] as const)
        expect(streams[what] / numRuns, `share of streams with "${what}"`).toBeGreaterThanOrEqual(least[what])
      expect(silent, 'and some must raise nothing').toBeGreaterThan(0)
    },
    LONG,
  )

  test(
    `${title}: in any order within the lateness, with copies, in batches, restarted anywhere`,
    () => {
      fc.assert(
        fc.property(
          b.lines,
          fc.array(fc.tuple(fc.integer({ min: 0, max: 4_900 }), fc.boolean()), { minLength: 40, maxLength: 40 }),
          fc.integer({ min: 1, max: 6 }),
          (lines, delays, every) => {
            const plain = play(b, site, lines).text
            const arrivals = lines.flatMap((line, i) => {
              const [delay, twice] = delays[i % delays.length] as [number, boolean]
              const [second] = delays[(i + 7) % delays.length] as [number, boolean]
              const first = { line, at: line.time + delay }
              return twice ? [first, { line, at: line.time + second }] : [first]
            })
            const shuffled = arrivals.sort((x, y) => x.at - y.at).map((a) => a.line)
            expect(play(b, site, shuffled).text, 'shuffled and doubled').toBe(plain)
            expect(play(b, site, lines, { restartEvery: every }).text, `restarted every ${every}`).toBe(plain)
            expect(play(b, site, lines, { batch: every }).text, `batches of ${every}`).toBe(plain)
          },
        ),
        { numRuns: Math.ceil(numRuns / 3) },
      )
    },
    LONG,
  )
}
