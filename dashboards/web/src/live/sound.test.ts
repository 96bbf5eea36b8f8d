import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AlertChange, ListedAlert } from '../api/types.ts'
import { AlertStore } from './alert-store.ts'
import { SILENCE_MS, silence, sound, startSounding, unlockSound } from './sound.ts'

/** Counts pulses by the pitch they begin with; plays nothing. */
const pitches: number[] = []
class StillAudio {
  state = 'suspended'
  currentTime = 0
  destination = {}
  async resume() {
    this.state = 'running'
  }
  #part() {
    const param = { setValueAtTime: () => {}, exponentialRampToValueAtTime: () => {} }
    return { gain: param, connect: (to: unknown) => to, start: () => {}, stop: () => {} }
  }
  createGain() {
    return this.#part()
  }
  createOscillator() {
    const frequency = { setValueAtTime: (hz: number) => pitches.push(hz), exponentialRampToValueAtTime: () => {} }
    return { ...this.#part(), type: '', frequency }
  }
}
const RED = 1400
const ORANGE = 880

const alert = (id: string, level: ListedAlert['level'], more: Partial<ListedAlert> = {}) =>
  ({
    id,
    level,
    zone: null,
    annunciated: true,
    state: 'unacknowledged',
    handling: 'none',
    raisedAt: 1,
    ...more,
  }) as ListedAlert
const raised = (a: ListedAlert) => ({ at: 1, change: 'raised', alert: a, by: null, note: null }) as AlertChange

describe('sound', () => {
  let store: AlertStore
  let stop: () => void
  beforeEach(async () => {
    vi.useFakeTimers()
    vi.stubGlobal('AudioContext', StillAudio)
    vi.stubGlobal('fetch', async () => new Response('{}'))
    store = new AlertStore({
      now: () => Date.now(),
      frame: (task) => setTimeout(task, 1),
      after: (ms, t) => setTimeout(t, ms),
    })
    await unlockSound()
    stop = startSounding(store)
    pitches.length = 0
  })
  afterEach(() => {
    stop()
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })
  const heard = async (ms: number): Promise<number[]> => {
    pitches.length = 0
    await vi.advanceTimersByTimeAsync(ms)
    return [...pitches]
  }

  test('an orange repeats every 5 s, a red every 2.5 s, and only the highest is heard', async () => {
    store.apply(raised(alert('o', 'orange')))
    expect((await heard(9_900)).filter((hz) => hz === ORANGE)).toHaveLength(4)
    store.apply(raised(alert('r', 'red')))
    const both = await heard(9_900)
    expect(both.filter((hz) => hz === RED)).toHaveLength(4)
    expect(both).not.toContain(ORANGE)
  })

  test('silence covers what rings now: a new orange is heard within it, a new red ends it', async () => {
    store.apply(raised(alert('o1', 'orange')))
    await heard(1_000)
    silence()
    expect(await heard(20_000)).toEqual([])
    store.apply(raised(alert('o2', 'orange')))
    expect(await heard(1_000)).toContain(ORANGE)
    expect(sound.get().state).toBe('silenced')
    store.apply(raised(alert('r', 'red')))
    expect(await heard(1_000)).toContain(RED)
    expect(sound.get().state).toBe('on')
  })

  test('after a minute what was silenced rings again, unless somebody has acknowledged it', async () => {
    store.apply(raised(alert('o1', 'orange')))
    await heard(1_000)
    silence()
    expect(await heard(SILENCE_MS - 1_000)).toEqual([])
    expect(await heard(6_000)).toContain(ORANGE)
    store.apply({ ...raised(alert('o1', 'orange', { state: 'acknowledged' })), change: 'acknowledged' })
    await heard(1_000)
    expect(await heard(20_000)).toEqual([])
  })
})
