import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { SessionStore } from './sessions.ts'

const dirs: string[] = []
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

test.each([
  ['CURRENT names nothing', (dir: string) => writeFileSync(join(dir, 'CURRENT'), 'nonsense')],
  ['CURRENT is empty', (dir: string) => truncateSync(join(dir, 'CURRENT'), 0)],
  [
    'the manifest is garbage',
    (dir: string) => {
      for (const name of readdirSync(dir))
        if (name.startsWith('MANIFEST')) writeFileSync(join(dir, name), 'x'.repeat(999))
    },
  ],
  [
    'the manifest is gone',
    (dir: string) => {
      for (const name of readdirSync(dir)) if (name.startsWith('MANIFEST')) rmSync(join(dir, name))
    },
  ],
])('a store of sessions of which %s is moved aside, and the broker opens with a new one', async (_name, damage) => {
  const root = mkdtempSync(join(tmpdir(), 'ww-sessions-'))
  dirs.push(root)
  const told: { file: string; reason: string }[] = []
  const open = () =>
    SessionStore.open(
      root,
      { queue: 10, sessions: 10 },
      {
        maySubscribe: () => true,
        onQueueFull: () => {},
        onFilters: () => {},
        now: () => 1_795_300_000_000,
        onDamage: (damaged) => told.push(damaged),
      },
      () => true,
    )
  await (await open()).destroy()
  expect(told).toEqual([])
  damage(join(root, 'broker-sessions'))
  await (await open()).destroy()
  expect(told).toHaveLength(1)
  expect(existsSync(told[0]!.file)).toBe(true)
  expect(told[0]!.file).toContain('broker-sessions.corrupt-2026-')
})

test('a store of sessions that another process holds is no damage', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ww-sessions-'))
  dirs.push(root)
  const hooks = { maySubscribe: () => true, onQueueFull: () => {}, onFilters: () => {}, now: () => 0 }
  const open = () => SessionStore.open(root, { queue: 10, sessions: 10 }, hooks, () => true)
  const first = await open()
  await expect(open()).rejects.toThrow(/is another edge running/)
  expect(readdirSync(root)).toEqual(['broker-sessions'])
  await first.destroy()
})
