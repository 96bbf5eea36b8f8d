/**
 * The ONVIF twin: many cameras in one process behind one port, each under its own path, speaking real SOAP with real
 * authentication. Imports only the model: an encoding mistake must not cancel out with the driver's.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '#model/clock.ts'
import { Camera, SLOW_MS, type TwinCamera, type TwinFault } from './camera.ts'
import { type Responder, startResponder } from './discovery-responder.ts'
import { eventProperties } from './event-service.ts'
import { eventOfReading } from './reading-events.ts'
import { hasFfmpeg, type RtspServer, startRtspServer } from './rtsp-server.ts'
import type { Scene } from './scene-picture.ts'
import { envelope, readRequest, soapFault } from './soap-text.ts'

export { FAULTS, type TwinCamera, type TwinFault } from './camera.ts'
export type { Scene, ScenePlace } from './scene-picture.ts'

export interface OnvifTwinOptions {
  host?: string
  /** 0 or absent = any free port. */
  port?: number
  cameras: TwinCamera[]
  /** Answer WS-Discovery on loopback (default off). */
  discovery?: boolean
  /** Serve RTSP streams (default off); needs ffmpeg, without which there are none. */
  rtsp?: boolean
  clock: Clock
  /** 0 ≤ x < 1. */
  chance(): number
}

export interface RawEvent {
  source?: Record<string, string>
  data?: Record<string, string>
  key?: Record<string, string>
  operation?: 'Initialized' | 'Changed' | 'Deleted'
  /** True time in ms (the camera's offset is added), text as it is, null for none; default now. */
  time?: number | string | null
  /** Told to later subscribers as their present state; default: the data hold a state. */
  property?: boolean
}

export interface OnvifTwin {
  readonly port: number
  /** Port of the streams; null = there are none. */
  readonly rtspPort: number | null
  /** Streams that are being encoded now. */
  encoders(): number
  /** Address of the camera's device service, for the site file. */
  urlOf(id: string): string
  /** Tells an event as it stands. */
  emit(id: string, topic: string, event: RawEvent): void
  /** Tells a camera reading of the catalogue as an ONVIF event. @throws Error for a type that no camera tells. */
  emitReading(id: string, reading: { type: string; value: Record<string, unknown>; time?: number | null }): void
  setScene(id: string, scene: Partial<Scene>): void
  /** Switches a fault on or off; null = all off. */
  fault(id: string, kind: TwinFault | null, options?: { on?: boolean; ms?: number }): void
  /** Longest term of a subscription that the camera grants. */
  setLongestTerm(id: string, ms: number): void
  stats(id: string): {
    requests: Record<string, number>
    connections: number
    subscriptions: number
    preset: string | null
    dropped: number
  }
  close(): Promise<void>
}

const MAX_REQUEST_BYTES = 256 * 1024
/** Operations that ONVIF lets anyone ask. */
const OPEN_TO_ALL = new Set([
  'GetSystemDateAndTime',
  'GetHostname',
  'GetServices',
  'GetCapabilities',
  'GetServiceCapabilities',
])
const EVENT_OPERATIONS = new Set([
  'CreatePullPointSubscription',
  'PullMessages',
  'Renew',
  'Unsubscribe',
  'GetEventProperties',
])
const STATE_ITEM = /^(State|Is[A-Z]\w*|active|Active|Motion|Detected|LogicalState|state)$/

export async function createOnvifTwin(options: OnvifTwinOptions): Promise<OnvifTwin> {
  const { clock } = options
  const host = options.host ?? '127.0.0.1'
  const cameras = new Map(options.cameras.map((config) => [config.id, new Camera(config, clock)]))
  let objects = Math.floor(options.chance() * 100_000)

  const sockets = new Set<Socket>()
  /** Which cameras a connection has spoken with: a driver uses its own connections per camera. */
  const seenSockets = new WeakMap<object, Set<string>>()
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  // Long polls last a minute; idle connections longer than their pause.
  server.keepAliveTimeout = 90_000
  server.requestTimeout = 0
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const urlOf = (id: string) => `http://${host}:${port}/cam/${encodeURIComponent(id)}/onvif/device_service`
  const responder: Responder | null = options.discovery
    ? await startResponder(() => [...cameras.values()].filter((c) => !c.faults.has('gone')).map((c) => c.config), urlOf)
    : null

  const rtsp: RtspServer | null = options.rtsp && hasFfmpeg() ? await startRtspServer(host, cameras) : null
  for (const camera of cameras.values()) camera.rtspPort = rtsp?.port ?? null

  for (const camera of cameras.values())
    tell(camera, 'tns1:VideoSource/MotionAlarm', { source: { Source: 'VideoSource_1' }, data: { State: 'false' } })

  function need(id: string): Camera {
    const camera = cameras.get(id)
    if (!camera) throw new Error(`the twin has no camera "${id}"`)
    return camera
  }

  async function serve(request: IncomingMessage, response: ServerResponse) {
    const match = /^\/cam\/([^/]+)\/(.*?)(?:\?.*)?$/.exec(request.url ?? '')
    const camera = match ? cameras.get(decodeURIComponent(match[1] as string)) : undefined
    if (!match || !camera) return send(response, 404, 'text/plain', 'not found')
    const known = seenSockets.get(request.socket) ?? new Set<string>()
    if (!known.has(camera.config.id)) camera.connections++
    seenSockets.set(request.socket, known.add(camera.config.id))
    if (camera.faults.has('gone')) return void request.socket.destroy()
    const body = await readBody(request)
    if (camera.faults.has('silent')) return
    if (camera.faults.has('slow')) await new Promise<void>((resolve) => clock.after(SLOW_MS, resolve))
    if (camera.faults.has('garbage'))
      return send(response, 200, 'text/html', '<html><body>Welcome & <b>enjoy</html> \u0000\u0001')
    if (camera.faults.has('truncated'))
      return send(
        response,
        200,
        'application/soap+xml',
        '<?xml version="1.0"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body><tds:GetSer',
      )
    if (camera.faults.has('http-500')) return send(response, 500, 'text/plain', 'Internal Server Error')
    if (camera.faults.has('huge')) return flood(response)
    if (match[2] === 'snapshot.jpg') return picture(camera, request, response)
    soap(camera, match[2] as string, body, request, response)
  }

  function soap(camera: Camera, path: string, body: string, request: IncomingMessage, response: ServerResponse) {
    const reply = (answer: { status: number; xml: string }) =>
      send(response, answer.status, 'application/soap+xml; charset=utf-8', answer.xml)
    const asked = readRequest(body)
    if (!asked) return reply({ status: 400, xml: soapFault('Sender', 'ter:WellFormed', 'the request is not SOAP') })
    camera.count(asked.operation)
    if (!OPEN_TO_ALL.has(asked.operation)) {
      const auth = camera.config.auth ?? 'both'
      const header = request.headers.authorization
      const refused = camera.faults.has('refuse-auth')
      const byToken = auth !== 'digest' && asked.token !== null
      const allowed =
        !refused &&
        ((byToken && camera.door.token(asked.token as NonNullable<typeof asked.token>, camera.now())) ||
          (auth !== 'token' &&
            header !== undefined &&
            camera.door.digest(header, request.method ?? '', request.url ?? '', clock.now())))
      if (!allowed) {
        camera.count('refused')
        if (byToken)
          return reply({ status: 400, xml: soapFault('Sender', 'ter:NotAuthorized', 'Sender not authorized') })
        return challenge(camera, response)
      }
    }
    if (EVENT_OPERATIONS.has(asked.operation)) {
      if (camera.faults.has('hang-up-events')) return void request.socket.destroy()
      if (camera.faults.has('soap-fault'))
        return reply({ status: 500, xml: soapFault('Receiver', 'ter:Action', 'the event service has failed') })
    }
    const at = camera.faults.has('foreign-address')
      ? 'http://10.255.255.1'
      : `http://${request.headers.host ?? `${host}:${port}`}`
    const base = `${at}/cam/${encodeURIComponent(camera.config.id)}/onvif`
    const subscription = /^onvif\/subscription\/([\w-]+)$/.exec(path)?.[1] ?? ''
    switch (asked.operation) {
      case 'CreatePullPointSubscription':
        return reply(camera.events.create(asked.args, (id) => `${base}/subscription/${id}`))
      case 'PullMessages': {
        camera.events.instantEmpty = camera.faults.has('instant-empty')
        const pull = camera.events.pull(subscription, asked.args, (answer) => {
          response.off('close', gone)
          if (camera.faults.has('hang-up-idle') && !answer.xml.includes('NotificationMessage')) request.socket.destroy()
          else reply(answer)
        })
        function gone() {
          pull.gone()
        }
        if (!response.writableEnded) response.on('close', gone)
        return
      }
      case 'Renew':
        camera.events.rejectRenew = camera.faults.has('reject-renew')
        return reply(camera.events.renew(subscription, asked.args))
      case 'Unsubscribe':
        return reply(camera.events.unsubscribe(subscription))
      case 'GetEventProperties':
        return reply({ status: 200, xml: envelope(eventProperties()) })
      default:
        reply(
          camera.answer(asked.operation, asked.args, base) ?? {
            status: 500,
            xml: soapFault('Receiver', 'ter:ActionNotSupported', `the camera does not know ${asked.operation}`),
          },
        )
    }
  }

  function picture(camera: Camera, request: IncomingMessage, response: ServerResponse) {
    camera.count('snapshot')
    const header = request.headers.authorization
    if (
      camera.faults.has('refuse-auth') ||
      !header ||
      !camera.door.digest(header, request.method ?? '', request.url ?? '', clock.now())
    )
      return challenge(camera, response)
    if (camera.faults.has('no-picture')) return send(response, 503, 'text/plain', 'no video signal')
    send(response, 200, 'image/jpeg', camera.picture())
  }

  function challenge(camera: Camera, response: ServerResponse): void {
    response.setHeader('WWW-Authenticate', camera.door.challenges(clock.now()))
    send(response, 401, 'text/html', '<html><body>401 Unauthorized</body></html>')
  }

  function tell(camera: Camera, topic: string, event: RawEvent): void {
    const time = event.time === undefined ? clock.now() : event.time
    const utcTime = camera.faults.has('zero-time')
      ? '0000-00-00T00:00:00Z'
      : typeof time === 'number'
        ? new Date(time + camera.offsetMs).toISOString()
        : time
    const property = event.property ?? Object.keys(event.data ?? {}).some((name) => STATE_ITEM.test(name))
    camera.events.tell({
      topic,
      source: event.source,
      key: event.key,
      data: event.data,
      operation: event.operation,
      utcTime,
      property,
    })
  }

  return {
    port,
    rtspPort: rtsp?.port ?? null,
    encoders: () => rtsp?.encoders() ?? 0,
    urlOf: (id) => urlOf(need(id).config.id),
    emit: (id, topic, event) => tell(need(id), topic, event),
    emitReading(id, reading) {
      objects++
      const { topic, source, data, property } = eventOfReading(reading.type, reading.value, objects)
      tell(need(id), topic, { source, data, property, time: reading.time })
    },
    setScene(id, scene) {
      Object.assign(need(id).scene, scene)
    },
    fault(id, kind, { on = true, ms = 2000 } = {}) {
      const camera = need(id)
      if (kind === null) {
        camera.faults.clear()
        camera.offsetMs = 0
        return
      }
      if (on) camera.faults.add(kind)
      else camera.faults.delete(kind)
      if (kind === 'clock-offset') camera.offsetMs = on ? ms : 0
      // A camera that lost power has no subscriptions when it is back; its long polls break off now.
      if (kind === 'gone' && on) {
        camera.events.forget()
        breakOff(id)
      }
    },
    setLongestTerm(id, ms) {
      need(id).events.longestTermMs = ms
    },
    stats(id) {
      const camera = need(id)
      return {
        requests: Object.fromEntries(camera.requests),
        connections: camera.connections,
        subscriptions: camera.events.subscriptions,
        preset: camera.preset,
        dropped: camera.events.dropped,
      }
    },
    async close() {
      for (const camera of cameras.values()) camera.events.forget()
      await responder?.close()
      await rtsp?.close()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }

  function breakOff(id: string): void {
    for (const socket of sockets) if (seenSockets.get(socket)?.has(id)) socket.destroy()
  }
}

function send(response: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  if (response.destroyed || response.writableEnded) return
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

/** Sends without end until the asker hangs up. */
function flood(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/soap+xml' })
  const chunk = Buffer.alloc(64 * 1024, 'a')
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > MAX_REQUEST_BYTES) throw new Error('request too long')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}
