/**
 * The model files of the OPC UA driver (`models/<name>.yaml`): which nodes and events of a device become which readings.
 * Data only; it must never know a connection.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { Device } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'
import { loadModelFile } from '../model-files.ts'

export type Maturity = 'simulated' | 'bench-tested' | 'field-proven'

/** Where a field comes from and how it is turned into what the collection list asks for. */
export interface FieldMap {
  /** Browse paths below the root, first found wins; `.` is the root itself; upper/lower case and punctuation do not count. */
  path?: string[]
  /** Value of the node (as text, any case) → value of the field. */
  map?: Record<string, string | number | boolean>
  scale?: number
  offset?: number
  invert?: boolean
  /** Smallest change that is reported, in the unit of the field. */
  deadband?: number
  /** Events only: lowest severity (1–1000) for each value of the field. */
  severity?: Record<string, number>
  /** Events only: the field is the condition's active state. */
  active?: boolean
}

export interface ReadingMap {
  type: string
  /** Fields that are the same for every reading of this line. */
  set?: Record<string, string | number | boolean>
  fields: Record<string, FieldMap>
  samplingMs?: number
}

/** One of `event`, `condition`, `rising`, `change` says what happening it is. */
export interface EventMap {
  type: string
  /** Names of event types, `*` matches any text. */
  event?: string[]
  /** Names of conditions or of their types: the reading is made when the condition becomes active. */
  condition?: string[]
  /** With `condition`: names that are something else. */
  not?: string[]
  /** With `condition`: also when it becomes inactive (for states). */
  both?: boolean
  /** Boolean node: the reading is made when it becomes true. */
  rising?: string[]
  /** Node: a reading for each new value. */
  change?: string[]
  set?: Record<string, string | number | boolean>
  fields?: Record<string, FieldMap>
}

export interface ModelFile {
  name: { zh: string; en: string }
  maturity: Maturity
  kind?: string
  /** Where the mapping was taken from. */
  source?: string
  readings?: ReadingMap[]
  events?: EventMap[]
  /** Nodes that are known and deliberately not collected. */
  ignore?: string[]
}

const names = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 }
const scalars = { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } }
const fields = {
  type: 'object',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    properties: {
      path: names,
      map: scalars,
      scale: { type: 'number' },
      offset: { type: 'number' },
      invert: { type: 'boolean' },
      deadband: { type: 'number', minimum: 0 },
      severity: { type: 'object', additionalProperties: { type: 'number' } },
      active: { type: 'boolean' },
    },
  },
}
const type = { enum: [...READING_TYPES.keys()] }

/** JSON Schema of a model file of this driver. */
export const OPCUA_MODEL_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'maturity'],
  properties: {
    name: {
      type: 'object',
      additionalProperties: false,
      required: ['zh', 'en'],
      properties: { zh: { type: 'string' }, en: { type: 'string' } },
    },
    maturity: { enum: ['simulated', 'bench-tested', 'field-proven'] },
    kind: { type: 'string' },
    source: { type: 'string' },
    ignore: names,
    readings: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['type', 'fields'],
        properties: { type, set: scalars, fields, samplingMs: { type: 'number', minimum: 0 } },
      },
    },
    events: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['type'],
        properties: {
          type,
          event: names,
          condition: names,
          not: names,
          both: { type: 'boolean' },
          rising: names,
          change: names,
          set: scalars,
          fields,
        },
        oneOf: [
          { required: ['event'] },
          { required: ['condition'] },
          { required: ['rising'] },
          { required: ['change'] },
        ],
      },
    },
  },
} as const

/** Names are compared without case and punctuation: `Door_State`, `doorState` and `DoorState` are one name. */
export function normalName(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

/** A path normalised step by step; `.` stays the root. */
export function normalPath(path: string): string {
  if (path === '.') return '.'
  return path.split('/').map(normalName).join('/')
}

/** True when `text` fits one of the patterns (`*` = any text), names normalised. */
export function fitsPattern(patterns: readonly string[], text: string): boolean {
  const name = normalName(text)
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map(normalName)
    if (parts.length === 1) return name === parts[0]
    const first = parts[0] as string
    const last = parts.at(-1) as string
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
    let at = first.length
    for (const part of parts.slice(1, -1)) {
      const found = name.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= name.length - last.length
  })
}

export function modelNameOf(device: Device): string {
  if (device.model) return device.model
  if (device.kind) return `generic-${device.kind}`
  throw new WardwatchError(
    'model-invalid',
    `device ${device.id}: has neither "model" nor "kind"; add model: generic-door (or another file of device-drivers/opcua/models)`,
  )
}

/** @throws WardwatchError `model-invalid` naming the file, line and field. */
export function loadOpcuaModel(name: string, siteDirs: readonly string[]): ModelFile {
  const model = loadModelFile<ModelFile>('opcua', name, siteDirs, OPCUA_MODEL_SCHEMA)
  for (const line of [...(model.readings ?? []), ...(model.events ?? [])]) {
    const known = READING_TYPES.get(line.type)?.fields ?? []
    for (const field of [...Object.keys(line.set ?? {}), ...Object.keys(line.fields ?? {})])
      if (!known.some((spec) => spec.name === field))
        throw new WardwatchError(
          'model-invalid',
          `model "${name}" of driver opcua: ${line.type} has no field "${field}"; it has ${known.map((f) => f.name).join(', ') || 'none'}`,
        )
  }
  return model
}
