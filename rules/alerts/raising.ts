/** How an alert begins: its fields, its id and opening, and how long after the last one of its key it has to wait. */
import { type Alert, LEVELS, type Level, levelRank, type Reason, untouched } from '#model/alert/alert.ts'
import { newRecord } from '#model/alert/lifecycle.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import { alertId } from '#model/ids.ts'
import type { Hit } from '../engine/operator.ts'
import type { Rule } from '../engine/rule.ts'
import type { Closed, Entry } from './entries.ts'
import { newest, sortedMarks } from './marks.ts'

export const MAX_EVIDENCE = 20
export const MAX_SUBJECTS = 20
/** What is worse than the alert that was closed waits no longer than this, however long the rule's own cool-down is. */
const LONGEST_WAIT_OF_WORSE_MS = 60_000

export interface Beginning {
  id: string
  opening: string
  now: number
  eventTime: number
  delayed: boolean
}

/** The entry of a new alert. */
export function newEntry(rule: Rule, hit: Hit, beginning: Beginning, site: FacilityContext): Entry {
  const { id, opening, now, eventTime, delayed } = beginning
  const zone = hit.zone ?? null
  const subjects = [...new Set(hit.subjects ?? [])].filter((s) => s !== null)
  const device = hit.device ?? null
  const marks = sortedMarks(hit.evidence)
  const alert: Alert = {
    id,
    rule: rule.id,
    code: rule.code,
    ruleVersion: rule.file.version,
    domain: rule.file.domain,
    level: hit.level,
    facility: site.facility,
    zone,
    device,
    subject: subjects[0] ?? null,
    key: hit.key,
    incident: null,
    subjects: [...subjects].sort().slice(0, MAX_SUBJECTS),
    raisedAt: now,
    eventTime,
    delayed,
    drill: isDrill(rule, zone, now, site),
    test: false,
    state: hit.suppressed
      ? 'suppressed-by-design'
      : device !== null && site.isInMaintenance(device, now)
        ? 'out-of-service'
        : 'unacknowledged',
    evidence: marks.slice(0, MAX_EVIDENCE).map((m) => m.id),
    reasons: hit.reasons.map(reasonOf),
    explanation: { zh: '', en: '' },
    plan: planOf(rule, hit.level),
    annunciated: false,
    ...untouched(),
    advice: [...(hit.advice ?? [])],
    evidenceCount: marks.length,
  }
  return {
    record: newRecord(alert, rule.file.shelvable && hit.unshelvable !== true),
    slug: rule.id,
    opening,
    evidenceAt: hit.lastsUntil ?? newest(marks)?.t ?? now,
    counted: marks.slice(-MAX_EVIDENCE),
    printedAt: now,
    evidencePrinted: marks.length,
    untilPerson: hit.untilPerson === true,
    suppressedBy: hit.suppressed ? rule.code : null,
  }
}

/** The response plan of an alert at this level: that of the highest level at or below it that names one. */
export function planOf({ file }: Rule, level: Level): string | null {
  const named = LEVELS.find((at) => levelRank(at) <= levelRank(level) && file.planAt[at] !== undefined)
  return named === undefined ? file.plan : (file.planAt[named] ?? file.plan)
}

/** Id and opening of a new alert; never one that is `taken`. */
export function identity(
  rule: Rule,
  hit: Hit,
  now: number,
  taken: (id: string) => boolean,
): Pick<Beginning, 'id' | 'opening'> {
  // The condition may go on over the end of its alert: what is new then begins with the newest evidence.
  const due = `due:${new Date(now).toISOString()}`
  for (const opening of [hit.opening, newest(hit.evidence)?.id ?? due]) {
    const id = alertId(rule.id, hit.key, opening)
    if (!taken(id)) return { id, opening }
  }
  return { id: alertId(rule.id, hit.key, due), opening: due }
}

/** How long after the closed one nothing new is raised: what is worse than it was waits a minute at most. */
export function coolDownOf(rule: Rule, closed: Closed, hit: Hit): number {
  const isWorse = closed.level !== undefined && levelRank(hit.level) > levelRank(closed.level)
  return isWorse ? Math.min(rule.file.coolDownMs, LONGEST_WAIT_OF_WORSE_MS) : rule.file.coolDownMs
}

/**
 * A person settled this while it went on, and it has not ended since by the rule's own end: a value that hovers about its
 * limit is the same condition, not a new alert. Only yellow and blue, only where a rule knows the end of its condition.
 */
export function isSettled(closed: Closed, rule: Rule, level: Level): boolean {
  const { by } = rule.file.clear
  if (!closed.goesOn || by === 'quiet' || by === 'person' || levelRank(level) > levelRank('yellow')) return false
  return levelRank(level) <= levelRank(closed.goesOn)
}

/** A drill that names the place, and the rule if it names any; never what only a person in need can say. */
function isDrill(rule: Rule, zone: string | null, at: number, site: FacilityContext): boolean {
  if (rule.code === 'R14' || rule.code === 'R38' || rule.code === 'R39') return false
  return site
    .modesAt(zone, at, 'drill')
    .some((mode) => !mode.rules?.length || mode.rules.includes(rule.id) || mode.rules.includes(rule.code))
}

export function reasonOf(r: Hit['reasons'][number]): Reason {
  return { code: r.code, params: { ...r.params }, class: r.class ?? 'L2' }
}
