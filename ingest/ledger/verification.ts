/**
 * Walks the chain of a ledger file and names the first entry that does not fit: hashes, payloads as stored, Merkle roots,
 * signatures, and the anchors that the province keeps. Needs no key of a person. Must never repair anything.
 */
import { basename } from 'node:path'
import { entryHash, GENESIS, merkleRoot, payloadHash } from './chain.ts'
import { checkpointText, type LedgerFile } from './ledger-file.ts'
import type { LedgerLoss } from './salvage.ts'
import type { SigningKeys } from './signing.ts'

export interface VerifyAnswer {
  entries: number
  ok: boolean
  badSeq: number | null
  detail: string | null
  /** Numbers that are not there, and what the ledger itself says about it; the chain does not hold across them. */
  missing: MissingSpan[]
  /** Signed checkpoints that fit. */
  checkpoints: number
  /** Entries behind the last checkpoint: chained, not yet signed. */
  unsigned: number
  /** Payloads that were removed or whose key was destroyed; the chain does not need them. */
  deleted: number
  /** Anchors of the province that were compared; all fit where `ok`. */
  anchors: number
}

export interface MissingSpan {
  part: LedgerLoss['part']
  from: number
  to: number
  /** The sentence of the ledger's own record of the loss; null: it does not speak of it. */
  named: string | null
}

/** What the province says it received. */
export interface AnchorClaim {
  at: number
  ledgerSeq: number
  ledgerHash: string
}

export interface VerifyRange {
  from: number
  to?: number
  anchors?: readonly AnchorClaim[]
}

export function verifyLedger(
  file: LedgerFile,
  keys: Pick<SigningKeys, 'verify' | 'publicKeys'>,
  range: VerifyRange,
): VerifyAnswer {
  const { from, to, anchors = [] } = range
  const sum: VerifyAnswer = {
    entries: 0,
    ok: true,
    badSeq: null,
    detail: null,
    missing: [],
    checkpoints: 0,
    unsigned: 0,
    deleted: 0,
    anchors: 0,
  }
  const bad = (seq: number, detail: string): VerifyAnswer => ({ ...sum, ok: false, badSeq: seq, detail })
  const claims = new Map<number, AnchorClaim[]>()
  for (const claim of anchors)
    if (claim.ledgerSeq >= from && (to === undefined || claim.ledgerSeq <= to))
      claims.set(claim.ledgerSeq, [...(claims.get(claim.ledgerSeq) ?? []), claim])

  const losses = file.losses()
  const known = losses.filter((loss) => loss.part === 'entries')
  const emptied = new Set<LedgerLoss>()
  let previous: string | null = GENESIS
  if (from > 1) {
    const before = file.hashAt(from - 1)
    if (before === null && lossAt(known, from - 1) === undefined) return bad(from - 1, `entry ${from - 1} is missing`)
    previous = before
  }
  let expected = from
  for (const row of file.entries(from, to)) {
    const hash = file.hashName(row.seq)
    if (row.seq !== expected) {
      const span = missingSpan(known, expected, row.seq - 1)
      sum.missing.push(span)
      if (span.named === null) return bad(expected, `entry ${expected} is missing`)
      // What came before it is gone, and its link with it, unless the chain was taken up again after the loss.
      if (entryHash(hash, previous ?? GENESIS, row) !== row.hash) previous = null
      expected = row.seq
    }
    if (previous !== null && entryHash(hash, previous, row) !== row.hash)
      return bad(row.seq, `entry ${row.seq} or its predecessor has been changed: its hash does not fit`)
    if (row.body === null) {
      const loss = losses.find(({ part, lost }) => part === 'payloads' && lost![0] <= row.seq && lost![1] >= row.seq)
      if (loss) emptied.add(loss)
      else sum.deleted++
    } else if (payloadHash(hash, row.salt ?? '', row.body) !== row.payloadHash)
      return bad(row.seq, `the payload of entry ${row.seq} has been changed`)
    for (const claim of claims.get(row.seq) ?? []) {
      if (claim.ledgerHash !== row.hash)
        return bad(
          row.seq,
          `the province keeps another hash of entry ${row.seq}, anchored at ${new Date(claim.at).toISOString()}: the ledger was rewritten at or before this entry`,
        )
      sum.anchors++
    }
    previous = row.hash
    expected++
    sum.entries++
  }
  const beyond = [...claims.keys()].filter((seq) => seq >= expected).sort((a, b) => a - b)[0]
  if (beyond !== undefined)
    return bad(expected, `entry ${expected} is missing: the province keeps an anchor of entry ${beyond}`)

  let signedUpTo: number | null = null
  for (const c of file.checkpoints(from, to)) {
    const values = file.hashes(c.fromSeq, c.seq)
    const broken = sum.missing.some((span) => span.from <= c.seq && span.to >= c.fromSeq)
    if (signedUpTo !== null && c.fromSeq !== signedUpTo + 1 && !isLost(sum.missing, signedUpTo + 1, c.fromSeq - 1))
      return bad(signedUpTo + 1, `the checkpoint over entry ${signedUpTo + 1} is missing`)
    if (signedUpTo === null && from === 1 && c.fromSeq !== 1 && !isLost(sum.missing, 1, c.fromSeq - 1))
      return bad(1, 'the checkpoint over entry 1 is missing')
    if (c.seq >= expected) return bad(expected, `checkpoint ${c.seq} names entries that are missing`)
    if (!broken && (values.at(-1) !== c.head || merkleRoot(c.hash, values) !== c.root))
      return bad(c.seq, `checkpoint ${c.seq} does not fit its entries: the chain has been rewritten`)
    if (!keys.publicKeys().some((key) => key.algorithm === c.algorithm))
      return bad(
        c.seq,
        `the public key for ${c.algorithm} does not lie beside the ledger: checkpoint ${c.seq} cannot be checked`,
      )
    if (!keys.verify(checkpointText(c), c))
      return bad(c.seq, `the signature of checkpoint ${c.seq} is not that of this ledger's key`)
    signedUpTo = c.seq
    // Over entries that are gone only its signature can be checked.
    if (!broken) sum.checkpoints++
  }
  sum.unsigned = expected - 1 - (signedUpTo ?? from - 1)
  for (const loss of emptied)
    sum.missing.push({ part: 'payloads', from: loss.lost![0], to: loss.lost![1], named: lossSentence(loss) })
  const [first] = sum.missing
  return first === undefined ? sum : bad(first.from, sentenceOf(sum.missing))
}

const lossAt = (known: readonly LedgerLoss[], seq: number): LedgerLoss | undefined =>
  known.find(({ lost }) => lost !== null && lost[0] <= seq && lost[1] >= seq)

function missingSpan(known: readonly LedgerLoss[], from: number, to: number): MissingSpan {
  const loss = lossAt(known, from)
  const whole = loss?.lost != null && loss.lost[1] >= to
  return { part: 'entries', from, to, named: whole ? lossSentence(loss) : null }
}

export const lossSentence = (loss: LedgerLoss): string =>
  `the file was found damaged on ${new Date(loss.at).toISOString()} (${loss.reason}) and lies as ${basename(loss.file)}${loss.noteSeq === null ? '' : `; entry ${loss.noteSeq} says so`}`

const isLost = (missing: readonly MissingSpan[], from: number, to: number): boolean =>
  missing.some((span) => span.from <= from && span.to >= to)

const sentenceOf = (missing: readonly MissingSpan[]): string =>
  missing
    .map(
      ({ part, from, to, named }) =>
        `${part === 'payloads' ? 'the payloads of ' : ''}${from === to && part === 'entries' ? `entry ${from} is` : `entries ${from} to ${to} are`} missing${named === null ? '' : `: ${named}`}`,
    )
    .join('; ')
