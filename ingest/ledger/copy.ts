/**
 * A copy of the ledger as text, one line an entry or a checkpoint, that a stranger can verify with a page of code
 * (`verifier/verify.mjs`, `docs/ledger-format.md`). Reads beside a running edge. Must never open a sealed payload: the
 * copy holds what the chain hashes, as it is stored.
 */
import { createHash } from 'node:crypto'
import { GENESIS } from './chain.ts'
import type { FileEntry, LedgerFile } from './ledger-file.ts'
import type { SigningKeys } from './signing.ts'
import type { EntryProof } from './storage.ts'

export const COPY_FORMAT = 'wardwatch-ledger-copy-1'
export const PROOF_FORMAT = 'wardwatch-ledger-proof-1'

export interface CopyOptions {
  facility: string
  from: number
  to: number | null
}

const payloadOf = ({ salt, body }: FileEntry) => (body === null ? null : { salt: salt ?? '', body })
const entryOf = (row: FileEntry, alg: string) => ({
  seq: row.seq,
  at: row.at,
  kind: row.kind,
  ref: row.ref,
  by: row.by,
  payloadHash: row.payloadHash,
  alg,
  hash: row.hash,
})

/** Lines without their line ends. Checkpoints stand directly behind the last entry that they sign. */
export function* copyLines(
  file: LedgerFile,
  keys: Pick<SigningKeys, 'publicKeys' | 'sign'>,
  options: CopyOptions,
): Generator<string> {
  // Whole checkpoints: half of one could not be checked.
  const [from, to] = wholeCheckpoints(file, options)
  const digest = createHash('sha256')
  let n = 0
  const line = (content: object): string => {
    const text = JSON.stringify({ n: ++n, ...content })
    digest.update(`${text}\n`)
    return text
  }
  // Behind a loss at the end the chain was taken up again from the last entry that was left.
  const previous = from === 1 ? GENESIS : (file.hashBefore(from) ?? GENESIS)
  const header = { format: COPY_FORMAT, facility: options.facility, from, previous, keys: keys.publicKeys() }
  yield line({ header, check: createHash('sha256').update(JSON.stringify(header)).digest('hex') })
  const checkpoints = file.checkpoints(from, to).values()
  let next = checkpoints.next().value
  let entries = 0
  let head = previous
  for (const row of file.entries(from, to)) {
    // One that was taken away from the file would otherwise hold back all that follow.
    while (next && next.seq < row.seq) {
      yield line({ checkpoint: next })
      next = checkpoints.next().value
    }
    yield line({ entry: entryOf(row, file.hashName(row.seq)), payload: payloadOf(row) })
    entries++
    head = row.hash
    if (next?.seq === row.seq) {
      yield line({ checkpoint: next })
      next = checkpoints.next().value
    }
  }
  const end = { entries, head, digest: digest.digest('hex') }
  const signed = keys.sign(JSON.stringify([`${COPY_FORMAT}-end`, end.entries, end.head, end.digest]))
  yield JSON.stringify({ n: n + 1, end, signed })
}

/** The range widened to whole checkpoints, but never over a loss: a checkpoint that spans one can no longer be checked. */
function wholeCheckpoints(file: LedgerFile, options: CopyOptions): [from: number, to: number] {
  const spans = file.losses().flatMap(({ part, lost }) => (part === 'entries' && lost ? [lost] : []))
  const first = file.covering(options.from)
  let from = Math.min(first?.fromSeq ?? options.from, options.from)
  if (spans.some(([a, b]) => b < options.from && b >= from && a <= options.from))
    from = file.checkpoints(options.from)[0]?.fromSeq ?? options.from
  if (options.to === null) return [from, Number.MAX_SAFE_INTEGER]
  const to = file.covering(options.to)?.seq ?? options.to
  return [from, spans.some(([a]) => a > options.to! && a <= to) ? options.to : to]
}

/** One entry with everything that proves it, for somebody who has nothing but this file and the public key. */
export function proofFile(
  proof: EntryProof,
  alg: string,
  facility: string,
  keys: Pick<SigningKeys, 'publicKeys'>,
): object {
  return {
    format: PROOF_FORMAT,
    facility,
    entry: entryOf(proof.entry, alg),
    previous: proof.previous,
    payload: payloadOf(proof.entry),
    steps: proof.steps,
    checkpoint: proof.checkpoint,
    keys: keys.publicKeys(),
  }
}
