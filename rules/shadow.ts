/**
 * Shadow mode: draft rules run over the live lines in an engine of their own and are only counted. They never raise, print
 * or reach anybody; what they would have done starts anew with each restart.
 */
import type { Level } from '#model/alert/alert.ts'
import type { ContextSnapshot } from '#model/context/facility-context.ts'
import type { Site } from '#model/site/load.ts'
import { ENGINE_OPERATORS } from './ability/monitor.ts'
import { Engine } from './engine/engine.ts'
import type { Rule } from './engine/rule.ts'

export interface ShadowTally {
  rule: string
  code: string
  version: string
  values: Record<string, number | string | boolean>
  /** First line that the draft has seen, ms; null before it. */
  since: number | null
  /** Alerts that it would have raised, by the level they reached. */
  raised: Partial<Record<Level, number>>
  lastAt: number | null
  /** The newest of them, newest first. Without keys and subjects: a rule is read by people who may not see persons. */
  alerts: WouldBeAlert[]
}

export interface WouldBeAlert {
  id: string
  zone: string | null
  device: string | null
  level: Level
  at: number
  /** When its condition ended; null = it goes on. */
  clearedAt: number | null
}

export interface Shadow {
  line(line: unknown): void
  tick(nowMs: number): void
  tallies(): ShadowTally[]
}

/** Alerts whose level may still rise; a draft that floods is stopped by its own count. */
const MAX_REMEMBERED = 10_000
/** Would-be alerts that a draft shows. */
const MAX_SHOWN = 50

export function createShadow(options: {
  site: Site
  drafts: readonly Rule[]
  /** The rules in force: those that a draft watches run beside it. */
  rules: readonly Rule[]
  /** The facility as it is now; the site file may be older. */
  context: ContextSnapshot
  latenessMs: number
}): Shadow {
  const { drafts, rules } = options
  const draftIds = new Set(drafts.map((d) => d.id))
  const watched = new Set(drafts.flatMap((d) => d.file.watches))
  const levels = new Map<string, Level>()
  const tallies = new Map<string, ShadowTally>(
    drafts.map((d) => [
      d.id,
      {
        rule: d.id,
        code: d.code,
        version: d.file.version,
        values: d.values(),
        since: null,
        raised: {},
        lastAt: null,
        alerts: [],
      },
    ]),
  )
  const engine = new Engine({
    site: options.site,
    rules: [...drafts, ...rules.filter((r) => watched.has(r.code) && !draftIds.has(r.id))],
    operators: ENGINE_OPERATORS,
    latenessMs: options.latenessMs,
    clockSlackMs: 0,
    adopt: true,
    trustIds: true,
    onChange: ({ at, change, alert }) => {
      const tally = tallies.get(alert.rule)
      if (!tally) return
      const known = tally.alerts.find((a) => a.id === alert.id)
      if (known) known.clearedAt = alert.conditionActive ? null : (known.clearedAt ?? at)
      if (change !== 'raised' && change !== 'escalated') return
      if (known) known.level = alert.level
      else {
        const { id, zone, device, level } = alert
        tally.alerts.unshift({ id, zone, device, level, at, clearedAt: null })
        if (tally.alerts.length > MAX_SHOWN) tally.alerts.pop()
      }
      const before = levels.get(alert.id)
      if (before) tally.raised[before] = (tally.raised[before] ?? 1) - 1
      tally.raised[alert.level] = (tally.raised[alert.level] ?? 0) + 1
      tally.lastAt = at
      levels.set(alert.id, alert.level)
      if (levels.size > MAX_REMEMBERED) levels.delete(levels.keys().next().value as string)
    },
  })
  engine.site.restore(options.context)
  return {
    line(line) {
      engine.line(line)
      for (const tally of tallies.values()) tally.since ??= engine.arrived
    },
    tick: (nowMs) => engine.advance(nowMs),
    tallies: () => [...tallies.values()],
  }
}
