/**
 * A whole edge on a clock that runs twenty times as fast: alerts that nobody acknowledges go along the duty list, to the
 * outward sink and over a restart; the test alert comes back over the real broker; nobody at a console is an alert.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { openAccounts } from '#dashboards/accounts.ts'
import { type Edge, startEdge } from '#edge/edge.ts'
import { openLog } from '#edge/log.ts'
import { loadSiteFile } from '#edge/site-file.ts'
import type { Clock } from '#model/clock.ts'
import { systemClock } from '#model/system-clock.ts'
import { temporaryFolder } from './processes.ts'

const SPEED = 20
const began = systemClock.now()
const clock: Clock = {
  now: () => began + (systemClock.now() - began) * SPEED,
  after: (ms, task) => systemClock.after(ms / SPEED, task),
}
const patience = { timeout: 60_000, interval: 50 }
const folder = temporaryFolder('edge-duty')
const siteFile = join(folder.path, 'site.yaml')
const data = join(folder.path, 'edge')
const posts: { type: string; subject: string; data: { to: string[]; note: string | null } }[] = []
const sink = createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (part: string) => {
    text += part
  })
  request.on('end', () => {
    posts.push(JSON.parse(text))
    response.writeHead(202).end()
  })
})
let edge: Edge
const tokens = { officer: '', chief: '' }

const start = () =>
  startEdge({
    site: loadSiteFile(siteFile, { secrets: true }).site,
    siteFile,
    dataDir: data,
    clock,
    log: openLog('edge', 'silent'),
    random: Math.random,
    webRoot: null,
  }).then((started) => {
    edge = started
  })
const ask = async <T>(path: string, body?: object, role: keyof typeof tokens = 'officer'): Promise<T> => {
  const answer = await fetch(edge.url + path, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${tokens[role]}`, ...(body ? { 'content-type': 'application/json' } : {}) },
  })
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
  return (answer.status === 204 ? null : await answer.json()) as T
}
interface Row {
  id: string
  code: string
  level: string
  escalationStep: number
  escalation: { told: string[]; step: number } | null
  timeline: { change: string; by: string | null; note: string | null }[]
}

describe('the watch of a running edge', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
    writeFileSync(
      siteFile,
      stringify({
        facility: { id: 'ls-12', kind: 'prison' },
        zones: [{ id: 'W1', kind: 'ward' }],
        broker: { host: '127.0.0.1', tcp: 0 },
        console: {
          host: '127.0.0.1',
          port: 0,
          desks: [{ id: 'console-1', zones: ['*'] }],
          duty: [{ shift: 'all', chief: 'S01', officers: ['S05', 'S06'] }],
        },
        sinks: { webhook: { url: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`, secret: 'k3y' } },
      }),
    )
    mkdirSync(join(data, 'accounts'), { recursive: true })
    const accounts = openAccounts({ dir: join(data, 'accounts'), clock, scryptLog2: 10 })
    for (const role of ['officer', 'chief'] as const) {
      await accounts.add({ id: role, role, name: role, password: 'Night-watch-2026' })
      tokens[role] = accounts.token(role).token
    }
    accounts.close()
    await start()
  }, 60_000)
  afterAll(async () => {
    await edge?.close()
    await new Promise((resolve) => sink.close(resolve))
    folder.remove()
  })

  let alert = ''
  test('a red that nobody acknowledges is told along the duty list, inside and outside, and again after a restart', async () => {
    const raised = await ask<{ alert: { id: string } }>('/api/v1/alerts', {
      level: 'red',
      zone: 'W1',
      kind: 'telephone',
      note: 'post 3 reports a fight',
    })
    alert = raised.alert.id
    const row = () => ask<Row>(`/api/v1/alerts/${alert}`)
    await vi.waitFor(async () => expect((await row()).escalationStep).toBeGreaterThan(0), patience)
    await edge.close()
    await start()
    await vi.waitFor(async () => expect((await row()).escalation?.told).toEqual(['S01']), patience)
    const told = (await row()).timeline.filter((c) => c.change === 'escalated' && c.by === 'system')
    const names = told.map((c) => (JSON.parse(c.note!) as { told: string[] }).told.join())
    expect(names.slice(0, 3)).toEqual(['S05', 'S06', 'S01'])
    await vi.waitFor(() => {
      const outside = posts.filter((p) => p.subject === alert && p.type === 'wardwatch.escalation.v1')
      expect(outside.map((p) => p.data.to.join())).toEqual(expect.arrayContaining(['S05', 'S06', 'S01']))
    }, patience)
  })

  test('a dispatch reaches the sink with its units, and the receipt stands in the timeline', async () => {
    await ask(`/api/v1/alerts/${alert}/dispatch`, { units: ['巡逻一组'], note: '到三号岗' })
    await vi.waitFor(async () => {
      const notes = (await ask<Row>(`/api/v1/alerts/${alert}`)).timeline.map((c) => c.note ?? '')
      expect(notes.some((note) => note.includes('"outward":"dispatch","ok":true'))).toBe(true)
    }, patience)
    const post = posts.find((p) => p.type === 'wardwatch.dispatch.v1')
    expect(post?.data).toMatchObject({ to: ['巡逻一组'], note: '到三号岗' })
  })

  test('the test alert comes back over the broker, shows its latency, and stands in no list', async () => {
    type Health = { test: { okAt: number | null; latencyMs: number; failing: boolean } }
    await vi.waitFor(async () => expect((await ask<Health>('/api/v1/health')).test.okAt).not.toBeNull(), patience)
    expect((await ask<Health>('/api/v1/health')).test).toMatchObject({ failing: false })
    const { items } = await ask<{ items: Row[] }>('/api/v1/alerts?limit=1000')
    expect(items.map((a) => a.code)).not.toContain('S02')
    expect((await ask<{ total: number }>('/api/v1/alerts?rule=S02')).total).toBeGreaterThan(0)
    const metrics = await (await fetch(`${edge.url}/metrics`)).text()
    expect(metrics).toMatch(/wardwatch_end_to_end_test\{what="latency_ms"\} \d/)
  })

  test('a console that goes leaves nobody: S05 is raised, and ends when one is back', async () => {
    const abort = new AbortController()
    const sit = async (signal: AbortSignal) => {
      await ask('/api/v1/console/audio-state', { state: 'running', console: 'c1' })
      await fetch(`${edge.url}/api/v1/stream?console=c1`, {
        headers: { authorization: `Bearer ${tokens.officer}` },
        signal,
      })
    }
    const open = async () => {
      const { items } = await ask<{ items: (Row & { conditionActive: boolean })[] }>(
        '/api/v1/alerts?rule=S05&open=true',
      )
      return items.filter((a) => a.conditionActive).map((a) => a.level)
    }
    await sit(abort.signal)
    expect((await ask<{ attended: number }>('/api/v1/console')).attended).toBe(1)
    abort.abort()
    await vi.waitFor(async () => expect(await open()).toEqual(['orange']), patience)
    const again = new AbortController()
    await sit(again.signal)
    await vi.waitFor(async () => expect(await open()).toEqual([]), patience)
    again.abort()
  })
})
