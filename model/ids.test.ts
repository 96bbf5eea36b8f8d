import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { alertId, base32, canonicalJson, derivedReadingId } from './ids.ts'

/** RFC 8785, as plainly as it can be said. */
function plain(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(plain).join(',')}]`
  const entries = Object.entries(value).filter(([, v]) => v !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${plain(v)}`).join(',')}}`
}

test('canonical JSON is that of RFC 8785, whatever the keys are and in whatever order they came', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(canonicalJson(value)).toBe(plain(value))
    }),
    { numRuns: 300 },
  )
  expect(canonicalJson({ b: 1, a: { z: -0, y: [{ d: 1, c: 2 }] }, 10: 1, 9: 2 })).toBe(
    '{"10":1,"9":2,"a":{"y":[{"c":2,"d":1}],"z":0},"b":1}',
  )
  expect(canonicalJson(JSON.parse('{"b":1,"__proto__":2}'))).toBe('{"__proto__":2,"b":1}')
  expect(canonicalJson({ b: undefined, a: Number.NaN })).toBe('{"a":null}')
})

test('ids are base32 of the SHA-256 of what makes them', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(), (device, key, time) => {
      const digest = (text: string) => base32(createHash('sha256').update(text).digest())
      const value = { b: key, a: time }
      const text = `${device}\0t\0${time}\0${JSON.stringify({ a: time, b: key })}`
      expect(derivedReadingId(device, 't', time, value)).toBe(`r${digest(text).slice(0, 26)}`)
      expect(alertId('slug', key, device)).toBe(`a${digest(`slug\0${key}\0${device}`).slice(0, 20)}`)
    }),
    { numRuns: 100 },
  )
})
