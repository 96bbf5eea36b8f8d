/**
 * The rules of a running edge: the ordered run, which is the truth, and beside it the eager run, which shows patterns of
 * positive evidence on arrival. Both give the same alert ids. The caller brings lines and the time; nothing here waits.
 */
import type { AlertChange } from '#model/alert/alert.ts'
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { Site } from '#model/site/load.ts'
import { type Ability, abilityRule, ENGINE_OPERATORS } from './ability/monitor.ts'
import { CATALOGUE_DIR, loadRules, shadowRules } from './catalogue/load.ts'
import { Engine, type EngineCounts } from './engine/engine.ts'
import type { TakenReading } from './engine/intake.ts'
import type { OrderSnapshot } from './engine/order.ts'
import type { Rule } from './engine/rule.ts'
import { type RuleChange, ruleChanges } from './rule-changes.ts'
import { createShadow, type Shadow, type ShadowTally } from './shadow.ts'

export interface LiveRulesOptions {
  site: Site
  /** Rules to run; by default the built-in catalogue with the site's overrides. */
  rules?: readonly Rule[]
  /** Rules that run without raising. */
  drafts?: readonly Rule[]
  latenessMs?: number
  onChange: (change: AlertChange, source: 'eager' | 'ordered') => void
  /** The eager run showed an alert that the ordered run does not confirm: it stays, marked. */
  onNotConfirmed: (alertId: string, at: number) => void
}

/** Plain JSON, in pieces that need not be encoded once more. */
export interface LiveSnapshot {
  ordered: string
  eager: string
  unconfirmed: [string, number][]
}

export interface LiveRules {
  /** A reading, a context change or an act, in the order of the journal. */
  line(line: unknown): void
  /** Time passes; call a few times a second. */
  tick(nowMs: number): void
  /** Everything that must survive a restart: plain JSON. */
  snapshot(): LiveSnapshot
  /** @param readings those of `waitingIds`, as the journal has them. */
  restore(snapshot: LiveSnapshot, readings: readonly TakenReading[]): void
  /** Readings that were taken and not yet judged: they lie in the journal and are not kept a second time. */
  waitingIds(snapshot: LiveSnapshot): string[]
  /** Call once after a restart, when the tail of the journal is read: the edge had not listened until `nowMs`. */
  resume(nowMs: number): void
  counts(): EngineCounts
  /** Where rules cannot fire now, and which devices cannot carry one. */
  ability(): Ability
  /** Other rules from now on, checked before: state is carried over as `Engine.restore` says. Answers what differs. */
  replace(rules: readonly Rule[], drafts?: readonly Rule[]): RuleChange[]
  /** What draft rules would have raised. */
  shadow(): ShadowTally[]
  readonly rules: readonly Rule[]
  readonly drafts: readonly Rule[]
}

/** So long after an eager alert the ordered run must have said the same. */
const CONFIRM_WITHIN_MS = 10_000
const MAX_UNCONFIRMED = 10_000

export function createLiveRules(options: LiveRulesOptions): LiveRules {
  let rules = options.rules ?? loadRules(CATALOGUE_DIR, options.site.rules ?? {})
  const latenessMs = options.latenessMs ?? 5_000
  /** Eager alerts that wait for the ordered run: id → time of the raise. */
  const unconfirmed = new Map<string, number>()
  /** Alerts the ordered run raised lately, so that a slow eager one is not shown as unconfirmed. */
  const confirmed = new Map<string, number>()
  const shadowOf = (drafts: readonly Rule[]): Shadow | null =>
    drafts.length === 0
      ? null
      : createShadow({ site: options.site, drafts, rules, context: ordered.site.snapshot(), latenessMs })
  const common = { site: options.site, operators: ENGINE_OPERATORS, latenessMs, adopt: true, trustIds: true }
  const makeOrdered = (): Engine =>
    new Engine({
      ...common,
      rules: [...rules, abilityRule()],
      live: true,
      clockSlackMs: 0,
      onChange: (change) => {
        if (change.change === 'raised') {
          unconfirmed.delete(change.alert.id)
          confirmed.set(change.alert.id, change.at)
          if (confirmed.size > MAX_UNCONFIRMED) confirmed.delete(confirmed.keys().next().value as string)
        }
        options.onChange(change, 'ordered')
      },
    })
  const makeEager = (): Engine =>
    new Engine({
      ...common,
      rules: rules.filter((r) => r.file.eager),
      waitMs: 0,
      clockSlackMs: 0,
      onChange: (change) => {
        if (change.change !== 'raised' && change.change !== 'escalated') return
        if (change.change === 'raised') {
          if (confirmed.has(change.alert.id)) return
          unconfirmed.set(change.alert.id, change.at)
          if (unconfirmed.size > MAX_UNCONFIRMED) unconfirmed.delete(unconfirmed.keys().next().value as string)
        }
        options.onChange(change, 'eager')
      },
    })
  /** Samples that no eager rule looks at: half of all lines and more. Positions count, they say where things are. */
  const idleTypes = (): Set<string> =>
    new Set(
      [...READING_TYPES.values()].flatMap(({ type, signal }) =>
        signal.kind === 'sample' &&
        !type.endsWith('.position') &&
        !rules.some((r) => r.file.eager && r.file.inputs.includes(type))
          ? [type]
          : [],
      ),
    )
  let ordered = makeOrdered()
  let eager = makeEager()
  let idle = idleTypes()
  let drafts = options.drafts ?? (options.rules ? [] : shadowRules(rules, options.site.rules ?? {}))
  let shadow = shadowOf(drafts)
  const judge = (): void => {
    for (const [id, at] of unconfirmed) {
      if (ordered.now < at && ordered.arrived - at < latenessMs + CONFIRM_WITHIN_MS) break
      if (ordered.arrived - at < latenessMs + CONFIRM_WITHIN_MS) continue
      unconfirmed.delete(id)
      options.onNotConfirmed(id, ordered.arrived)
    }
  }
  return {
    get rules() {
      return rules
    },
    get drafts() {
      return drafts
    },
    replace(next, nextDrafts = []) {
      const changes = ruleChanges(rules, next)
      const [was, old] = [{ ordered, eager, idle }, rules]
      try {
        rules = next
        ordered = makeOrdered()
        eager = makeEager()
        idle = idleTypes()
        ordered.restore(was.ordered.snapshot())
        eager.restore(was.eager.snapshot())
      } catch (error) {
        ;({ ordered, eager, idle } = was)
        rules = old
        throw error
      }
      // A draft that did not change goes on counting.
      if (ruleChanges(drafts, nextDrafts).length > 0 || drafts.length !== nextDrafts.length) {
        drafts = nextDrafts
        shadow = shadowOf(drafts)
      }
      return changes
    },
    line(line) {
      if (!idle.has((line as { type?: string }).type ?? '')) {
        eager.line(line)
        eager.settle()
      }
      ordered.line(line)
      shadow?.line(line)
    },
    tick(nowMs) {
      eager.advance(nowMs)
      eager.settle()
      ordered.advance(nowMs)
      shadow?.tick(nowMs)
      judge()
    },
    snapshot: () => ({
      ordered: ordered.snapshot(true).json,
      eager: eager.snapshot(true).json,
      unconfirmed: [...unconfirmed],
    }),
    waitingIds: (s) => [
      ...new Set([s.ordered, s.eager].flatMap((json) => (JSON.parse(json).order as OrderSnapshot).waiting?.ids ?? [])),
    ],
    restore(s, readings) {
      const byId = new Map(readings.map((reading) => [reading.id, reading]))
      ordered.restore({ json: s.ordered, seen: null }, byId)
      eager.restore({ json: s.eager, seen: null }, byId)
      unconfirmed.clear()
      for (const [id, at] of s.unconfirmed) unconfirmed.set(id, at)
    },
    resume(nowMs) {
      eager.resume(nowMs)
      ordered.resume(nowMs)
    },
    counts: () => ordered.counts,
    shadow: () => shadow?.tallies() ?? [],
    ability: () => (ordered.report('S01') as Ability | undefined) ?? { unable: [], devices: {} },
  }
}
