/**
 * Part of the demo test: cameras and OPC UA servers that answer nonsense. The fault is told in one sentence and counted,
 * and what a healthy neighbour says meanwhile arrives within a second; the device comes back by itself.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../processes.ts'
import type { Stage } from '../stage.ts'

interface DeviceView {
  online: boolean | null
  latest: Record<string, { time: number; quality: string; value: Record<string, unknown> }>
}

interface Neighbour {
  device: string
  type: string
  field: string
  values: [unknown, unknown]
}

const CAMERA: Neighbour = { device: 'K08', type: 'camera.motion', field: 'active', values: [true, false] }
const DOOR: Neighbour = { device: 'D-C205', type: 'door.mode', field: 'mode', values: ['maintenance', 'normal'] }

export function describeFaults(stage: Stage): void {
  const view = async (id: string): Promise<DeviceView> =>
    (await stage.demo.get<DeviceView>(`/api/v1/devices/${id}`)).body
  const order = (id: string, body: object) => stage.demo.post(`/sim/device/${id}`, body, 'engineer')
  /** Both values, each heard within a second. */
  const healthy = async ({ device, type, field, values }: Neighbour): Promise<void> => {
    for (const value of values) {
      await order(device, { type, value: { [field]: value } })
      await until(
        `${type} ${String(value)} of the healthy ${device}`,
        async () => (await view(device)).latest[type]?.value[field] === value,
        1000,
        20,
      )
    }
  }

  describe('devices that answer nonsense', () => {
    test.each([
      ['a camera that answers no XML', 'K07', 'garbage', /not XML/],
      ['a camera whose event service fails with a SOAP fault', 'K09', 'soap-fault', /SOAP fault/],
      ['a camera that answers half a message', 'K10', 'truncated', /./],
    ])('%s is lost and told, its neighbour is heard, and it comes back', async (_what, id, fault, words) => {
      await until(`${id} to be online`, async () => (await view(id)).online === true)
      await order(id, { fault })
      try {
        // Something to tell ends the wait of its event service, so that the answer with the fault comes now.
        await order(id, { type: 'camera.motion', value: { active: true } })
        await healthy(CAMERA)
        await until(`${id} to be offline`, async () => (await view(id)).online === false, 15_000)
        await healthy(CAMERA)
      } finally {
        await order(id, { fault, on: false })
      }
      await until(`${id} to be back`, async () => (await view(id)).online === true, 60_000, 500)
      const told = readFileSync(join(stage.demo.summary.logs, `edge-${stage.demo.facility.id}.log`), 'utf8')
        .split('\n')
        .filter((line) => line.includes(`"${id}"`) && line.includes('"level":40'))
        .map((line) => JSON.parse(line) as { detail: string; msg: string })
      expect(told.length, 'one line for the loss, not one for every attempt').toBeLessThanOrEqual(2)
      expect(told[0]?.detail).toMatch(words)
    })

    test('a node with a bad status is told as bad, not as its last value, and its neighbour is heard', async () => {
      const counted = 'wardwatch_driver_events{driver="opcua",what="bad-status"}'
      const before = await stage.demo.metric(counted)
      await order('D-C206', { fault: 'status' })
      try {
        await until(
          'bad quality of the door',
          async () => (await view('D-C206')).latest['door.state']?.quality === 'bad',
        )
        await healthy(DOOR)
        expect(await stage.demo.metric(counted)).toBeGreaterThan(before)
      } finally {
        await order('D-C206', { fault: 'status', on: false })
      }
      await until('good quality of the door', async () => {
        const { online, latest } = await view('D-C206')
        return online && latest['door.state']?.quality === 'good'
      })
    })
  })
}
