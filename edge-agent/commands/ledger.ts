/**
 * `wardwatch ledger …`: verifies the chain, also against the anchors of the province; copies and proofs for others;
 * forgets a person. Everything but forgetting only reads, beside a running edge.
 */
import { createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { copyLines, proofFile } from '#ingest/ledger/copy.ts'
import { type EdgeLedger, type Forgotten, openLedger } from '#ingest/ledger/ledger.ts'
import { readLedger } from '#ingest/ledger/ledger-file.ts'
import { openSigningKeys } from '#ingest/ledger/signing.ts'
import type { AnchorClaim } from '#ingest/ledger/verification.ts'
import { trustedKey, verifyCopy, verifyProof } from '#ingest/ledger/verifier/verify.mjs'
import { openDatabase } from '#ingest/thread/sqlite.ts'
import { WardwatchError } from '#model/errors.ts'
import type { Site } from '#model/site/load.ts'
import { systemClock } from '#model/system-clock.ts'
import { lockDataDir } from '../data-lock.ts'
import { askToForget, ledgerOptions } from '../parts/facility-ledger.ts'
import { loadSiteFile } from '../site-file.ts'

export interface LedgerFlags {
  data: string
  site?: string
  json: boolean
}

const FORGET_WAIT_MS = 60_000
/** Beyond that a copy or proof is no file for a reader that holds it whole. */
const MAX_COPY_BYTES = 2 ** 31 - 1

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Whole number of a flag. */
export function entryNumber(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1)
    throw new WardwatchError('usage', `${flag} needs the number of an entry, not "${text}"`)
  return n
}

export const siteOf = (flags: LedgerFlags): Site | null =>
  flags.site === undefined ? null : loadSiteFile(flags.site, { secrets: true }).site

/** Opens the ledger for reading, with the facility's key where it can be found. */
export async function openForReading(flags: LedgerFlags, site: Site | null): Promise<EdgeLedger> {
  const dir = join(flags.data, 'ledger')
  if (!existsSync(join(dir, 'ledger.db')))
    throw new WardwatchError('not-found', `there is no ledger in ${dir}; name the data folder of the edge with --data`)
  const keyFile = join(flags.data, 'facility.key')
  const key = site?.facility.key ?? (existsSync(keyFile) ? readFileSync(keyFile, 'utf8').trim() : null)
  return openLedger({
    dir,
    clock: systemClock,
    readOnly: true,
    thread: false,
    ...(key ? { facilityKey: key } : {}),
    ...suiteInUse(dir),
    ...(site?.ledger?.signature ? { signature: site.ledger.signature } : {}),
  })
}

/** Hash and signature of the last checkpoint: what the edge works with. */
export function suiteInUse(dir: string): { hash?: 'sha256' | 'sm3'; signature?: 'ed25519' | 'sm2' } {
  const db = openDatabase(join(dir, 'ledger.db'), { durability: 'full', readOnly: true })
  try {
    const last = db.prepare('SELECT hash, algorithm AS signature FROM checkpoint ORDER BY seq DESC LIMIT 1').get() as
      | { hash: 'sha256' | 'sm3'; signature: 'ed25519' | 'sm2' }
      | undefined
    return last ? { ...last } : {}
  } finally {
    db.close()
  }
}

interface VerifyFlags extends LedgerFlags {
  from?: string
  anchors?: string
  token?: string
  facility?: string
  copy?: string
  proof?: string
  certificate?: string
  key?: string[]
}

export async function runLedgerVerify(flags: VerifyFlags): Promise<number> {
  if (flags.certificate !== undefined)
    return (await import('./certificate.ts')).verifyCertificate(flags.certificate, flags.key, flags.json)
  if (flags.copy ?? flags.proof) return verifyFile(flags)
  const from = entryNumber(flags.from, '--from')
  const anchors = flags.anchors === undefined ? [] : await readAnchors(flags)
  const path = join(flags.data, 'ledger', 'ledger.db')
  const ledger = await openForReading(flags, siteOf(flags)).catch((error) => Promise.reject(damaged(error, path)))
  try {
    const verdict = await ledger.verify(from, anchors).catch((error) => Promise.reject(damaged(error, path)))
    if (flags.json) say(JSON.stringify(verdict))
    else if (verdict.ok) {
      say(`${verdict.entries} entries verified, chain whole`)
      say(`${verdict.checkpoints} signed checkpoints, ${verdict.unsigned} entries not yet signed`)
      if (verdict.deleted > 0) say(`${verdict.deleted} payloads were removed; the chain does not need them`)
      if (flags.anchors !== undefined) say(`${verdict.anchors} anchors of the province compared, all fit`)
    } else say(`entry ${verdict.badSeq} does not fit: ${verdict.detail}`)
    return verdict.ok ? 0 : 1
  } finally {
    await ledger.close()
  }
}

/** A byte that the chain never reaches, because the file is no database any more, is told as plainly as one that it does. */
function damaged(error: unknown, path: string): unknown {
  const { message } = error as Error
  if (error instanceof WardwatchError || !/malformed|not a database|corrupt/i.test(message)) return error
  return new WardwatchError(
    'journal-corrupt',
    `${path} is damaged (${message}), so that not all entries can be read; restore it from a backup`,
  )
}

/** A copy or a proof is judged by the independent verifier, as anybody else would. */
function verifyFile(flags: VerifyFlags): number {
  const path = (flags.copy ?? flags.proof)!
  const trusted = flags.key?.map((pem) => trustedKey(readFileSync(pem, 'utf8'))) ?? null
  try {
    const bytes = readFileSync(path)
    if (bytes.length > MAX_COPY_BYTES) throw new Error('is too large; copy fewer entries')
    const answer =
      flags.copy === undefined ? verifyProof(JSON.parse(bytes.toString()), trusted) : verifyCopy(bytes, trusted)
    if (flags.json) say(JSON.stringify({ ok: true, ...answer }))
    else if ('entries' in answer)
      say(
        `${answer.entries} entries verified, ${answer.checkpoints} checkpoints, ${answer.unsigned} not yet signed: whole`,
      )
    else say(`entry ${answer.seq} lies under the signed checkpoint ${answer.checkpoint}`)
    if (!trusted && !flags.json) say('keys were taken from the file itself; name the key of the facility with --key')
    return 0
  } catch (error) {
    const { line, message } = error as Error & { line?: number }
    if (flags.json) say(JSON.stringify({ ok: false, line: line ?? null, detail: message }))
    else say(line === undefined ? message : `line ${line}: ${message}`)
    return 1
  }
}

/** Anchors from a file that the province handed out, or asked of it. */
async function readAnchors(flags: VerifyFlags): Promise<AnchorClaim[]> {
  const source = flags.anchors!
  const claims: AnchorClaim[] = []
  const take = (body: unknown): string | null => {
    const page = body as { items?: unknown; next?: string | null } | null
    const items = Array.isArray(body) ? body : page?.items
    const isClaim = (a: Partial<AnchorClaim> | null) =>
      Number.isInteger(a?.ledgerSeq) && typeof a?.ledgerHash === 'string'
    if (!Array.isArray(items) || !items.every(isClaim))
      throw new WardwatchError(
        'bad-json',
        `${source} holds no anchors; save the answer of GET /api/v1/anchors of the province`,
      )
    claims.push(...(items as (AnchorClaim & { facility?: string })[]).filter((a) => mine(flags, a.facility)))
    return Array.isArray(body) ? null : (page?.next ?? null)
  }
  if (!/^https?:/.test(source)) {
    try {
      take(JSON.parse(readFileSync(source, 'utf8')))
    } catch (error) {
      if (error instanceof WardwatchError) throw error
      throw new WardwatchError('bad-json', `${source} cannot be read as JSON (${(error as Error).message})`)
    }
  } else {
    const base = new URL('/api/v1/anchors', source)
    if (flags.facility) base.searchParams.set('facility', flags.facility)
    base.searchParams.set('limit', '1000')
    for (let next: string | null = ''; next !== null; ) {
      if (next !== '') base.searchParams.set('cursor', next)
      const answer = await fetch(base, {
        headers: flags.token ? { authorization: `Bearer ${flags.token}` } : {},
      }).catch((error: Error) => {
        throw new WardwatchError('uplink-down', `the province at ${base.origin} does not answer (${error.message})`)
      })
      if (!answer.ok)
        throw new WardwatchError(
          'not-allowed',
          `the province answered ${answer.status}; give a bearer token with --token`,
        )
      next = take(await answer.json())
    }
  }
  if (new Set((claims as { facility?: string }[]).map((a) => a.facility ?? '')).size > 1)
    throw new WardwatchError('usage', `${source} holds anchors of several facilities; name one with --facility`)
  return claims
}

const mine = (flags: VerifyFlags, facility: string | undefined): boolean =>
  flags.facility === undefined || facility === undefined || facility === flags.facility

export async function runLedgerCopy(flags: LedgerFlags & { out: string; from?: string; to?: string }): Promise<number> {
  const dir = join(flags.data, 'ledger')
  const from = entryNumber(flags.from, '--from') ?? 1
  const to = entryNumber(flags.to, '--to') ?? null
  const facility = siteOf(flags)?.facility.id ?? ''
  const db = openDatabase(join(dir, 'ledger.db'), { durability: 'full', readOnly: true })
  let lines = 0
  try {
    // One moment of the file: entries that come while the copy is made do not belong to it.
    db.exec('BEGIN')
    const keys = openSigningKeys(dir, suiteInUse(dir).signature ?? 'ed25519', false)
    const text = function* () {
      for (const line of copyLines(readLedger(db), keys, { facility, from, to })) {
        lines++
        yield `${line}\n`
      }
    }
    await pipeline(Readable.from(text()), createWriteStream(flags.out, { mode: 0o600 }))
  } finally {
    db.close()
  }
  say(flags.json ? JSON.stringify({ out: flags.out, lines }) : `${lines} lines written to ${flags.out}`)
  return 0
}

export async function runLedgerProof(flags: LedgerFlags & { entry: string; out?: string }): Promise<number> {
  const seq = entryNumber(flags.entry, '--entry')!
  const site = siteOf(flags)
  const ledger = await openForReading(flags, site)
  try {
    const proof = await ledger.proof(seq)
    if (!proof)
      throw new WardwatchError(
        'not-found',
        `there is no signed checkpoint over entry ${seq}; the ledger ends at ${ledger.head().seq}, checkpoints follow within a second of an entry`,
      )
    const keys = await ledger.publicKeys()
    const file = proofFile(proof, await ledger.hashName(seq), site?.facility.id ?? '', { publicKeys: () => keys })
    const text = `${JSON.stringify(file, null, 1)}\n`
    if (flags.out === undefined) process.stdout.write(text)
    else {
      writeFileSync(flags.out, text, { mode: 0o600 })
      say(flags.json ? JSON.stringify({ out: flags.out, entry: seq }) : `proof of entry ${seq} written to ${flags.out}`)
    }
    return 0
  } finally {
    await ledger.close()
  }
}

export async function runLedgerForget(
  flags: LedgerFlags & { person: string; reason: string; by: string; yes: boolean },
): Promise<number> {
  for (const name of ['person', 'reason', 'by'] as const)
    if (flags[name].trim() === '') throw new WardwatchError('usage', `--${name} is empty; it stands in the ledger`)
  if (!flags.yes)
    throw new WardwatchError(
      'usage',
      `this makes everything the ledger says about ${flags.person} unreadable for good; repeat it with --yes`,
    )
  const request = { person: flags.person, by: flags.by, reason: flags.reason }
  const done = await forget(flags, request)
  if (flags.json) say(JSON.stringify(done))
  else if (done.seq === null) say(`the ledger holds nothing about ${flags.person}`)
  else {
    say(
      `${flags.person}: the key is destroyed, ${done.sealed} payloads can no longer be read, ${done.removed} were removed`,
    )
    say(`recorded as entry ${done.seq}; the chain stays whole (wardwatch ledger verify)`)
    say('copies and backups made before still hold the key: destroy them, or forget there too')
  }
  return 0
}

async function forget(flags: LedgerFlags, request: { person: string; by: string; reason: string }): Promise<Forgotten> {
  const dir = join(flags.data, 'ledger')
  if (!existsSync(join(dir, 'ledger.db')))
    throw new WardwatchError('not-found', `there is no ledger in ${dir}; name the data folder of the edge with --data`)
  let unlock: (() => void) | null = null
  try {
    unlock = lockDataDir(flags.data)
  } catch {
    const answer = await askToForget(dir, request, FORGET_WAIT_MS)
    if (!answer)
      throw new WardwatchError(
        'data-unwritable',
        `the edge that runs on ${flags.data} did not answer within ${FORGET_WAIT_MS / 1000} s; nothing was recorded, try again or stop it first`,
      )
    if (!answer.ok) throw new WardwatchError('internal', `the running edge could not forget: ${answer.detail}`)
    return answer.done
  }
  try {
    const site = siteOf(flags) ?? { facility: { id: '' } }
    // Without a site file the key is the one that the edge drew itself; drawing another one now would forget nobody.
    if (!site.facility.key && !existsSync(join(flags.data, 'facility.key')))
      throw new WardwatchError('usage', `${flags.data} holds no key of the facility; name the site file with --site`)
    const ledger = await openLedger({
      dir,
      clock: systemClock,
      ...suiteInUse(dir),
      ...ledgerOptions(site, flags.data),
    })
    try {
      return await ledger.forget(request.person, request)
    } finally {
      await ledger.close()
    }
  } finally {
    unlock()
  }
}
