/** Part of the demo test: the HTTP contract of facility and province on living data. */
import { describe, expect, test } from 'vitest'
import type { AlertView } from '../demo-run.ts'
import { until } from '../processes.ts'
import type { Stage } from '../stage.ts'
import { openStream } from '../stream.ts'

/** Every list of the contract with a role that may read it, and what must be in it in a demo. */
const LISTS: [path: string, role: string, least: number][] = [
  ['alerts', 'officer', 1],
  ['devices', 'officer', 400],
  ['zones', 'officer', 50],
  ['people', 'officer', 240],
  ['rules', 'officer', 10],
  ['plans', 'officer', 1],
  ['incidents', 'officer', 1],
  ['indicators', 'officer', 1],
  ['headcount', 'officer', 2],
  ['coverage', 'officer', 1],
  ['catalogue', 'officer', 40],
  ['quality', 'engineer', 400],
  ['ledger', 'auditor', 1],
]

export function describeApi(stage: Stage): void {
  describe('the API', () => {
    test.each(LISTS)('GET /api/v1/%s answers a list to the role %s', async (path, role, least) => {
      const { status, body } = await stage.demo.get<{ items: unknown[]; next: unknown; total: number }>(
        `/api/v1/${path}`,
        role,
      )
      expect(status).toBe(200)
      expect(body.items.length).toBeGreaterThan(0)
      expect(body.total).toBeGreaterThanOrEqual(least)
      expect(body).toHaveProperty('next')
    })

    test('refuses a stranger, a wrong role and an unknown id with problem details', async () => {
      const { console } = stage.demo.facility
      const stranger = await fetch(`${console}/api/v1/alerts`)
      expect(stranger.status).toBe(401)
      expect(stranger.headers.get('content-type')).toContain('application/problem+json')
      expect((await stage.demo.get('/api/v1/ledger', 'wall')).status).toBe(403)
      expect(await stage.demo.get('/api/v1/alerts/none', 'officer')).toMatchObject({ status: 404 })
    })

    test('describes itself: OpenAPI 3.1, a human page, liveness, readiness, metrics', async () => {
      const { console } = stage.demo.facility
      const openapi = (await (await fetch(`${console}/api/openapi.json`)).json()) as {
        openapi: string
        paths: Record<string, unknown>
      }
      expect(openapi.openapi).toMatch(/^3\.1/)
      for (const path of ['/api/v1/alerts', '/api/v1/stream', '/api/v1/series', '/api/v1/readings'])
        expect(Object.keys(openapi.paths)).toContain(path)
      for (const path of ['/api/docs', '/healthz', '/readyz', '/metrics', '/'])
        expect((await fetch(console + path)).status, path).toBe(200)
      expect(await stage.demo.metric('wardwatch_readings{outcome="accepted"}')).toBeGreaterThan(1000)
    })

    test('reads the vital signs of a band as a series of whole buckets', async () => {
      const from = Date.now() - 120_000
      const line = await until('a point of band W001', async () => {
        const { body } = await stage.demo.get<{ series: { points: [number, number | null][] }[] }>(
          `/api/v1/series?device=W001&type=band.vitals&field=hr&from=${from}&to=${Date.now()}&every=10s&fn=mean`,
        )
        return body.series[0]?.points.some(([, value]) => typeof value === 'number') ? body.series[0] : null
      })
      for (const [time, value] of line.points) {
        expect(time % 10_000).toBe(0)
        if (value !== null) expect(value).toBeGreaterThan(30)
      }
    })

    test('all three protocols bring readings: every driver has its devices online', async () => {
      await until(
        'all devices of all drivers to be online',
        async () => {
          const { body } = await stage.demo.get<{ drivers: { name: string; devices: number; online: number }[] }>(
            '/api/v1/health',
          )
          const short = body.drivers.filter((d) => d.online < d.devices)
          if (short.length > 0) throw new Error(JSON.stringify(short))
          return body.drivers.length === 3
        },
        30_000,
      )
      expect(await stage.demo.metric('wardwatch_readings{outcome="quarantined"}'), 'quarantined').toBe(0)
      expect(await stage.demo.metric('wardwatch_rules{what="faults"}'), 'rule faults').toBe(0)
    })

    test('pushes an alert over the stream within a second, beats each second and resumes after an id', async () => {
      const stream = await openStream(stage.demo.facility.console, stage.demo.account('officer').token)
      try {
        await until('a heartbeat', () => stream.events.some((e) => e.event === 'heartbeat'), 5000, 50)
        const from = Date.now()
        await stage.demo.post('/sim/alerts', { level: 'orange', n: 1, zone: 'W2' })
        const event = await until(
          'the alert in the stream',
          () => stream.events.find((e) => e.event === 'alert' && e.at >= from && e.data.alert?.code === 'S03'),
          1000,
          20,
        )
        expect(event.data).toMatchObject({ change: 'raised', alert: { level: 'orange', zone: 'W2' } })
        expect(event.data.alert?.explanation).toMatchObject({ zh: expect.any(String), en: expect.any(String) })
        const beats = stream.events.filter((e) => e.event === 'heartbeat')
        await until(
          'three more heartbeats',
          () => stream.events.filter((e) => e.event === 'heartbeat').length >= beats.length + 3,
          4500,
        )
        await stage.demo.post(`/api/v1/alerts/${event.data.alert?.id}/comment`, { note: 'seen' })
        const again = await openStream(stage.demo.facility.console, stage.demo.account('officer').token, event.id)
        try {
          await until('what was missed', () => again.events.some((e) => e.data.change === 'commented'), 3000, 50)
          expect(again.events.some((e) => e.event === 'gap')).toBe(false)
          expect(again.events.some((e) => e.id === event.id)).toBe(false)
        } finally {
          again.close()
        }
      } finally {
        stream.close()
      }
    })

    test('the province shows the facility as connected, and its alerts without a name', async () => {
      const { demo } = stage
      await until(
        'the facility in the overview of the province',
        async () =>
          (await demo.province<{ items: { id: string; link?: unknown }[] }>('/api/v1/facilities')).body.items.some(
            (f) => f.id === demo.facility.id,
          ),
        15_000,
      )
      const mine = await until(
        'the door alert in the province',
        async () =>
          (await demo.province<{ items: AlertView[] }>('/api/v1/alerts')).body.items.find((a) => a.code === 'R07'),
        15_000,
      )
      expect(mine).toMatchObject({ facility: demo.facility.id, level: 'orange' })
      const text = JSON.stringify((await demo.province(`/api/v1/alerts/${mine.id}`)).body)
      for (const person of ['P017', 'W017']) expect(text).not.toContain(person)
    })
  })
}
