/** Part of the demo test: what leaves a running facility as proof, and what is forgotten there. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder, until, wardwatch } from '../processes.ts'
import type { Stage } from '../stage.ts'

const VERIFIER = join(import.meta.dirname, '../../../ingest/ledger/verifier/verify.mjs')

export function describeEvidence(stage: Stage): void {
  describe('proof from a running facility', () => {
    const folder = temporaryFolder('proof')
    afterAll(() => folder.remove())
    const at = (name: string) => join(folder.path, name)
    const keyOf = () => join(stage.demo.facility.data, 'ledger/ledger-key.pub.pem')
    let person: string
    let alert: string

    test('evidence of an alert verifies with the public key of the facility alone, and a changed byte does not', async () => {
      const { demo } = stage
      person = (await demo.get<{ items: { id: string }[] }>('/api/v1/people?limit=1', 'chief')).body.items[0]!.id
      const zone = (await demo.get<{ items: { id: string }[] }>('/api/v1/zones?limit=1')).body.items[0]!.id
      const body = { level: 'yellow', zone, kind: 'telephone', note: 'post 3 reports a fall', subjects: [person] }
      alert = (await demo.post<{ alert: { id: string } }>('/api/v1/alerts', body, 'chief')).body.alert.id
      const url = `${demo.facility.console}/api/v1/alerts/${alert}/evidence.zip?reason=inquiry`
      const answer = await fetch(url, { headers: { authorization: `Bearer ${demo.account('chief').token}` } })
      expect(answer.status).toBe(200)
      const zip = Buffer.from(await answer.arrayBuffer())
      writeFileSync(at('evidence.zip'), zip)
      const held = await wardwatch(['evidence', 'verify', at('evidence.zip'), '--key', keyOf(), '--json'])
      expect(held, held.stderr).toMatchObject({ code: 0 })
      expect(JSON.parse(held.stdout)).toMatchObject({
        signed: true,
        manifest: { facility: demo.facility.id, subject: { id: alert }, reason: 'inquiry' },
      })
      zip[200]! ^= 1
      writeFileSync(at('changed.zip'), zip)
      expect((await wardwatch(['evidence', 'verify', at('changed.zip'), '--key', keyOf()])).code).toBe(1)
    })

    test('a copy of the ledger is found whole by the verifier that shares nothing with the program', async () => {
      const { data } = stage.demo.facility
      const made = await wardwatch(['ledger', 'copy', '--data', data, '--out', at('copy.ndjson')])
      expect(made, made.stderr).toMatchObject({ code: 0 })
      const checked = spawnSync(process.execPath, [VERIFIER, at('copy.ndjson'), keyOf()], { encoding: 'utf8' })
      expect(checked, checked.stdout).toMatchObject({ status: 0, stdout: expect.stringContaining(': whole') })
      // What is about a person lies sealed in it.
      expect(readFileSync(at('copy.ndjson'), 'utf8')).not.toContain('post 3 reports a fall')
    })

    test('the ledger agrees with the anchors that the province keeps, and its day is certified without a gap', async () => {
      const { demo } = stage
      const anchors = `/api/v1/anchors?facility=${demo.facility.id}`
      await until(
        'an anchor at the province',
        async () => (await demo.province<{ items: unknown[] }>(anchors)).body.items.length > 0,
        90_000,
        1000,
      )
      const token = demo.summary.province.accounts.find((a) => a.role === 'provincial')!.token
      const source = ['--anchors', demo.summary.province.console, '--facility', demo.facility.id, '--token', token]
      const verdict = await wardwatch(['ledger', 'verify', '--data', demo.facility.data, ...source, '--json'])
      expect(verdict, verdict.stdout + verdict.stderr).toMatchObject({ code: 0 })
      expect(JSON.parse(verdict.stdout).anchors).toBeGreaterThan(0)
      const day = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10)
      const certificate = ['ledger', 'certificate', '--data', demo.facility.data, '--site', demo.facility.site]
      const made = await wardwatch([...certificate, '--day', day, '--out', at('day'), '--json'])
      expect(made, made.stderr).toMatchObject({ code: 0 })
      expect(JSON.parse(made.stdout)).toMatchObject({
        facility: demo.facility.id,
        ledger: { verdict: { ok: true } },
        signature: { algorithm: 'ed25519' },
      })
      expect(readFileSync(at('day.pdf')).subarray(0, 5).toString()).toBe('%PDF-')
      const signed = await wardwatch(['ledger', 'verify', '--certificate', at('day.json'), '--key', keyOf()])
      expect(signed, signed.stdout).toMatchObject({ code: 0 })
    })

    test('a person is forgotten while the edge runs: the ledger stays whole and no longer says anything about him', async () => {
      const { demo } = stage
      const { data } = demo.facility
      const entries = async (): Promise<{ payload: unknown; payloadState?: string }[]> =>
        (await demo.get<{ items: { payload: unknown }[] }>(`/api/v1/ledger?ref=${alert}`, 'chief')).body.items
      expect((await entries())[0]!.payload).toMatchObject({ alert: { subjects: [person] } })
      const order = ['--person', person, '--reason', 'released', '--by', 'chief', '--yes', '--data', data]
      const done = await wardwatch(['ledger', 'forget', ...order])
      expect(done, done.stderr).toMatchObject({ code: 0 })
      for (const entry of await entries()) expect(entry).toMatchObject({ payload: null, payloadState: 'deleted' })
      const verdict = await wardwatch(['ledger', 'verify', '--data', data])
      expect(verdict, verdict.stdout).toMatchObject({ code: 0 })
    })
  })
}
