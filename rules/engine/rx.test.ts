import { concatWith, delay, map, NEVER, of, VirtualTimeScheduler } from 'rxjs'
import { expect, test } from 'vitest'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { rulesOver, type SourcedChange } from './rx.ts'

const T = 1_800_000_000_000

const site = parseSiteOrThrow(
  `
facility: { id: f, kind: prison }
zones: [{ id: W, kind: ward }, { id: C, kind: cell, parent: W }]
devices:
  - { id: T1, kind: tag, driver: mqtt, subject: S1 }
  - { id: D1, kind: door, driver: opcua, zone: C }
staff: [{ id: S1, tag: T1 }]
`,
  'site.yaml',
)

test('one run of the rules over merged sources serves many listeners in virtual time', () => {
  const scheduler = new VirtualTimeScheduler(undefined, T + 60_000)
  scheduler.frame = T
  const at = (time: number, line: Record<string, unknown>) =>
    of(line).pipe(
      delay(time, scheduler),
      map((l) => ({ ...l, time: scheduler.now() })),
    )
  const panic = at(1_000, { device: 'T1', type: 'tag.sos', value: {} }).pipe(concatWith(NEVER))
  const door = at(2_000, { device: 'D1', type: 'door.state', value: { state: 'open' } }).pipe(concatWith(NEVER))
  const changes = rulesOver([panic, door], { site, scheduler })
  const first: SourcedChange[] = []
  const second: SourcedChange[] = []
  const a = changes.subscribe((c) => first.push(c))
  const b = changes.subscribe((c) => second.push(c))
  scheduler.flush()
  a.unsubscribe()
  b.unsubscribe()
  const seen = first.map(({ change, source }) => `${source} ${change.change} ${change.alert.code} ${change.at - T}`)
  expect(seen.slice(0, 2)).toEqual(['eager raised R39 1000', 'ordered raised R39 1000'])
  expect(seen).toContain('ordered raised R07 5000')
  expect(seen).toContain('ordered raised R08 22000')
  expect(second).toEqual(first)
})
