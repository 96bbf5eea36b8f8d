/**
 * The stage: ordinary life and scenarios played in real time by twins that speak the real protocols. It knows no edge:
 * an edge is pointed at its addresses by the site file, as it would be at real devices.
 */
import { createWriteStream, type WriteStream } from 'node:fs'
import type { Clock, Timer } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import { canonicalJson } from '#model/ids.ts'
import type { Site } from '#model/site/load.ts'
import { seededChance } from './chance.ts'
import type { Facility } from './facility/facility.ts'
import { planOfSite } from './facility/plan-of-site.ts'
import type { Draft } from './life/draft.ts'
import { Life } from './life/life.ts'
import { createMqttFleet, type MqttFleet } from './mqtt/fleet.ts'
import { createOnvifTwin, type OnvifTwin, type ScenePlace } from './onvif/index.ts'
import { createOpcuaTwin, type OpcuaTwin } from './opcua/index.ts'
import { compileStory, isHeld, overlaid, type Script, silenceOf } from './scenario/compile.ts'
import { readStory } from './scenario/story.ts'

export interface StageOptions {
  site: Site
  clock: Clock
  seed?: number
  host?: string
  onvifPort?: number
  opcuaPort?: number
  /** Folder for the certificates of the OPC UA twin. */
  dataDir?: string
  /** Answer WS-Discovery. */
  discovery?: boolean
  /** Shortens the quiet stretches of background life by this factor. */
  pace?: number
  /** Extra readings per second, on top of ordinary life. */
  rate?: number
  /** Writes what was said as replay lines. */
  record?: string
  onNote?(text: string): void
}

export interface BrokerAddress {
  url: string
  ca?: string
}

const SCENES: Partial<Record<string, ScenePlace>> = {
  yard: 'yard',
  belt: 'fence',
  fence: 'fence',
  wall: 'fence',
  corridor: 'corridor',
  'sally-port': 'gate',
  gate: 'gate',
  cell: 'cell',
}

export class Stage {
  readonly #options: StageOptions
  readonly #facility: Facility
  readonly #life: Life
  readonly #devices: Map<string, Device>
  readonly #record: WriteStream | null
  #onvif: OnvifTwin | null = null
  #opcua: OpcuaTwin | null = null
  #fleet: MqttFleet | null = null
  #timer: Timer | null = null
  #second = 0
  #stories: { id: string; startMs: number; script: Script; next: number }[] = []
  #buffered: { at: number; drafts: Draft[] }[] = []
  #extra = 0
  said = 0

  constructor(options: StageOptions) {
    this.#options = options
    this.#facility = { site: options.site, plan: planOfSite(options.site) }
    this.#life = new Life(this.#facility, { seed: options.seed ?? 1, pace: options.pace ?? 1 })
    this.#devices = new Map((options.site.devices ?? []).map((d) => [d.id, d]))
    this.#record = options.record ? createWriteStream(options.record, { flags: 'w' }) : null
  }

  /** Starts the twins that devices are reached at. @returns their addresses by device, for the site file. */
  async open(): Promise<{
    onvif: Map<string, string>
    opcua: string | null
    ports: { onvif: number | null; opcua: number | null }
  }> {
    const { clock, host = '127.0.0.1' } = this.#options
    const chance = seededChance((this.#options.seed ?? 1) + 31)
    const cameras = this.#of('onvif')
    const kindOf = new Map((this.#options.site.zones ?? []).map((z) => [z.id, z.kind]))
    if (cameras.length > 0)
      this.#onvif = await createOnvifTwin({
        host,
        port: this.#options.onvifPort ?? 0,
        discovery: this.#options.discovery ?? false,
        rtsp: true,
        clock,
        chance: () => chance.next(),
        cameras: cameras.map((d) => ({
          id: d.id,
          user: d.user ?? 'ww',
          password: d.password ?? '',
          name: d.name?.en ?? d.id,
          scene: { place: SCENES[kindOf.get(d.zone ?? '') ?? ''] ?? 'room' },
          ...(d.presets
            ? { presets: Object.fromEntries(Object.entries(d.presets).map(([zone, token]) => [token, zone])) }
            : {}),
        })),
      })
    const points = this.#of('opcua')
    const users = Object.fromEntries(points.filter((d) => d.user).map((d) => [d.user as string, d.password ?? '']))
    if (points.length > 0)
      this.#opcua = await createOpcuaTwin({
        host,
        port: this.#options.opcuaPort ?? 0,
        devices: points as never,
        ...(Object.keys(users).length > 0 ? { users } : {}),
        ...(this.#options.dataDir ? { dataDir: this.#options.dataDir } : {}),
        clock,
      })
    return {
      onvif: new Map(cameras.map((d) => [d.id, this.#onvif?.urlOf(d.id) ?? ''])),
      opcua: this.#opcua?.url ?? null,
      ports: {
        onvif: this.#onvif?.port ?? null,
        opcua: this.#opcua ? Number(new URL(this.#opcua.url.replace('opc.tcp', 'http')).port) : null,
      },
    }
  }

  /** Connects the bands, tags and sensors to the facility's broker; keeps trying until it answers. */
  async connect(broker: BrokerAddress): Promise<void> {
    const devices = this.#of('mqtt')
    if (devices.length === 0) return
    const chance = seededChance((this.#options.seed ?? 1) + 57)
    this.#fleet = await createMqttFleet({
      url: broker.url,
      ...(broker.ca ? { tls: { ca: broker.ca } } : {}),
      facility: this.#options.site.facility.id,
      devices: devices.map((d) => ({ id: d.id, password: d.password ?? '', ...(d.via ? { via: d.via } : {}) })),
      clock: this.#options.clock,
      chance: () => chance.next(),
    })
    await this.#fleet.start()
  }

  #of(driver: Device['driver']): Device[] {
    return [...this.#devices.values()].filter((d) => d.driver === driver)
  }

  /** Life begins: one step a second, on the second. */
  run(): void {
    const { clock } = this.#options
    this.#second = Math.floor(clock.now() / 1000)
    for (const draft of this.#life.initial(clock.now())) this.#say(draft)
    const step = (): void => {
      const now = Math.floor(clock.now() / 1000)
      // A busy machine may skip a beat: life catches up, at most three seconds at once.
      if (now - this.#second > 3) this.#second = now - 3
      while (this.#second < now) {
        this.#second++
        this.#live(this.#second * 1000)
      }
      this.#timer = clock.after(1000 - (clock.now() % 1000) + 5, step)
    }
    step()
  }

  /** Begins a scenario now, or at a given time. */
  play(id: string, startMs = this.#options.clock.now()): void {
    const { story } = readStory(id)
    // On the second, so that the notation of the story holds.
    const start = Math.ceil(startMs / 1000) * 1000
    const script = compileStory(story, this.#facility)
    this.#stories.push({ id, startMs: start, script, next: 0 })
    this.#life.keepHome(script.persons)
    this.#options.onNote?.(`scenario ${id} begins at ${new Date(start).toISOString()}`)
  }

  #live(now: number): void {
    this.#stories = this.#stories.filter((s) => {
      const over = now > s.startMs + s.script.lengthMs
      if (over) this.#options.onNote?.(`scenario ${s.id} is over`)
      return !over
    })
    if (this.#stories.length === 0) this.#life.release()
    for (const draft of this.#life.tick(now)) {
      let said: Draft | null = draft
      for (const story of this.#stories) {
        const at = draft.time - story.startMs
        if (said && isHeld(story.script, draft.device, draft.type, at)) said = null
        if (said) said = overlaid(story.script, said, at)
      }
      if (said) this.#say(said)
    }
    for (const story of this.#stories) {
      const { drafts } = story.script
      while (story.next < drafts.length && story.startMs + (drafts[story.next]?.time ?? 0) <= now) {
        const draft = drafts[story.next++] as Draft
        this.#say({ ...draft, time: draft.time + story.startMs })
      }
    }
    for (const batch of this.#buffered.filter((b) => b.at <= now)) for (const draft of batch.drafts) this.#send(draft)
    this.#buffered = this.#buffered.filter((b) => b.at > now)
    this.#load(now)
  }

  #load(now: number): void {
    const bands = this.#of('mqtt').filter((d) => d.kind === 'band')
    if (!this.#options.rate || bands.length === 0) return
    for (let i = 0; i < this.#options.rate; i++) {
      const band = bands[this.#extra++ % bands.length] as Device
      this.#send({
        device: band.id,
        type: 'band.vitals',
        time: now + Math.floor((i * 1000) / this.#options.rate),
        value: { hr: 70 + (this.#extra % 7), spo2: 97, resp: 15, activity: 0.2, confidence: 0.9 },
      })
    }
  }

  /** Says one thing at once, whatever the scenarios do: faults and tests of the demo. */
  say(draft: Draft): void {
    this.#say(draft)
  }

  #say(draft: Draft): void {
    for (const story of this.#stories) {
      const silence = silenceOf(story.script, draft.device, draft.time - story.startMs)
      if (!silence) continue
      if (!silence.buffered) return
      const at = story.startMs + silence.toMs
      const batch = this.#buffered.find((b) => b.at === at)
      if (batch) batch.drafts.push(draft)
      else this.#buffered.push({ at, drafts: [draft] })
      return
    }
    this.#send(draft)
  }

  #send(draft: Draft): void {
    this.said++
    this.#record?.write(`${canonicalJson(draft)}\n`)
    switch (this.#devices.get(draft.device)?.driver) {
      case 'onvif':
        this.#picture(draft)
        this.#onvif?.emitReading(draft.device, draft)
        return
      case 'opcua':
        this.#opcua?.emitReading(draft)
        return
      case 'mqtt':
        this.#fleet?.emitReading(draft)
    }
  }

  /** What a camera detects is also to be seen in its picture. */
  #picture({ device, type, value }: Draft): void {
    if (type === 'camera.intrusion' || type === 'camera.line-crossed') {
      const seen = { human: 'persons', animal: 'animals', vehicle: 'vehicles' }[String(value.object)]
      if (!seen) return
      this.#onvif?.setScene(device, { [seen]: Number(value.count ?? 1) })
      this.#options.clock.after(20_000, () => this.#onvif?.setScene(device, { [seen]: 0 }))
    } else if (type === 'camera.tamper')
      this.#onvif?.setScene(device, { covered: value.tamper === 'covered' && value.active === true })
    else if (type === 'camera.day-night') this.#onvif?.setScene(device, { night: value.night === true })
  }

  /** Faults of one device, as an engineer would cause them. */
  async fault(device: string, fault: string, on = true): Promise<void> {
    const entry = this.#devices.get(device)
    if (entry?.driver === 'onvif') this.#onvif?.fault(device, fault as never, { on })
    else if (entry?.driver === 'opcua')
      await this.#opcua?.fault(
        (on ? { kind: 'status', device, status: 'BadCommunicationError' } : { kind: 'recover', device }) as never,
      )
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    await Promise.allSettled([this.#fleet?.close(), this.#onvif?.close(), this.#opcua?.close()])
    const record = this.#record
    if (record) await new Promise<void>((resolve) => record.end(() => resolve()))
  }
}
