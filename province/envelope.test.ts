import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readEnvelope } from './envelope.ts'
import { alertMessage, envelope, healthMessage, healthUp, message, sharedAlert } from './sample-messages.ts'

const read = ({ topic, payload }: { topic: string; payload: Uint8Array }, identity: string | null = 'js-03') =>
  readEnvelope(topic, payload, identity)

describe('reading an envelope', () => {
  test('all four kinds of the contract are taken', () => {
    expect(read(alertMessage('js-03', 7))).toMatchObject({ ok: true, facility: 'js-03', kind: 'alert', sequence: 7 })
    expect(read(healthMessage('js-03', 8))).toMatchObject({ ok: true, kind: 'health', sequence: 8 })
    const indicator = { indicator: 'I04', from: 0, to: 3_600_000, value: null, n: 0 }
    expect(read(message('js-03', 'indicator', 9, indicator))).toMatchObject({ ok: true, kind: 'indicator' })
    const anchor = { at: 5, ledgerSeq: 12, ledgerHash: 'cd'.repeat(32) }
    expect(read(message('js-03', 'anchor', 10, anchor))).toMatchObject({ ok: true, kind: 'anchor' })
  })

  test.each([
    ['an explanation', { explanation: { zh: '张三', en: 'Zhang San' } }, 'explanation'],
    ['a device', { device: 'K31' }, 'device'],
    ['a vital sign', { hr: 143.75 }, 'hr'],
    ['evidence', { evidence: ['r1'] }, 'evidence'],
    ['a key that names a person', { key: 'P017' }, 'key'],
  ])('%s in an alert may not cross: the message is refused and no value of it is kept', (_, extra, name) => {
    const outcome = read(
      message('js-03', 'alert', 3, { at: 1, change: 'raised', by: null, alert: { ...sharedAlert(), ...extra } }),
    )
    expect(outcome).toMatchObject({ ok: false, cause: 'not-shareable', sequence: 3 })
    const text = JSON.stringify(outcome)
    expect(text).toContain(name)
    for (const value of ['张三', 'Zhang', 'K31', '143.75', 'P017', '"r1"']) expect(text).not.toContain(value)
  })

  test('a person or an account must be a keyed pseudonym', () => {
    expect(read(alertMessage('js-03', 1, { subjects: ['P017'] }))).toMatchObject({ ok: false, cause: 'bad-payload' })
    expect(read(alertMessage('js-03', 1, {}, { by: 'officer-li' }))).toMatchObject({ ok: false, cause: 'bad-payload' })
    expect(read(alertMessage('js-03', 1, { subjects: ['pABCDEFGHIJKLMNOP'] }))).toMatchObject({ ok: true })
  })

  test('topic, source, alert and connection must name the same facility', () => {
    expect(read(alertMessage('js-03', 1), 'js-04')).toMatchObject({ ok: false, cause: 'topic-denied' })
    expect(read(message('js-03', 'health', 1, healthUp(), { source: '/wardwatch/js-04' }))).toMatchObject({
      ok: false,
      cause: 'topic-denied',
    })
    expect(read(alertMessage('js-03', 1, { facility: 'js-04' }))).toMatchObject({ ok: false, cause: 'topic-denied' })
    expect(read({ topic: 'ww/v1/js-03/dev/K31/camera.motion', payload: Buffer.from('{}') })).toMatchObject({
      ok: false,
      cause: 'topic-denied',
    })
  })

  test.each(['NUL \0 in it', 'half a character \ud800'])(
    'a text that no database keeps is refused, or it would come again for ever: %j',
    (text) => {
      const health = healthUp({ name: { zh: text, en: 'x' } })
      expect(read(message('js-03', 'health', 4, health))).toMatchObject({
        ok: false,
        cause: 'bad-payload',
        sequence: 4,
      })
    },
  )

  test('the type must be that of the topic', () => {
    const { payload } = healthMessage('js-03', 1)
    expect(read({ topic: 'ww/v1/js-03/up/alert', payload })).toMatchObject({ ok: false })
  })

  test('no bytes whatsoever make it throw, and a refusal never repeats what was sent', () => {
    const secret = 'Zhang-San-HR-143'
    const valid = JSON.parse(alertMessage('js-03', 5).payload.toString()) as Record<string, unknown>
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .tuple(fc.constantFrom(...Object.keys(valid)), fc.jsonValue())
        .map(([field, value]) => Buffer.from(JSON.stringify({ ...valid, [field]: value }))),
      fc
        .tuple(fc.string(), fc.jsonValue())
        .map(([field, value]) => Buffer.from(JSON.stringify({ ...valid, [`x${field}`]: [value, secret] }))),
      fc.nat(600).map((cut) => alertMessage('js-03', 5).payload.subarray(0, cut)),
    )
    fc.assert(
      fc.property(bytes, fc.constantFrom('alert', 'health', 'indicator', 'anchor'), (payload, kind) => {
        const outcome = readEnvelope(`ww/v1/js-03/up/${kind}`, payload, 'js-03')
        if (!outcome.ok) expect(JSON.stringify(outcome)).not.toContain(secret)
        else expect(outcome.envelope.specversion).toBe('1.0')
      }),
      { numRuns: 2_000 },
    )
  })

  test('deep nesting and long lists end in a refusal, not in a crash', () => {
    const deep = `{"data":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    expect(read({ topic: 'ww/v1/js-03/up/alert', payload: Buffer.from(deep) })).toMatchObject({ ok: false })
    expect(envelope('js-03', 'health', 1, healthUp()).sequence).toHaveLength(20)
  })
})
