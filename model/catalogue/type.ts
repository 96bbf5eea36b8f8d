/**
 * One entry of the collection list (信息数据采集清单): fields with units and ranges, kind of signal, period, owner, class.
 * Compact builders only; the entries stand in the files of their family beside this one.
 */
export type DataClass = 'L1' | 'L2' | 'L3' | 'L4'
export type SignalKind = 'event' | 'detection' | 'state' | 'sample'

export interface FieldSpec {
  name: string
  type: 'number' | 'integer' | 'boolean' | 'string'
  optional?: boolean
  values?: readonly string[]
  /** Text that may also come as a bare number or boolean (a setting's value): kept as it came, read as text. */
  scalar?: boolean
  min?: number
  max?: number
  unit?: string
}

export interface ReadingType {
  type: string
  name: { zh: string; en: string }
  class: DataClass
  fields: FieldSpec[]
  /** What a reading says about the time after it (`semantics.md` 3). */
  signal: { kind: SignalKind; periodMs?: number; validMs?: number }
  /** Kinds of device that produce it. */
  producers: readonly string[]
  /** Department that answers for the data. */
  owner: string
  /** Zero variance for long means a stuck sensor (R56). */
  mustVary?: boolean
}

export const num = (name: string, unit: string, min: number, max: number): FieldSpec => ({
  name,
  type: 'number',
  unit,
  min,
  max,
})
export const int = (name: string, min: number, max: number, unit = 'count'): FieldSpec => ({
  name,
  type: 'integer',
  unit,
  min,
  max,
})
export const bool = (name: string): FieldSpec => ({ name, type: 'boolean' })
export const text = (name: string): FieldSpec => ({ name, type: 'string' })
export const scalar = (name: string): FieldSpec => ({ name, type: 'string', scalar: true })
export const one = (name: string, ...values: string[]): FieldSpec => ({ name, type: 'string', values })
export const opt = (field: FieldSpec): FieldSpec => ({ ...field, optional: true })

export const event = { kind: 'event' } as const
export const detection = { kind: 'detection' } as const
export const state = { kind: 'state' } as const
/** @param periodS expected period, @param validS how long one sample speaks, both in seconds. */
export const sample = (periodS: number, validS: number) =>
  ({ kind: 'sample', periodMs: periodS * 1000, validMs: validS * 1000 }) as const

export function entry(
  type: string,
  zh: string,
  en: string,
  dataClass: DataClass,
  signal: ReadingType['signal'],
  producers: readonly string[],
  owner: string,
  fields: FieldSpec[],
  more: { mustVary?: boolean } = {},
): ReadingType {
  return { type, name: { zh, en }, class: dataClass, signal, producers, owner, fields, ...more }
}
