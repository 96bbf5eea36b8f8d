/**
 * Walks the chain of a ledger file and names the first entry that does not fit: hashes, payloads as stored, Merkle roots,
 * signatures, and the anchors that the province keeps. Needs no key of a person. Must never repair anything.
 */
import { entryHash, GENESIS, merkleRoot, payloadHash } from './chain.ts'
import { checkpointText, type LedgerFile } from './ledger-file.ts'
import type { SigningKeys } from './signing.ts'

export interface VerifyAnswer {
  entries: number
  ok: boolean
  badSeq: number | null
  detail: string | null
  /** Signed checkpoints that fit. */
  checkpoints: number
  /** Entries behind the last checkpoint: chained, not yet signed. */
  unsigned: number
  /** Payloads that were removed or whose key was destroyed; the chain does not need them. */
  deleted: number
  /** Anchors of the province that were compared; all fit where `ok`. */
  anchors: number
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

  let previous = GENESIS
  if (from > 1) {
    const before = file.hashAt(from - 1)
    if (before === null) return bad(from - 1, `entry ${from - 1} is missing`)
    previous = before
  }
  let expected = from
  for (const row of file.entries(from, to)) {
    if (row.seq !== expected) return bad(expected, `entry ${expected} is missing`)
    const hash = file.hashName(row.seq)
    if (entryHash(hash, previous, row) !== row.hash)
      return bad(row.seq, `entry ${row.seq} or its predecessor has been changed: its hash does not fit`)
    if (row.body === null) sum.deleted++
    else if (payloadHash(hash, row.salt ?? '', row.body) !== row.payloadHash)
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
    if (signedUpTo !== null && c.fromSeq !== signedUpTo + 1)
      return bad(signedUpTo + 1, `the checkpoint over entry ${signedUpTo + 1} is missing`)
    if (signedUpTo === null && from === 1 && c.fromSeq !== 1) return bad(1, 'the checkpoint over entry 1 is missing')
    if (c.seq >= expected) return bad(expected, `checkpoint ${c.seq} names entries that are missing`)
    if (values.at(-1) !== c.head || merkleRoot(c.hash, values) !== c.root)
      return bad(c.seq, `checkpoint ${c.seq} does not fit its entries: the chain has been rewritten`)
    if (!keys.publicKeys().some((key) => key.algorithm === c.algorithm))
      return bad(
        c.seq,
        `the public key for ${c.algorithm} does not lie beside the ledger: checkpoint ${c.seq} cannot be checked`,
      )
    if (!keys.verify(checkpointText(c), c))
      return bad(c.seq, `the signature of checkpoint ${c.seq} is not that of this ledger's key`)
    signedUpTo = c.seq
    sum.checkpoints++
  }
  sum.unsigned = expected - 1 - (signedUpTo ?? from - 1)
  return sum
}
