/**
 * From a value of the wire to a field of a reading: enumerations, scale, quality, time. Pure: no connection, no clock.
 * It must never make up a value: what cannot be read is a fault in one sentence.
 */
import type { FieldSpec } from '#model/catalogue/index.ts'
import type { Quality } from '#model/reading.ts'
import type { FieldMap } from './model-file.ts'

export type Converted = { ok: true; value: string | number | boolean } | { ok: false; detail: string }

const TRUE = new Set(['true', '1', 'on', 'yes', 'active', 'alarm'])
const FALSE = new Set(['false', '0', 'off', 'no', 'inactive', 'normal'])

/** Quality of an OPC UA status code: the two top bits of the number. */
export function qualityOf(statusCode: number): Quality {
  const severity = statusCode >>> 30
  return severity === 0 ? 'good' : severity === 1 ? 'uncertain' : 'bad'
}

/** A scalar out of what a variant may hold: localized text, 64-bit integers as two words, dates. Null = nothing usable. */
export function plainScalar(raw: unknown): string | number | boolean | null {
  if (typeof raw === 'string' || typeof raw === 'boolean') return raw
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw : null
  if (typeof raw === 'bigint') return Number(raw)
  if (raw instanceof Date) return raw.getTime()
  if (Array.isArray(raw) && raw.length === 2) {
    const [high, low] = raw
    return typeof high === 'number' && typeof low === 'number' ? high * 2 ** 32 + low : null
  }
  if (raw && typeof raw === 'object' && 'text' in raw) return typeof raw.text === 'string' ? raw.text : null
  return null
}

/** A field of the collection list from a raw value. */
export function convertField(map: FieldMap, spec: FieldSpec, raw: unknown): Converted {
  const scalar = plainScalar(raw)
  if (scalar === null) return { ok: false, detail: `holds ${describe(raw)}, which is no scalar value` }
  if (map.map) {
    const wanted = String(scalar).trim().toLowerCase()
    for (const [from, to] of Object.entries(map.map)) if (from.toLowerCase() === wanted) return { ok: true, value: to }
  }
  switch (spec.type) {
    case 'boolean':
      return toBoolean(map, scalar)
    case 'number':
    case 'integer':
      return toNumber(map, spec, scalar)
    default: {
      const text = String(scalar).trim()
      if (!spec.values) return { ok: true, value: String(scalar) }
      const known = spec.values.find((value) => value.toLowerCase() === text.toLowerCase())
      return known !== undefined
        ? { ok: true, value: known }
        : {
            ok: false,
            detail: `holds ${describe(raw)}, which is none of ${spec.values.join(', ')}; extend "map" in the model file`,
          }
    }
  }
}

function toBoolean(map: FieldMap, scalar: string | number | boolean): Converted {
  const text = String(scalar).trim().toLowerCase()
  const value = TRUE.has(text) ? true : FALSE.has(text) ? false : null
  if (value === null) return { ok: false, detail: `holds ${describe(scalar)}, which is neither true nor false` }
  return { ok: true, value: map.invert ? !value : value }
}

function toNumber(map: FieldMap, spec: FieldSpec, scalar: string | number | boolean): Converted {
  const number =
    typeof scalar === 'boolean'
      ? Number.NaN
      : typeof scalar === 'string' && scalar.trim() === ''
        ? Number.NaN
        : Number(scalar)
  if (!Number.isFinite(number)) return { ok: false, detail: `holds ${describe(scalar)}, which is no number` }
  const scaled = number * (map.scale ?? 1) + (map.offset ?? 0)
  // Scaling leaves dust in the last binary digits (0.001 × 6000); nine decimals are more than any sensor has.
  const value = map.scale || map.offset ? Math.round(scaled * 1e9) / 1e9 : scaled
  return { ok: true, value: spec.type === 'integer' ? Math.round(value) : value }
}

/** Value of a field for a severity: the highest step that is reached. */
export function bySeverity(steps: Record<string, number>, severity: number): string | null {
  let best: [string, number] | null = null
  for (const [value, from] of Object.entries(steps))
    if (severity >= from && (best === null || from > best[1])) best = [value, from]
  return best?.[0] ?? null
}

export function describe(raw: unknown): string {
  let text: string
  try {
    // JSON has no NaN.
    text = typeof raw === 'number' ? String(raw) : (JSON.stringify(raw) ?? String(raw))
  } catch {
    text = String(raw)
  }
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
