/**
 * Part of the demo test: the mosquitto command-line clients as devices and as local subscriber. What one device does
 * wrong is told, counted and kept, and another one's reading still arrives within a second.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { until, wardwatch } from '../processes.ts'
import { type Listening, mosquittoPub, mosquittoSub, present } from '../programs.ts'
import type { Stage } from '../stage.ts'

const THERE = present('the mosquitto clients as devices and subscriber', 'mosquitto_pub', 'mosquitto_sub')

interface DeviceView {
  online: boolean | null
  quarantined: number
  latest: Record<string, { time: number; quality: string; value: Record<string, unknown> }>
}

export function describeDevices(stage: Stage): void {
  describe.skipIf(!THERE)('MQTT with the mosquitto clients', () => {
    const passwords = new Map<string, string>()
    const device = async (id: string): Promise<DeviceView> =>
      (await stage.demo.get<DeviceView>(`/api/v1/devices/${id}`)).body

    const at = (url: string): string[] => ['-h', 'localhost', '-p', new URL(url).port]
    const publish = (id: string, topic: string, payload: string, more: string[] = []) =>
      mosquittoPub(
        [
          ...at(stage.demo.facility.mqtt),
          ...['-u', id, '-P', passwords.get(id) ?? 'none', '-q', '1', '-V', 'mqttv311'],
          ...['-t', `ww/v1/${stage.demo.facility.id}/dev/${topic}`, '-s', ...more],
        ],
        payload,
      )
    /** The reading of a healthy device arrives within a second of its publication. */
    const healthy = async (): Promise<void> => {
      const percent = 10 + Math.floor(Math.random() * 80)
      const time = Date.now()
      expect(await publish('W902', 'W902/band.battery', JSON.stringify({ time, percent }))).toMatchObject({ code: 0 })
      await until(
        'the reading of the healthy device',
        async () => (await device('W902')).latest['band.battery']?.time === time,
        1000,
        20,
      )
    }

    beforeAll(async () => {
      const { demo } = stage
      const file = demo.facility.site
      for (const id of ['W901', 'W902']) {
        const made = await wardwatch([
          'provision',
          'mqtt',
          id,
          '--facility',
          demo.facility.id,
          '--data',
          demo.facility.data,
          '--json',
        ])
        expect(made, made.stderr).toMatchObject({ code: 0 })
        const { password, entry } = JSON.parse(made.stdout) as { password: string; entry: string }
        passwords.set(id, password)
        writeFileSync(file, readFileSync(file, 'utf8').replace(/^devices:\n/m, `devices:\n${entry}\n`))
      }
      await until('both provisioned devices to be known without a restart', async () => {
        for (const id of ['W901', 'W902']) if ((await demo.get(`/api/v1/devices/${id}`)).status !== 200) return false
        return true
      })
    })

    test('a provisioned device publishes one object and an array of readings, each with its own time', async () => {
      const time = Date.now() - 3000
      const sent = await publish(
        'W901',
        'W901/band.battery',
        JSON.stringify([
          { time, percent: 81 },
          { time: time + 1000, percent: 80 },
        ]),
      )
      expect(sent).toEqual({ code: 0, stderr: '' })
      const seen = await until('both readings', async () => {
        const d = await device('W901')
        return d.latest['band.battery']?.value.percent === 80 ? d : null
      })
      expect(seen.latest['band.battery']).toMatchObject({ time: time + 1000, quality: 'good' })
      const points = await until('both points in the series', async () => {
        const { body } = await stage.demo.get<{ series: { points: [number, number][] }[] }>(
          `/api/v1/series?device=W901&type=band.battery&field=percent&from=${time - 1}&to=${time + 2000}&every=0&fn=last`,
        )
        return body.series[0]?.points
      })
      expect(points).toEqual([
        [time, 81],
        [time + 1000, 80],
      ])
      await publish('W901', 'W901/band.battery', JSON.stringify({ percent: 55 }))
      await until('a reading without a time, marked uncertain', async () => {
        const latest = (await device('W901')).latest['band.battery']
        return latest?.value.percent === 55 && latest.quality === 'uncertain'
      })
    })

    test.each([
      ['broken JSON', 'W901/band.battery', '{"percent": 8', 'bad-json'],
      ['a value of the wrong type', 'W901/band.battery', '{"percent":"full"}', 'bad-value'],
      ['a type that is not in the collection list', 'W901/band.smell', '{"level":3}', 'unknown-type'],
    ])(
      '%s is quarantined, counted and acknowledged, and another device is heard within a second',
      async (_what, topic, payload, cause) => {
        const counted = `wardwatch_quarantine{cause="${cause}"}`
        const before = await stage.demo.metric(counted)
        expect(await publish('W901', topic, payload)).toEqual({ code: 0, stderr: '' })
        await healthy()
        expect(await stage.demo.metric(counted)).toBe(before + 1)
        const { body } = await stage.demo.get<{
          items: { device: string; cause: string; payload: string; detail: string }[]
        }>('/api/v1/quarantine?limit=5', 'engineer')
        expect(body.items[0]).toMatchObject({
          device: 'W901',
          cause,
          payload: expect.stringContaining(payload.slice(0, 8)),
        })
        expect(body.items[0]?.detail.split('\n')).toHaveLength(1)
      },
    )

    test('an oversized packet and a foreign topic close the connection; nobody else is harmed', async () => {
      const denied = 'wardwatch_broker{what="topicDenied"}'
      const before = await stage.demo.metric(denied)
      const foreign = await publish('W901', 'W001/band.battery', '{"percent":1}')
      expect(foreign.code, 'mosquitto_pub must not get a PUBACK').not.toBe(0)
      await healthy()
      expect(await stage.demo.metric(denied)).toBe(before + 1)
      await until(
        'security.rejected of the edge',
        async () => (await device('EDGE')).latest['security.rejected']?.value.cause === 'topic-denied',
      )
      expect((await device('W001')).latest['band.battery']?.value.percent).not.toBe(1)

      const large = await publish(
        'W901',
        'W901/band.battery',
        JSON.stringify({ percent: 7, pad: 'x'.repeat(300 * 1024) }),
      )
      expect(large.code).not.toBe(0)
      await healthy()
      expect(await stage.demo.metric('wardwatch_broker{what="oversize"}')).toBeGreaterThan(0)
    })

    test('a wrong password and an unknown device are refused at the door and recorded', async () => {
      passwords.set('W999', 'guessed')
      const right = passwords.get('W901') as string
      passwords.set('W901', 'wrong')
      for (const id of ['W999', 'W901']) {
        const refused = await publish(id, `${id}/band.battery`, '{"percent":5}')
        expect(refused.code).not.toBe(0)
        expect(refused.stderr).toMatch(/not authori[sz]ed|bad user ?name/i)
      }
      passwords.set('W901', right)
      await healthy()
      await until(
        'security.rejected for the bad credential',
        async () => (await device('EDGE')).latest['security.rejected']?.value.cause === 'bad-credential',
      )
    })

    test('a client of MQTT 5 is refused cleanly', async () => {
      const refused = await publish('W901', 'W901/band.battery', '{"percent":5}', ['-V', 'mqttv5'])
      expect(refused.code).not.toBe(0)
      await healthy()
    })

    test('the wall hears alerts over TCP and, with the authority of the facility, over TLS, and nothing else', async () => {
      const { demo } = stage
      const wall = ['-u', 'tv-wall', '-P', demo.secret('tv-wall'), '-q', '1']
      const alerts = ['-t', `ww/v1/${demo.facility.id}/alert/#`]
      const heard: Listening[] = [
        await mosquittoSub([...at(demo.facility.mqtt), ...wall, ...alerts]),
        await mosquittoSub([
          ...at(demo.facility.mqtts),
          '--cafile',
          join(demo.summary.data, 'pki/ca.pem'),
          ...wall,
          ...alerts,
        ]),
      ]
      try {
        await demo.post('/sim/alerts', { level: 'red', n: 1, zone: 'W3' })
        for (const subscriber of heard) {
          const line = await until(
            'the red alert at the wall',
            () => subscriber.lines.find((l) => l.includes('"S03"') && l.includes('"red"')),
            3000,
            50,
          )
          expect(JSON.parse(line)).toMatchObject({
            specversion: '1.0',
            source: expect.stringContaining(demo.facility.id),
            data: { change: 'raised', alert: { level: 'red', zone: 'W3' } },
          })
        }
      } finally {
        for (const subscriber of heard) await subscriber.stop()
      }
      await expect(
        mosquittoSub([...at(demo.facility.mqtt), ...wall, '-t', `ww/v1/${demo.facility.id}/dev/#`]),
      ).rejects.toThrow('All subscription requests were denied')
      const stranger = await mosquittoPub([
        ...at(demo.facility.mqtts),
        '-u',
        'W901',
        '-P',
        passwords.get('W901') as string,
        '-t',
        'x',
        '-m',
        'x',
      ])
      expect(stranger.code, 'plain MQTT at the TLS port').not.toBe(0)
    })
  })
}
