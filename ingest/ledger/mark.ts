/**
 * By what an entry is known again when nobody can read it any more: the number of its record in the journal, the time and
 * the kind. Names nobody, so it may stay when a person is forgotten.
 */
import type { Act } from '#model/alert/acts.ts'
import type { AlertChange } from '#model/alert/alert.ts'

export const alertMark = (seq: number, change: AlertChange): string => `${seq} ${change.at} ${change.change}`
export const actMark = (seq: number, act: Act): string => `${seq} ${act.time} ${act.act}`
