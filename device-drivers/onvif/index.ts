/** The ONVIF driver as the edge and the commissioning commands see it; nothing else of this folder is public. */
import type { DriverHost } from '../contract.ts'
import { createDriver, type OnvifDriver, type OnvifDriverOptions } from './driver.ts'

export { type DiscoveredCamera, discoverOnvif } from './discovery.ts'
export type { OnvifDriver, OnvifDriverOptions } from './driver.ts'
export type { Picture } from './picture-desk.ts'

/** A `DriverFactory`; the driver has `snapshot`, `gotoPreset` and `streamUri` besides. */
export const createOnvifDriver = (host: DriverHost, options?: OnvifDriverOptions): OnvifDriver =>
  createDriver(host, options)
