/** What nobody may hide, not even for an hour: panic, duress, band tampering, a covered or turned camera (`semantics.md` 9). */
import type { Alert } from '#model/alert/alert.ts'

export function isShelvable(alert: Alert): boolean {
  switch (alert.code) {
    case 'R14':
    case 'R39':
      return false
    case 'R28':
      return !alert.reasons.some((reason) => /tamper/.test(reason.code))
    case 'R53':
      return !alert.reasons.some((reason) =>
        /covered|moved/.test(`${reason.code} ${Object.values(reason.params).map(String).join(' ')}`),
      )
    default:
      return true
  }
}
