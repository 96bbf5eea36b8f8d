/** Records for tests of this floor: real types of the catalogue, values that differ. Nothing but tests imports it. */
import { type Alert, type AlertChange, type ChangeKind, untouched } from '#model/alert/alert.ts'
import { derivedReadingId } from '#model/ids.ts'
import type { JournalBody } from '#model/ports/journal.ts'
import type { Reading } from '#model/reading.ts'

export const START = 1_795_300_000_000

export function sampleReading(n: number, more: Partial<Reading> = {}): Reading {
  const device = more.device ?? `E${n % 30}`
  const time = more.time ?? START + n
  const type = more.type ?? 'env.temperature'
  const value = more.value ?? { celsius: 20 + (n % 100) / 10 }
  return {
    id: derivedReadingId(device, type, time, { ...value, n }),
    facility: 'js-03',
    zone: 'W3',
    device,
    type,
    time,
    received: time + 5,
    quality: 'good',
    subject: null,
    value,
    ...more,
  }
}

export const readingBody = (n: number, more: Partial<Reading> = {}): JournalBody => ({
  kind: 'reading',
  reading: sampleReading(n, more),
})

export function sampleAlert(n: number, more: Partial<Alert> = {}): Alert {
  return {
    id: `a${String(n).padStart(20, '0')}`,
    rule: 'perimeter-intrusion-confirmed',
    code: 'R01',
    ruleVersion: '1',
    domain: 'behaviour',
    level: 'red',
    facility: 'js-03',
    zone: 'BELT-E',
    device: 'F07',
    subject: null,
    key: `BELT-E|${n}`,
    incident: null,
    subjects: [],
    raisedAt: START + n,
    eventTime: START + n,
    delayed: false,
    drill: false,
    test: false,
    state: 'unacknowledged',
    evidence: [],
    reasons: [],
    explanation: { zh: '周界入侵', en: 'Perimeter intrusion' },
    plan: 'RP1',
    ...untouched(),
    annunciated: true,
    evidenceCount: 0,
    ...more,
  }
}

export function sampleChange(n: number, change: ChangeKind = 'raised', more: Partial<Alert> = {}): AlertChange {
  return { at: START + n, change, alert: sampleAlert(n, more), by: null, note: null }
}

export const alertBody = (n: number, change: ChangeKind = 'raised', more: Partial<Alert> = {}): JournalBody => ({
  kind: 'alert',
  change: sampleChange(n, change, more),
})
