import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openLedger } from '#ingest/ledger/ledger.ts'
import { systemClock } from '#model/system-clock.ts'
import { lockDataDir } from '../data-lock.ts'
import { openFacilityLedger } from '../parts/facility-ledger.ts'
import { runLedgerCopy, runLedgerForget, runLedgerProof, runLedgerVerify } from './ledger.ts'

let data: string
let said: string
const quiet = { info() {}, warn() {}, error() {} }
const site = { facility: { id: 'js-03' } }
const alert = (id: string, ...subjects: string[]) => ({
  kind: 'alert' as const,
  ref: id,
  payload: { change: 'raised', alert: { id, subjects } },
})

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'ww-ledger-command-'))
  mkdirSync(join(data, 'ledger'))
  said = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text)
    return true
  })
  const ledger = await openFacilityLedger({
    site,
    clock: systemClock,
    log: quiet,
    root: data,
    dir: join(data, 'ledger'),
  })
  await ledger.append([alert('a1', 'P017'), alert('a2', 'P018'), alert('a3')])
  await ledger.close()
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(data, { recursive: true, force: true })
})

const flags = (more: object = {}) => ({ data, json: false, ...more })
const forget = (more: object = {}) =>
  runLedgerForget({ data, json: false, person: 'P017', reason: '刑满释放', by: 'E01', yes: true, ...more })
const readable = async (): Promise<string[]> => {
  const { openForReading } = await import('./ledger.ts')
  const ledger = await openForReading(flags(), null)
  const states = (await ledger.list({})).map((e) => e.payloadState ?? 'present')
  await ledger.close()
  return states
}

describe('wardwatch ledger', () => {
  test('copy and proof are verified from their files, and a changed file is refused by line', async () => {
    const out = join(data, 'copy.ndjson')
    expect(await runLedgerCopy({ ...flags(), out })).toBe(0)
    expect(await runLedgerVerify(flags({ copy: out }))).toBe(0)
    expect(said).toContain('3 entries verified, 1 checkpoints, 0 not yet signed: whole')
    expect(readFileSync(out, 'utf8')).not.toContain('P017')
    const proof = join(data, 'proof.json')
    expect(await runLedgerProof({ ...flags(), entry: '2', out: proof })).toBe(0)
    const key = [join(data, 'ledger/ledger-key.pub.pem')]
    expect(await runLedgerVerify(flags({ proof, key }))).toBe(0)
    expect(said).toContain('entry 2 lies under the signed checkpoint 3')
    writeFileSync(out, readFileSync(out, 'utf8').replace('"seq":2,', '"seq":3,'))
    expect(await runLedgerVerify(flags({ copy: out }))).toBe(1)
    expect(said).toContain('line 3: ')
    await expect(runLedgerProof({ ...flags(), entry: '4' })).rejects.toThrow('no signed checkpoint over entry 4')
    await expect(runLedgerProof({ ...flags(), entry: 'two' })).rejects.toThrow('needs the number of an entry')
  })

  test('forget works on a stopped edge and on a running one; verify stays green and reading says deleted', async () => {
    await expect(forget({ yes: false })).rejects.toThrow('repeat it with --yes')
    expect(await forget()).toBe(0)
    expect(said).toContain('recorded as entry 4')
    expect(await readable()).toEqual(['deleted', 'present', 'present', 'present'])
    const unlock = lockDataDir(data)
    const running = await openFacilityLedger({
      site,
      clock: systemClock,
      log: quiet,
      root: data,
      dir: join(data, 'ledger'),
    })
    try {
      expect(await forget({ person: 'P018' })).toBe(0)
      expect(running.head().seq).toBe(5)
      expect((await running.list({})).map((e) => e.payloadState ?? 'present')).toEqual([
        'deleted',
        'deleted',
        'present',
        'present',
        'present',
      ])
    } finally {
      await running.close()
      unlock()
    }
    expect(await runLedgerVerify(flags())).toBe(0)
    expect(said).toContain('5 entries verified, chain whole')
    said = ''
    expect(await forget({ person: 'P099' })).toBe(0)
    expect(said).toBe('the ledger holds nothing about P099\n')
  }, 60_000)

  test('forget refuses when it has not the key of the facility that the ledger was kept with', async () => {
    writeFileSync(join(data, 'facility.key'), 'another')
    await expect(forget()).rejects.toThrow('not the one that this ledger was kept with')
    rmSync(join(data, 'facility.key'))
    await expect(forget()).rejects.toThrow('holds no key of the facility')
    await expect(forget({ data: join(data, 'elsewhere') })).rejects.toThrow('there is no ledger')
  })

  test('verify compares with anchors from a file and from the province, and says which entry they contradict', async () => {
    const reader = await openLedger({ dir: join(data, 'ledger'), clock: systemClock, readOnly: true, thread: false })
    const anchor = { facility: 'js-03', at: 1, ledgerSeq: 3, ledgerHash: reader.head().hash }
    await reader.close()
    const other = { facility: 'js-04', at: 1, ledgerSeq: 2, ledgerHash: 'ab' }
    const file = join(data, 'anchors.json')
    writeFileSync(file, JSON.stringify({ items: [anchor, other] }))
    await expect(runLedgerVerify(flags({ anchors: file }))).rejects.toThrow('anchors of several facilities')
    expect(await runLedgerVerify(flags({ anchors: file, facility: 'js-03' }))).toBe(0)
    expect(said).toContain('1 anchors of the province compared, all fit')
    const server = createServer((request, response) => {
      const isSecond = request.url!.includes('cursor=more')
      const allowed = request.headers.authorization === 'Bearer t'
      response.statusCode = allowed ? 200 : 401
      const page = isSecond ? { items: [{ ...anchor, ledgerSeq: 2 }], next: null } : { items: [anchor], next: 'more' }
      response.end(JSON.stringify(page))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const anchors = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      await expect(runLedgerVerify(flags({ anchors }))).rejects.toThrow('--token')
      expect(await runLedgerVerify(flags({ anchors, token: 't' }))).toBe(1)
      expect(said).toContain('entry 2 does not fit: the province keeps another hash of entry 2')
    } finally {
      server.close()
    }
    writeFileSync(file, '{}')
    await expect(runLedgerVerify(flags({ anchors: file }))).rejects.toThrow('holds no anchors')
  })

  test('verify names the entry whose payload was changed', async () => {
    const db = new DatabaseSync(join(data, 'ledger/ledger.db'))
    db.exec("UPDATE payload SET body = replace(body, 'a3', 'a4') WHERE seq = 3")
    db.close()
    expect(await runLedgerVerify(flags())).toBe(1)
    expect(said).toContain('entry 3 does not fit: the payload of entry 3 has been changed')
  })
})
