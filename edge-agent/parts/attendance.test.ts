import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import { VirtualClock } from '#model/clock.ts'
import { type Attendance, openAttendance } from './attendance.ts'

let dir: string
let clock: VirtualClock
let attended = 0
let listeners: (() => void)[] = []
let said: AlertChange[]
let stored: Alert[]
let open: Attendance[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ww-attendance-'))
  clock = new VirtualClock(1_000_000)
  attended = 0
  said = []
  stored = []
  open = []
})
afterEach(() => {
  for (const part of open) part.close()
  rmSync(dir, { recursive: true })
})

const log = { info() {}, warn() {}, error() {}, debug() {} } as never
async function start(): Promise<Attendance> {
  listeners = []
  const part = await openAttendance({
    facility: 'js-03',
    clock,
    log,
    dir,
    consoles: {
      attended: () => attended,
      onChange: (listener) => {
        listeners.push(listener)
        return () => {
          listeners = listeners.filter((l) => l !== listener)
        }
      },
    },
    desk: {
      list: async () => ({ items: stored, next: null, total: stored.length }),
      apply: async (change) => {
        said.push(change)
        stored = change.change === 'cleared' ? [] : [change.alert]
        return [change]
      },
    },
  })
  open.push(part)
  return part
}
const sit = async (n: number) => {
  attended = n
  for (const listener of listeners) listener()
  await new Promise((resolve) => setImmediate(resolve))
}
const pass = async (ms: number) => {
  clock.advanceTo(clock.now() + ms)
  await new Promise((resolve) => setImmediate(resolve))
}
const heard = () => said.map((c) => [c.change, c.alert.code, c.alert.level])

describe('S05 no attended console', () => {
  test('an edge that never had a console says nothing', async () => {
    await start()
    await pass(86_400_000)
    expect(said).toEqual([])
  })

  test('is raised a minute after the last one has gone, and ends when somebody is back', async () => {
    const part = await start()
    await sit(1)
    await pass(600_000)
    await sit(0)
    await pass(59_999)
    expect(said).toEqual([])
    await pass(1)
    expect(heard()).toEqual([['raised', 'S05', 'orange']])
    expect(said[0]!.alert).toMatchObject({ annunciated: true, domain: 'duty', incident: null, test: false })
    expect(part.state()).toMatchObject({ open: true, armed: true })
    await sit(1)
    expect(heard()[1]).toEqual(['cleared', 'S05', 'orange'])
    expect(said[1]!.alert.id).toBe(said[0]!.alert.id)
    expect(part.state()).toMatchObject({ open: false, since: null })
  })

  test('a short absence, a page that is loaded anew, is nothing', async () => {
    await start()
    await sit(1)
    for (let i = 0; i < 10; i++) {
      await sit(0)
      await pass(50_000)
      await sit(1)
      await pass(1_000)
    }
    expect(said).toEqual([])
  })

  test('after a restart at night it is raised when nobody comes back; an open one is not raised twice', async () => {
    const first = await start()
    await sit(1)
    first.close()
    attended = 0
    await start()
    await pass(60_000)
    expect(heard()).toEqual([['raised', 'S05', 'orange']])
    open.at(-1)!.close()
    await start()
    await pass(600_000)
    expect(said).toHaveLength(1)
    await sit(1)
    expect(heard()[1]).toEqual(['cleared', 'S05', 'orange'])
  })

  test('each absence is an alert of its own', async () => {
    await start()
    for (let i = 0; i < 2; i++) {
      await sit(1)
      await sit(0)
      await pass(60_000)
    }
    await sit(1)
    expect(new Set(said.map((c) => c.alert.id)).size).toBe(2)
  })
})
