/** Layouts of makers: topics and payloads that model files describe. Finds the device, maps, and says what it cannot map. */
import jsonata from 'jsonata'
import { readingFault } from '#model/catalogue/index.ts'
import type { Device } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'
import type { RawReading } from '#model/reading.ts'
import { saidOffset } from '../contract.ts'
import { loadModelFile } from '../model-files.ts'
import { MAX_ITEMS, parseJson } from './contract-layout.ts'
import { type Decoded, isMonstrous, quarantined, type Speaker } from './decoded.ts'
import { compilePath, follow, type Path } from './json-path.ts'
import {
  applyReading,
  type CompiledReading,
  type CompiledTime,
  compileReading,
  compileTime,
  timeOf,
} from './mapping.ts'
import { MQTT_MODEL_SCHEMA, type MqttModel } from './model-schema.ts'
import type { SparkplugMessage, SparkplugState } from './sparkplug.ts'
import { TopicPattern } from './topic-pattern.ts'

export interface Route {
  model: string
  pattern: TopicPattern
  format: 'json' | 'sparkplug'
  each: Path | null
  device: Path | null
  time: CompiledTime | null
  clock: CompiledTime | null
  online: Path | null
  readings: CompiledReading[]
  transform: { evaluate(input: unknown): Promise<unknown> } | null
}

/** How products say that a device came or went. */
const ONLINE_WORDS = new Map([
  ...['true', '1', 'online', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'offline', 'off'].map((word) => [word, false] as const),
])

const TRANSFORM_LIMIT_MS = 500

/** @throws WardwatchError `model-invalid` */
export function loadRoutes(model: string, modelDirs: readonly string[]): Route[] {
  const file = loadModelFile<MqttModel>('mqtt', model, modelDirs, MQTT_MODEL_SCHEMA)
  return file.topics.map((topic) => {
    try {
      return {
        model,
        pattern: new TopicPattern(topic.pattern),
        format: topic.format,
        each: topic.each === undefined ? null : compilePath(topic.each),
        device: topic.device === undefined ? null : compilePath(topic.device),
        time: compileTime(topic.time),
        clock: compileTime(topic.clock),
        online: topic.online === undefined ? null : compilePath(topic.online),
        readings: (topic.readings ?? []).map(compileReading),
        transform:
          topic.transform === undefined
            ? null
            : jsonata(topic.transform, { timeout: TRANSFORM_LIMIT_MS, stack: 200 } as object),
      }
    } catch (error) {
      throw new WardwatchError('model-invalid', `model ${model}, topic "${topic.pattern}": ${(error as Error).message}`)
    }
  })
}

/** Address under which a product names itself: `url: mqtt:<address>` of the device entry, else the id. */
export function addressOf(device: Device): string {
  return (device.url?.startsWith('mqtt:') ? device.url.slice(5) : device.id).toLowerCase()
}

export interface MakerContext {
  byAddress(address: string): Device | undefined
  /** Devices below a Sparkplug node. */
  below(address: string): Device[]
  sparkplug: SparkplugState
  /** Is this offset worth a `device.clock` now? (contract.ts, obligation 1) */
  clockDue(device: string, offsetMs: number, nowMs: number): boolean
}

interface Job {
  route: Route
  topic: string
  parts: Record<string, string>
  payload: Uint8Array
  speaker: Speaker | null
  receivedMs: number
  context: MakerContext
  out: Decoded
}

export function decodeMaker(
  route: Route,
  topic: string,
  parts: Record<string, string>,
  payload: Uint8Array,
  speaker: Speaker | null,
  receivedMs: number,
  context: MakerContext,
): Decoded | Promise<Decoded> {
  const job: Job = { route, topic, parts, payload, speaker, receivedMs, context, out: { readings: [], quarantine: [] } }
  if (route.format === 'sparkplug') return decodeSparkplug(job)
  const parsed = parseJson(payload)
  if ('fault' in parsed) return reject(job, null, 'bad-json', parsed.fault)
  if (isMonstrous(parsed.value))
    return reject(job, null, 'bad-payload', 'the object is nested too deeply or has a forbidden key')
  if (route.clock && speaker) clockReading(job, parsed.value)
  const list = route.each ? follow(route.each, parsed.value) : [parsed.value]
  if (!Array.isArray(list))
    return reject(job, null, 'bad-payload', 'the list of items that the model file names is not there or is no array')
  if (list.length > MAX_ITEMS)
    return reject(
      job,
      null,
      'limit-exceeded',
      `${list.length} items came in one message, at most ${MAX_ITEMS} are taken`,
    )
  const waiting: Promise<void>[] = []
  for (const item of list) {
    const device = deviceOf(job, item)
    if (!device) continue
    if (route.transform) waiting.push(transformItem(job, route.transform, item, device))
    else mapItem(job, item, device)
  }
  return waiting.length === 0 ? job.out : Promise.all(waiting).then(() => job.out)
}

function reject(job: Job, device: string | null, cause: Parameters<typeof quarantined>[2], detail: string): Decoded {
  job.out.quarantine.push(quarantined(job.topic, device, cause, detail, job.payload))
  return job.out
}

/** The device an item speaks of: known, of this model, and one that the speaker may speak for. */
function deviceOf(
  job: Job,
  item: unknown,
  address = job.route.device ? follow(job.route.device, item) : job.parts.device,
): Device | null {
  const { route, speaker } = job
  // Without any address in topic or model file, who speaks is who is meant.
  const name = address ?? (job.route.device || job.parts.device ? undefined : speaker?.id)
  if (typeof name !== 'string' && typeof name !== 'number') {
    reject(job, null, 'bad-payload', 'the message does not say which device it is about')
    return null
  }
  const device = job.context.byAddress(String(name).toLowerCase())
  const shown = String(name).slice(0, 64)
  if (!device)
    reject(job, null, 'unknown-device', `"${shown}" is no device of the site file; add it with url: mqtt:${shown}`)
  else if (device.model !== route.model)
    reject(
      job,
      device.id,
      'unmapped',
      `${device.id} has model ${device.model ?? 'none'}, but this topic belongs to model ${route.model}`,
    )
  else if (speaker && speaker.id !== device.id && !speaker.children.includes(device.id))
    reject(job, device.id, 'topic-denied', `${speaker.id} spoke for ${device.id}, which does not name it as its "via"`)
  else return device
  return null
}

function mapItem(job: Job, item: unknown, device: Device): void {
  const { route } = job
  let time: number | undefined
  try {
    time = timeOf(route.time, item)
  } catch (error) {
    reject(job, device.id, 'bad-payload', `${device.id}: ${(error as Error).message}`)
    return
  }
  if (route.online) {
    const said = follow(route.online, item)
    const online = ONLINE_WORDS.get(String(said).toLowerCase())
    if (online === undefined && said !== undefined && said !== null)
      reject(
        job,
        device.id,
        'bad-payload',
        `${device.id}: online is ${JSON.stringify(said)?.slice(0, 60)}; true or false, 1 or 0, online or offline are understood`,
      )
    else if (online !== undefined)
      keep(job, device, { type: 'device.status', value: { online, ...(online ? {} : { reason: 'driver' }) }, time })
  }
  let known = route.readings.length === 0 || (route.online !== null && follow(route.online, item) !== undefined)
  for (const reading of route.readings) {
    try {
      const got = applyReading(reading, item, job.parts)
      known ||= got !== 'absent'
      if (typeof got === 'object') keep(job, device, { ...got, time })
    } catch (error) {
      known = true
      reject(job, device.id, 'bad-payload', `${device.id}, ${reading.type}: ${(error as Error).message}`)
    }
  }
  if (!known) unmapped(job, device)
}

/** A message of which no part is mapped is no message that says nothing: its first one is kept, the others are counted. */
function unmapped(job: Job, device: Device): void {
  reject(
    job,
    device.id,
    'unmapped',
    `${device.id}: model ${job.route.model} maps nothing of this message; add a reading for it to the model file`,
  )
}

async function transformItem(
  job: Job,
  transform: NonNullable<Route['transform']>,
  item: unknown,
  device: Device,
): Promise<void> {
  let result: unknown
  try {
    // JSONata's sequences carry hidden properties; what goes on is plain JSON.
    result = JSON.parse(JSON.stringify((await transform.evaluate(item)) ?? []))
  } catch (error) {
    const message = (error as { message?: string }).message ?? String(error)
    reject(
      job,
      device.id,
      'bad-payload',
      `${device.id}: the JSONata of model ${job.route.model} failed: ${message.slice(0, 200)}`,
    )
    return
  }
  for (const entry of Array.isArray(result) ? result : [result]) {
    if (entry === null || typeof entry !== 'object') {
      reject(
        job,
        device.id,
        'bad-payload',
        `${device.id}: the JSONata of model ${job.route.model} gave something that is no reading`,
      )
      continue
    }
    const { device: address, type, time, value, quality } = entry as Record<string, unknown>
    const about = address === undefined ? device : deviceOf(job, item, address as string)
    if (about)
      keep(job, about, {
        type: type as string,
        value: (value ?? {}) as RawReading['value'],
        time: time as number,
        quality: quality as 'good',
      })
  }
}

function keep(job: Job, device: Device, got: Pick<RawReading, 'type' | 'value' | 'time' | 'quality'>): void {
  const reading: RawReading = {
    device: device.id,
    type: got.type,
    value: got.value,
    received: job.receivedMs,
    time: got.time ?? job.receivedMs,
  }
  if (got.quality) reading.quality = got.quality
  else if (got.time === undefined) reading.quality = 'uncertain'
  const fault = readingFault(reading)
  if (fault) reject(job, device.id, fault.cause, fault.detail)
  else job.out.readings.push(reading)
}

function clockReading(job: Job, message: unknown): void {
  try {
    const clock = timeOf(job.route.clock, message)
    if (clock === undefined || !job.speaker) return
    if (!job.context.clockDue(job.speaker.id, clock - job.receivedMs, job.receivedMs)) return
    job.out.readings.push({
      device: job.speaker.id,
      type: 'device.clock',
      time: job.receivedMs,
      received: job.receivedMs,
      value: { offset_ms: saidOffset(clock - job.receivedMs) },
    })
  } catch (error) {
    reject(job, job.speaker?.id ?? null, 'bad-payload', (error as Error).message)
  }
}

/** Does the speaker speak for this node? Asked before anything it says of the node is remembered. */
function maySpeakFor({ topic, speaker, context }: Job): boolean {
  const [, group, , node] = topic.toLowerCase().split('/')
  const own = context.byAddress(`${group}/${node}`)
  const all = [...(own ? [own] : []), ...context.below(`${group}/${node}`)]
  return speaker === null || all.some(({ id }) => id === speaker.id || speaker.children.includes(id))
}

function decodeSparkplug(job: Job): Decoded {
  if (!maySpeakFor(job))
    return reject(
      job,
      job.speaker?.id ?? null,
      'topic-denied',
      `${job.speaker?.id} spoke for a node that is not its own`,
    )
  let message: SparkplugMessage
  try {
    message = job.context.sparkplug.read(job.topic, job.payload)
  } catch (error) {
    return reject(job, job.speaker?.id ?? null, 'bad-payload', (error as Error).message)
  }
  if (message.kind === 'other') return job.out
  if (message.kind === 'death') {
    const lost = message.node ? job.context.below(message.address.toLowerCase()) : []
    const own = job.context.byAddress(message.address.toLowerCase())
    // The death of a node is its will: its timestamp is that of the connect, so the time of arrival holds.
    for (const device of [...(own ? [own] : []), ...lost])
      keep(job, device, { type: 'device.status', value: { online: false, reason: 'will' }, time: job.receivedMs })
    return job.out
  }
  // A node that only stands above its devices needs no entry of its own.
  if (message.node && !job.context.byAddress(message.address.toLowerCase())) return job.out
  const device = deviceOf(job, null, message.address)
  if (!device) return job.out
  if (message.kind === 'birth')
    keep(job, device, { type: 'device.status', value: { online: true }, time: message.time })
  const told = job.route.readings.filter((reading) =>
    reading.fields.some((field) => field.path?.some((step) => message.changed.has(String(step)))),
  )
  // A birth names everything the node has; what it has and nobody maps is no loss.
  if (told.length === 0 && message.kind === 'data' && message.changed.size > 0) unmapped(job, device)
  for (const reading of told) {
    try {
      const got = applyReading(reading, message.metrics, job.parts)
      if (typeof got === 'object')
        keep(job, device, { ...got, time: message.time, quality: message.bad ? 'bad' : undefined })
    } catch (error) {
      reject(job, device.id, 'bad-payload', `${device.id}, ${reading.type}: ${(error as Error).message}`)
    }
  }
  return job.out
}
