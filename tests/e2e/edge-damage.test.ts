import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import type { Alert } from '#model/alert/alert.ts'
import { EdgeRun, writeSmallSite } from './edge-run.ts'
import { wardwatch } from './processes.ts'

const dir = mkdtempSync(join(tmpdir(), 'ww-damage-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function writeAt(file: string, position: number, bytes: Buffer): void {
  const handle = openSync(file, 'r+')
  writeSync(handle, bytes, 0, bytes.length, position)
  closeSync(handle)
}
const empty = (file: string): void => truncateSync(file, 0)
const header = (file: string): void => writeAt(file, 0, Buffer.alloc(100, 0x2a))
const middle = (file: string): void =>
  writeAt(file, 4096 * Math.floor(statSync(file).size / 4096 / 2), Buffer.alloc(4096, 0x5a))

const FILES = [
  ['journal/journal.db', 'journal'],
  ['ledger/ledger.db', 'ledger'],
  ['desk/desk.db', 'desk'],
  ['series/series.db', 'series'],
  ['uplink/uplink.db', 'uplink'],
  ['quality/quality.db', 'quality'],
  ['context.json', 'context'],
] as const

test('an edge whose every file was damaged while it was down starts, says of each what was lost, and goes on watching', async () => {
  const site = await writeSmallSite(dir, {
    devices: [{ id: 'E1', kind: 'climate', driver: 'mqtt', zone: 'K1' }],
    // Nobody listens there: the outbox fills all the same.
    sections: { uplink: { url: 'mqtt://127.0.0.1:9' } },
  })
  const at = (path: string): string => join(site.data, path)
  const alertNow = async (edge: EdgeRun, note: string): Promise<void> => {
    const answer = await fetch(`${site.url}/api/v1/alerts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${site.tokens.officer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ zone: 'K1', kind: 'fight', level: 'orange', note }),
    })
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()} ${edge.stderr()}`)
  }
  const open = async (edge: EdgeRun) => (await edge.get<{ items: Alert[] }>('/api/v1/alerts?limit=500')).items
  const health = (edge: EdgeRun) => edge.get<{ setAside: string[] }>('/api/v1/health', 'engineer')

  let edge = await EdgeRun.start(site, 60_000)
  for (let n = 0; n < 5; n++) await alertNow(edge, `before ${n}`)
  await edge.stop()

  // Views and outboxes in every way of damage: with journal and ledger whole, nothing of the alerts is lost.
  for (const [round, damage] of [empty, header, middle].entries()) {
    const views = FILES.slice(2)
    for (const [file] of views) damage(at(file))
    edge = await EdgeRun.start(site, 60_000)
    const manual = (await open(edge)).filter((a) => a.code === 'S03')
    expect(manual.map((a) => a.number)).toHaveLength(5 + round)
    await vi.waitFor(
      async () => {
        const told = (await open(edge)).filter((a) => a.code === 'S04').map((a) => String(a.reasons[0]?.params.store))
        for (const [, store] of views.filter(([file]) => file !== 'context.json' || damage !== middle))
          expect(told).toContain(store)
      },
      { timeout: 20_000, interval: 500 },
    )
    expect((await health(edge)).setAside.length).toBeGreaterThanOrEqual((round + 1) * (views.length - 1))
    await alertNow(edge, `round ${round}`)
    await edge.stop()
  }
  expect((await wardwatch(['ledger', 'verify', '--data', site.data])).code).toBe(0)

  header(at('ledger/ledger.db'))
  edge = await EdgeRun.start(site, 60_000)
  await alertNow(edge, 'after the ledger')
  await edge.stop()
  const verified = await wardwatch(['ledger', 'verify', '--data', site.data])
  expect(verified.code).toBe(1)
  expect(verified.stdout).toMatch(/entries 1 to \d+ are missing: the file was found damaged on .* says so/)
  const listed = await wardwatch(['doctor', '--site', site.file, '--data', site.data])
  expect(listed.stdout).toMatch(/warning {2}damaged file: ledger\/ledger\.corrupt-/)

  middle(at('journal/journal.db'))
  truncateSync(at('accounts/accounts.sqlite'), 0)
  edge = await EdgeRun.start(site, 60_000)
  // Nobody can sign in any more; the ledger still says what happened.
  await edge.stop()
  expect(edge.stderr()).toContain('store.damaged')
  const names = [...readdirSync(at('journal')), ...readdirSync(at('ledger')), ...readdirSync(at('accounts'))]
  expect(names.filter((name) => /^(journal|ledger|accounts)\.corrupt-/.test(name)).length).toBeGreaterThanOrEqual(3)
  expect(existsSync(at('lock.db'))).toBe(true)
}, 300_000)
