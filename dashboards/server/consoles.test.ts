import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { audioOf, COMMON_DESK, Consoles } from './consoles.ts'

const desks = [
  { id: 'console-1', zones: ['*'] },
  { id: 'console-2', zones: ['W1'] },
]
const room = (of = desks) => {
  const clock = new VirtualClock(1_000)
  const events: string[] = []
  const consoles = new Consoles({
    clock,
    desks: of,
    onHolder: (e) => events.push(`${e.desk}:${e.holder ?? '-'}:${e.why}`),
  })
  const sit = (console: string, account = console, desk = 'console-1', state = 'running') => {
    consoles.report(console, account, state)
    return consoles.attach({ console, desk, account, role: 'officer' })
  }
  return { clock, consoles, events, sit }
}

describe('the lease of the sounding console', () => {
  test('the first one that can be heard has it; a second one beside it stays silent', () => {
    const { consoles, sit } = room()
    sit('a')
    sit('b')
    expect(consoles.sounding()).toEqual({ 'console-1': 'a' })
    expect(consoles.list().map((c) => [c.id, c.sounding])).toEqual([
      ['a', true],
      ['b', false],
    ])
  })

  test('each desk has its own', () => {
    const { consoles, sit } = room()
    sit('a')
    sit('b', 'b', 'console-2')
    expect(consoles.sounding()).toEqual({ 'console-1': 'a', 'console-2': 'b' })
  })

  test('a console that is mute has none, and loses it when it falls silent: the next one sounds at once', () => {
    const { consoles, sit, events } = room()
    sit('a', 'a', 'console-1', 'suspended')
    expect(consoles.holderOf('console-1')).toBeNull()
    sit('b')
    sit('c')
    expect(consoles.holderOf('console-1')).toBe('b')
    consoles.report('b', 'b', 'blocked')
    expect(consoles.holderOf('console-1')).toBe('c')
    consoles.report('b', 'b', 'silenced')
    expect(consoles.holderOf('console-1')).toBe('c')
    expect(events.at(-1)).toBe('console-1:c:mute')
  })

  test('sixty seconds of silence do not give it away', () => {
    const { consoles, sit } = room()
    sit('a')
    sit('b')
    consoles.report('a', 'a', 'silenced')
    expect(consoles.holderOf('console-1')).toBe('a')
  })

  test('whoever takes it has it; a mute or unknown console cannot', () => {
    const { consoles, sit } = room()
    sit('a')
    sit('b')
    expect(consoles.take('b', 'b')).toBe('taken')
    expect(consoles.holderOf('console-1')).toBe('b')
    sit('c', 'c', 'console-1', 'off')
    expect(consoles.take('c', 'c')).toBe('mute')
    expect(consoles.take('nobody', 'x')).toBe('unknown')
    expect(consoles.holderOf('console-1')).toBe('b')
  })

  test('who breaks off and comes back within three seconds keeps it, also as a new page; later the next one sounds', () => {
    const { consoles, sit, clock } = room()
    const leave = sit('a', 'li')
    sit('b', 'wang')
    leave()
    expect(consoles.holderOf('console-1')).toBeNull()
    clock.advanceTo(clock.now() + 1_000)
    const again = sit('a2', 'li')
    expect(consoles.holderOf('console-1')).toBe('a2')
    again()
    clock.advanceTo(clock.now() + 3_000)
    expect(consoles.holderOf('console-1')).toBe('b')
  })

  test('a site with one desk binds every console to it; with several, those that name none are a desk of their own', () => {
    expect(room([desks[0]!]).consoles.deskOf(undefined)).toBe('console-1')
    expect(room().consoles.deskOf(undefined)).toBe(COMMON_DESK)
    expect(room().consoles.isDesk('console-9')).toBe(false)
  })

  test('attended are those who may act and can hear; programs that name no console are one console of their account', () => {
    const { consoles, sit } = room()
    sit('a')
    consoles.attach({ console: 'w', desk: undefined, account: 'screen', role: 'wall' })
    consoles.report('w', 'screen', 'running')
    expect(consoles.attended()).toBe(1)
    const one = consoles.attach({ console: undefined, desk: undefined, account: 'li', role: 'chief' })
    const two = consoles.attach({ console: undefined, desk: undefined, account: 'li', role: 'chief' })
    expect(consoles.attended()).toBe(1)
    consoles.report(undefined, 'li', 'running')
    expect(consoles.attended()).toBe(2)
    one()
    expect(consoles.attended()).toBe(2)
    two()
    two()
    expect(consoles.attended()).toBe(1)
  })

  test.each([
    ['running', 'on'],
    ['on', 'on'],
    ['silenced', 'silenced'],
    ['suspended', 'mute'],
    ['interrupted', 'mute'],
    ['blocked', 'mute'],
  ] as const)('audio state %s counts as %s', (state, audio) => expect(audioOf(state)).toBe(audio))

  test('whatever comes and goes: a holder sits at its desk and can be heard, and a desk with somebody audible gets one', () => {
    const move = fc.record({
      console: fc.constantFrom('a', 'b', 'c', 'd'),
      what: fc.constantFrom('in', 'out', 'on', 'mute', 'take', 'wait'),
      desk: fc.constantFrom('console-1', 'console-2'),
    })
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const { consoles, clock } = room()
        const leave = new Map<string, () => void>()
        for (const { console, what, desk } of moves) {
          if (what === 'in') {
            leave.get(console)?.()
            leave.set(console, consoles.attach({ console, desk, account: console, role: 'officer' }))
          } else if (what === 'out') leave.get(console)?.()
          else if (what === 'on' || what === 'mute') consoles.report(console, console, what)
          else if (what === 'take') consoles.take(console, console)
          else clock.advanceTo(clock.now() + 3_000)
          const items = consoles.list()
          for (const { id } of desks) {
            const holders = items.filter((c) => c.desk === id && c.sounding)
            expect(holders.length).toBeLessThanOrEqual(1)
            for (const holder of holders) expect(['on', 'silenced']).toContain(holder.audio)
          }
        }
        clock.advanceTo(clock.now() + 3_000)
        for (const { id } of desks) {
          const audible = consoles.list().filter((c) => c.desk === id && c.audio === 'on')
          if (audible.length > 0) expect(consoles.holderOf(id)).not.toBeNull()
        }
      }),
    )
  })
})
