import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RulesStarts } from './rules-starts.ts'

let dir = ''
let faults: string[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ww-rules-starts-'))
  faults = []
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const file = (): string => join(dir, 'starts')
const open = (write = async (name: string, text: string): Promise<void> => writeFileSync(name, text)): RulesStarts =>
  new RulesStarts(file(), write, (detail) => faults.push(detail))
/** What a process finds that goes on from the state of process `kept`: the starts that lie before a record. */
function found(kept: number, now: number, seq = Number.POSITIVE_INFINITY): number[] {
  const starts = open()
  starts.restore(kept, now)
  const times: number[] = []
  for (let at = starts.before(seq); at !== null; at = starts.before(seq)) times.push(at)
  return times
}
async function process(kept: number, seq: number, at: number): Promise<number> {
  const starts = open()
  starts.restore(kept, at)
  await starts.begin(seq, at)
  return starts.n
}

describe('the starts since the state of the rules was kept', () => {
  test('are numbered through all processes, also those that kept nothing', async () => {
    expect(await process(0, 0, 1000)).toBe(1)
    expect(await process(1, 10, 2000)).toBe(2)
    expect(await process(1, 20, 3000)).toBe(3)
    expect(found(1, 9000)).toEqual([2000, 3000])
    expect(found(3, 9000)).toEqual([])
    // After a power cut an older state may be back.
    expect(found(0, 9000)).toEqual([1000, 2000, 3000])
  })

  test('come before the first record that was taken after them', async () => {
    await process(0, 0, 1000)
    await process(1, 10, 2000)
    await process(1, 20, 3000)
    expect(found(1, 9000, 10)).toEqual([])
    expect(found(1, 9000, 11)).toEqual([2000])
    expect(found(1, 9000, 21)).toEqual([2000, 3000])
  })

  test('of a clock that was put back since do not count: the time of the rules would stand still until then', async () => {
    await process(0, 0, 1000)
    await process(0, 0, 50_000)
    expect(found(0, 2000)).toEqual([1000])
  })

  test('are at most sixteen, the newest', async () => {
    for (let i = 1; i <= 20; i++) await process(0, i, i * 1000)
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toHaveLength(16)
    expect(found(0, 90_000)[0]).toBe(5000)
  })

  test('stop no process when they cannot be read or noted, and it says so', async () => {
    writeFileSync(file(), 'nonsense')
    const starts = open(() => Promise.reject(new Error('no space')))
    starts.restore(7, 1000)
    await starts.begin(3, 1000)
    expect(starts.n).toBe(8)
    expect(faults).toHaveLength(2)
    expect(faults[1]).toContain('no space')
  })
})
