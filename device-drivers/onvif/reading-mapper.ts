/**
 * From a camera's event to a reading of the catalogue, by the device's model file. Never invents: what the mapping
 * cannot read is a fault with a sentence, for the quarantine.
 */
import { READING_TYPES, valueFault } from '#model/catalogue/index.ts'
import type { Device } from '#model/context/kinds.ts'
import { derivedReadingId } from '#model/ids.ts'
import type { Quality, RawReading, ReadingValue } from '#model/reading.ts'
import { type CameraModel, type FieldRule, fitsGlob, itemOf, type Mapping, type Scalar } from './model.ts'
import type { CameraEvent } from './notification.ts'

export type Mapped =
  | { kind: 'reading'; reading: RawReading; mapping: Mapping }
  | { kind: 'ignored' }
  | { kind: 'unmapped' }
  | { kind: 'fault'; cause: 'bad-payload' | 'bad-value' | 'unknown-type'; detail: string }

/** What the words of the makers mean: 0/1, true/false, active/inactive … */
const WORDS: Record<string, boolean> = {
  ...Object.fromEntries(['true', '1', 'active', 'on', 'yes'].map((word) => [word, true])),
  ...Object.fromEntries(['false', '0', 'inactive', 'off', 'no'].map((word) => [word, false])),
}

class Unreadable extends Error {}

export interface ArrivalNote {
  /** Edge time, ms. */
  received: number
  /** The camera's own clock at the answer that carried the event, ms; null when unknown. */
  deviceNow: number | null
  /** The answer was among the first after subscribing: `Initialized` events in it tell the present state, not news. */
  opening: boolean
  /** How many events equal to this one came before it at the same camera time: two persons may cross in one second. */
  ordinal: number
}

/** An `Initialized` state older than this is told with the time of the answer: it says what holds now. */
const STATE_AGE_MS = 5000

export function mapEvent(device: Device, model: CameraModel, event: CameraEvent, note: ArrivalNote): Mapped {
  const mapping = model.find(event)
  if (!mapping) return { kind: 'unmapped' }
  if (mapping.ignore || !mapping.type) return { kind: 'ignored' }
  // The property ended to exist (an object left, a rule was deleted): its last state was told by Changed.
  if (event.operation === 'Deleted') return { kind: 'ignored' }
  let value: ReadingValue
  try {
    value = readValue(mapping, event)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return {
      kind: 'fault',
      cause: 'bad-payload',
      detail: `${event.topic}: ${error.message}; correct the model file "${model.id}"`,
    }
  }
  if (mapping.type === 'camera.line-crossed') nameDoor(value, device)
  const fault = valueFault(mapping.type, value)
  if (fault)
    return {
      kind: 'fault',
      cause: fault.cause === 'unknown-type' ? 'unknown-type' : 'bad-value',
      detail: `${event.topic}: ${fault.detail}`,
    }
  const { time, quality } = timeOf(mapping.type, value, event, note)
  const identity = { ...value, '#': [event.topic, event.source, event.key, event.data, note.ordinal] }
  const id = derivedReadingId(device.id, mapping.type, time, identity)
  return {
    kind: 'reading',
    reading: { id, device: device.id, type: mapping.type, time, received: note.received, quality, value },
    mapping,
  }
}

function readValue(mapping: Mapping, event: CameraEvent): ReadingValue {
  const value: ReadingValue = {}
  for (const [name, rule] of Object.entries(mapping.value ?? {})) {
    const field = typeof rule === 'object' ? readField(rule, event) : rule
    if (field !== undefined) value[name] = field
  }
  return value
}

function readField(rule: FieldRule, event: CameraEvent): Scalar | undefined {
  const text = itemOf(event, rule.item)
  const name = [rule.item].flat().join(' or ')
  if (text === null) {
    if (rule.default !== undefined) return rule.default
    if (rule.optional) return undefined
    if (rule.as === 'present') return rule.not === true
    throw new Unreadable(`the item ${name} is missing`)
  }
  if (rule.map) {
    for (const [pattern, result] of Object.entries(rule.map)) if (fitsGlob(pattern, text)) return result
    if (rule.default !== undefined) return rule.default
    throw new Unreadable(`the item ${name} has the unknown value "${text.slice(0, 60)}"`)
  }
  switch (rule.as ?? 'text') {
    case 'text':
      return text
    case 'present':
      return (text.trim() !== '') !== (rule.not === true)
    case 'boolean': {
      const truth = WORDS[text.trim().toLowerCase()]
      if (truth === undefined)
        throw new Unreadable(`the item ${name} is "${text.slice(0, 60)}", neither true nor false`)
      return truth !== (rule.not === true)
    }
    default: {
      const number = text.trim() === '' ? Number.NaN : Number(text) * (rule.scale ?? 1)
      if (!Number.isFinite(number)) throw new Unreadable(`the item ${name} is "${text.slice(0, 60)}", not a number`)
      return rule.as === 'integer' ? Math.round(number) : number
    }
  }
}

/** The site file says which door a line guards and which way is inward; afterwards `in` always means inward. */
function nameDoor(value: ReadingValue, device: Device): void {
  const line = device.lines?.[String(value.line)]
  if (!line) return
  if (line.door) value.door = line.door
  if (line.inward === 'out') value.direction = value.direction === 'in' ? 'out' : 'in'
}

function timeOf(
  type: string,
  value: ReadingValue,
  event: CameraEvent,
  note: ArrivalNote,
): { time: number; quality: Quality } {
  const holds = READING_TYPES.get(type)?.signal.kind === 'state' || typeof value.active === 'boolean'
  const retold = event.operation === 'Initialized' && note.opening
  if (event.time === null) {
    // Hikvision's 0000-00-00. A pulse that is only retold after subscribing cannot be told from a new one: it stays on
    // record, but no rule may take it for an event of now.
    return { time: note.received, quality: retold && !holds ? 'bad' : 'uncertain' }
  }
  if (retold && holds && note.deviceNow !== null && note.deviceNow - event.time > STATE_AGE_MS)
    return { time: note.deviceNow, quality: 'good' }
  return { time: event.time, quality: 'good' }
}
