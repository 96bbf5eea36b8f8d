/** Which role may do which act. The state decides what is legal (`model/alert/lifecycle.ts`), this decides for whom. */
import type { Verb } from '#model/alert/acts.ts'
import { VERBS } from '#model/alert/acts.ts'

const OFFICER: readonly Verb[] = [
  'acknowledge',
  'dispatch',
  'escalate',
  'resolve',
  'dismiss',
  'approve',
  'reject',
  'shelve',
  'unshelve',
  'comment',
  'assign',
  'plan-step',
]

/** A role that is not here may look and nothing else. */
export const ROLE_VERBS: Readonly<Record<string, readonly Verb[]>> = {
  officer: OFFICER,
  chief: VERBS,
  engineer: ['acknowledge', 'comment', 'assign', 'shelve', 'unshelve', 'resolve', 'dismiss', 'plan-step'],
  provincial: ['comment', 'escalate', 'acknowledge'],
}

/** Engineers answer for equipment, not for what people do. */
export function mayAct(role: string, verb: Verb, domain: string): boolean {
  if (!ROLE_VERBS[role]?.includes(verb)) return false
  return role !== 'engineer' || domain === 'equipment' || verb === 'comment'
}
