import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
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
