/** Types of the independent verifier for the tests and the command line; the verifier itself is plain JavaScript. */
interface Key {
  algorithm: string
  pem: string
}
export function verifyCopy(
  bytes: Buffer,
  trusted?: Key[] | null,
): { entries: number; checkpoints: number; unsigned: number; keys: Key[] }
export function verifyProof(proof: object, trusted?: Key[] | null): { seq: number; checkpoint: number; keys: Key[] }
export function trustedKey(pem: string): Key
export function entryHash(previous: string, entry: object): string
export function payloadHash(alg: string, payload: { salt: string; body: string }): string
