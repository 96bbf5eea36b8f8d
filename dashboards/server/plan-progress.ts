/**
 * A response plan with what was done of it: the last word on each step counts, an answer leaves out the steps it makes
 * needless and may go on with another plan; an alert that rises may get another plan, and what was done of the first one
 * stays in view. Pure; steps done are told by the change lines alone.
 */
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { Plan, PlanStep, RuleInfo } from '#model/ports/facility.ts'

export interface StepWord {
  step: string
  done: boolean
  skipped: boolean
  answer: string | null
  note: string | null
  by: string | null
  at: number
}

export interface PlanStepView extends PlanStep {
  /** The plan that the step belongs to; steps of any plan but the alert's own are called `RP1:verify`. */
  plan: string
  /** Needless by the answer to another step. */
  moot: { step: string; answer: string } | null
}

/** Why a plan stands in view: the alert's own, worked beside it, led to by an answer, begun before the alert rose. */
export type PlanWhy = 'own' | 'beside' | 'answer' | 'earlier'

export interface PlanPart {
  id: string
  version: string | null
  name: { zh: string; en: string }
  why: PlanWhy
}

export interface PlanView {
  id: string
  version: string | null
  name: { zh: string; en: string }
  /** The other plans in view: worked beside it, led to by answers, begun before the alert rose; in order. */
  wentOn: string[]
  /** All plans in view with their names, the alert's own first, in the order of the steps. */
  plans: PlanPart[]
  steps: PlanStepView[]
  progress: StepWord[]
}

const MAX_PLANS = 4

/** The life cycle writes a plan step as JSON in the note of its change line. */
export function stepOf(note: string): Omit<StepWord, 'by' | 'at'> | null {
  try {
    const raw = JSON.parse(note) as Record<string, unknown>
    if (typeof raw.step !== 'string') return null
    return {
      step: raw.step,
      done: raw.done === true,
      skipped: raw.skipped === true,
      answer: typeof raw.answer === 'string' ? raw.answer : null,
      note: typeof raw.note === 'string' ? raw.note : null,
    }
  } catch {
    return null
  }
}

/**
 * @param id the alert's plan as it stands.
 * @param also plans that its rule wants worked beside it.
 */
export function planView(
  id: string,
  plans: readonly Plan[],
  timeline: readonly AlertChange[],
  also: readonly string[] = [],
): PlanView {
  const progress = new Map<string, StepWord>()
  const begun = new Set<string>()
  for (const change of timeline) {
    if (change.change !== 'plan-step' || change.note === null) continue
    const word = stepOf(change.note)
    if (!word) continue
    const of = change.alert?.plan ?? id
    const step = nameOfStep(word.step, of, id)
    if (of !== id && step.startsWith(`${of}:`)) begun.add(of)
    progress.set(step, { ...word, step, by: change.by, at: change.at })
  }
  const plan = plans.find((p) => p.id === id)
  const steps: PlanStepView[] = []
  const wentOn: string[] = []
  const parts: PlanPart[] = []
  const name = (of: Plan, why: PlanWhy) => parts.push({ id: of.id, version: of.version, name: of.name, why })
  const add = (of: Plan, prefix: string) => {
    const moot = new Map<string, { step: string; answer: string }>()
    let next: string | undefined
    for (const step of of.steps) {
      const key = prefix + step.id
      const word = progress.get(key)
      const answer = word?.done ? step.answers?.find((a) => a.id === word.answer) : undefined
      for (const skipped of answer?.skips ?? []) moot.set(prefix + skipped, { step: key, answer: answer!.id })
      if (answer?.plan) next = answer.plan
    }
    for (const step of of.steps) {
      const key = prefix + step.id
      steps.push({ ...step, id: key, plan: of.id, moot: moot.get(key) ?? null })
    }
    if (next !== undefined) goOn(next, 'answer')
  }
  const goOn = (next: string, why: PlanWhy) => {
    const following = next === id || wentOn.includes(next) ? undefined : plans.find((p) => p.id === next)
    if (!following || wentOn.length >= MAX_PLANS) return
    wentOn.push(following.id)
    name(following, why)
    add(following, `${following.id}:`)
  }
  if (plan) {
    name(plan, 'own')
    add(plan, '')
  }
  for (const next of also) goOn(next, 'beside')
  // Of a plan that the alert has outgrown only what was said of it is left to see: nobody is asked for the rest.
  for (const earlier of begun) {
    const outgrown = wentOn.includes(earlier) ? undefined : plans.find((p) => p.id === earlier)
    if (!outgrown) continue
    wentOn.push(earlier)
    name(outgrown, 'earlier')
    for (const step of outgrown.steps) {
      const key = `${earlier}:${step.id}`
      if (progress.has(key)) steps.push({ ...step, id: key, plan: earlier, moot: null })
    }
  }
  return {
    id,
    version: plan?.version ?? null,
    name: plan?.name ?? { zh: id, en: id },
    wentOn,
    plans: parts,
    steps,
    progress: [...progress.values()],
  }
}

/** The plans of an alert as its rule names them. */
export function planOfAlert(
  alert: Alert & { plan: string },
  facility: { plans(): readonly Plan[]; rules(): readonly RuleInfo[] } | null,
  timeline: readonly AlertChange[],
): PlanView {
  const also = facility?.rules().find((rule) => rule.id === alert.rule)?.planAlso
  return planView(alert.plan, facility?.plans() ?? [], timeline, also)
}

export const hasPlan = (alert: Alert): alert is Alert & { plan: string } => alert.plan !== null

/** Steps without a name of a plan are those of the plan that the alert had when they were said. */
function nameOfStep(step: string, of: string, id: string): string {
  if (step === 'arrival') return step
  const full = step.includes(':') ? step : `${of}:${step}`
  return full.startsWith(`${id}:`) ? full.slice(id.length + 1) : full
}

/** Required steps that were neither done nor left out with a reason, and that no answer has made needless. */
export function openSteps(view: PlanView): PlanStepView[] {
  const settled = new Set(view.progress.filter((word) => word.done || word.skipped).map((word) => word.step))
  return view.steps.filter((step) => step.required && step.moot === null && !settled.has(step.id))
}
