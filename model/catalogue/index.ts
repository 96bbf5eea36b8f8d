/** The catalogue of reading types: the only types that exist. A reading of any other type is quarantined. */
import { Ajv, type ValidateFunction } from 'ajv'
import { QUALITIES, type RawReading, type ReadingValue } from '../reading.ts'
import { type FieldSpec, READING_TYPES, type ReadingType } from './types.ts'

export { type DataClass, type FieldSpec, READING_TYPES, type ReadingType, type SignalKind } from './types.ts'

function fieldSchema(field: FieldSpec): Record<string, unknown> {
  const types: string[] = field.scalar ? [field.type, 'number', 'boolean'] : [field.type]
  if (field.optional) types.push('null')
  const schema: Record<string, unknown> = { type: types.length === 1 ? types[0] : types }
  if (field.values) schema.enum = field.optional ? [...field.values, null] : field.values
  if (field.min !== undefined) schema.minimum = field.min
  if (field.max !== undefined) schema.maximum = field.max
  if (field.unit) schema.description = `unit: ${field.unit}`
  if (field.type === 'string' && !field.values) schema.maxLength = 256
  return schema
}

/** JSON Schema of the `value` of a type; unknown extra fields are kept, so they are allowed. */
export function valueSchema(type: ReadingType): Record<string, unknown> {
  return {
    type: 'object',
    title: type.name.en,
    properties: Object.fromEntries(type.fields.map((f) => [f.name, fieldSchema(f)])),
    required: type.fields.filter((f) => !f.optional).map((f) => f.name),
  }
}

const ajv = new Ajv({ allErrors: false, allowUnionTypes: true })
const validators = new Map<string, ValidateFunction>()

/** Made when the first reading of the type comes: all at once would cost every process a third of a second. */
function validatorOf(name: string): ValidateFunction | null {
  const known = validators.get(name)
  if (known) return known
  const type = READING_TYPES.get(name)
  if (!type) return null
  const made = ajv.compile(valueSchema(type))
  validators.set(name, made)
  return made
}

/** Why a reading cannot be taken: a code of the error catalogue and one sentence. */
export interface ReadingFault {
  cause: 'unknown-type' | 'bad-value' | 'bad-reading'
  detail: string
}

/** Null when `value` is a legal value of `type`. */
export function valueFault(type: string, value: ReadingValue): ReadingFault | null {
  const validate = validatorOf(type)
  if (!validate)
    return {
      cause: 'unknown-type',
      detail: `type "${type}" is not in the collection list; add it to the catalogue or map it in the model file`,
    }
  if (validate(value)) return null
  const error = validate.errors?.[0]
  return {
    cause: 'bad-value',
    detail: `${type}: value${error?.instancePath ?? ''} ${error?.message ?? 'is not valid'}`,
  }
}

/** 2000-01-01 and 2200-01-01: a time outside is a unit mistake (seconds, microseconds), not a time. */
const EARLIEST_MS = 946_684_800_000
const LATEST_MS = 7_258_118_400_000

/** A time that can be meant: whoever follows another one would run through thousands of years. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= EARLIEST_MS && value <= LATEST_MS
}

const inSeconds = (value: unknown): boolean => typeof value === 'number' && isTime(value * 1000)

const isTextOrNull = (value: unknown): boolean => value === undefined || value === null || typeof value === 'string'

/** Null when the object is a legal reading apart from what the edge fills in itself. */
export function readingFault(reading: unknown): ReadingFault | null {
  if (reading === null || typeof reading !== 'object' || Array.isArray(reading))
    return { cause: 'bad-reading', detail: 'not a JSON object' }
  const r = reading as Partial<RawReading>
  if (typeof r.device !== 'string' || r.device === '' || r.device.length > 64)
    return { cause: 'bad-reading', detail: '"device" must be text of 1 to 64 characters' }
  if (typeof r.type !== 'string') return { cause: 'bad-reading', detail: '"type" must be text' }
  if (r.time !== undefined && !isTime(r.time))
    return {
      cause: 'bad-reading',
      detail: `"time" must be ms since 1970 UTC between the years 2000 and 2200, not ${JSON.stringify(r.time)?.slice(0, 40)}${inSeconds(r.time) ? '; it looks like seconds' : ''}`,
    }
  if (r.received !== undefined && !isTime(r.received))
    return { cause: 'bad-reading', detail: '"received" must be ms since 1970 UTC between the years 2000 and 2200' }
  if (r.id !== undefined && (typeof r.id !== 'string' || r.id === '' || r.id.length > 64))
    return { cause: 'bad-reading', detail: '"id" must be text of 1 to 64 characters' }
  if (r.quality !== undefined && !QUALITIES.includes(r.quality))
    return { cause: 'bad-reading', detail: '"quality" must be good, uncertain or bad' }
  if (!isTextOrNull(r.facility) || !isTextOrNull(r.zone) || !isTextOrNull(r.subject)) {
    const key = (['facility', 'zone', 'subject'] as const).find((k) => !isTextOrNull(r[k]))
    return { cause: 'bad-reading', detail: `"${key}" must be text or null` }
  }
  if (r.value === null || typeof r.value !== 'object' || Array.isArray(r.value))
    return { cause: 'bad-reading', detail: '"value" must be a JSON object' }
  return valueFault(r.type, r.value)
}
