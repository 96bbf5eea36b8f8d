/**
 * How a change reported by the rules engine meets the desk's own state. The engine owns the condition (level, evidence,
 * reasons, subjects), people own the handling; what people did is never undone by what the engine says. Pure.
 */
import { type Alert, type AlertChange, levelRank } from '#model/alert/alert.ts'
import { type AlertRecord, applyCondition, type Step } from '#model/alert/lifecycle.ts'

/** What the engine knows best at any time of the alert's life. */
const ENGINE_FIELDS = [
  'ruleVersion',
  'zone',
  'device',
  'subject',
  'subjects',
  'delayed',
  'evidence',
  'reasons',
  'explanation',
  'plan',
  'advice',
  'evidenceCount',
  'stale',
] as const satisfies readonly (keyof Alert)[]

export interface Merged {
  record: AlertRecord
  steps: Step[]
}

/**
 * Null when the change means nothing new. Only for alerts that the desk knows.
 * @param isTruth the ordered run speaks: it alone has seen every alert, so it decides which incident this one belongs to.
 */
export function mergeChange(known: AlertRecord, change: AlertChange, isTruth: boolean): Merged | null {
  const closed = known.alert.state === 'resolved' || known.alert.state === 'dismissed'
  const reported = change.alert
  switch (change.change) {
    case 'raised':
    case 'escalated': {
      if (closed) return null
      if (levelRank(reported.level) <= levelRank(known.alert.level)) {
        if (!isTruth || change.change !== 'raised' || reported.incident === known.alert.incident) return null
        const alert: Alert = { ...known.alert, incident: reported.incident }
        return { record: { ...known, alert }, steps: [step(alert, { ...change, note: 'incident' })] }
      }
      const fresh = withEngineFields(known, reported, isTruth)
      return noted(applyCondition(fresh, { event: 'escalated', at: change.at, level: reported.level }), change)
    }
    case 'cleared':
      if (closed || !known.alert.conditionActive) return null
      return noted(
        applyCondition(withEngineFields(known, reported, isTruth), { event: 'cleared', at: change.at }),
        change,
      )
    case 'updated': {
      if (closed) return null
      const fresh = withEngineFields(known, reported, isTruth)
      if (reported.activations > known.alert.activations)
        return noted(applyCondition(fresh, { event: 'reactivated', at: change.at }), change)
      const held = (state: string) => state === 'suppressed-by-design' || state === 'out-of-service'
      if (held(known.alert.state) && !held(reported.state))
        return noted(applyCondition(fresh, { event: 'unsuppressed', at: change.at }), change)
      if (held(reported.state) && !held(known.alert.state) && known.alert.handling === 'none') {
        const alert: Alert = { ...fresh.alert, state: reported.state }
        return { record: { ...fresh, alert, last: { by: null, at: change.at } }, steps: [step(alert, change)] }
      }
      if (change.note === null && !differs(known.alert, fresh.alert)) return null
      return { record: fresh, steps: [step(fresh.alert, change)] }
    }
    default:
      // Acknowledgement, shelving, closing … happen at the desk; the engine only hears of them.
      return null
  }
}

function withEngineFields(known: AlertRecord, reported: Alert, isTruth: boolean): AlertRecord {
  const fields = Object.fromEntries(ENGINE_FIELDS.map((f) => [f, reported[f]]))
  const alert: Alert = {
    ...known.alert,
    ...fields,
    incident: isTruth ? reported.incident : (known.alert.incident ?? reported.incident),
    annunciated: known.alert.annunciated || reported.annunciated,
  }
  return { ...known, alert }
}

const differs = (a: Alert, b: Alert): boolean =>
  ENGINE_FIELDS.some((f) => JSON.stringify(a[f]) !== JSON.stringify(b[f]))

const step = (alert: Alert, change: AlertChange): Step => ({
  change: 'updated',
  alert,
  by: change.by,
  note: change.note,
})

/** The engine's own note goes on the first line that the life cycle makes of it. */
function noted(merged: Merged, change: AlertChange): Merged | null {
  if (merged.steps.length === 0) return null
  const [first, ...rest] = merged.steps
  return { record: merged.record, steps: [{ ...first!, note: change.note ?? first!.note }, ...rest] }
}
