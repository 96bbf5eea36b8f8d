import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { Alert } from '#model/alert/alert.ts'
import { EdgeRun, writeSmallSite } from './edge-run.ts'
import { wardwatch } from './processes.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-disk-'))
const data = join(dir, 'edge')
let why: string | null = null
try {
  mkdirSync(data)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', data], { stdio: 'pipe' })
} catch {
  why = 'a small file system cannot be mounted here (needs root)'
}
afterAll(() => {
  if (!why) execFileSync('umount', ['-l', data])
  rmSync(dir, { recursive: true, force: true })
})

const fill = (name: string): void => {
  try {
    writeFileSync(join(data, name), Buffer.alloc(128 << 20))
  } catch {
    // That is what it is for.
  }
}

describe.skipIf(why !== null)(`the disk at the start${why ? ` (${why})` : ''}`, () => {
  test('read-only or full, the start says in one sentence what is the matter, harms nothing, and goes on when it is mended', async () => {
    const site = await writeSmallSite(dir, {
      devices: [{ id: 'E1', kind: 'climate', driver: 'mqtt', zone: 'K1' }],
    })
    const ended = () => wardwatch(['edge', '--site', site.file, '--data', site.data, '--json'])
    const raise = async (note: string): Promise<void> => {
      const answer = await fetch(`${site.url}/api/v1/alerts`, {
        method: 'POST',
        headers: { authorization: `Bearer ${site.tokens.officer}`, 'content-type': 'application/json' },
        body: JSON.stringify({ zone: 'K1', kind: 'fight', level: 'orange', note }),
      })
      expect(answer.status).toBe(201)
    }
    const alerts = async (edge: EdgeRun) => (await edge.get<{ items: Alert[] }>('/api/v1/alerts?limit=100')).items
    let edge = await EdgeRun.start(site, 60_000)
    await raise('before')
    await edge.stop()

    execFileSync('mount', ['-o', 'remount,ro', data])
    for (let tries = 0; tries < 2; tries++) {
      const refused = await ended()
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/^wardwatch edge: the data folder .* is read-only; nothing was changed/)
      expect(refused.stderr).not.toContain('    at ')
    }
    const doctor = await wardwatch(['doctor', '--site', site.file, '--data', site.data])
    expect(doctor.stdout).toMatch(/✗ fault {4}disk: .* is read-only/)
    expect(doctor.stderr).toBe('')
    execFileSync('mount', ['-o', 'remount,rw', data])

    // Not a byte left: it lives from the reserve, and alerts are kept.
    fill('full')
    edge = await EdgeRun.start(site, 60_000)
    await raise('on a full disk')
    await vi.waitFor(async () => expect((await alerts(edge)).map((a) => a.code)).toContain('S04'), { timeout: 20_000 })
    await edge.stop()

    // The reserve is gone too.
    fill('fuller')
    for (let tries = 0; tries < 2; tries++) {
      const refused = await ended()
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/^wardwatch edge: The disk that holds .* is full; free space/)
      expect(refused.stderr).not.toContain('    at ')
    }
    rmSync(join(data, 'full'))
    rmSync(join(data, 'fuller'))
    edge = await EdgeRun.start(site, 60_000)
    expect((await alerts(edge)).filter((a) => a.code === 'S03')).toHaveLength(2)
    const trouble = (await alerts(edge)).filter((a) => a.code === 'S04')
    expect(trouble.map((a) => a.conditionActive)).toEqual([false])
    await edge.stop()
    expect((await wardwatch(['ledger', 'verify', '--data', site.data])).code).toBe(0)
  }, 300_000)
})
