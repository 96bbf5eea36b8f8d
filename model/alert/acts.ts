/** What people may do to an alert: verbs and their bodies (`semantics.md` 6). */
export const VERBS = [
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
] as const
export type Verb = (typeof VERBS)[number]

/** An act line of a replay and an act record of the journal. Names the alert by id, or by rule and key. */
export interface Act {
  act: Verb
  alert?: string
  rule?: string
  key?: string
  time: number
  by: string
  note?: string
  confirmed?: boolean
  units?: string[]
  result?: string
  evidence?: string[]
  cause?: string
  until?: number
  minutes?: number
  to?: string
  step?: string
  /** What was answered to a step that asks something. */
  answer?: string
  done?: boolean
  skipped?: boolean
}
