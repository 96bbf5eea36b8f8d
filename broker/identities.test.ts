import fc from 'fast-check'
import { expect, test } from 'vitest'
import { topicMatches } from '#model/topics.ts'
import { brokerDevices, filterCovers, passwordFits } from './identities.ts'

const level = fc.constantFrom('a', 'b', 'c', '')
const filterLevel = fc.oneof(level, fc.constant('+'))
const filter = fc
  .tuple(fc.array(filterLevel, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([parts, hash]) => (hash ? [...parts, '#'] : parts).join('/'))
const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))

test('a granted filter covers a wanted one only if every topic of the wanted one is granted', () => {
  fc.assert(
    fc.property(filter, filter, topic, (allowed, want, t) => {
      if (filterCovers(allowed, want) && topicMatches(want, t)) expect(topicMatches(allowed, t)).toBe(true)
    }),
    { numRuns: 5000 },
  )
})

test.each([
  ['a/#', 'a/#', true],
  ['a/#', 'a', true],
  ['a/+', 'a/#', false],
  ['a/+/c', 'a/b/c', true],
  ['a/b', 'a/+', false],
  ['#', 'a/+/#', true],
])('does %s cover %s: %s', (allowed, want, answer) => {
  expect(filterCovers(allowed, want)).toBe(answer)
})

test('passwords are compared as text or against their SHA-256', () => {
  const digest = 'sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'
  expect(passwordFits('secret', Buffer.from('secret'))).toBe(true)
  expect(passwordFits(digest, Buffer.from('secret'))).toBe(true)
  expect(passwordFits(digest, Buffer.from(digest))).toBe(false)
  expect(passwordFits('secret', Buffer.from('secret2'))).toBe(false)
  expect(passwordFits('secret', undefined)).toBe(false)
})

test('the site file gives each gateway its children, and devices of other protocols no identity', () => {
  const devices = brokerDevices([
    { id: 'GW', driver: 'mqtt', password: 'x' },
    { id: 'B1', driver: 'mqtt', via: 'GW', certificate: 'band-1' },
    { id: 'K1', driver: 'onvif' },
  ])
  expect(devices).toEqual([
    { id: 'GW', password: 'x', certificate: 'GW', children: ['B1'] },
    { id: 'B1', password: null, certificate: 'band-1', children: [] },
  ])
})
