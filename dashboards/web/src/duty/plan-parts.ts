/** The plans an alert is worked by, each with its own steps and its own count; steps of one plan are numbered from one. */
import type { PlanOfAlert, StepProgress } from '../api/types.ts'

export type Step = PlanOfAlert['steps'][number]
export type Why = 'own' | 'beside' | 'answer' | 'earlier'

export interface Part {
  id: string
  name: PlanOfAlert['name'] | null
  why: Why
  steps: Step[]
  /** Done, left out with a reason, or needless. */
  finished: number
}

/** What is known of each step, by step id, whichever way the server groups it. */
export function progressOf(plan: PlanOfAlert | null): Map<string, StepProgress> {
  const progress = plan?.progress
  if (!progress) return new Map()
  if (Array.isArray(progress)) return new Map(progress.map((p) => [p.step, p]))
  return new Map(Object.entries(progress).map(([step, p]) => [step, { step, ...p }]))
}

export function isFinished(step: Step, progress: Map<string, StepProgress>): boolean {
  const said = progress.get(step.id)
  return said?.done === true || said?.skipped === true || !!step.moot
}

/** Steps come from the server plan by plan; a server that names only one plan is understood as well. */
export function partsOf(plan: PlanOfAlert): Part[] {
  const progress = progressOf(plan)
  const parts = new Map<string, Part>()
  for (const step of plan.steps) {
    const id = step.plan ?? plan.id
    const known = plan.plans?.find((p) => p.id === id)
    const name = known?.name ?? (id === plan.id ? plan.name : null)
    const part = parts.get(id) ?? {
      id,
      name,
      why: known?.why ?? (id === plan.id ? 'own' : 'answer'),
      steps: [],
      finished: 0,
    }
    part.steps.push(step)
    if (isFinished(step, progress)) part.finished++
    parts.set(id, part)
  }
  return [...parts.values()]
}

/** The step that a line of the history speaks of: it was named as the plan of that moment names it. */
export function stepNamed(
  plan: PlanOfAlert | null,
  step: string,
  planThen: string | null | undefined,
): Step | undefined {
  const named = planThen && plan && planThen !== plan.id && !step.includes(':') ? `${planThen}:${step}` : step
  const own = plan && named.startsWith(`${plan.id}:`) ? named.slice(plan.id.length + 1) : named
  return plan?.steps.find((s) => s.id === own)
}
