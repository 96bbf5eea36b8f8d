/** Part of the demo test, the last one: Ctrl-C, what is left, the second start, two demos side by side, refusals. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type AlertView, DemoRun } from '../demo-run.ts'
import { freeBase, isAlive, patience, temporaryFolder, until, wardwatch } from '../processes.ts'
import type { Stage } from '../stage.ts'
import { influxAlert } from './browser.ts'

interface Health {
  journal: { lastSeq: number }
}

/** Ports of the pattern above --port (`semantics.md` 9): console, province, MQTT, TLS, WebSocket, OPC UA, ONVIF. */
const PATTERN = { console: 0, province: 1, mqtt: 10, mqtts: 11, ws: 12, opcua: 20, onvif: 30 }

export function describeEnding(stage: Stage): void {
  describe('ending and starting again', () => {
    let lastSeq = 0
    let known: AlertView
    let before: Record<string, unknown>[] = []

    test('Ctrl-C ends everything within five seconds: exit 0, no child, no port held', async () => {
      const { demo } = stage
      const door = await demo.get<{ items: AlertView[] }>('/api/v1/alerts?rule=R07')
      known = door.body.items.at(-1) as AlertView
      await demo.post(`/api/v1/alerts/${known.id}/acknowledge`, { note: 'before the restart' })
      if (stage.influx && stage.acknowledged) before = (await influxAlert(stage, 'acknowledged')) ?? []
      lastSeq = (await demo.get<Health>('/api/v1/health')).body.journal.lastSeq
      const children = demo.children()
      if (children) expect(children.length, 'province, edge and twins').toBeGreaterThanOrEqual(3)
      const end = await demo.stop('SIGINT')
      expect({ code: end.code, signal: end.signal }).toEqual({ code: 0, signal: null })
      expect(end.ms).toBeLessThan(5000 * patience())
      expect((children ?? []).filter(isAlive)).toEqual([])
      expect(await demo.held()).toEqual([])
      // A store that was closed in order leaves no write-ahead log behind.
      const files = readdirSync(demo.facility.data, { recursive: true, encoding: 'utf8' })
      expect(files.filter((name) => name.endsWith('-wal'))).toEqual([])
    })

    test('a second start continues from the journal while another demo runs beside it', async () => {
      const beside = temporaryFolder('beside')
      const base = await freeBase(40)
      let other: DemoRun | null = null
      try {
        // Both at once: each start has two processors' work to do, hence the longer limit.
        const [again, second] = await Promise.all([
          DemoRun.start(
            [
              '--port',
              '0',
              '--data',
              stage.data,
              '--scenario',
              'none',
              '--test-api',
              ...(stage.influx ? ['--influx', stage.influx.url] : []),
            ],
            40_000,
          ),
          DemoRun.start(['--port', String(base), '--data', beside.path, '--scenario', 'none'], 40_000),
        ])
        stage.demo = again
        other = second
        const ports = Object.fromEntries(
          Object.entries({ ...second.facility, province: second.summary.province.console })
            .filter(([name]) => name in PATTERN)
            .map(([name, url]) => [name, Number(/:(\d+)$/.exec(url as string)?.[1]) - base]),
        )
        expect(ports).toEqual(PATTERN)

        expect((await again.get<Health>('/api/v1/health')).body.journal.lastSeq).toBeGreaterThan(lastSeq)
        for (const id of [known.id, ...(stage.acknowledged ? [stage.acknowledged] : [])]) {
          const { body } = await again.get<AlertView>(`/api/v1/alerts/${id}`)
          expect(body.state, `${body.code} after the restart`).toMatch(/acknowledged|latched/)
          expect(body.timeline.filter((c) => c.change === 'acknowledged')).toMatchObject([{ by: 'officer' }])
          expect(body.timeline.filter((c) => c.change === 'raised')).toHaveLength(1)
          const there = await until('the alert at the province after its restart', async () => {
            const answer = await again.province<AlertView>(`/api/v1/alerts/${id}`)
            return answer.status === 200 && answer.body.timeline.some((c) => c.change === 'acknowledged')
              ? answer.body
              : null
          })
          expect(there.timeline.filter((c) => c.change === 'acknowledged')).toHaveLength(1)
        }
        if (before.length > 0) expect(await influxAlert(stage, 'acknowledged')).toEqual(before)
        // What one demo knows is not known to the other.
        expect((await second.get<AlertView>(`/api/v1/alerts/${known.id}`)).status).toBe(404)
        await until(
          'life at the second demo',
          async () => (await second.metric('wardwatch_readings{outcome="accepted"}')) > 500,
        )
        expect(await second.metric('wardwatch_readings{outcome="quarantined"}')).toBe(0)

        const taken = await wardwatch(['demo', '--port', String(base), '--data', join(beside.path, 'third'), '--json'])
        expect(oneSentence(taken.stderr)).toContain(`port ${base} is taken`)
        expect(taken.code).toBe(1)
        const held = await wardwatch(['demo', '--port', '0', '--data', beside.path, '--json'])
        expect(oneSentence(held.stderr)).toMatch(/already runs/)
        expect(held.code).toBe(1)
        expect((await second.get('/api/v1/health')).status, 'the running demo is not harmed').toBe(200)

        const children = second.children() ?? []
        expect(await second.stop('SIGTERM')).toMatchObject({ code: 0 })
        other = null
        expect(children.filter(isAlive)).toEqual([])
        expect((await again.get('/api/v1/health')).status).toBe(200)
      } finally {
        await other?.stop('SIGTERM')
        beside.remove()
      }
    })

    test('a demo that is killed leaves no child behind', async ({ skip }) => {
      const children = stage.demo.children()
      if (!children) return skip('process tables are read on Linux only')
      expect(await stage.demo.stop('SIGKILL')).toMatchObject({ signal: 'SIGKILL' })
      await until('the children of a killed demo to end', () => children.every((pid) => !isAlive(pid)), 6000)
      expect(await stage.demo.held()).toEqual([])
    })
  })
}

function oneSentence(stderr: string): string {
  const lines = stderr.trim().split('\n')
  expect(lines, 'one sentence on stderr').toHaveLength(1)
  expect(stderr).not.toMatch(/\n\s+at /)
  return lines[0] as string
}
