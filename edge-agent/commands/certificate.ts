/** `wardwatch ledger certificate --day D`: what the ledger and the journal hold of a day, signed, as JSON and as PDF. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pdfReport, type ReportDocument } from '#dashboards/report/pdf-report.ts'
import { stamp } from '#dashboards/report/stamp.ts'
import { type JournalContinuity, journalContinuity } from '#ingest/journal/continuity.ts'
import { type Certificate, certificateOf, certificateText } from '#ingest/ledger/certificate.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import { fingerprint, openSigningKeys, verifySignature } from '#ingest/ledger/signing.ts'
import { trustedKey } from '#ingest/ledger/verifier/verify.mjs'
import type { AlertChange } from '#model/alert/alert.ts'
import { WardwatchError } from '#model/errors.ts'
import { localDay } from '#model/local-time.ts'
import { systemClock } from '#model/system-clock.ts'
import { type LedgerFlags, openForReading, siteOf, suiteInUse } from './ledger.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

export async function runLedgerCertificate(flags: LedgerFlags & { day: string; out?: string }): Promise<number> {
  const site = siteOf(flags)
  const timezone = site?.facility.timezone ?? 'Asia/Shanghai'
  const [fromMs, toMs] = spanOf(flags.day, timezone)
  const ledger = await openForReading(flags, site)
  try {
    const parts = {
      facility: site?.facility.id ?? (await facilityIn(ledger)) ?? '',
      day: flags.day,
      timezone,
      fromMs,
      toMs,
      madeAt: systemClock.now(),
      facts: await ledger.day(fromMs, toMs),
      journal: journalOf(join(flags.data, 'journal'), fromMs, toMs),
    }
    const dir = join(flags.data, 'ledger')
    const signature = site?.ledger?.signature ?? suiteInUse(dir).signature ?? 'ed25519'
    const certificate = certificateOf(parts, openSigningKeys(dir, signature, false))
    const out = flags.out ?? `certificate-${parts.facility || 'ledger'}-${flags.day}`
    writeFileSync(`${out}.json`, `${JSON.stringify(certificate, null, 1)}\n`)
    writeFileSync(`${out}.pdf`, await pdfReport(certificateReport(certificate)))
    if (flags.json) say(JSON.stringify(certificate))
    else {
      say(certificate.statement.zh)
      say(certificate.statement.en)
      for (const gap of certificate.gaps) say(`- ${gap.zh} · ${gap.en}`)
      say(
        `written to ${out}.json and ${out}.pdf${certificate.signature ? '' : ' · not signed: the private key is not readable'}`,
      )
    }
    return certificate.ledger.verdict.ok ? 0 : 1
  } finally {
    await ledger.close()
  }
}

/** Checks the signature of a certificate; the ledger it speaks of is not needed. */
export function verifyCertificate(path: string, pems: string[] | undefined, json: boolean): number {
  const certificate = JSON.parse(readFileSync(path, 'utf8')) as Certificate
  if (certificate.format !== 'wardwatch-day-certificate-1')
    throw new WardwatchError('bad-json', `${path} is no certificate of a day`)
  const { key, signature } = certificate
  const keys = pems?.map((pem) => trustedKey(readFileSync(pem, 'utf8'))) ?? (key ? [key] : [])
  const ok =
    signature !== null &&
    keys.some(
      (one) =>
        one.algorithm === signature.algorithm &&
        verifySignature(
          { algorithm: signature.algorithm, pem: one.pem },
          certificateText(certificate),
          signature.signature,
        ),
    )
  if (json) say(JSON.stringify({ ok, statement: certificate.statement }))
  else if (ok) say(`signed certificate: ${certificate.statement.zh} ${certificate.statement.en}`)
  else
    say(
      signature
        ? 'the signature is not of a trusted key, or the certificate was changed'
        : 'the certificate is not signed',
    )
  if (ok && !pems && !json) say('the key was taken from the file itself; name the key of the facility with --key')
  return ok ? 0 : 1
}

export function spanOf(day: string, timezone: string): [number, number] {
  const span = localDay(timezone, day)
  if (!span) throw new WardwatchError('usage', `--day needs a date such as 2026-11-22, not "${day}"`)
  return span
}

function journalOf(dir: string, fromMs: number, toMs: number): JournalContinuity | null {
  if (!existsSync(join(dir, 'journal.db'))) return null
  try {
    return journalContinuity(dir, fromMs, toMs)
  } catch {
    return null
  }
}

/** Without a site file the alerts tell whose ledger it is. */
async function facilityIn(ledger: EdgeLedger): Promise<string | null> {
  for (const { payload } of await ledger.list({ kind: 'alert', afterSeq: Math.max(0, ledger.head().seq - 500) }))
    if ((payload as AlertChange | null)?.alert?.facility) return (payload as AlertChange).alert.facility
  return null
}

export function certificateReport(c: Certificate): ReportDocument {
  const time = (at: number): string => stamp(c.timezone, at)
  const { ledger, journal } = c
  const ends = (e: { seq: number; at: number; hash: string } | null): string =>
    e === null ? '—' : `${e.seq} · ${time(e.at)}\n${e.hash}`
  const whole = ledger.verdict.ok && c.gaps.length === 0
  return {
    title: { zh: '账本日证明', en: 'Certificate of a day of the ledger' },
    subtitle: `${c.facility || '—'} · ${c.day}（${c.timezone}）`,
    watermark: `${c.facility} · ${c.day}`,
    footer: `wardwatch · ${c.facility} · ${c.day} · ${c.signature?.signature.slice(0, 32) ?? '未签名 not signed'}`,
    madeAt: Date.parse(c.madeAt),
    blocks: [
      { kind: 'verdict', tone: whole ? 'good' : 'bad', words: c.statement },
      { kind: 'heading', words: { zh: '账本', en: 'Ledger' } },
      {
        kind: 'facts',
        rows: [
          { label: { zh: '条数', en: 'Entries' }, value: `${ledger.entries}（${kinds(ledger.byKind)}）` },
          { label: { zh: '首条', en: 'First entry' }, value: ends(ledger.first) },
          { label: { zh: '末条', en: 'Last entry' }, value: ends(ledger.last) },
          {
            label: { zh: '链', en: 'Chain' },
            value: ledger.verdict.ok ? '完整 whole' : `不完整 not whole: ${ledger.verdict.detail}`,
          },
          { label: { zh: '检查点', en: 'Checkpoints' }, value: checkpoints(ledger.checkpoints) },
          {
            label: { zh: '省级确认锚点', en: 'Anchors acknowledged' },
            value: ledger.anchors.length === 0 ? '0' : `${ledger.anchors.length}（${anchorSpan(ledger.anchors)}）`,
          },
          { label: { zh: '已删除内容', en: 'Payloads removed' }, value: String(ledger.verdict.deleted) },
        ],
      },
      { kind: 'heading', words: { zh: '日志序号', en: 'Numbers of the journal' } },
      {
        kind: 'facts',
        rows: journal
          ? [
              {
                label: { zh: '首末序号', en: 'First and last' },
                value: journal.first === null ? '—' : `${journal.first} – ${journal.last}`,
              },
              { label: { zh: '记录数', en: 'Records' }, value: String(journal.records) },
              { label: { zh: '缺号', en: 'Missing spans' }, value: String(journal.gaps.length) },
              {
                label: { zh: '按期清理至', en: 'Cleared by age up to' },
                value: journal.agedUpTo === 0 ? '—' : String(journal.agedUpTo),
              },
            ]
          : [{ label: { zh: '日志', en: 'Journal' }, value: '未核查 not checked' }],
      },
      { kind: 'heading', words: { zh: '缺口', en: 'Gaps' } },
      {
        kind: 'table',
        columns: [
          { label: { zh: '序', en: 'No.' }, share: 6 },
          { label: { zh: '内容', en: 'What' }, share: 94 },
        ],
        rows: c.gaps.map((gap, i) => [String(i + 1), `${gap.zh}\n${gap.en}`]),
        empty: { zh: '零：没有任何缺口。', en: 'Zero: there is no gap.' },
      },
      { kind: 'heading', words: { zh: '签名', en: 'Signature' } },
      {
        kind: 'facts',
        rows: [
          { label: { zh: '算法', en: 'Algorithm' }, value: c.signature?.algorithm ?? '未签名 not signed' },
          { label: { zh: '公钥指纹', en: 'Key fingerprint' }, value: c.key ? fingerprint(c.key) : '—' },
          { label: { zh: '签名值', en: 'Signature' }, value: c.signature?.signature ?? '—' },
          { label: { zh: '制作时间', en: 'Made at' }, value: time(Date.parse(c.madeAt)) },
        ],
      },
      {
        kind: 'small',
        text: '签名针对同名 JSON 文件的内容；核验：wardwatch ledger verify --certificate FILE.json --key PUBLIC.pem · The signature is about the JSON file of the same name.',
      },
    ],
  }
}

const KIND_WORDS: Record<string, string> = { alert: '告警变更 alert changes', act: '人员操作 acts', note: '备注 notes' }
const kinds = (byKind: Record<string, number>): string =>
  Object.entries(byKind)
    .map(([kind, n]) => `${KIND_WORDS[kind] ?? kind} ${n}`)
    .join('，') || '无 none'

function checkpoints(all: Certificate['ledger']['checkpoints']): string {
  const [first, last] = [all[0], all.at(-1)]
  if (!first || !last) return '0'
  const suites = [...new Set(all.map((c) => `${c.hash} + ${c.algorithm}`))].join(', ')
  return `${all.length}（${first.fromSeq} – ${last.seq}；${suites}）\n${last.root}`
}

const anchorSpan = (all: { ledgerSeq: number }[]): string => `${all[0]!.ledgerSeq} – ${all.at(-1)!.ledgerSeq}`
