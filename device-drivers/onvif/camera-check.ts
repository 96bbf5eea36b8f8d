/**
 * One look at a camera for the doctor and the wizard: connects once, leaves nothing behind (a subscription of a moment is
 * ended again), says what it found.
 */
import type { Clock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import type { DeviceCheck } from '../contract.ts'
import { type CameraAddress, CameraClient } from './camera-client.ts'
import type { CameraModel } from './model.ts'
import { PullPoint } from './pull-point.ts'

/** Beyond this the order of events of several cameras can no longer be trusted without correction. */
const CLOCK_WARNING_MS = 2000
const UNSUBSCRIBE_MS = 3000

export async function checkCamera(
  device: Device,
  address: CameraAddress,
  model: CameraModel,
  clock: Clock,
): Promise<DeviceCheck[]> {
  const found: DeviceCheck[] = []
  const say = (level: DeviceCheck['level'], message: string) => found.push({ device: device.id, level, message })
  const client = new CameraClient(address, clock)
  try {
    await client.measureClock()
    const offset = client.offset.offsetMs
    if (offset === null) say('warning', 'the camera does not tell its clock; its times cannot be checked')
    else if (Math.abs(offset) > CLOCK_WARNING_MS)
      say(
        'warning',
        `the camera's clock is ${(Math.abs(offset) / 1000).toFixed(1)} s ${offset > 0 ? 'ahead' : 'behind'}; give it the NTP server of the facility`,
      )
    else say('ok', `clock within ${Math.max(1, Math.ceil(Math.abs(offset) / 1000))} s`)
    const { events } = await client.services()
    const info = await client.deviceInformation()
    say('ok', `${info.manufacturer} ${info.model}, firmware ${info.firmwareVersion}; user and password accepted`)
    if (!events) say('warning', 'the camera has no event service: pictures only, no detections')
    else {
      const topics = await client.topicSet(events).catch(() => null)
      const unknown = topics?.filter((topic) => !model.knows(topic)) ?? []
      if (topics === null) say('warning', 'the camera does not list its events; they are mapped as they come')
      else if (unknown.length > 0)
        say(
          'warning',
          `${topics.length - unknown.length} of ${topics.length} event topics are mapped by "${model.id}"; not mapped: ${unknown.slice(0, 5).join(', ')}`,
        )
      else say('ok', `all ${topics.length} event topics are mapped by "${model.id}"`)
      const refused = await subscribes(client, events)
      if (refused === null) say('ok', 'grants a subscription to its events')
      else
        say(
          'fault',
          `grants no subscription to its events, so nothing that it detects will come: ${refused}; give the user the right to events, and end subscriptions that others hold if the camera grants only a few`,
        )
    }
    const picture = await client.snapshot().catch((error: Error) => error)
    if (picture instanceof Error) say('warning', `no picture: ${picture.message}`)
    else say('ok', `picture of ${Math.round(picture.length / 1024)} KiB`)
  } catch (error) {
    say('fault', (error as Error).message)
  } finally {
    client.close()
  }
  return found
}

/** Null when the camera grants a subscription; else why not. */
async function subscribes(client: CameraClient, events: URL): Promise<string | null> {
  try {
    const point = await PullPoint.create(client, events)
    // One that cannot be ended ends by itself at the end of its term.
    await point.unsubscribe(UNSUBSCRIBE_MS).catch(() => {})
    return null
  } catch (error) {
    return (error as Error).message
  }
}
