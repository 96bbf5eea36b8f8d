import { describe, expect, it } from 'vitest'
import { Doors } from './doors.ts'
import type { Draft } from './draft.ts'
import type { Slip } from './mishaps.ts'

const START = 1_800_000_000_000

/** Everything the doors say in so many seconds; somebody passes D-1 at each of these. */
function told(passes: number[], seconds: number, tellsLocks: boolean, slip: Slip | null = null): Draft[] {
  const doors = new Doors((kind) => kind === slip, tellsLocks)
  doors.add({ id: 'D-1', kind: 'door', zone: 'C1' }, [], true)
  for (const s of passes) doors.pass('C1', START + s * 1000)
  const drafts: Draft[] = []
  for (let s = 1; s <= seconds; s++) drafts.push(...doors.tick(START + s * 1000, () => undefined))
  return drafts
}
const words = (drafts: Draft[]): string[] =>
  drafts.map(({ type, time, value }) => `${(time - START) / 1000} ${type} ${value.state ?? value.command}`)

describe('the door of a cell', () => {
  it('is unlocked before it opens, and its bolt falls a second after it is closed', () => {
    expect(words(told([10], 30, true))).toEqual([
      '9 door.command open',
      '9 door.lock unlocked',
      '10 door.state open',
      '14 door.state closed',
      '15 door.lock locked',
    ])
  })

  it('tells nothing of its bolt where that is not asked for', () => {
    expect(told([10], 30, false).filter((d) => d.type === 'door.lock')).toEqual([])
  })

  it('whose bolt does not fall is locked by hand after some minutes, and says unlocked only once', () => {
    const locks = told([10, 100], 600, true, 'bolt-stays').filter((d) => d.type === 'door.lock')
    expect(locks.map((d) => d.value.state)).toEqual(['unlocked', 'locked'])
    const closed = 104_000
    expect((locks[1] as Draft).time - START - closed).toBeGreaterThan(120_000)
    expect((locks[1] as Draft).time - START - closed).toBeLessThan(600_000)
  })
})
