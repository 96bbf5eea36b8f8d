/**
 * The test surface of a demo: raise alerts at a rate, play scenarios, break devices, stop the heartbeat. Registered
 * only by `wardwatch demo --test-api`; an edge of a real facility refuses to start with it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsoleServerOptions } from '#dashboards/server.ts'
import { LEVELS, type Level } from '#model/alert/alert.ts'
import type { Edge } from './edge.ts'

const MAX_ALERTS = 200_000

export function testSurface(edge: Edge): ConsoleServerOptions['extend'] {
  return (app, kit) => {
    app.post('/sim/alerts', { schema: { hide: true } as object }, async (request, reply) => {
      const {
        rate = 1,
        level = 'red',
        n = 1,
        zone = 'SITE',
      } = (request.body ?? {}) as { rate?: number; level?: Level; n?: number; zone?: string }
      if (!LEVELS.includes(level) || !(rate > 0) || !(n > 0) || n > MAX_ALERTS)
        return reply.code(422).send({ type: 'about:blank', title: 'rate, n and level are needed', status: 422 })
      void raise(edge, { rate, level, n, zone })
      return reply.code(202).send({ accepted: n })
    })
    app.post('/sim/scenario', { schema: { hide: true } as object }, async (request, reply) => {
      const { id } = (request.body ?? {}) as { id?: string }
      if (!id) return reply.code(422).send({ type: 'about:blank', title: 'id is needed', status: 422 })
      process.send?.({ order: 'play', scenario: id })
      return reply.code(202).send({ id })
    })
    app.post('/sim/device/:id', { schema: { hide: true } as object }, async (request, reply) => {
      const { id } = request.params as { id: string }
      const {
        fault,
        on = true,
        type,
        value,
      } = (request.body ?? {}) as { fault?: string; on?: boolean; type?: string; value?: Record<string, unknown> }
      if (type) process.send?.({ order: 'say', device: id, type, value: value ?? {} })
      else if (fault) process.send?.({ order: 'fault', device: id, fault, on })
      else
        return reply.code(422).send({ type: 'about:blank', title: 'name a fault, or a type and a value', status: 422 })
      return reply.code(202).send({ id })
    })
    app.post('/sim/stop-heartbeat', { schema: { hide: true } as object }, async (request, reply) => {
      const { seconds = 10 } = (request.body ?? {}) as { seconds?: number }
      kit.hub.pauseHeartbeat(seconds * 1000)
      return reply.code(202).send({ seconds })
    })
  }
}

async function raise(
  edge: Edge,
  { rate, level, n, zone }: { rate: number; level: Level; n: number; zone: string },
): Promise<void> {
  const perStep = Math.max(1, Math.round(rate / 50))
  for (let i = 0; i < n; i += perStep) {
    for (let k = i; k < Math.min(n, i + perStep); k++)
      edge.desk
        .raise({ level, zone, kind: 'simulated', note: `simulated ${k + 1} of ${n}` }, 'simulator')
        .catch(() => {})
    await sleep((perStep * 1000) / rate)
  }
}
