/** The obligations of every driver, kept against the ONVIF twin. */

import type { Device } from '#model/context/kinds.ts'
import { systemClock } from '#model/system-clock.ts'
import { createOnvifTwin } from '#simulators/onvif/index.ts'
import { driverConformance } from '../conformance.ts'
import { createOnvifDriver } from './index.ts'

driverConformance({
  name: 'onvif',
  create: (host) => createOnvifDriver(host),
  async twin() {
    const cameras = ['K01', 'K02'].map((id) => ({ id, user: 'ww', password: `secret-${id}` }))
    const twin = await createOnvifTwin({ cameras, clock: systemClock, chance: () => 0.5 })
    const device = (id: string): Device => ({
      id,
      driver: 'onvif',
      kind: 'camera',
      url: twin.urlOf(id),
      user: 'ww',
      password: `secret-${id}`,
    })
    return {
      victim: device('K01'),
      witness: device('K02'),
      dead: {
        id: 'K09',
        driver: 'onvif',
        kind: 'camera',
        url: 'http://127.0.0.1:9/onvif/device_service',
        user: 'ww',
        password: 'x',
      },
      async emit(id, timeMs) {
        const value = { object: 'human', confidence: 0.91 }
        twin.emitReading(id, { type: 'camera.intrusion', value, time: timeMs })
        return { type: 'camera.intrusion', value }
      },
      async emitUnmappable(id) {
        twin.emit(id, 'tns1:RuleEngine/CellMotionDetector/Motion', {
          source: { Rule: 'R' },
          data: { IsMotion: 'perhaps' },
          property: false,
        })
        return true
      },
      disconnect: async (id) => twin.fault(id, 'gone'),
      reconnect: async (id) => twin.fault(id, null),
      connections: (id) => twin.stats(id).requests.CreatePullPointSubscription ?? 0,
      close: () => twin.close(),
    }
  },
})
