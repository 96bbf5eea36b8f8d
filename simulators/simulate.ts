/**
 * Runs the stage as a process of its own until it is told to stop. A demo speaks to it by messages; alone it follows
 * its flags. Ends within five seconds on SIGINT and SIGTERM, and at once when the process that started it is gone.
 */
import { readFileSync } from 'node:fs'
import { WardwatchError } from '#model/errors.ts'
import { systemClock } from '#model/system-clock.ts'
import { portOf, readSite } from './site.ts'
import { Stage } from './stage.ts'

export interface SimulateOptions {
  site: string
  scenario: string | null
  seed: number
  rate: number
  record: string | null
  broker: string | null
  speed: number
  data: string | null
  discovery: boolean
}

/** What a demo may ask of its stage. */
export type StageOrder =
  | { order: 'play'; scenario: string; at?: number }
  | { order: 'fault'; device: string; fault: string; on: boolean }
  | { order: 'say'; device: string; type: string; value: Record<string, unknown> }

const note = (text: string): void => {
  process.stderr.write(`simulate: ${text}\n`)
}

export async function runSimulate(options: SimulateOptions): Promise<number> {
  const site = readSite(options.site)
  const stage = new Stage({
    site,
    clock: systemClock,
    seed: options.seed,
    onvifPort: portOf(site, 'onvif'),
    opcuaPort: portOf(site, 'opcua'),
    pace: options.speed,
    rate: options.rate,
    discovery: options.discovery,
    onNote: note,
    ...(options.data ? { dataDir: options.data } : {}),
    ...(options.record ? { record: options.record } : {}),
  })
  const stopped = untilStopped()
  try {
    const { ports } = await stage.open().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error
      throw new WardwatchError(
        'port-taken',
        `a port of the twins is taken by another program (${error.message}); stop it, or change the addresses in ${options.site}`,
      )
    })
    process.send?.({ event: 'open', ports })
    note(
      `twins are up: ${ports.onvif === null ? 'no cameras' : `ONVIF on ${ports.onvif}`}, ${ports.opcua === null ? 'no OPC UA' : `OPC UA on ${ports.opcua}`}`,
    )
    const broker =
      options.broker ?? site.broker?.url ?? (site.broker?.tcp ? `mqtt://127.0.0.1:${site.broker.tcp}` : null)
    if (broker === null && (site.devices ?? []).some((d) => d.driver === 'mqtt'))
      throw new WardwatchError(
        'usage',
        'the site file has MQTT devices but no broker; name one with --broker mqtt://127.0.0.1:1883',
      )
    if (broker !== null)
      await stage.connect({ url: broker, ...(site.broker?.ca ? { ca: readFileSync(site.broker.ca, 'utf8') } : {}) })
    stage.run()
    process.send?.({ event: 'running' })
    if (options.scenario) stage.play(options.scenario, systemClock.now() + 5000)
    process.on('message', (message: StageOrder) => {
      try {
        obey(stage, message)
      } catch (error) {
        note((error as Error).message)
      }
    })
    return await stopped
  } finally {
    await Promise.race([stage.close(), new Promise((resolve) => systemClock.after(4000, () => resolve(null)))])
  }
}

function obey(stage: Stage, message: StageOrder): void {
  if (message.order === 'play') stage.play(message.scenario, message.at)
  else if (message.order === 'fault')
    stage.fault(message.device, message.fault, message.on).catch((error: Error) => note(error.message))
  else stage.say({ device: message.device, type: message.type, value: message.value, time: systemClock.now() })
}

function untilStopped(): Promise<number> {
  // An open handle keeps the process up: the clock's timers do not.
  const awake = setInterval(() => {}, 60_000)
  return new Promise<number>((resolve) => {
    // Not `once`: a library (signal-exit) that finds no listener left kills the process before it has closed its stores.
    process.on('SIGINT', () => resolve(0))
    process.on('SIGTERM', () => resolve(0))
    process.once('disconnect', () => resolve(0))
  }).finally(() => clearInterval(awake))
}
