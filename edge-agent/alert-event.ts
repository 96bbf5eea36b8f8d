/** An alert change as a CloudEvents 1.0 message for authorised local subscribers (`contracts.md` 3). */
import type { AlertChange } from '#model/alert/alert.ts'

export function alertEvent(change: AlertChange): Record<string, unknown> {
  const { alert, at } = change
  return {
    specversion: '1.0',
    id: `${alert.id}-${at}-${change.change}-${alert.activations}-${alert.evidenceCount}`,
    source: `/wardwatch/${alert.facility}`,
    type: 'wardwatch.alert.change.v1',
    subject: alert.id,
    time: new Date(at).toISOString(),
    datacontenttype: 'application/json',
    data: change,
  }
}
