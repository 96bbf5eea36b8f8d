/**
 * A response plan with what was done of it: the last word on each step counts, an answer leaves out the steps it makes
 * needless and may go on with another plan. Pure; steps done are told by the change lines alone.
 */
import type { AlertChange } from '#model/alert/alert.ts'
import type { Plan, PlanStep } from '#model/ports/facility.ts'

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
  /** The plan that the step belongs to; steps of a plan that was gone on to are called `RP1:verify`. */
  plan: string
  /** Needless by the answer to another step. */
  moot: { step: string; answer: string } | null
}

export interface PlanView {
  id: string
  version: string | null
  name: { zh: string; en: string }
  /** Plans that answers have led to, in order. */
  wentOn: string[]
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

export function planView(id: string, plans: readonly Plan[], timeline: readonly AlertChange[]): PlanView {
  const progress = new Map<string, StepWord>()
  for (const change of timeline) {
    if (change.change !== 'plan-step' || change.note === null) continue
    const word = stepOf(change.note)
    if (word) progress.set(word.step, { ...word, by: change.by, at: change.at })
  }
  const plan = plans.find((p) => p.id === id)
  const steps: PlanStepView[] = []
  const wentOn: string[] = []
  const add = (of: Plan, prefix: string) => {
    const moot = new Map<string, { step: string; answer: string }>()
    let next: string | null = null
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
    const following =
      next === null || next === id || wentOn.includes(next) ? undefined : plans.find((p) => p.id === next)
    if (following && wentOn.length < MAX_PLANS) {
      wentOn.push(following.id)
      add(following, `${following.id}:`)
    }
  }
  if (plan) add(plan, '')
  return {
    id,
    version: plan?.version ?? null,
    name: plan?.name ?? { zh: id, en: id },
    wentOn,
    steps,
    progress: [...progress.values()],
  }
}

/** Required steps that were neither done nor left out with a reason, and that no answer has made needless. */
export function openSteps(view: PlanView): PlanStepView[] {
  const settled = new Set(view.progress.filter((word) => word.done || word.skipped).map((word) => word.step))
  return view.steps.filter((step) => step.required && step.moot === null && !settled.has(step.id))
}
