import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

beforeEach(() => {
  vi.stubGlobal('location', { search: '?desk=console-2' })
  vi.stubGlobal('sessionStorage', { getItem: () => null, setItem() {}, removeItem() {} })
  vi.resetModules()
})
afterEach(() => vi.unstubAllGlobals())
const load = () => import('./lease.ts')
const row = (id: string, more = {}) => ({
  id,
  account: `acc-${id}`,
  desk: 'console-1',
  audio: 'on' as const,
  sounding: false,
  attended: true,
  ...more,
})
const answer = (...consoles: ReturnType<typeof row>[]) => ({
  desks: [{ id: 'console-1', zones: ['W1'] }],
  consoles,
  attended: consoles.length,
})

describe('the lease as a console sees it', () => {
  test('says whose console sounds, and how many there are', async () => {
    const { leaseOf, lease } = await load()
    const before = lease.get()
    expect(leaseOf(answer(row('a'), row('b', { sounding: true })), 'a', before)).toMatchObject({
      role: 'other',
      holder: 'acc-b',
      here: 2,
      desk: 'console-1',
      zones: ['W1'],
    })
    expect(leaseOf(answer(row('a', { sounding: true })), 'a', before).role).toBe('own')
    expect(leaseOf(answer(row('a', { audio: 'mute' })), 'a', before).role).toBe('nobody')
    expect(leaseOf(answer(row('b', { sounding: true })), 'a', before).role).toBe('unknown')
    expect(leaseOf(answer(row('a'), row('b', { desk: 'console-9', sounding: true })), 'a', before).role).toBe('nobody')
  })

  test('asks for its desk by the address and gives it up when the site has none of that name', async () => {
    const { streamQuery, giveUpDesk, lease, consoleId } = await load()
    expect(streamQuery()).toBe(`?console=${consoleId}&desk=console-2`)
    expect(giveUpDesk()).toBe(true)
    expect(streamQuery()).toBe(`?console=${consoleId}`)
    expect(lease.get().refused).toBe('console-2')
    expect(giveUpDesk()).toBe(false)
  })

  test('a desk of some zones rings for them and what lies in them, and for what has no zone', async () => {
    const { ringsHere, lease } = await load()
    const parents: Record<string, string> = { 'W1-C1': 'W1', 'W2-C1': 'W2' }
    const parentOf = (zone: string) => parents[zone] ?? null
    expect(ringsHere('W2-C1', parentOf)).toBe(true)
    lease.set({ ...lease.get(), zones: ['W1'] })
    expect(['W1', 'W1-C1', 'W2-C1', null].map((zone) => ringsHere(zone, parentOf))).toEqual([true, true, false, true])
  })
})
