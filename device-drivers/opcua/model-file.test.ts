/** The model files as data: all of them are valid, honest and complete, and a wrong one is refused by line. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { DEVICE_KINDS } from '#model/site/schema.ts'
import { convertField, qualityOf } from './conversion.ts'
import { fitsPattern, loadOpcuaModel, normalPath } from './model-file.ts'

const NAMES = readdirSync(join(import.meta.dirname, 'models')).map((file) => file.replace('.yaml', ''))

test.each(NAMES)('%s is valid, says its maturity, and maps only what its kind produces', (name) => {
  const model = loadOpcuaModel(name, [])
  expect(model.maturity).toBe('simulated')
  expect(DEVICE_KINDS).toContain(model.kind)
  const types = [...(model.readings ?? []), ...(model.events ?? [])].map((line) => line.type)
  expect(types.length).toBeGreaterThan(0)
  for (const type of types) expect(READING_TYPES.get(type)?.producers, type).toContain(model.kind)
})

test('every event line can fill the fields that its reading must have', () => {
  for (const name of NAMES)
    for (const map of loadOpcuaModel(name, []).events ?? []) {
      const given = [...Object.keys(map.set ?? {}), ...Object.keys(map.fields ?? {})]
      const needed = READING_TYPES.get(map.type)?.fields.filter((field) => !field.optional) ?? []
      for (const field of needed) expect(given, `${name}: ${map.type}.${field.name}`).toContain(field.name)
    }
})

test.each([
  ['a type that the collection list does not hold', 'readings:\n  - { type: door.colour, fields: {} }\n', /type/],
  [
    'a field that the type does not have',
    'readings:\n  - { type: door.state, fields: { colour: { path: [X] } } }\n',
    /no field "colour"/,
  ],
  ['an unknown key', 'reading: []\n', /"reading"/],
  ['an event that says no cause', 'events:\n  - { type: fence.cut }\n', /events/],
  ['a missing maturity', '', /maturity/],
])('%s is refused by name', (what, body, sentence) => {
  const dir = mkdtempSync(join(tmpdir(), 'ww-models-'))
  try {
    mkdirSync(join(dir, 'opcua'))
    const head = what.includes('maturity')
      ? 'name: { zh: 甲, en: A }\n'
      : 'name: { zh: 甲, en: A }\nmaturity: simulated\n'
    writeFileSync(join(dir, 'opcua', 'site-door.yaml'), head + body)
    expect(() => loadOpcuaModel('site-door', [dir])).toThrow(sentence)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('names are compared without case and punctuation, patterns match whole names', () => {
  expect(normalPath('Inner/Door_State')).toBe('inner/doorstate')
  expect(fitsPattern(['*access*granted*'], 'AccessGrantedEventType')).toBe(true)
  expect(fitsPattern(['*tool*in'], 'ToolInside')).toBe(false)
  expect(fitsPattern(['Alarm'], 'VoltageAlarm')).toBe(false)
})

const field = (type: string, name: string) => READING_TYPES.get(type)!.fields.find((f) => f.name === name)!

test('enumerations, scale, inversion, texts and 64-bit integers are converted, anything else is a sentence', () => {
  const state = field('door.state', 'state')
  const map = { map: { '0': 'closed', true: 'open' } }
  expect(convertField(map, state, 0)).toEqual({ ok: true, value: 'closed' })
  expect(convertField(map, state, true)).toEqual({ ok: true, value: 'open' })
  expect(convertField(map, state, 'OPEN')).toEqual({ ok: true, value: 'open' })
  expect(convertField(map, state, { locale: 'en', text: 'Closed' })).toEqual({ ok: true, value: 'closed' })
  expect(convertField(map, state, 7)).toMatchObject({
    ok: false,
    detail: expect.stringContaining('none of open, closed'),
  })
  expect(convertField({ scale: 0.001 }, field('fence.voltage', 'kv'), 6013)).toEqual({ ok: true, value: 6.013 })
  expect(convertField({ invert: true }, field('env.leak', 'active'), 0)).toEqual({ ok: true, value: true })
  expect(convertField({}, field('env.co2', 'ppm'), [0, 412])).toEqual({ ok: true, value: 412 })
  for (const nothing of [null, undefined, Number.NaN, [1, 2, 3], {}, '', 'cold'])
    expect(convertField({}, field('env.temperature', 'celsius'), nothing).ok, String(nothing)).toBe(false)
})

test('whatever comes over the wire, a converted number is finite and a conversion never throws', () => {
  const spec = field('env.temperature', 'celsius')
  fc.assert(
    fc.property(fc.anything(), fc.double({ min: -1e3, max: 1e3, noNaN: true }), (raw, scale) => {
      const converted = convertField({ scale }, spec, raw)
      return !converted.ok || Number.isFinite(converted.value)
    }),
  )
})

test('the two top bits of a status code decide the quality', () => {
  expect([0, 0x00960000, 0x40000000, 0x80340000, 0xc0000000].map(qualityOf)).toEqual([
    'good',
    'good',
    'uncertain',
    'bad',
    'bad',
  ])
})
