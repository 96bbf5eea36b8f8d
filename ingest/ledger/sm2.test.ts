import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sm2KeyPair, sm2Point, sm2Secret, sm2Sign, sm2Verify } from './sm2.ts'

/** The worked example of the standard: key, random number and signature (GB/T 32918.5 / GM/T 0003.5, annex A). */
const SECRET = Buffer.from('3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8', 'hex')
const POINT = Buffer.from(
  '0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13',
  'hex',
)
const RANDOM = Buffer.from('59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21', 'hex')
const R = 'f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3'
const S = 'b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa'
const MESSAGE = Buffer.from('message digest')
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe('SM2 and SM3', () => {
  test('SM3 gives the two digests of GB/T 32905', () => {
    const sm3 = (text: string) => createHash('sm3').update(text).digest('hex')
    expect(sm3('abc')).toBe('66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0')
    expect(sm3('abcd'.repeat(16))).toBe('debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732')
  })

  test('gives the signature of the standard for its key, random number and message, and takes it', () => {
    const signature = sm2Sign(SECRET, MESSAGE, () => RANDOM)
    expect(signature.toString('hex')).toBe(`3046022100${R}022100${S}`)
    expect(sm2Verify(POINT, MESSAGE, signature)).toBe(true)
  })

  test('refuses another message, another key and every flipped byte of a signature', () => {
    const { publicPem } = sm2KeyPair()
    const signature = sm2Sign(SECRET, MESSAGE)
    expect(sm2Verify(POINT, MESSAGE, signature)).toBe(true)
    expect(sm2Verify(POINT, Buffer.from('message digesT'), signature)).toBe(false)
    expect(sm2Verify(sm2Point(publicPem)!, MESSAGE, signature)).toBe(false)
    for (let i = 0; i < signature.length; i++) {
      const bad = Buffer.from(signature)
      bad[i]! ^= 0x01
      expect(sm2Verify(POINT, MESSAGE, bad), `byte ${i}`).toBe(false)
    }
  })

  test.skipIf(!hasOpenssl)(
    'OpenSSL takes its signatures and it takes those of OpenSSL, both with the customary identity',
    () => {
      const dir = mkdtempSync(join(tmpdir(), 'ww-sm2-'))
      try {
        const at = (name: string) => join(dir, name)
        const { privatePem, publicPem } = sm2KeyPair()
        writeFileSync(at('key.pem'), privatePem)
        writeFileSync(at('pub.pem'), publicPem)
        writeFileSync(at('text'), MESSAGE)
        writeFileSync(at('sig'), sm2Sign(sm2Secret(privatePem)!, MESSAGE))
        const identity = ['-pkeyopt', 'distid:1234567812345678']
        const input = ['-rawin', '-digest', 'sm3', '-in', at('text')]
        const taken = spawnSync('openssl', [
          ...['pkeyutl', '-verify', '-pubin', '-inkey', at('pub.pem'), '-sigfile', at('sig')],
          ...input,
          ...identity,
        ])
        expect(taken.stdout.toString() + taken.stderr.toString()).toContain('Verified Successfully')
        const made = spawnSync('openssl', ['pkeyutl', '-sign', '-inkey', at('key.pem'), ...input, ...identity])
        expect(sm2Verify(sm2Point(publicPem)!, MESSAGE, made.stdout), made.stderr.toString()).toBe(true)
      } finally {
        rmSync(dir, { recursive: true, force: true })
      }
    },
  )
})
