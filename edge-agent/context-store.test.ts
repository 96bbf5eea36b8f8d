import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { JournalRecord, JournalStats } from '#model/ports/journal.ts'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { ContextStore } from './context-store.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-context-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const site = parseSiteOrThrow('facility: { id: f }\nzones: [{ id: A, kind: cell }]\n', 'site.yaml')
const edited = parseSiteOrThrow('facility: { id: f }\nzones: [{ id: A, kind: yard }, { id: B }]\n', 'site.yaml')

describe('context across restarts', () => {
  test('a change by API is still there after a restart with the same site file', () => {
    const file = join(dir, 'kept.json')
    const first = new ContextStore(site, file, 1)
    first.apply({ context: 'lists', op: 'put', id: 'charging', item: { id: 'charging', persons: ['P1'] }, time: 1 })
    first.save()
    const second = new ContextStore(site, file, 2)
    expect(second.context.isOnList('charging', 'P1')).toBe(true)
    expect(second.sinceLastRun).toEqual([])
  })

  test('a site file edited while the edge was down wins, and its changes are told to the rules', () => {
    const file = join(dir, 'edited.json')
    new ContextStore(site, file, 1).save()
    const second = new ContextStore(edited, file, 9)
    expect(second.context.zone('A')?.kind).toBe('yard')
    expect(second.sinceLastRun.map((c) => `${c.op} ${c.context} ${c.id} ${c.time}`)).toEqual([
      'put zones A 9',
      'put zones B 9',
    ])
  })

  const passes = (seq: number, person: string): JournalRecord => ({
    seq,
    at: seq,
    body: {
      kind: 'context',
      by: 'S1',
      change: { context: 'lists', op: 'put', id: 'medical', item: { id: 'medical', persons: [person] }, time: seq },
    },
  })
  /** A journal that holds these changes of context. */
  const journal = (...records: JournalRecord[]) => ({
    stats: () => ({ lastSeq: records.at(-1)?.seq ?? 0 }) as JournalStats,
    newest: async (_kind: string, limit: number, before = Number.MAX_SAFE_INTEGER) =>
      records
        .filter((r) => r.seq < before)
        .reverse()
        .slice(0, limit),
  })

  test('a change that was journaled and not yet kept when the process was killed is taken over', async () => {
    const file = join(dir, 'killed.json')
    const first = new ContextStore(site, file, 1)
    await first.catchUp(journal(passes(3, 'P1')))
    first.apply({ context: 'lists', op: 'put', id: 'charging', item: { id: 'charging', persons: ['P1'] }, time: 1 }, 5)
    first.save()
    const second = new ContextStore(site, file, 2)
    await second.catchUp(journal(passes(3, 'P1'), passes(5, 'P5'), passes(6, 'P6'), passes(7, 'P7')))
    // What is in the file is not applied again; of the rest the last word holds.
    expect(second.context.isOnList('medical', 'P7')).toBe(true)
    expect(second.context.isOnList('medical', 'P6')).toBe(false)
    expect(second.context.isOnList('charging', 'P1')).toBe(true)
    // An edited site file wins over those too, and the rules are told so.
    const third = new ContextStore(edited, file, 9)
    await third.catchUp(journal(passes(7, 'P7')))
    expect(third.context.isOnList('medical', 'P7')).toBe(false)
    expect(third.sinceLastRun.map((c) => `${c.op} ${c.context} ${c.id}`)).toContain('delete lists medical')
  })

  test('a full disk leaves the change to be written at the next time', () => {
    const folder = join(dir, 'not-yet')
    const store = new ContextStore(site, join(folder, 'kept.json'), 1)
    expect(() => store.save()).toThrow(/ENOENT/)
    mkdirSync(folder)
    store.save()
    expect(existsSync(join(folder, 'kept.json'))).toBe(true)
  })

  test('a file that cannot be read is set aside, and the journal gives back what was changed', async () => {
    const file = join(dir, 'damaged.json')
    writeFileSync(file, '{"siteHash":"x","ver')
    const store = new ContextStore(site, file, 4)
    expect(store.setAside).toBe(`${file}.corrupt-4`)
    await store.catchUp(journal(passes(3, 'P1')))
    expect(store.context.isOnList('medical', 'P1')).toBe(true)
    expect(store.context.zone('A')?.kind).toBe('cell')
  })

  test('a change that does not follow the schema is refused with its field', () => {
    const store = new ContextStore(site, join(dir, 'x.json'), 1)
    expect(() =>
      store.check({ context: 'passes', op: 'put', id: 'PS1', item: { id: 'PS1', person: 'P1' }, time: 1 }),
    ).toThrow(/zones/)
    expect(() => store.check({ context: 'moods' as never, op: 'put', id: 'x', item: {}, time: 1 })).toThrow(
      /there is no context "moods"/,
    )
    expect(() =>
      store.check({ context: 'lists', op: 'put', id: 'y', item: { id: 'x', persons: [] }, time: 1 }),
    ).toThrow(/needs the id "y"/)
  })
})
