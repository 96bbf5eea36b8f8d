/** A real Mosquitto in the place of the embedded broker (`broker.url`): devices notice no difference, nor do the readings. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EdgeRun, FACILITY, type SmallSite, writeSmallSite } from './edge-run.ts'
import { temporaryFolder, until } from './processes.ts'
import { type Mosquitto, mosquittoPub, mosquittoSub, present, startMosquitto } from './programs.ts'

interface DeviceView {
  online: boolean | null
  latest: Record<string, { value: Record<string, unknown> }>
}

describe.skipIf(!present('an external broker', 'mosquitto', 'mosquitto_pub', 'mosquitto_sub'))(
  'an edge at an external broker',
  { timeout: 300_000 },
  () => {
    const folder = temporaryFolder('broker')
    let broker: Mosquitto
    let edge: EdgeRun
    let site: SmallSite

    beforeAll(async () => {
      broker = await startMosquitto(folder.path)
      site = await writeSmallSite(folder.path, {
        devices: [
          { id: 'W1', driver: 'mqtt', kind: 'band', model: 'ww-json' },
          { id: 'W2', driver: 'mqtt', kind: 'band', model: 'ww-json' },
          { id: 'PB1', driver: 'mqtt', kind: 'panic-button', zone: 'K1', model: 'ww-json' },
        ],
        sections: { broker: { url: broker.url } },
      })
      edge = await EdgeRun.start(site)
    }, 300_000)
    afterAll(async () => {
      await edge?.stop('SIGTERM')
      await broker?.stop()
      folder.remove()
    })

    const at = (): string[] => ['-h', '127.0.0.1', '-p', String(broker.port)]
    const publish = (topic: string, payload: string) =>
      mosquittoPub([...at(), '-q', '1', '-t', `ww/v1/${FACILITY}/dev/${topic}`, '-s'], payload)
    const battery = async (id: string) =>
      (await edge.get<DeviceView>(`/api/v1/devices/${id}`)).latest['band.battery']?.value.percent

    test('takes readings, quarantines what it cannot read and hears the next device within a second', async () => {
      await until('the edge to be subscribed', async () => {
        await publish('W1/band.battery', '{"percent":70}')
        return (await battery('W1')) === 70
      })
      await publish('W1/band.battery', 'no json')
      await publish('W2/band.battery', '{"percent":64}')
      await until('the healthy reading', async () => (await battery('W2')) === 64, 1000, 20)
      const { items } = await edge.get<{ items: { cause: string; device: string }[] }>('/api/v1/quarantine', 'engineer')
      expect(items[0]).toMatchObject({ cause: 'bad-json', device: 'W1' })
    })

    test('gets what came while the edge was down, and reconnects to a broker that was restarted', async () => {
      expect(await edge.stop('SIGTERM')).toMatchObject({ code: 0 })
      await publish('W1/band.battery', '{"percent":33}')
      edge = await EdgeRun.start(site)
      await until('the reading that waited at the broker', async () => (await battery('W1')) === 33)
      await broker.stop()
      await broker.start()
      await until(
        'a reading after the restart of the broker',
        async () => {
          await publish('W2/band.battery', '{"percent":21}')
          return (await battery('W2')) === 21
        },
        20_000,
        500,
      )
    })

    test('tells alerts and readings to local subscribers through that broker', async () => {
      const wall = await mosquittoSub([...at(), '-t', `ww/v1/${FACILITY}/alert/#`, '-q', '1'])
      const mirror = await mosquittoSub([...at(), '-t', `ww/v1/${FACILITY}/reading/band.battery`])
      try {
        await publish('PB1/panic.pressed', '{}')
        const line = await until('the alert at the wall', () => wall.lines.find((l) => l.includes('R39')), 5000, 50)
        expect(JSON.parse(line)).toMatchObject({
          specversion: '1.0',
          data: { change: 'raised', alert: { code: 'R39' } },
        })
        await publish('W1/band.battery', '{"percent":12}')
        const reading = await until(
          'the reading at a subscriber',
          () => mirror.lines.find((l) => l.includes('12')),
          5000,
          50,
        )
        expect(JSON.parse(reading)).toMatchObject({ device: 'W1', type: 'band.battery', value: { percent: 12 } })
      } finally {
        await wall.stop()
        await mirror.stop()
      }
    })
  },
)
