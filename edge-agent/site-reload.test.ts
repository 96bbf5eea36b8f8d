import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { ContextChange } from '#model/context/kinds.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { systemClock } from '#model/system-clock.ts'
import { lockDataDir } from './data-lock.ts'
import { contextDifference, restartSections, watchSiteFile } from './site-reload.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-reload-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const site = (text: string) => parseSiteOrThrow(text, 'site.yaml')
const BASE = 'facility: { id: f }\nzones: [{ id: A }, { id: B }]\ndevices: [{ id: D1, kind: door, zone: A }]\n'
const log = { info: () => {}, warn: () => {}, error: () => {} }

describe('a changed site file', () => {
  test('becomes the smallest set of context changes', () => {
    const after = site(
      'facility: { id: f }\nzones: [{ id: A }, { id: C }]\ndevices: [{ id: D1, kind: door, zone: C }]\n',
    )
    expect(contextDifference(site(BASE), after, 7).map((c) => `${c.op} ${c.context} ${c.id}`)).toEqual([
      'put zones C',
      'delete zones B',
      'put devices D1',
    ])
    expect(contextDifference(after, after, 7)).toEqual([])
  })

  test('names the sections that need a restart', () => {
    expect(restartSections(site(BASE), site(`${BASE}console: { port: 9000 }\n`))).toEqual(['console'])
  })

  test('is applied when it is good, and changes nothing and says where when it is bad', async () => {
    const file = join(dir, 'site.yaml')
    writeFileSync(file, BASE)
    const applied: ContextChange[][] = []
    const watch = watchSiteFile({
      file,
      site: site(BASE),
      clock: new VirtualClock(1000),
      log,
      apply: async (changes) => void applied.push(changes),
    })
    try {
      writeFileSync(file, `${BASE}people: [{ id: P1, cel: A }]\n`)
      expect((await watch.reload()).fault).toMatch(/site\.yaml:4:\d+: people\.0\.cel: unknown key "cel"/)
      expect(applied).toEqual([])
      writeFileSync(file, `${BASE}people: [{ id: P1, cell: A }]\n`)
      expect(await watch.reload()).toEqual({ applied: 1, restart: [], fault: null })
      expect(applied[0]?.[0]).toMatchObject({ context: 'people', op: 'put', id: 'P1' })
      expect((await watch.reload()).applied).toBe(0)
    } finally {
      watch.close()
    }
  })

  test('rules are checked before anything is applied, and come into force without a restart', async () => {
    const file = join(dir, 'rules.yaml')
    writeFileSync(file, BASE)
    const done: string[] = []
    const watch = watchSiteFile({
      file,
      site: site(BASE),
      clock: new VirtualClock(1000),
      log,
      apply: async () => void done.push('context'),
      rules: (next) => {
        if (next.rules?.drone?.broken) throw new Error('rules.drone.broken: there is no such parameter')
        return async () => {
          done.push('rules')
          return next.rules ? 1 : 0
        }
      },
    })
    try {
      writeFileSync(file, `${BASE}lists: [{ id: charging, persons: [] }]\nrules: { drone: { broken: 1 } }\n`)
      expect((await watch.reload()).fault).toBe('rules.drone.broken: there is no such parameter')
      expect(done).toEqual([])
      writeFileSync(file, `${BASE}rules: { drone: { enabled: false } }\n`)
      expect(await watch.reload()).toEqual({ applied: 1, restart: [], fault: null })
      expect(done).toEqual(['rules'])
    } finally {
      watch.close()
    }
  })

  test('a folder of rule files beside it is noticed when it comes, and each change in it', async () => {
    const own = mkdtempSync(join(dir, 'drafts-'))
    const file = join(own, 'site.yaml')
    const drafts = join(own, 'rules-draft')
    writeFileSync(file, BASE)
    let looked = 0
    const watch = watchSiteFile({
      file,
      site: site(BASE),
      clock: systemClock,
      log,
      apply: async () => {},
      rules: () => {
        looked++
        return async () => 0
      },
      folders: [drafts],
    })
    const lookedMoreThan = (n: number) => vi.waitFor(() => expect(looked).toBeGreaterThan(n), { timeout: 20_000 })
    try {
      mkdirSync(drafts)
      await lookedMoreThan(0)
      const before = looked
      writeFileSync(join(drafts, 'drone.yaml'), 'id: drone')
      await lookedMoreThan(before)
    } finally {
      watch.close()
    }
  })

  test('one process holds a data folder, and lets it go at its end', () => {
    const release = lockDataDir(dir)
    expect(() => lockDataDir(dir)).toThrow(/another wardwatch edge already runs/)
    release()
    lockDataDir(dir)()
  })
})
