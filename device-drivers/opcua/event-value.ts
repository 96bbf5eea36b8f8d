/** Which line of a model file an event belongs to, and the value of its reading. Pure. */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { ReadingValue } from '#model/reading.ts'
import { bySeverity, convertField } from './conversion.ts'
import { type EventMap, fitsPattern, normalName } from './model-file.ts'
import type { WireEvent } from './wire.ts'

export function fitsEvent(patterns: string[], event: WireEvent): boolean {
  if (event.names.some((name) => fitsPattern(patterns, name))) return true
  // A server that knows only the base type says what happened in the message.
  return event.names.length === 0 && fitsPattern(patterns, event.message)
}

export function fitsCondition(map: EventMap, event: WireEvent): boolean {
  // Some servers leave ConditionName empty; the last part of a textual node id is then the best name.
  const tail = /;s=(?:.*[/.])?([^/.]+)$/.exec(event.conditionId ?? '')?.[1] ?? ''
  const names = [event.conditionName ?? '', tail, ...event.names].filter((name) => name !== '')
  if (names.some((name) => fitsPattern(map.not ?? [], name))) return false
  return names.some((name) => fitsPattern(map.condition ?? [], name))
}

export function inactiveValue(map: EventMap): ReadingValue {
  const value: ReadingValue = { ...(map.set ?? {}) }
  for (const [name, field] of Object.entries(map.fields ?? {})) if (field.active) value[name] = field.invert === true
  return value
}

export function eventValue(map: EventMap, event: WireEvent): ReadingValue {
  const value: ReadingValue = { ...(map.set ?? {}) }
  const type = READING_TYPES.get(map.type)
  for (const [name, field] of Object.entries(map.fields ?? {})) {
    const spec = type?.fields.find((f) => f.name === name)
    if (!spec) continue
    if (field.active) {
      value[name] = (event.active === true) !== (field.invert === true)
      continue
    }
    if (field.severity) {
      const step = bySeverity(field.severity, event.severity)
      if (step !== null) value[name] = step
      continue
    }
    const names = [...(field.path ?? []).map(normalName), normalName(name)]
    const raw = names.map((wanted) => event.fields.get(wanted)).find((found) => found !== undefined && found !== null)
    if (raw === undefined || raw === null) continue
    const converted = convertField(field, spec, raw)
    if (converted.ok) value[name] = converted.value
    else if (!spec.optional) value[name] = null
  }
  return value
}
