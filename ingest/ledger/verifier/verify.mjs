#!/usr/bin/env node
/**
 * An independent verifier of wardwatch ledgers, made to be read in five minutes and distrusted: it shares no code with
 * the program whose work it checks and needs nothing but node:crypto. The format stands in docs/ledger-format.md.
 *   node verify.mjs COPY.ndjson [PUBLIC-KEY.pem …]     a copy made by `wardwatch ledger copy`
 *   node verify.mjs PROOF.json  [PUBLIC-KEY.pem …]     a proof made by `wardwatch ledger proof`
 * Keys named on the command line are the only ones trusted; without them those in the file are used, and shown.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { sm2Verify } from './sm2.mjs'

function hash(alg, text) {
  if (alg !== 'sha256' && alg !== 'sm3') throw new Error(`names an unknown hash: ${alg}`)
  return createHash(alg).update(text).digest('hex')
}

export const entryHash = (previous, e) =>
  hash(e.alg, JSON.stringify([previous, e.seq, e.at, e.kind, e.ref, e.by, e.payloadHash]))
export const payloadHash = (alg, { salt, body }) => hash(alg, `${salt}\n${body}`)
const checkpointText = (c) =>
  JSON.stringify(['wardwatch-checkpoint-1', c.seq, c.at, c.fromSeq, c.root, c.head, c.hash, c.algorithm])

/** Leaves and nodes are hashed apart; a lone last one rises unchanged. */
function merkleRoot(alg, hashes) {
  let row = hashes.map((h) => hash(alg, `leaf:${h}`))
  while (row.length > 1) {
    const above = []
    for (let i = 0; i < row.length; i += 2)
      above.push(i + 1 < row.length ? hash(alg, `node:${row[i]}:${row[i + 1]}`) : row[i])
    row = above
  }
  return row[0]
}

function signedBy(keys, { algorithm, signature }, text) {
  if (!/^([0-9a-f]{2})+$/.test(signature)) return false
  const check = ({ pem }) =>
    algorithm === 'sm2'
      ? sm2Verify(pem, text, signature)
      : verify(null, Buffer.from(text), createPublicKey(pem), Buffer.from(signature, 'hex'))
  return keys.some((key) => key.algorithm === algorithm && check(key))
}

/** Throws an error with `line`, the first line that does not fit. `bytes`: the file; `trusted`: keys, or null. */
export function verifyCopy(bytes, trusted = null) {
  const digest = createHash('sha256')
  let n = 0
  let keys, previous, expected, unsignedFrom, end
  let [unsigned, entries, checkpoints] = [[], 0, 0]
  const need = (condition, what) => {
    if (!condition) throw new Error(what)
  }
  const take = {
    header({ header, check }) {
      need(n === 1 && header.format === 'wardwatch-ledger-copy-1', 'is no header of a copy')
      need(hash('sha256', JSON.stringify(header)) === check, 'the check of the header does not fit')
      keys = trusted ?? header.keys
      previous = header.previous
      unsignedFrom = expected = header.from
    },
    entry({ entry: e, payload }) {
      need(e.seq === expected, `is entry ${e.seq}, not ${expected}`)
      need(entryHash(previous, e) === e.hash, `entry ${e.seq}: its hash does not fit`)
      // A payload may be deleted; the chain does not need it.
      need(payload === null || payloadHash(e.alg, payload) === e.payloadHash, `entry ${e.seq}: payload does not fit`)
      previous = e.hash
      unsigned.push(e.hash)
      expected++
      entries++
    },
    checkpoint({ checkpoint: c }) {
      need(c.fromSeq === unsignedFrom && c.seq === expected - 1, `signs ${c.fromSeq}–${c.seq}, not what is here`)
      need(c.head === previous && c.root === merkleRoot(c.hash, unsigned), 'the root does not fit the entries')
      need(signedBy(keys, c, checkpointText(c)), 'the signature is not of a trusted key')
      unsignedFrom = expected
      unsigned = []
      checkpoints++
    },
    end({ end: e, signed }) {
      need(e.digest === digest.copy().digest('hex'), 'the digest of all lines does not fit')
      need(e.head === previous && e.entries === entries, 'does not fit the entries')
      const text = JSON.stringify(['wardwatch-ledger-copy-1-end', e.entries, e.head, e.digest])
      need(signed === null || signedBy(keys, signed, text), 'the signature is not of a trusted key')
      end = e
    },
  }
  try {
    for (let from = 0, to = 0; from < bytes.length; from = to + 1) {
      n++
      to = bytes.indexOf(10, from)
      need(to >= 0, 'has no line end')
      need(!end, 'stands behind the end')
      const line = bytes.subarray(from, to)
      const it = JSON.parse(line.toString())
      // One content has one spelling, so that no byte can be changed unnoticed.
      need(Buffer.from(JSON.stringify(it)).equals(line), 'is not spelled as it was written')
      need(it.n === n, `carries the number ${it.n}: a line was removed, doubled or moved`)
      const kind = Object.keys(take).find((k) => k in it)
      need(kind !== undefined && (n === 1) === (kind === 'header'), 'is not what belongs here')
      take[kind](it)
      digest.update(line).update('\n')
    }
    n++
    need(end, 'is missing: the end')
  } catch (error) {
    throw Object.assign(error, { line: n })
  }
  return { entries, checkpoints, unsigned: unsigned.length, keys }
}

/** Throws when the entry does not lie under the signed root. */
export function verifyProof({ entry: e, previous, payload, steps, checkpoint: c, keys }, trusted = null) {
  if (entryHash(previous, e) !== e.hash) throw new Error(`entry ${e.seq}: its hash does not fit`)
  if (payload !== null && payloadHash(e.alg, payload) !== e.payloadHash) throw new Error('its payload does not fit')
  let at = hash(c.hash, `leaf:${e.hash}`)
  for (const { side, hash: other } of steps)
    at = hash(c.hash, side === 'right' ? `node:${at}:${other}` : `node:${other}:${at}`)
  if (at !== c.root) throw new Error(`entry ${e.seq} does not lie under the root of checkpoint ${c.seq}`)
  if (!signedBy(trusted ?? keys, c, checkpointText(c))) throw new Error('the signature is not of a trusted key')
  return { seq: e.seq, checkpoint: c.seq, keys: trusted ?? keys }
}

/** OpenSSL through Node knows an SM2 key and has no name for its type. */
export const trustedKey = (pem) => ({
  algorithm: createPublicKey(pem).asymmetricKeyType === 'ed25519' ? 'ed25519' : 'sm2',
  pem,
})

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [path, ...pems] = process.argv.slice(2)
  const trusted = pems.length > 0 ? pems.map((pem) => trustedKey(readFileSync(pem, 'utf8'))) : null
  const bytes = readFileSync(path)
  try {
    const isProof = bytes.subarray(0, 100).includes('wardwatch-ledger-proof-1')
    const answer = isProof ? verifyProof(JSON.parse(bytes.toString()), trusted) : verifyCopy(bytes, trusted)
    if (isProof) console.log(`entry ${answer.seq} lies under the signed checkpoint ${answer.checkpoint}`)
    else console.log(`${answer.entries} entries, ${answer.checkpoints} checkpoints, ${answer.unsigned} unsigned: whole`)
    for (const { pem } of trusted ? [] : answer.keys) console.log(`key of the file, to compare:\n${pem}`)
  } catch (error) {
    console.log(error.line ? `line ${error.line}: ${error.message}` : error.message)
    process.exitCode = 1
  }
}
