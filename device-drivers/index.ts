/** The drivers there are: an explicit list, no folder scan. A new protocol family is one line here and one folder. */
import type { Driver, DriverFactory } from './contract.ts'
import { createMqttDriver } from './mqtt/index.ts'
import { createOnvifDriver } from './onvif/index.ts'
import { createOpcuaDriver } from './opcua/index.ts'

export const DRIVERS = {
  mqtt: createMqttDriver,
  onvif: createOnvifDriver,
  opcua: createOpcuaDriver,
} satisfies Record<Driver['name'], DriverFactory>
