import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

/** The door with another room behind it, which tells how it was entered. */
const dir = mkdtempSync(join(tmpdir(), 'ww-door-'))
writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
copyFileSync(new URL('./wardwatch.js', import.meta.url), join(dir, 'wardwatch.js'))
writeFileSync(
  join(dir, 'main.ts'),
  `process.stdout.write(JSON.stringify({ flags: process.execArgv, arenas: process.env.MALLOC_ARENA_MAX ?? null, args: process.argv.slice(2), pid: process.pid }))
process.exitCode = 3`,
)
afterAll(() => rmSync(dir, { recursive: true }))

function enter(args: string[], flags: string[] = [], more: Record<string, string> = {}) {
  const { MALLOC_ARENA_MAX: _, ...env } = process.env
  const done = spawnSync(process.execPath, [...flags, join(dir, 'wardwatch.js'), ...args], {
    encoding: 'utf8',
    env: { ...env, ...more },
  })
  expect(done.stderr).toBe('')
  return { ...JSON.parse(done.stdout), isSameProcess: JSON.parse(done.stdout).pid === done.pid, status: done.status }
}

const limits = ['--max-semi-space-size=16', '--no-parallel-scavenge']

describe('the executable', () => {
  test.skipIf(process.platform === 'win32')(
    'gives an edge and a province their limits of memory, in the same process, and what the caller says stands',
    () => {
      const edge = enter(['edge', '--site', 'a b.yaml'], ['--no-warnings'])
      expect(edge).toMatchObject({ args: ['edge', '--site', 'a b.yaml'], arenas: '2', isSameProcess: true, status: 3 })
      expect(edge.flags).toEqual(['--no-warnings', ...limits])
      expect(enter(['province']).flags).toEqual(limits)
      expect(enter(['edge'], ['--max-semi-space-size=64']).flags).toEqual(['--max-semi-space-size=64'])
      expect(enter(['edge'], [], { MALLOC_ARENA_MAX: '8' }).arenas).toBe('8')
    },
  )

  test('starts every other command as it is', () => {
    expect(enter(['rules', 'list'])).toMatchObject({ args: ['rules', 'list'], flags: [], arenas: null, status: 3 })
  })
})
