import { describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { createLiveness } from './liveness.ts'

function watched(remembered: Parameters<typeof createLiveness>[0]['remembered'] = []) {
  const clock = new VirtualClock(1_000_000)
  const events: string[] = []
  const liveness = createLiveness({
    clock,
    remembered,
    onLost: (facility, id, at) => events.push(`lost ${facility} ${id} ${at - 1_000_000}`),
    onBack: (facility, at) => events.push(`back ${facility} ${at - 1_000_000}`),
  })
  const heard = (id: string) => liveness.heard('js-03', id, clock.now())
  return { clock, events, liveness, heard, wait: (ms: number) => clock.advanceTo(clock.now() + ms) }
}

describe('liveness', () => {
  test('a heartbeat every 30 s keeps a facility alive for a day, and 90 s without one is a loss at that very instant', () => {
    const { events, heard, wait } = watched()
    for (let n = 0; n < 2_880; n++) {
      heard(`h${n}`)
      wait(30_000)
    }
    expect(events).toEqual(['back js-03 0'])
    wait(59_999)
    expect(events).toHaveLength(1)
    wait(1)
    expect(events[1]).toBe(`lost js-03 h2879 ${2_879 * 30_000 + 90_000}`)
    wait(3_600_000)
    expect(events).toHaveLength(2)
    heard('h9999')
    expect(events[2]).toMatch(/^back js-03/)
  })

  test('a facility that has never spoken is never lost', () => {
    const { events, wait, liveness } = watched()
    wait(86_400_000)
    expect(events).toEqual([])
    expect(liveness.connected('js-03')).toBe(false)
  })

  test('other messages show that the link is up, but do not stand for a heartbeat', () => {
    const { events, heard, wait, liveness, clock } = watched()
    heard('h1')
    for (let n = 0; n < 9; n++) {
      wait(10_000)
      liveness.seen('js-03', clock.now())
    }
    expect(events.at(-1)).toBe('lost js-03 h1 90000')
    expect(liveness.connectedSince('js-03')).toBe(1_000_000)
    expect(liveness.connected('js-03')).toBe(false)
  })

  test('after a restart of the province each facility has 90 s to be heard, and a lost one is not lost again', () => {
    const { events, wait } = watched([
      { facility: 'js-03', heartbeatId: 'h1', lost: false },
      { facility: 'js-04', heartbeatId: 'h2', lost: true },
    ])
    wait(89_999)
    expect(events).toEqual([])
    wait(200_000)
    expect(events).toEqual(['lost js-03 h1 90000'])
  })
})
