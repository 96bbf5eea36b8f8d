/**
 * The streams of the twin's cameras: RTSP 1.0 (RFC 2326), digest checked, H.264 over RTP interleaved in the one TCP
 * connection (RFC 6184). ffmpeg encodes what the camera sees while somebody plays it; without ffmpeg there is no stream.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import type { Camera } from './camera.ts'

const FRAMES_PER_S = 5
const FRAME_MS = 1000 / FRAMES_PER_S
const CLOCK_HZ = 90_000
/** Payload of one RTP packet: fits every network. */
const MAX_PAYLOAD = 1400
const MAX_HEAD_BYTES = 16 * 1024
const MAX_WAITING_BYTES = 2 * 1024 * 1024
const MAX_PLAYERS = 64

export interface RtspServer {
  readonly port: number
  /** Encoders that run now. */
  encoders(): number
  close(): Promise<void>
}

export const hasFfmpeg = (): boolean => spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0

/** Splits an Annex B byte stream into NAL units; what is not complete waits. */
export class NalSplitter {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): Buffer[] {
    const data = Buffer.concat([this.#rest, chunk])
    const units: Buffer[] = []
    let start = -1
    for (let i = 0; i + 2 < data.length; i++) {
      if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue
      // A start code may have a third zero before it; it belongs to no unit.
      if (start >= 0) units.push(data.subarray(start, data[i - 1] === 0 ? i - 1 : i))
      start = i + 3
      i += 2
    }
    this.#rest = start < 0 ? data : data.subarray(start - 3)
    return units.filter((unit) => unit.length > 0)
  }
}

/** Payloads of one NAL unit: itself, or FU-A fragments where it is too large. */
export function payloadsOf(unit: Buffer): Buffer[] {
  if (unit.length <= MAX_PAYLOAD) return [unit]
  const head = unit[0] as number
  const payloads: Buffer[] = []
  for (let at = 1; at < unit.length; at += MAX_PAYLOAD - 2) {
    const part = unit.subarray(at, at + MAX_PAYLOAD - 2)
    const first = at === 1 ? 0x80 : 0
    const last = at + part.length >= unit.length ? 0x40 : 0
    payloads.push(Buffer.concat([Buffer.from([(head & 0xe0) | 28, first | last | (head & 0x1f)]), part]))
  }
  return payloads
}

interface Player {
  socket: Socket
  channel: number
  sequence: number
  ssrc: number
}

/** One camera being encoded for all who play it. */
class Encoder {
  readonly players = new Set<Player>()
  readonly #camera: Camera
  readonly #child: ChildProcess
  readonly #timer: ReturnType<typeof setInterval>
  #frame = 0

  constructor(camera: Camera, onEnd: () => void) {
    this.#camera = camera
    const input = [
      '-probesize',
      '32',
      '-analyzeduration',
      '0',
      '-f',
      'image2pipe',
      '-c:v',
      'mjpeg',
      '-framerate',
      String(FRAMES_PER_S),
      '-i',
      'pipe:0',
    ]
    const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline']
    const shape = ['-pix_fmt', 'yuv420p', '-g', String(FRAMES_PER_S * 2), '-x264-params', 'repeat-headers=1:aud=1']
    this.#child = spawn(
      'ffmpeg',
      ['-hide_banner', '-loglevel', 'error', '-threads', '1', ...input, ...h264, ...shape, '-f', 'h264', 'pipe:1'],
      { stdio: ['pipe', 'pipe', 'ignore'] },
    )
    this.#child.on('error', onEnd)
    this.#child.once('close', onEnd)
    this.#child.stdin?.on('error', () => {})
    const splitter = new NalSplitter()
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      for (const unit of splitter.push(chunk)) this.#unit(unit)
    })
    this.#timer = setInterval(() => this.#feed(), FRAME_MS)
    this.#feed()
  }

  #feed(): void {
    const { stdin } = this.#child
    if (!stdin?.writable || stdin.writableLength > MAX_WAITING_BYTES) return
    if (this.#camera.faults.has('no-picture') || this.#camera.faults.has('gone')) return
    stdin.write(this.#camera.picture())
  }

  #unit(unit: Buffer): void {
    const kind = (unit[0] as number) & 0x1f
    // A delimiter begins a picture: its time holds for all units until the next one.
    if (kind === 9) {
      this.#frame++
      return
    }
    const picture = kind === 1 || kind === 5
    const time = ((this.#frame * CLOCK_HZ) / FRAMES_PER_S) >>> 0
    const payloads = payloadsOf(unit)
    for (const player of this.players)
      for (const [i, payload] of payloads.entries()) send(player, payload, time, picture && i === payloads.length - 1)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#child.kill('SIGKILL')
  }
}

function send(player: Player, payload: Buffer, time: number, marker: boolean): void {
  const { socket } = player
  if (socket.destroyed) return
  // Who does not read is hung up on, as cameras do.
  if (socket.writableLength > MAX_WAITING_BYTES) return void socket.destroy()
  const head = Buffer.alloc(16)
  head[0] = 0x24
  head[1] = player.channel
  head.writeUInt16BE(12 + payload.length, 2)
  head[4] = 0x80
  head[5] = (marker ? 0x80 : 0) | 96
  player.sequence = (player.sequence + 1) & 0xffff
  head.writeUInt16BE(player.sequence, 6)
  head.writeUInt32BE(time, 8)
  head.writeUInt32BE(player.ssrc, 12)
  socket.write(head)
  socket.write(payload)
}

interface Request {
  method: string
  url: string
  headers: Map<string, string>
}

export async function startRtspServer(host: string, cameras: Map<string, Camera>): Promise<RtspServer> {
  const encoders = new Map<string, Encoder>()
  const sockets = new Set<Socket>()
  let ssrc = 1000

  const leave = (id: string, player: Player): void => {
    const encoder = encoders.get(id)
    encoder?.players.delete(player)
    if (encoder && encoder.players.size === 0) {
      encoders.delete(id)
      encoder.end()
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    let waiting = Buffer.alloc(0)
    let player: Player | null = null
    let playing: string | null = null
    let chosen: Camera | null = null
    const stop = () => {
      if (playing !== null && player) leave(playing, player)
      playing = null
    }
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      stop()
    })
    const answer = (request: Request, status: string, headers: Record<string, string> = {}, body = '') => {
      const lines = [`RTSP/1.0 ${status}`, `CSeq: ${request.headers.get('cseq') ?? '0'}`]
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
      if (body) lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
      socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
    }
    const handle = (request: Request): unknown => {
      const camera = cameraOf(request.url, cameras) ?? chosen
      if (request.method === 'OPTIONS')
        return answer(request, '200 OK', { Public: 'OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER' })
      if (!camera) return answer(request, '404 Not Found')
      camera.count(`rtsp ${request.method}`)
      if (camera.faults.has('gone')) return void socket.destroy()
      if (camera.faults.has('silent')) return
      const header = request.headers.get('authorization')
      const now = camera.now() - camera.offsetMs
      if (
        camera.faults.has('refuse-auth') ||
        !header ||
        !camera.door.digest(header, request.method, uriOf(header), now)
      ) {
        const md5 = camera.door.challenges(now).find((line) => !/sha-?256/i.test(line))
        return answer(request, '401 Unauthorized', { 'WWW-Authenticate': md5 ?? '' })
      }
      chosen = camera
      switch (request.method) {
        case 'DESCRIBE':
          return answer(
            request,
            '200 OK',
            { 'Content-Type': 'application/sdp', 'Content-Base': `${request.url}/` },
            sdp(camera),
          )
        case 'SETUP': {
          const channels = /interleaved=(\d+)-(\d+)/.exec(request.headers.get('transport') ?? '')
          if (!channels) return answer(request, '461 Unsupported Transport')
          player = { socket, channel: Number(channels[1]), sequence: 0, ssrc: ++ssrc }
          return answer(request, '200 OK', {
            Transport: `RTP/AVP/TCP;unicast;interleaved=${channels[1]}-${channels[2]};ssrc=${ssrc.toString(16).padStart(8, '0')}`,
            Session: `${ssrc};timeout=60`,
          })
        }
        case 'PLAY': {
          if (!player) return answer(request, '455 Method Not Valid in This State')
          const { id } = camera.config
          const players = [...encoders.values()].reduce((sum, e) => sum + e.players.size, 0)
          if (players >= MAX_PLAYERS) return answer(request, '453 Not Enough Bandwidth')
          answer(request, '200 OK', { Session: String(player.ssrc), Range: 'npt=0.000-' })
          let encoder = encoders.get(id)
          if (!encoder) {
            const fresh = new Encoder(camera, () => {
              if (encoders.get(id) === fresh) encoders.delete(id)
              for (const one of fresh.players) one.socket.destroy()
            })
            encoder = fresh
            encoders.set(id, fresh)
          }
          encoder.players.add(player)
          playing = id
          return
        }
        case 'TEARDOWN':
          stop()
          answer(request, '200 OK')
          return void socket.end()
        case 'GET_PARAMETER':
          return answer(request, '200 OK', player ? { Session: String(player.ssrc) } : {})
        default:
          return answer(request, '501 Not Implemented')
      }
    }
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk])
      for (;;) {
        // What the player reports about its reception is framed like media; nobody here reads it.
        if (waiting[0] === 0x24) {
          if (waiting.length < 4 || waiting.length < 4 + waiting.readUInt16BE(2)) return
          waiting = waiting.subarray(4 + waiting.readUInt16BE(2))
          continue
        }
        const end = waiting.indexOf('\r\n\r\n')
        if (end < 0) {
          if (waiting.length > MAX_HEAD_BYTES) socket.destroy()
          return
        }
        const request = readHead(waiting.subarray(0, end).toString('latin1'))
        const length = Number(request?.headers.get('content-length') ?? 0)
        if (!request || !(length >= 0 && length <= MAX_HEAD_BYTES)) return void socket.destroy()
        if (waiting.length < end + 4 + length) return
        waiting = waiting.subarray(end + 4 + length)
        handle(request)
      }
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    encoders: () => encoders.size,
    async close() {
      for (const encoder of encoders.values()) encoder.end()
      encoders.clear()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function readHead(text: string): Request | null {
  const [first = '', ...lines] = text.replace(/^(\r\n)+/, '').split('\r\n')
  const [method, url, version] = first.split(' ')
  if (!method || !url || version !== 'RTSP/1.0') return null
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  return { method, url, headers }
}

function cameraOf(url: string, cameras: Map<string, Camera>): Camera | null {
  const id = /\/cam\/([^/]+)\/stream/.exec(url)?.[1]
  return id ? (cameras.get(decodeURIComponent(id)) ?? null) : null
}

/** The address over which the digest was computed: players name it, and it may differ from the request line by a slash. */
const uriOf = (header: string): string => /\buri="([^"]*)"/.exec(header)?.[1] ?? ''

const sdp = (camera: Camera): string =>
  [
    'v=0',
    'o=- 0 0 IN IP4 127.0.0.1',
    `s=${camera.config.id}`,
    'c=IN IP4 0.0.0.0',
    't=0 0',
    'a=control:*',
    'm=video 0 RTP/AVP 96',
    'a=rtpmap:96 H264/90000',
    'a=fmtp:96 packetization-mode=1',
    'a=control:track1',
    '',
  ].join('\r\n')
