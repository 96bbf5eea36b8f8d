/**
 * What each mask may see of an alert, a reading or a device. By list of what is allowed, never by list of what is
 * forbidden: a new field stays hidden until somebody puts it here. Pure functions over what the ports give.
 */
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import { type DataClass, READING_TYPES } from '#model/catalogue/index.ts'
import { type Mask, may, type Role } from '#model/permissions.ts'
import type { DeviceState } from '#model/ports/facility.ts'
import type { Reading } from '#model/reading.ts'

export const WITHHELD = { zh: '（个人信息已隐去）', en: '(personal data withheld)' }

/** What masking must know about the place: which devices are worn by or belong to a person. */
export interface MaskingFacts {
  isPersonal: (device: string) => boolean
  isZone: (id: string) => boolean
  ruleName: (slug: string) => { zh: string; en: string } | null
}

export const NO_FACTS: MaskingFacts = { isPersonal: () => true, isZone: () => true, ruleName: () => null }

const POSITION_TYPES = new Set(['band.position', 'tag.position'])

export function classOf(type: string): DataClass {
  // A type without an entry counts as the most sensitive one.
  return READING_TYPES.get(type)?.class ?? 'L4'
}

/** May this role see values of this reading type? */
export function maySeeType(role: Role, type: string): boolean {
  const dataClass = classOf(type)
  if (dataClass === 'L4') return may(role, POSITION_TYPES.has(type) ? 'positions:read' : 'vitals:read')
  if (dataClass === 'L3') return may(role, 'people:read')
  return true
}

/** An alert without the persons (`technical`) and without the staff (`public`). */
export function maskAlert(alert: Alert, mask: Mask, facts: MaskingFacts): Alert {
  if (mask === 'full') return alert
  const persons = new Set([...alert.subjects, ...(alert.subject ? [alert.subject] : [])])
  const device =
    alert.device !== null && (facts.isPersonal(alert.device) || persons.has(alert.device)) ? null : alert.device
  const personal = persons.size > 0 || (alert.device !== null && device === null)
  const sensitive = personal || alert.reasons.some((r) => r.class === 'L3' || r.class === 'L4')
  const name = facts.ruleName(alert.rule)
  return {
    ...alert,
    subject: null,
    subjects: [],
    device,
    key: alert.key
      .split('|')
      .map((part) =>
        part === alert.zone || (device !== null && part === device) || (!persons.has(part) && facts.isZone(part))
          ? part
          : '•',
      )
      .join('|'),
    // Classes are given by the rules; where a person is involved even L2 parameters may point at him.
    reasons: alert.reasons.map((r) => (sensitive || r.class === 'L3' || r.class === 'L4' ? { ...r, params: {} } : r)),
    explanation: sensitive
      ? { zh: `${name?.zh ?? alert.code}${WITHHELD.zh}`, en: `${name?.en ?? alert.code} ${WITHHELD.en}` }
      : alert.explanation,
    evidence: mask === 'public' ? [] : alert.evidence,
    assignee: mask === 'public' ? null : alert.assignee,
  }
}

export function maskChange(change: AlertChange, mask: Mask, facts: MaskingFacts): AlertChange {
  if (mask === 'full') return change
  const by = mask === 'public' && change.by !== null && change.by !== 'system' ? '•' : change.by
  // Notes are free text: nobody can know what stands in them.
  return { ...change, alert: maskAlert(change.alert, mask, facts), by, note: null }
}

export type MaskedReading = Omit<Reading, 'value'> & { value: Record<string, unknown> | null; masked: boolean }

export function maskReading(reading: Reading, role: Role, facts: MaskingFacts): MaskedReading {
  const persons = may(role, 'people:read')
  if (persons && maySeeType(role, reading.type)) return { ...reading, masked: false }
  const personal = facts.isPersonal(reading.device)
  const visible = maySeeType(role, reading.type) && !personal
  return {
    ...reading,
    id: personal ? '•' : reading.id,
    device: personal ? '•' : reading.device,
    subject: null,
    value: visible ? reading.value : null,
    masked: true,
  }
}

/** A device's latest values, as far as the role may see them; L4 only where `withL4`, because that look is recorded. */
export function maskLatest(state: DeviceState, role: Role, withL4: boolean): DeviceState['latest'] {
  return Object.fromEntries(
    Object.entries(state.latest).filter(([type]) => maySeeType(role, type) && (withL4 || classOf(type) !== 'L4')),
  )
}
