import { describe, expect, test } from 'vitest'
import { READING_TYPES, readingFault, valueFault } from './index.ts'

const reading = (type: string, value: Record<string, unknown>, more = {}) => ({
  device: 'X1',
  type,
  time: 1_795_284_600_000,
  value,
  ...more,
})

describe('the collection list', () => {
  test('every entry has a name in both languages, an owner, producers and a signal with its period when it is a sample', () => {
    for (const type of READING_TYPES.values()) {
      expect(type.name.zh && type.name.en && type.owner && type.producers.length, type.type).toBeTruthy()
      if (type.signal.kind === 'sample')
        expect(type.signal.validMs ?? 0, type.type).toBeGreaterThan(type.signal.periodMs ?? Number.POSITIVE_INFINITY)
    }
  })

  test('an example value made from its own fields is legal, and each required field is required', () => {
    for (const type of READING_TYPES.values()) {
      const value = Object.fromEntries(
        type.fields.map((f) => [
          f.name,
          f.values?.[0] ?? { number: f.min ?? 0, integer: f.min ?? 0, boolean: true, string: 'x' }[f.type],
        ]),
      )
      expect(valueFault(type.type, value), type.type).toBeNull()
      for (const field of type.fields) {
        const { [field.name]: _, ...without } = value
        expect(valueFault(type.type, without) === null, `${type.type}.${field.name}`).toBe(field.optional === true)
      }
    }
  })

  test('null is legal for an optional field (measured, nothing found) and not for a required one', () => {
    expect(valueFault('band.vitals', { resp: null, activity: 0.1, confidence: 0.9 })).toBeNull()
    expect(valueFault('band.vitals', { activity: null, confidence: 0.9 })?.cause).toBe('bad-value')
  })

  test('unknown extra fields are kept, unknown types and wrong values are refused with words', () => {
    expect(valueFault('door.state', { state: 'open', battery: 3 })).toBeNull()
    expect(valueFault('door.colour', {})).toMatchObject({ cause: 'unknown-type' })
    expect(valueFault('door.state', { state: 'ajar' })?.detail).toContain(
      'door.state: value/state must be equal to one of',
    )
    expect(valueFault('env.humidity', { percent: 140 })?.cause).toBe('bad-value')
  })

  test('a time in seconds, a missing device and a list are not readings', () => {
    expect(readingFault(reading('door.state', { state: 'open' }))).toBeNull()
    expect(readingFault(reading('door.state', { state: 'open' }, { time: 1_795_284_600 }))?.detail).toContain(
      'ms since 1970',
    )
    expect(readingFault({ type: 'door.state', value: { state: 'open' } })?.detail).toContain('"device"')
    expect(readingFault([])?.cause).toBe('bad-reading')
    expect(readingFault(reading('door.state', null as never))?.detail).toContain('"value"')
  })
})
