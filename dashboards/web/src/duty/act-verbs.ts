/** Which acts ask for words first. Apart from the dialogs, which come after the list has painted. */
import type { Verb } from '../api/types.ts'

export type DialogVerb = Exclude<Verb, 'acknowledge' | 'unshelve' | 'plan-step'>

export const needsDialog = (verb: Verb): verb is DialogVerb =>
  !(['acknowledge', 'unshelve', 'plan-step'] as Verb[]).includes(verb)
