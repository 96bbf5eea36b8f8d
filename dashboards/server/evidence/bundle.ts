/**
 * An evidence bundle: the files, the report, a manifest with the SHA-256 of each, and the signature of the ledger's key
 * over the manifest. Whoever has the public key needs nothing else to know that not a byte was changed.
 */
import { createHash } from 'node:crypto'
import { isProving, type Ledger } from '#model/ports/ledger.ts'
import { pdfReport } from '../report/pdf-report.ts'
import { stamp } from '../report/stamp.ts'
import type { Evidence } from './collect.ts'
import { csvOf } from './csv.ts'
import { evidenceReport, type ReportFacts } from './evidence-report.ts'
import { writeZip, type ZipMember } from './zip.ts'

export const MANIFEST_FORMAT = 'wardwatch-evidence-1'
/** What the signature of a manifest is about: this line, then the bytes of manifest.json. */
export const manifestText = (manifest: string): string => `${MANIFEST_FORMAT}\n${manifest}`

export interface Manifest {
  format: typeof MANIFEST_FORMAT
  facility: string
  subject: Evidence['subject']
  madeAt: string
  madeBy: string
  reason: string
  limits: Evidence['limits']
  readingsGone: string[]
  ledger: { head: { seq: number; hash: string } | null; entries: number; proofs: number }
  files: { path: string; bytes: number; sha256: string }[]
}

export interface ManifestSignature {
  algorithm: string | null
  signature: string | null
  keys: { algorithm: string; pem: string }[]
}

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 1)}\n`)
const ndjson = (items: readonly unknown[]): Buffer => Buffer.from(items.map((i) => `${JSON.stringify(i)}\n`).join(''))
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

export const evidencePdf = (evidence: Evidence, facts: ReportFacts): Promise<Buffer> =>
  pdfReport(evidenceReport(evidence, facts))

export async function evidenceZip(evidence: Evidence, facts: ReportFacts, ledger: Ledger | null): Promise<Buffer> {
  const zone = facts.facility.timezone
  const members: ZipMember[] = [
    { path: 'README.txt', data: Buffer.from(README) },
    { path: 'report.pdf', data: await evidencePdf(evidence, facts) },
    { path: 'alerts.json', data: json(evidence.alerts) },
    ...(evidence.incident ? [{ path: 'incident.json', data: json(evidence.incident) }] : []),
    { path: 'timeline.ndjson', data: ndjson(evidence.timeline) },
    {
      path: 'timeline.csv',
      data: Buffer.from(
        csvOf(
          ['time_local', 'time_ms', 'alert', 'number', 'change', 'level', 'state', 'handling', 'by', 'note'],
          evidence.timeline.map(({ at, change, alert, by, note }) => [
            ...[stamp(zone, at, true), at, alert.id, alert.number, change],
            ...[alert.level, alert.state, alert.handling, by, note],
          ]),
        ),
      ),
    },
    { path: 'readings.ndjson', data: ndjson(evidence.readings) },
    {
      path: 'readings.csv',
      data: Buffer.from(
        csvOf(
          ['time_local', 'time_ms', 'received_ms', 'id', 'device', 'type', 'zone', 'subject', 'quality', 'value'],
          evidence.readings.map((r) => [
            ...[stamp(zone, r.time, true), r.time, r.received, r.id, r.device],
            ...[r.type, r.zone, r.subject, r.quality, r.value],
          ]),
        ),
      ),
    },
    {
      path: 'pictures.json',
      data: json(evidence.pictures.map(({ jpeg: _jpeg, ...about }) => ({ ...about, path: pictureOf(about) }))),
    },
    ...evidence.pictures.map((p) => ({ path: pictureOf(p), data: p.jpeg })),
    { path: 'plans.json', data: json(evidence.plans) },
    { path: 'acts.ndjson', data: ndjson(evidence.acts) },
    { path: 'looks.ndjson', data: ndjson(evidence.looks) },
    { path: 'signatures.json', data: json(evidence.signatures) },
    { path: 'ledger/entries.ndjson', data: ndjson(evidence.entries) },
    { path: 'ledger/keys.json', data: json(evidence.keys) },
    ...evidence.proofs.map(({ seq, proof }) => ({ path: `ledger/proofs/${seq}.json`, data: json(proof) })),
  ]
  const manifest: Manifest = {
    format: MANIFEST_FORMAT,
    facility: facts.facility.id,
    subject: evidence.subject,
    madeAt: new Date(facts.madeAt).toISOString(),
    madeBy: facts.madeBy,
    reason: facts.reason,
    limits: evidence.limits,
    readingsGone: evidence.readingsGone,
    ledger: { head: ledger?.head() ?? null, entries: evidence.entries.length, proofs: evidence.proofs.length },
    files: members.map(({ path, data }) => ({ path, bytes: data.length, sha256: sha256(data) })),
  }
  const text = json(manifest)
  const signed = isProving(ledger) ? await ledger.sign(manifestText(text.toString())) : null
  const signature: ManifestSignature = {
    algorithm: signed?.algorithm ?? null,
    signature: signed?.signature ?? null,
    keys: evidence.keys,
  }
  return writeZip(
    [...members, { path: 'manifest.json', data: text }, { path: 'manifest.signature.json', data: json(signature) }],
    facts.madeAt,
  )
}

/** Ids are made by the program, but a file name is a border too. */
const pictureOf = ({ alert, preroll }: { alert: string; preroll: number | null }): string =>
  `pictures/${alert.replace(/[^A-Za-z0-9_-]/g, '_')}${preroll === null ? '' : `-before-${preroll}`}.jpg`

const README = `证据包 · Evidence bundle (wardwatch)

report.pdf            可阅读的报告                     the readable report
alerts.json           警情快照                         the alerts as they stood
incident.json         所属事件                         the incident they belong to
timeline.*            全部变更（NDJSON 与 CSV）        every change
readings.*            证据读数（NDJSON 与 CSV）        the readings that are evidence
pictures/             取证图片与警前画面；哈希见 pictures.json   pictures, those before the alert too, with the hash of their moment
plans.json            预案步骤及完成情况               plan steps and what was done
acts.ndjson           人员操作                         what people did
looks.ndjson          谁查看过                         who looked, and why
signatures.json       处置人与复核人                   handler and reviewer
ledger/               账本条目、公钥与存证证明         ledger entries, public keys, inclusion proofs
manifest.json         每个文件的 SHA-256               the SHA-256 of each file
manifest.signature.json  对清单的签名                  the signature over the manifest

核验 · To verify:  wardwatch evidence verify FILE.zip --key PUBLIC-KEY.pem
每个存证证明也可用独立核验程序核验 · each proof also by the independent verifier:
  node ingest/ledger/verifier/verify.mjs ledger/proofs/N.json PUBLIC-KEY.pem
`
