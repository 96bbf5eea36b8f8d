/** The alert that a person raises by hand. Its id is made of who, where and when, and of how many there were before. */
import { type Alert, untouched } from '#model/alert/alert.ts'
import { alertId } from '#model/ids.ts'
import type { ManualAlert } from '#model/ports/alert-desk.ts'

export function manualAlert(manual: ManualAlert, facility: string, by: string, at: number, n: number): Alert {
  const key = [manual.zone, manual.kind].join('|')
  const id = alertId('manual-alert', key, `${by}|${at}|${n}`)
  const subjects = [...(manual.subjects ?? [])].sort().slice(0, 20)
  return {
    id,
    rule: 'manual-alert',
    code: 'S03',
    ruleVersion: '1',
    domain: 'behaviour',
    level: manual.level,
    facility,
    zone: manual.zone,
    device: null,
    subject: subjects[0] ?? null,
    key,
    incident: `i${id}`,
    subjects,
    raisedAt: at,
    eventTime: at,
    delayed: false,
    drill: false,
    test: false,
    state: 'unacknowledged',
    evidence: [],
    reasons: [{ code: 'manual', params: { kind: manual.kind, note: manual.note, by }, class: 'L3' }],
    explanation: {
      zh: `人工报警（${manual.kind}）：${manual.note}`,
      en: `Manual alert (${manual.kind}): ${manual.note}`,
    },
    plan: null,
    ...untouched(),
    annunciated: manual.level !== 'blue',
    evidenceCount: 0,
  }
}
