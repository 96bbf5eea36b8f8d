/**
 * The certificate of one day: what the ledger holds of it, whether it is whole, what the province has acknowledged, and
 * whether the journal's numbers run through. Every gap is named, or zero is said in words. Must never call whole what
 * was not looked at.
 */
import { basename } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { canonicalJson } from '#model/ids.ts'
import type { JournalContinuity } from '../journal/continuity.ts'
import type { Checkpoint, KeptAnchor, LedgerFile } from './ledger-file.ts'
import type { LedgerLoss } from './salvage.ts'
import type { PublicKeyText, Signature, SigningKeys } from './signing.ts'
import { type VerifyAnswer, verifyLedger } from './verification.ts'

export interface CertificateFacts {
  entries: number
  byKind: Record<string, number>
  first: { seq: number; at: number; hash: string } | null
  last: { seq: number; at: number; hash: string } | null
  /** Entries between first and last that carry a time of another day: the clock was set. */
  otherDay: number
  /** The chain from the first entry to the last, extended to whole checkpoints. */
  verdict: VerifyAnswer
  checkpoints: Pick<Checkpoint, 'seq' | 'fromSeq' | 'at' | 'root' | 'hash' | 'algorithm'>[]
  anchors: KeptAnchor[]
  /** Numbers of entries that an acknowledged anchor contradicts. */
  contradicted: number[]
  /** Alerts S04 of the day: trouble with storage or disk. */
  storageTroubles: number
  /** Losses of the ledger's file that touch the day: between these times entries are missing. */
  losses: LedgerLoss[]
}

export interface CertificateGap {
  code:
    | 'chain-broken'
    | 'entries-unsigned'
    | 'other-day'
    | 'anchor-contradicts'
    | 'no-anchor'
    | 'journal-gap'
    | 'journal-unread'
    | 'storage-trouble'
    | 'ledger-lost'
  zh: string
  en: string
}

export interface Certificate {
  format: 'wardwatch-day-certificate-1'
  facility: string
  day: string
  timezone: string
  from: string
  to: string
  madeAt: string
  ledger: Omit<CertificateFacts, 'verdict'> & {
    verdict: Pick<VerifyAnswer, 'ok' | 'badSeq' | 'detail' | 'deleted' | 'unsigned'>
  }
  journal: JournalContinuity | null
  gaps: CertificateGap[]
  statement: { zh: string; en: string }
  key: PublicKeyText | null
  signature: Signature | null
}

/** Reads the day from the file; `fromMs` ≤ time < `toMs`. */
export function dayFacts(
  file: LedgerFile,
  signing: Pick<SigningKeys, 'verify' | 'publicKeys'>,
  db: DatabaseSync,
  fromMs: number,
  toMs: number,
): CertificateFacts {
  const one = <T>(sql: string, ...args: number[]): T => db.prepare(sql).get(...args) as unknown as T
  const span = one<{ a: number | null; b: number | null; n: number }>(
    'SELECT min(seq) AS a, max(seq) AS b, count(*) AS n FROM entry WHERE at >= ? AND at < ?',
    fromMs,
    toMs,
  )
  const anchors = file.anchors(fromMs, toMs)
  const lost = file.losses().filter((loss) => loss.lost !== null && loss.fromAt < toMs && loss.toAt >= fromMs)
  const contradicted = anchors.filter((x) => file.hashAt(x.ledgerSeq) !== x.ledgerHash).map((x) => x.ledgerSeq)
  if (span.a === null || span.b === null) {
    const head = file.head()?.seq ?? 0
    const verdict = verifyLedger(file, signing, { from: head + 1 })
    const none = { entries: 0, byKind: {}, first: null, last: null, otherDay: 0, checkpoints: [], storageTroubles: 0 }
    return { ...none, verdict, anchors, contradicted, losses: lost }
  }
  const { a, b } = span
  const about = (seq: number) =>
    one<{ seq: number; at: number; hash: string }>('SELECT seq, at, hash FROM entry WHERE seq = ?', seq)
  const kinds = db
    .prepare('SELECT kind, count(*) AS n FROM entry WHERE at >= ? AND at < ? GROUP BY kind ORDER BY kind')
    .all(fromMs, toMs) as unknown as { kind: string; n: number }[]
  const from = file.covering(a)?.fromSeq ?? a
  const to = file.covering(b)?.seq ?? b
  const troubles = one<{ n: number }>(
    `SELECT count(*) AS n FROM entry JOIN payload USING (seq) WHERE entry.seq BETWEEN ? AND ? AND kind = 'alert'
       AND instr(body, '"change":"raised"') > 0 AND instr(body, '"code":"S04"') > 0`,
    a,
    b,
  )
  return {
    entries: span.n,
    byKind: Object.fromEntries(kinds.map((k) => [k.kind, k.n])),
    first: about(a),
    last: about(b),
    otherDay: b - a + 1 - span.n,
    verdict: verifyLedger(file, signing, { from: Math.min(from, a), to }),
    checkpoints: file
      .checkpoints(Math.min(from, a), to)
      .map(({ seq, fromSeq, at, root, hash, algorithm }) => ({ seq, fromSeq, at, root, hash, algorithm })),
    anchors,
    contradicted,
    storageTroubles: troubles.n,
    losses: lost,
  }
}

export function gapsOf(facts: CertificateFacts, journal: JournalContinuity | null): CertificateGap[] {
  const gaps: CertificateGap[] = []
  const say = (code: CertificateGap['code'], zh: string, en: string) => gaps.push({ code, zh, en })
  const { verdict } = facts
  if (!verdict.ok)
    say(
      'chain-broken',
      `账本在第 ${verdict.badSeq} 条处不相符：该条或其前一条被改动、删除或重写`,
      `the ledger does not fit at entry ${verdict.badSeq}: ${verdict.detail}`,
    )
  else if (verdict.unsigned > 0)
    say(
      'entries-unsigned',
      `末尾 ${verdict.unsigned} 条已入链，尚未由检查点签名`,
      `the last ${verdict.unsigned} entries are chained and not yet signed by a checkpoint`,
    )
  for (const { part, lost, fromAt, toAt, restored, file } of facts.losses) {
    const [from, to] = lost!
    const times = [fromAt, toAt].map((ms) => new Date(ms).toISOString())
    const again = restored ?? 0
    say(
      'ledger-lost',
      `账本文件损坏，第 ${from} 至 ${to} 条${part === 'payloads' ? '的内容' : ''}丢失，时间在 ${times[0]} 与 ${times[1]} 之间；损坏文件保存为 ${basename(file)}，已从日志补记 ${again} 条`,
      `the ledger's file was damaged: ${part === 'payloads' ? 'the payloads of ' : ''}entries ${from} to ${to} are lost, between ${times[0]} and ${times[1]}; the damaged file lies as ${basename(file)}; ${again} were entered again from the journal`,
    )
  }
  if (facts.otherDay > 0)
    say(
      'other-day',
      `首末条之间有 ${facts.otherDay} 条的时间不属于当日：时钟被调整过`,
      `${facts.otherDay} entries between the first and the last carry a time of another day: the clock was set`,
    )
  for (const seq of facts.contradicted)
    say(
      'anchor-contradicts',
      `省级平台已确认的第 ${seq} 条锚点与账本不符`,
      `the anchor of entry ${seq}, acknowledged by the province, contradicts the ledger`,
    )
  if (facts.anchors.length === 0)
    say('no-anchor', '当日没有经省级平台确认的锚点', 'no anchor of this day has been acknowledged by the province')
  if (journal === null)
    say(
      'journal-unread',
      '日志无法读取，序号连续性未核查',
      'the journal could not be read: its numbers were not checked',
    )
  else
    for (const { from, to } of journal.gaps)
      say(
        'journal-gap',
        `日志缺少序号 ${from} 至 ${to}（${to - from + 1} 个）`,
        `the journal lacks the numbers ${from} to ${to} (${to - from + 1})`,
      )
  if (facts.storageTroubles > 0)
    say(
      'storage-trouble',
      `当日发生 ${facts.storageTroubles} 次存储或磁盘故障告警（S04）`,
      `${facts.storageTroubles} alerts of storage or disk trouble (S04) were raised on this day`,
    )
  return gaps
}

export interface CertificateParts {
  facility: string
  day: string
  timezone: string
  fromMs: number
  toMs: number
  madeAt: number
  facts: CertificateFacts
  journal: JournalContinuity | null
}

/** Puts the certificate together and signs it. */
export function certificateOf(parts: CertificateParts, signing: Pick<SigningKeys, 'sign' | 'publicKeys'>): Certificate {
  const { facts, journal } = parts
  const gaps = gapsOf(facts, journal)
  const { verdict, ...ledger } = facts
  const { ok, badSeq, detail, deleted, unsigned } = verdict
  const aged = journal !== null && journal.agedUpTo > 0
  const zhCount = gaps.length === 0 ? '缺口为零' : `缺口 ${gaps.length} 处，逐条列出`
  const enCount = gaps.length === 0 ? 'There are zero gaps' : `${gaps.length} gaps, each named`
  const body = {
    format: 'wardwatch-day-certificate-1' as const,
    facility: parts.facility,
    day: parts.day,
    timezone: parts.timezone,
    from: new Date(parts.fromMs).toISOString(),
    to: new Date(parts.toMs).toISOString(),
    madeAt: new Date(parts.madeAt).toISOString(),
    ledger: { ...ledger, verdict: { ok, badSeq, detail, deleted, unsigned } },
    journal,
    gaps,
    statement: {
      zh: `${parts.day} 账本共 ${facts.entries} 条，${ok ? '链完整' : '链不完整'}；日志${journal === null ? '未核查' : `序号共 ${journal.records} 个`}${aged ? `（序号 ${journal.agedUpTo} 及以前已按保存期限清理，未计入）` : ''}；${zhCount}。`,
      en: `The ledger of ${parts.day} holds ${facts.entries} entries and is ${ok ? 'whole' : 'not whole'}; the journal ${journal === null ? 'was not checked' : `holds ${journal.records} numbers`}${aged ? ` (numbers up to ${journal.agedUpTo} were cleared by age and are not judged)` : ''}. ${enCount}.`,
    },
  }
  const signature = signing.sign(certificateText(body))
  const key = signing.publicKeys().find((k) => k.algorithm === signature?.algorithm) ?? null
  return { ...body, key: signature ? key : null, signature }
}

/** What the signature of a certificate is about. Must never change. */
export function certificateText(certificate: Omit<Certificate, 'key' | 'signature'>): string {
  const { key: _key, signature: _signature, ...body } = certificate as Certificate
  return `wardwatch-day-certificate-1\n${canonicalJson(body)}`
}
