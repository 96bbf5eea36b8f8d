/** Words for alerts: which zone, which rule, which state, whose hands. One place, so that all pages say the same. */

import type { Alert } from '../api/types.ts'
import type { Text } from '../i18n/use-text.ts'
import { isUnacknowledged } from '../live/alert-store.ts'
import type { FacilityData } from '../live/facility-data.ts'
import { nameOfCode } from './rule-words.ts'

export const zoneName = (t: Text, data: FacilityData, id: string | null): string =>
  id === null ? '—' : t.pick(data.zones.get(id)?.name, id)

export function alertName(t: Text, data: FacilityData, alert: Alert): string {
  const rule = data.rules.get(alert.rule) ?? [...data.rules.values()].find((r) => r.code === alert.code)
  return t.pick(rule?.name ?? nameOfCode(alert.code), t.pick(alert.explanation, alert.code || alert.rule))
}

export function sourceName(data: FacilityData, alert: Alert): string {
  const subject = alert.subject ? data.people.get(alert.subject) : undefined
  const who = subject ? [subject.number ?? subject.id, subject.initials].filter(Boolean).join(' ') : alert.subject
  if (alert.device && alert.subject) return `${alert.device} · ${who}`
  // A key of several parts is for machines; a single one names a thing (a route, a count, a client).
  return alert.device ?? who ?? (alert.key && alert.key !== alert.zone && !alert.key.includes('|') ? alert.key : '—')
}

/** The one state word of a row: what a person must know first. */
export function stateWord(t: Text, alert: Alert): string {
  if (isUnacknowledged(alert)) return t.code('state', alert.state)
  if (alert.handling === 'pending-review' || alert.handling === 'dispatched') return t.code('handling', alert.handling)
  return t.code('state', alert.state)
}

export function params(text: string, values: Record<string, unknown>): { text: string; strong: boolean }[] {
  const parts: { text: string; strong: boolean }[] = []
  let last = 0
  for (const match of text.matchAll(/\{(\w+)(?:\.(\w+))?\}/g)) {
    if (match.index > last) parts.push({ text: text.slice(last, match.index), strong: false })
    parts.push({ text: plain(values[match[1]!]), strong: true })
    last = match.index + match[0].length
  }
  if (last < text.length) parts.push({ text: text.slice(last), strong: false })
  return parts
}

export function plain(value: unknown): string {
  if (value === null || value === undefined) return '—'
  if (typeof value === 'number')
    return Number.isInteger(value) ? String(value) : String(Math.round(value * 1000) / 1000)
  if (typeof value === 'boolean') return value ? '✓' : '✗'
  if (Array.isArray(value)) return value.map(plain).join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
