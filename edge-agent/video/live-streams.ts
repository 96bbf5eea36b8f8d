/**
 * Live video: one ffmpeg per watched camera turns its RTSP stream into fragmented MP4 for all who watch it. It starts with
 * the first viewer, ends with the last and with the edge, and its number is limited. No stream is ever stored.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import type { Clock, Timer } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import type { LiveStream, LiveViewer } from '#model/ports/video.ts'
import type { Log } from '../log.ts'
import { type Mp4Fragment, type Mp4Head, Mp4Reader } from './fragmented-mp4.ts'

export interface CameraStream {
  /** rtsp://… without a password. */
  uri: string
  user: string
  password: string
}

export interface LiveStreamsOptions {
  clock: Clock
  log: Log
  /** Cameras that may be streamed at one time. */
  most: number
  ffmpeg?: string
  streamOf(camera: string): Promise<CameraStream>
}

const MOST_VIEWERS = 50
/** Without a fragment for so long the stream is dead, whatever the socket believes. */
const SILENT_MS = 10_000
/** The first fragment may take longer: a camera wakes, a key picture comes. */
const START_MS = 12_000
/** Who turns a page of the matrix is back at once: the stream waits so long for the next viewer. */
const LINGER_MS = 3000
/** Since the last key picture, so that the next viewer sees something at once; more is not kept. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024
const ERROR_TEXT = 2000

/** How thoroughly ffmpeg looks at a stream before it copies it, and whether it must be encoded anew for browsers. */
type Way = 'quick' | 'thorough' | 'encode'

interface Stream {
  camera: string
  way: Way
  child: ChildProcess | null
  /** Who watches; true once the head was given, from when on each fragment is. */
  viewers: Map<LiveViewer, boolean>
  head: Mp4Head | null
  /** Fragments since the last key picture. */
  kept: Mp4Fragment[]
  keptBytes: number
  waiting: { resolve(): void; reject(error: Error): void }[]
  watchdog: Timer | null
  lingering: Timer | null
  errors: string
  over: boolean
}

export class LiveStreams {
  readonly #o: LiveStreamsOptions
  readonly #streams = new Map<string, Stream>()
  readonly unavailable: string | null
  started = 0
  failed = 0
  #closed = false

  constructor(options: LiveStreamsOptions) {
    this.#o = options
    this.unavailable =
      options.most <= 0
        ? 'live video is switched off in the site file'
        : spawnSync(options.ffmpeg ?? 'ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0
          ? null
          : 'ffmpeg is not installed on the edge'
  }

  get streams(): number {
    return this.#streams.size
  }
  get viewers(): number {
    return [...this.#streams.values()].reduce((sum, s) => sum + s.viewers.size, 0)
  }

  async watch(camera: string, viewer: LiveViewer): Promise<LiveStream> {
    if (this.unavailable) throw new WardwatchError('video-unavailable', `There is no live video: ${this.unavailable}.`)
    let stream = this.#streams.get(camera)
    if (!stream) {
      if (this.#closed || this.#streams.size >= this.#o.most)
        throw new WardwatchError(
          'too-busy',
          `${this.#streams.size} cameras are being streamed already, which is the limit; watch one of them, or its pictures.`,
        )
      stream = {
        camera,
        way: 'quick',
        child: null,
        viewers: new Map(),
        head: null,
        kept: [],
        keptBytes: 0,
        waiting: [],
        watchdog: null,
        lingering: null,
        errors: '',
        over: false,
      }
      this.#streams.set(camera, stream)
      void this.#start(stream)
    }
    const mine = stream
    if (mine.viewers.size >= MOST_VIEWERS)
      throw new WardwatchError('too-busy', `${camera}: ${MOST_VIEWERS} viewers already`)
    mine.viewers.set(viewer, false)
    mine.lingering?.cancel()
    mine.lingering = null
    if (!mine.head)
      await new Promise<void>((resolve, reject) => mine.waiting.push({ resolve, reject })).catch((error: Error) => {
        this.#leave(mine, viewer)
        throw error
      })
    const { head } = mine
    if (!head?.mime || mine.over) {
      this.#leave(mine, viewer)
      throw new WardwatchError('device-unreachable', `${camera}: the stream ended before its first picture`)
    }
    // From here on the viewer hears each fragment; what came since the last key picture makes the first sight immediate.
    viewer.data(head.bytes)
    for (const fragment of mine.kept) viewer.data(fragment.bytes)
    mine.viewers.set(viewer, true)
    return { mime: head.mime, stop: () => this.#leave(mine, viewer) }
  }

  #leave(stream: Stream, viewer: LiveViewer): void {
    if (!stream.viewers.delete(viewer) || stream.viewers.size > 0 || stream.over) return
    stream.lingering ??= this.#o.clock.after(LINGER_MS, () => {
      if (stream.viewers.size === 0) this.#end(stream, 'nobody watches')
    })
  }

  async #start(stream: Stream): Promise<void> {
    const { camera } = stream
    let source: CameraStream
    try {
      source = await this.#o.streamOf(camera)
    } catch (error) {
      this.failed++
      return this.#end(stream, (error as Error).message, error as Error)
    }
    if (stream.over) return
    this.started++
    // The address goes in over stdin: on the command line everybody of this machine could read the password.
    const child = spawn(this.#o.ffmpeg ?? 'ffmpeg', argumentsOf(stream.way), { stdio: ['pipe', 'pipe', 'pipe'] })
    stream.child = child
    this.#watch(stream, START_MS)
    const reader = new Mp4Reader({
      head: (head) => this.#head(stream, child, head),
      fragment: (fragment) => this.#fragment(stream, fragment),
    })
    child.stdin.on('error', () => {})
    child.stdin.end(listOf(source, stream.way))
    child.stdout.on('data', (chunk: Buffer) => {
      if (stream.child !== child) return
      try {
        reader.push(chunk)
      } catch (error) {
        this.#end(stream, (error as Error).message)
      }
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stream.errors = (stream.errors + chunk.toString('utf8')).slice(-ERROR_TEXT)
    })
    child.once('error', (error) => this.#gone(stream, child, error.message))
    child.once('close', () => this.#gone(stream, child, lastLine(stream.errors, source)))
  }

  /** ffmpeg has ended: without a head the next way may do; with one the camera has gone. */
  #gone(stream: Stream, child: ChildProcess, why: string): void {
    if (stream.child !== child || stream.over) return
    stream.child = null
    if (!stream.head && stream.way === 'quick') {
      stream.way = 'thorough'
      void this.#start(stream)
      return
    }
    this.failed++
    this.#end(stream, why)
  }

  #head(stream: Stream, child: ChildProcess, head: Mp4Head): void {
    if (head.mime === null && stream.way !== 'encode') {
      // Another codec than H.264: browsers would stay black.
      stream.way = 'encode'
      stream.child = null
      child.kill('SIGKILL')
      void this.#start(stream)
      return
    }
    stream.head = head
    for (const one of stream.waiting.splice(0)) one.resolve()
  }

  #fragment(stream: Stream, fragment: Mp4Fragment): void {
    this.#watch(stream, SILENT_MS)
    if (fragment.key) {
      stream.kept = []
      stream.keptBytes = 0
    }
    // Too much since the last key picture: the next viewer waits for the next one.
    if (fragment.key || stream.kept.length > 0) {
      stream.kept.push(fragment)
      stream.keptBytes += fragment.bytes.length
      if (stream.keptBytes > MAX_KEPT_BYTES) stream.kept = []
    }
    for (const [viewer, ready] of stream.viewers) if (ready) viewer.data(fragment.bytes)
  }

  #watch(stream: Stream, ms: number): void {
    stream.watchdog?.cancel()
    stream.watchdog = this.#o.clock.after(ms, () => {
      const { child } = stream
      if (!child) return
      child.kill('SIGKILL')
      this.#gone(stream, child, `no picture for ${ms / 1000} s`)
    })
  }

  #end(stream: Stream, why: string, error?: Error): void {
    if (stream.over) return
    stream.over = true
    stream.watchdog?.cancel()
    stream.lingering?.cancel()
    stream.child?.kill('SIGKILL')
    stream.child = null
    if (this.#streams.get(stream.camera) === stream) this.#streams.delete(stream.camera)
    const failure =
      error ?? new WardwatchError('device-unreachable', `The camera "${stream.camera}" gives no stream: ${why}.`)
    for (const one of stream.waiting.splice(0)) one.reject(failure)
    for (const viewer of [...stream.viewers.keys()]) viewer.end(why)
    stream.viewers.clear()
    this.#o.log.info('video.ended', { camera: stream.camera, why })
  }

  close(): void {
    this.#closed = true
    for (const stream of [...this.#streams.values()]) this.#end(stream, 'the edge ends')
  }
}

function argumentsOf(way: Way): string[] {
  const look = way === 'quick' ? ['-analyzeduration', '500000', '-fpsprobesize', '1'] : []
  const video =
    way === 'encode'
      ? ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-g', '50']
      : ['-c:v', 'copy']
  return [
    '-hide_banner',
    '-loglevel',
    'error',
    '-threads',
    '1',
    '-use_wallclock_as_timestamps',
    '1',
    ...look,
    '-f',
    'concat',
    '-safe',
    '0',
    '-protocol_whitelist',
    'pipe,fd,rtsp,rtsps,rtp,tcp,tls,udp,crypto',
    '-i',
    'pipe:0',
    '-an',
    '-sn',
    '-dn',
    ...video,
    ...(way === 'encode' ? ['-pix_fmt', 'yuv420p'] : []),
    '-f',
    'mp4',
    '-movflags',
    'empty_moov+default_base_moof+frag_every_frame',
    'pipe:1',
  ]
}

/** The "list" of one entry that ffmpeg reads: address with credentials, over TCP alone. */
function listOf({ uri, user, password }: CameraStream, way: Way): string {
  const url = new URL(uri)
  if (user) url.username = encodeURIComponent(user)
  if (password) url.password = encodeURIComponent(password)
  const quoted = url.href.replaceAll("'", '%27')
  const quick = way === 'quick' ? 'option analyzeduration 500000\n' : ''
  return `ffconcat version 1.0\nfile '${quoted}'\noption rtsp_transport tcp\noption timeout 8000000\n${quick}`
}

/** The last thing ffmpeg said, without address and password. */
function lastLine(text: string, { password }: CameraStream): string {
  const line = text.trim().split('\n').at(-1) ?? ''
  const clean = line.replace(/\w+:\/\/\S+/g, '…').replace(/^\[[^\]]*\]\s*/, '')
  return (password ? clean.replaceAll(password, '…') : clean).slice(0, 200) || 'the stream ended'
}
