/**
 * `wardwatch evidence verify FILE.zip`: is every file of a bundle as the manifest says, is the manifest signed by a key
 * that is trusted, and does every ledger entry lie under a signed checkpoint? Needs no data folder.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Manifest, type ManifestSignature, manifestText } from '#dashboards/evidence/bundle.ts'
import { readZip } from '#dashboards/evidence/zip.ts'
import { fingerprint, type PublicKeyText, verifySignature } from '#ingest/ledger/signing.ts'
import { trustedKey, verifyProof } from '#ingest/ledger/verifier/verify.mjs'
import { WardwatchError } from '#model/errors.ts'

export interface EvidenceVerdict {
  ok: boolean
  /** First thing that does not fit. */
  detail: string | null
  files: number
  proofs: number
  signed: boolean
  keys: PublicKeyText[]
  manifest: Manifest | null
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

export function verifyEvidence(bytes: Buffer, trusted: PublicKeyText[] | null): EvidenceVerdict {
  const verdict: EvidenceVerdict = {
    ok: false,
    detail: null,
    files: 0,
    proofs: 0,
    signed: false,
    keys: [],
    manifest: null,
  }
  try {
    const members = readZip(bytes)
    const take = (path: string): Buffer => {
      const data = members.get(path)
      if (!data) throw new Error(`${path} is missing`)
      members.delete(path)
      return data
    }
    const text = take('manifest.json').toString()
    const manifest = JSON.parse(text) as Manifest
    if (manifest.format !== 'wardwatch-evidence-1') throw new Error('manifest.json is no manifest of evidence')
    verdict.manifest = manifest
    const signature = JSON.parse(take('manifest.signature.json').toString()) as ManifestSignature
    verdict.keys = trusted ?? (signature.keys as PublicKeyText[])
    if (signature.signature !== null) {
      const key = verdict.keys.find((k) => k.algorithm === signature.algorithm)
      if (!key || !verifySignature(key, manifestText(text), signature.signature))
        throw new Error('manifest.json: the signature is not of a trusted key, or the manifest was changed')
      verdict.signed = true
    }
    for (const { path, bytes: size, sha256 } of manifest.files) {
      const data = take(path)
      if (data.length !== size || createHash('sha256').update(data).digest('hex') !== sha256)
        throw new Error(`${path} is not as the manifest says`)
      verdict.files++
      if (!path.startsWith('ledger/proofs/')) continue
      try {
        verifyProof(JSON.parse(data.toString()) as object, verdict.keys)
      } catch (error) {
        throw new Error(`${path}: ${(error as Error).message}`)
      }
      verdict.proofs++
    }
    const [stray] = members.keys()
    if (stray !== undefined) throw new Error(`${stray} does not stand in the manifest`)
    if (!verdict.signed) throw new Error('the manifest is not signed')
    return { ...verdict, ok: true }
  } catch (error) {
    return { ...verdict, detail: (error as Error).message }
  }
}

export function runEvidenceVerify(path: string, flags: { key?: string[]; json: boolean }): number {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(file)
    } catch (error) {
      throw new WardwatchError('not-found', `${file} cannot be read (${(error as Error).message})`)
    }
  }
  const trusted = flags.key?.map((pem) => trustedKey(read(pem).toString()) as PublicKeyText) ?? null
  const verdict = verifyEvidence(read(path), trusted)
  const { manifest } = verdict
  if (flags.json) say(JSON.stringify(verdict))
  else if (verdict.ok && manifest) {
    say(`${verdict.files} files as the manifest says, ${verdict.proofs} ledger entries proved`)
    say(
      `${manifest.facility} · ${manifest.subject.kind} ${manifest.subject.id} · ${manifest.madeAt} · ${manifest.madeBy} · ${manifest.reason}`,
    )
    if (!trusted)
      for (const key of verdict.keys)
        say(`the key was taken from the file itself; compare with the facility: ${key.algorithm} ${fingerprint(key)}`)
  } else say(`the evidence does not hold: ${verdict.detail}`)
  return verdict.ok ? 0 : 1
}
