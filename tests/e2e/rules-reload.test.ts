/** Rules and drafts of a running edge, changed by their files: in force without a restart, in shadow, in the ledger. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { openAccounts } from '#dashboards/accounts.ts'
import { type Edge, startEdge } from '#edge/edge.ts'
import { openLog } from '#edge/log.ts'
import { loadSiteFile } from '#edge/site-file.ts'
import { systemClock } from '#model/system-clock.ts'
import { CATALOGUE_DIR } from '#rules/catalogue/load.ts'
import { freePort, temporaryFolder } from './processes.ts'

const folder = temporaryFolder('rules-reload')
const siteFile = join(folder.path, 'site.yaml')
const drafts = join(folder.path, 'rules-draft')
const SITE = {
  facility: { id: 'ls-11', kind: 'prison' },
  zones: [{ id: 'W1', kind: 'ward' }],
  devices: [{ id: 'S1', driver: 'mqtt', kind: 'smoke', zone: 'W1', model: 'ww-json' }],
}
let edge: Edge
let token = ''
let port = 0

const write = (rules: Record<string, unknown>): void =>
  writeFileSync(siteFile, stringify({ ...SITE, rules, console: { host: '127.0.0.1', port } }))
const ask = async <T>(path: string, body?: string): Promise<T> => {
  const answer = await fetch(edge.url + path, {
    ...(body === undefined ? {} : { method: 'POST', body }),
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/x-ndjson' } : {}) },
  })
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as T
}
interface Told {
  enabled: boolean
  parameters: { name: string; value: unknown }[]
  shadow?: {
    values: Record<string, unknown>
    raised: Record<string, number>
    alerts: { zone: string; level: string }[]
  }
}
const rule = (id: string): Promise<Told> => ask(`/api/v1/rules/${id}`)

describe('rules of a running edge', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    port = await freePort()
    write({})
    const data = join(folder.path, 'edge')
    mkdirSync(join(data, 'accounts'), { recursive: true })
    const accounts = openAccounts({ dir: join(data, 'accounts'), clock: systemClock, scryptLog2: 10 })
    await accounts.add({ id: 'chief1', role: 'chief', name: 'chief1', password: 'Night-watch-2026' })
    token = accounts.token('chief1').token
    accounts.close()
    edge = await startEdge({
      site: loadSiteFile(siteFile, { secrets: true }).site,
      siteFile,
      dataDir: data,
      clock: systemClock,
      log: openLog('edge', 'silent'),
      random: Math.random,
    })
  }, 60_000)
  afterAll(async () => {
    await edge?.close()
    folder.remove()
  })

  test('a changed parameter is in force, told by the API and written into the ledger', async () => {
    write({ 'smoke-single': { limit: 3 } })
    expect(await edge.siteWatch.reload()).toMatchObject({ fault: null })
    expect((await rule('smoke-single')).parameters.find((p) => p.name === 'limit')?.value).toBe(3)
    expect(JSON.stringify(await ask('/api/v1/ledger?limit=50'))).toContain('smoke-single')
  })

  test('a draft beside the site file runs in shadow: it raises nothing, the API shows what it would have raised', async () => {
    mkdirSync(drafts, { recursive: true })
    const yaml = readFileSync(join(CATALOGUE_DIR, 'smoke-single.yaml'), 'utf8')
    const own = yaml.replace('id: smoke-single', 'id: first-smoke').replace('code: R47', 'code: R91')
    writeFileSync(join(drafts, 'first-smoke.yaml'), own.replace('default: 5', 'default: 1'))
    expect((await edge.siteWatch.reload()).fault).toBeNull()
    expect(await rule('first-smoke')).toMatchObject({ enabled: false, shadow: { raised: {} } })
    const now = systemClock.now()
    const lines = [-14, -13, -12, -11, -10].map((s) =>
      JSON.stringify({ device: 'S1', type: 'env.smoke', time: now + s * 1000, value: { percent_per_m: 5 } }),
    )
    await ask('/api/v1/readings', lines.join('\n'))
    await expect
      .poll(async () => (await rule('first-smoke')).shadow?.alerts, { timeout: 60_000 })
      .toEqual([expect.objectContaining({ zone: 'W1', level: 'yellow' })])
    const alerts = await ask<{ items: { code: string }[] }>('/api/v1/alerts')
    expect(alerts.items.map((a) => a.code)).not.toContain('R91')
  })

  test('a draft that is wrong holds up nothing: the change beside it comes into force', async () => {
    copyFileSync(join(CATALOGUE_DIR, 'drone.yaml'), join(drafts, 'wrong-name.yaml'))
    write({ 'smoke-single': { limit: 4 } })
    expect((await edge.siteWatch.reload()).fault).toBeNull()
    expect((await rule('smoke-single')).parameters.find((p) => p.name === 'limit')?.value).toBe(4)
    // The draft that ran before goes on.
    expect((await rule('first-smoke')).shadow?.alerts).toHaveLength(1)
  })
})
