/**
 * The arithmetic of the ledger, small enough to check by hand: hash of a payload, hash of an entry, Merkle root, proof.
 * An independent verifier needs nothing but this file. Must never change for entries that are already written: a new
 * way of hashing gets a new `ChainHash`.
 */
import { createHash } from 'node:crypto'

/** Hash of the chain: SHA-256, or SM3 where the rules of the country ask for it. Written into each checkpoint. */
export type ChainHash = 'sha256' | 'sm3'

export interface ChainEntry {
  seq: number
  at: number
  kind: string
  ref: string | null
  by: string | null
  payloadHash: string
}

export const GENESIS = '0'.repeat(64)

export const digest = (hash: ChainHash, text: string): string => createHash(hash).update(text).digest('hex')

/** The salt lies with the payload: when both are deleted, nobody can guess a short payload from its hash. */
export const payloadHash = (hash: ChainHash, salt: string, text: string): string => digest(hash, `${salt}\n${text}`)

export function entryHash(hash: ChainHash, previous: string, e: ChainEntry): string {
  return digest(hash, JSON.stringify([previous, e.seq, e.at, e.kind, e.ref, e.by, e.payloadHash]))
}

const leaf = (hash: ChainHash, value: string): string => digest(hash, `leaf:${value}`)
const node = (hash: ChainHash, left: string, right: string): string => digest(hash, `node:${left}:${right}`)

/** Root of a tree over entry hashes; a lone last leaf rises unchanged. */
export function merkleRoot(hash: ChainHash, values: string[]): string {
  let row = values.map((v) => leaf(hash, v))
  if (row.length === 0) return GENESIS
  while (row.length > 1) {
    const above: string[] = []
    for (let i = 0; i < row.length; i += 2)
      above.push(row[i + 1] === undefined ? row[i]! : node(hash, row[i]!, row[i + 1]!))
    row = above
  }
  return row[0]!
}

export interface ProofStep {
  side: 'left' | 'right'
  hash: string
}

/** What must be joined with the leaf, from the bottom up, to come to the root. */
export function merkleProof(hash: ChainHash, values: string[], index: number): ProofStep[] {
  let row = values.map((v) => leaf(hash, v))
  let at = index
  const steps: ProofStep[] = []
  while (row.length > 1) {
    const other = row[at ^ 1]
    if (other !== undefined) steps.push({ side: at % 2 === 0 ? 'right' : 'left', hash: other })
    const above: string[] = []
    for (let i = 0; i < row.length; i += 2)
      above.push(row[i + 1] === undefined ? row[i]! : node(hash, row[i]!, row[i + 1]!))
    row = above
    at >>= 1
  }
  return steps
}

export function provesInclusion(hash: ChainHash, value: string, proof: ProofStep[], root: string): boolean {
  let at = leaf(hash, value)
  for (const step of proof) at = step.side === 'right' ? node(hash, at, step.hash) : node(hash, step.hash, at)
  return at === root
}
