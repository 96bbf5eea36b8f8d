import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openJournal } from '#ingest/journal/journal.ts'
import type { Certificate } from '#ingest/ledger/certificate.ts'
import { openLedger } from '#ingest/ledger/ledger.ts'
import { VirtualClock } from '#model/clock.ts'
import { runLedgerCertificate, spanOf } from './certificate.ts'
import { runLedgerVerify } from './ledger.ts'

/** 2026-11-22 23:59:58 in Shanghai. */
const LATE = Date.UTC(2026, 10, 22, 15, 59, 58)
let data: string
let said: string

async function write(suite: { hash?: 'sm3'; signature?: 'sm2' } = {}): Promise<void> {
  const clock = new VirtualClock(LATE)
  const ledger = await openLedger({ dir: join(data, 'ledger'), clock, thread: false, ...suite })
  const journal = await openJournal({ dir: join(data, 'journal'), clock, thread: false, ballastBytes: 0 })
  for (let n = 0; n < 6; n++) {
    const alert = { id: `a${n}`, facility: 'js-03', subjects: [], code: n === 2 ? 'S04' : 'R01' }
    await ledger.append([{ kind: 'alert', ref: `a${n}`, payload: { change: 'raised', alert } }])
    await journal.append([
      { kind: 'act', act: { act: 'comment', alert: `a${n}`, time: clock.now(), by: 'S01', note: 'x' } },
    ])
    if (n === 1) await ledger.anchored({ at: clock.now(), ledgerSeq: 2, ledgerHash: ledger.head().hash })
    // Four entries before midnight, two after.
    clock.advanceTo(clock.now() + 500)
  }
  await journal.close()
  await ledger.close()
}
const certify = async (more: object = {}) => {
  const out = join(data, 'certificate')
  const code = await runLedgerCertificate({ data, json: false, day: '2026-11-22', out, ...more })
  return { code, json: `${out}.json`, certificate: JSON.parse(readFileSync(`${out}.json`, 'utf8')) as Certificate, out }
}

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'ww-certificate-'))
  mkdirSync(join(data, 'ledger'))
  mkdirSync(join(data, 'journal'))
  said = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text)
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(data, { recursive: true, force: true })
})

describe('the certificate of a day', () => {
  test.each<[{ hash?: 'sm3'; signature?: 'sm2' }]>([[{}], [{ hash: 'sm3', signature: 'sm2' }]])(
    'counts the entries of the local day, names ends, checkpoints and acknowledged anchors, and is signed %j',
    async (suite) => {
      await write(suite)
      const { code, certificate, json, out } = await certify()
      expect(code).toBe(0)
      expect(certificate).toMatchObject({
        facility: 'js-03',
        from: '2026-11-21T16:00:00.000Z',
        to: '2026-11-22T16:00:00.000Z',
        ledger: {
          entries: 4,
          byKind: { alert: 4 },
          first: { seq: 1 },
          last: { seq: 4 },
          anchors: [{ ledgerSeq: 2 }],
          contradicted: [],
          storageTroubles: 1,
          verdict: { ok: true, unsigned: 0 },
        },
        journal: { records: 4, gaps: [] },
        gaps: [{ code: 'storage-trouble' }],
        signature: { algorithm: suite.signature ?? 'ed25519' },
      })
      expect(certificate.statement.zh).toContain('缺口 1 处')
      expect(readFileSync(`${out}.pdf`).subarray(0, 5).toString()).toBe('%PDF-')
      expect(await runLedgerVerify({ data, json: false, certificate: json })).toBe(0)
      writeFileSync(json, readFileSync(json, 'utf8').replace('"entries": 4', '"entries": 5'))
      expect(await runLedgerVerify({ data, json: false, certificate: json })).toBe(1)
    },
  )

  test('says zero in words when there is no gap, and names what is missing when there is', async () => {
    await write()
    const ledger = new DatabaseSync(join(data, 'ledger/ledger.db'))
    const zero = await certify({ day: '2026-11-23' })
    expect(zero.certificate.ledger).toMatchObject({ entries: 2, first: { seq: 5 }, last: { seq: 6 } })
    expect(zero.certificate.gaps.map((g) => g.code)).toEqual(['no-anchor'])
    ledger.exec(
      'INSERT INTO anchor (ledger_seq, ledger_hash, at, acknowledged_at) SELECT seq, hash, at, at FROM entry WHERE seq = 6',
    )
    const none = await certify({ day: '2026-11-23' })
    expect(none.certificate.gaps).toEqual([])
    expect(none.certificate.statement).toMatchObject({
      zh: '2026-11-23 账本共 2 条，链完整；日志序号共 2 个；缺口为零。',
      en: expect.stringContaining('There are zero gaps.'),
    })

    const journal = new DatabaseSync(join(data, 'journal/journal.db'))
    journal.exec('DELETE FROM log WHERE seq = 5')
    journal.close()
    ledger.exec("UPDATE anchor SET ledger_hash = 'ab' WHERE ledger_seq = 6; DELETE FROM entry WHERE seq = 5")
    const broken = await certify({ day: '2026-11-23' })
    expect(broken.code).toBe(1)
    expect(broken.certificate.gaps.map((g) => g.code)).toEqual(['chain-broken', 'anchor-contradicts', 'journal-gap'])
    expect(broken.certificate.gaps.at(-1)!.en).toBe('the journal lacks the numbers 5 to 5 (1)')
    expect(said).toContain('日志缺少序号 5 至 5（1 个）')
    ledger.close()
  })

  test('of a day without entries says so, and of a date that is none is refused', async () => {
    await write()
    expect((await certify({ day: '2026-01-01' })).certificate.ledger).toMatchObject({
      entries: 0,
      first: null,
      last: null,
    })
    for (const day of ['2026-02-30', 'today', '2026-1-1'])
      await expect(certify({ day })).rejects.toThrow('needs a date')
    expect(spanOf('2026-03-29', 'Europe/Berlin').map((at) => new Date(at).toISOString())).toEqual([
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ])
    expect(spanOf('2026-11-22', 'Pacific/Kiritimati')[0]).toBe(Date.UTC(2026, 10, 21, 10))
  })
})
