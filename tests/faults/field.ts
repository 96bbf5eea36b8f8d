/** Cameras and doors of a fault run, over their real protocols: told to be gone and to come back, and what they said. */
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '#model/system-clock.ts'
import { createOnvifTwin } from '#simulators/onvif/index.ts'
import { createOpcuaTwin } from '#simulators/opcua/index.ts'

const CAMERAS = 12
const DOORS = 6
const SECRET = 'pw-camera'

export interface Field {
  /** Entries of the site file. */
  devices: Record<string, unknown>[]
  ids: readonly string[]
  /** Every camera loses its power for so long, and the OPC UA server is started again. */
  outage(ms: number): Promise<void>
  /** Each device says that it has changed; each time something else. */
  speak(): void
  /** What each has said last. */
  readonly said: ReadonlyMap<string, { type: string; value: Record<string, unknown> }>
  close(): Promise<void>
}

export async function openField(): Promise<Field> {
  const cameras = Array.from({ length: CAMERAS }, (_, i) => `C${i + 1}`)
  const doors = Array.from({ length: DOORS }, (_, i) => `D${i + 1}`)
  const onvif = await createOnvifTwin({
    cameras: cameras.map((id) => ({ id, user: 'ward', password: SECRET })),
    clock: systemClock,
    chance: Math.random,
  })
  const opcua = await createOpcuaTwin({
    devices: doors.map((id) => ({ id, kind: 'door' as const })),
    clock: systemClock,
  })
  const said = new Map<string, { type: string; value: Record<string, unknown> }>()
  let round = 0
  return {
    ids: [...cameras, ...doors],
    said,
    devices: [
      ...cameras.map((id) => ({
        id,
        driver: 'onvif',
        kind: 'camera',
        zone: 'K1',
        url: onvif.urlOf(id),
        user: 'ward',
        password: '${file:secrets/camera}',
      })),
      ...doors.map((id) => ({ id, driver: 'opcua', kind: 'door', zone: 'K1', url: opcua.url, root: opcua.rootOf(id) })),
    ],
    async outage(ms) {
      for (const id of cameras) onvif.fault(id, 'gone')
      await opcua.fault({ kind: 'stop' })
      await pause(ms)
      for (const id of cameras) onvif.fault(id, null)
      await opcua.fault({ kind: 'start' })
    },
    speak() {
      round++
      for (const id of cameras) {
        const reading = { type: 'camera.motion', value: { active: round % 2 === 1 } }
        onvif.emitReading(id, reading)
        said.set(id, reading)
      }
      for (const id of doors) {
        const reading = { type: 'door.state', value: { state: round % 2 === 1 ? 'open' : 'closed' } }
        opcua.emitReading({ device: id, ...reading })
        said.set(id, reading)
      }
    },
    async close() {
      await onvif.close()
      await opcua.close()
    },
  }
}

export const CAMERA_SECRET = SECRET
