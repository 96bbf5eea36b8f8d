/** One item of a maker's payload → readings, as its model file says. Pure; what cannot be mapped is said, never guessed. */
import { WardwatchError } from '#model/errors.ts'
import type { RawReading } from '#model/reading.ts'
import { compilePath, follow, type Path } from './json-path.ts'
import type { FieldMap, Primitive, ReadingMap, TimeMap } from './model-schema.ts'

export interface CompiledField {
  name: string
  path: Path | null
  map: FieldMap
}

export interface CompiledReading {
  type: string
  when: Path | null
  equals: Primitive | undefined
  fields: CompiledField[]
}

export function compileReading(map: ReadingMap): CompiledReading {
  return {
    type: map.type,
    when: map.when === undefined ? null : compilePath(map.when),
    equals: map.equals,
    fields: Object.entries(map.value).map(([name, spec]) => {
      const field: FieldMap = typeof spec === 'string' ? { path: spec } : spec
      return { name, path: field.path === undefined ? null : compilePath(field.path), map: field }
    }),
  }
}

export interface CompiledTime {
  path: Path
  unit: TimeMap['unit']
}

export const compileTime = (map: TimeMap | undefined): CompiledTime | null =>
  map ? { path: compilePath(map.path), unit: map.unit } : null

/** ms since 1970; undefined when the item carries none. @throws WardwatchError `bad-payload` */
export function timeOf(time: CompiledTime | null, item: unknown): number | undefined {
  if (!time) return undefined
  const raw = follow(time.path, item)
  if (raw === undefined || raw === null || raw === '') return undefined
  const ms = time.unit === 'iso' ? Date.parse(String(raw)) : Number(raw) * (time.unit === 's' ? 1000 : 1)
  if (!Number.isFinite(ms))
    throw new WardwatchError(
      'bad-payload',
      `time ${JSON.stringify(raw)?.slice(0, 60)} is not ${time.unit === 'iso' ? 'an RFC 3339 time' : `a number of ${time.unit}`}`,
    )
  return Math.round(ms)
}

/** Value of one field; undefined when the item does not carry it. @throws WardwatchError `bad-payload` */
function fieldValue(field: CompiledField, item: unknown, parts: Record<string, string>): unknown {
  const { map } = field
  if (map.const !== undefined)
    return typeof map.const === 'string'
      ? map.const.replace(/\{([a-z0-9_-]+)\}/g, (_, name) => parts[name] ?? '')
      : map.const
  const raw = field.path ? follow(field.path, item) : undefined
  if (raw === undefined) return undefined
  if (map.nothing?.includes(raw as Primitive)) return null
  if (map.enum) {
    const key = String(raw)
    if (!Object.hasOwn(map.enum, key))
      throw new WardwatchError(
        'bad-payload',
        `field ${field.name}: the device says ${JSON.stringify(raw)?.slice(0, 60)}, which the model file does not list; add it to "enum"`,
      )
    return map.enum[key]
  }
  if (map.scale !== undefined || map.offset !== undefined) {
    const number = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw
    if (typeof number !== 'number' || !Number.isFinite(number))
      throw new WardwatchError(
        'bad-payload',
        `field ${field.name}: ${JSON.stringify(raw)?.slice(0, 60)} is not a number`,
      )
    return Number((number * (map.scale ?? 1) + (map.offset ?? 0)).toFixed(9))
  }
  return raw
}

/** The reading of this item; `absent` when the item does not carry it, `other` when it says something else. @throws WardwatchError `bad-payload` */
export function applyReading(
  reading: CompiledReading,
  item: unknown,
  parts: Record<string, string>,
): Pick<RawReading, 'type' | 'value'> | 'absent' | 'other' {
  const carried = reading.when
    ? follow(reading.when, item)
    : reading.fields.map((f) => (f.path ? follow(f.path, item) : undefined)).find((v) => v !== undefined)
  if (carried === undefined) return 'absent'
  if (reading.equals !== undefined && carried !== reading.equals) return 'other'
  const value: Record<string, unknown> = {}
  for (const field of reading.fields) {
    const got = fieldValue(field, item, parts)
    if (got !== undefined) value[field.name] = got
  }
  return { type: reading.type, value }
}
