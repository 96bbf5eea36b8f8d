/**
 * Live video in the browser: the fragments of one camera, as they come, into a media source. Bounded: what is older than
 * half a minute is forgotten, and who falls behind jumps to the present. It says why it cannot, so that pictures follow.
 */
import { useEffect, useRef, useState } from 'react'

const MAX_QUEUED_BYTES = 8 * 1024 * 1024
const KEPT_S = 20
/** Behind the newest picture by more than this: jump. */
const LAG_S = 2
const NEAR_S = 0.3
const AGAIN_MS = 10_000
/** No new picture for so long: the stream is dead, whatever its connection says. A still that calls itself live is a lie. */
export const STALLED_MS = 5000

export type LiveEnd =
  | 'unsupported' // this browser, or the edge, has no live video: asking again is of no use
  | 'refused'
  | 'ended'

/** Plays until the stream ends or is aborted. */
export async function playLive(
  video: HTMLVideoElement,
  path: string,
  signal: AbortSignal,
  onPlaying: () => void,
): Promise<LiveEnd> {
  if (typeof MediaSource === 'undefined') return 'unsupported'
  const response = await fetch(path, { signal, credentials: 'same-origin', cache: 'no-store' })
  if (!response.ok || !response.body) {
    const problem = (await response.json().catch(() => null)) as { code?: string } | null
    return problem?.code === 'video-unavailable' || response.status === 404 ? 'unsupported' : 'refused'
  }
  const mime = response.headers.get('content-type') ?? ''
  if (!MediaSource.isTypeSupported(mime)) {
    await response.body.cancel()
    return 'unsupported'
  }
  const media = new MediaSource()
  const url = URL.createObjectURL(media)
  video.src = url
  const reader = response.body.getReader()
  try {
    await new Promise((resolve) => media.addEventListener('sourceopen', resolve, { once: true }))
    const buffer = media.addSourceBuffer(mime)
    // The stream began before this viewer came: its first fragment is our second zero.
    buffer.mode = 'sequence'
    const queue: Uint8Array<ArrayBuffer>[] = []
    let queued = 0
    let broken = false
    const feed = () => {
      if (broken || buffer.updating || media.readyState !== 'open') return
      const { buffered } = buffer
      if (buffered.length > 0) {
        const end = buffered.end(buffered.length - 1)
        if (end - video.currentTime > LAG_S) video.currentTime = end - NEAR_S
        if (buffered.start(0) < end - 2 * KEPT_S) return buffer.remove(0, end - KEPT_S)
      }
      const next = queue.shift()
      if (!next) return
      queued -= next.length
      try {
        buffer.appendBuffer(next)
      } catch {
        broken = true
      }
    }
    buffer.addEventListener('updateend', feed)
    buffer.addEventListener('error', () => {
      broken = true
    })
    video.addEventListener('playing', onPlaying, { once: true })
    for (;;) {
      const { done, value } = await withinTime(reader.read(), STALLED_MS)
      if (done || broken) return 'ended'
      queue.push(value as Uint8Array<ArrayBuffer>)
      queued += value.length
      if (queued > MAX_QUEUED_BYTES) return 'ended'
      feed()
      if (video.paused) void video.play().catch(() => null)
    }
  } finally {
    void reader.cancel().catch(() => null)
    video.removeAttribute('src')
    video.load()
    URL.revokeObjectURL(url)
  }
}

/** Rejects when what is waited for does not come in time. */
export async function withinTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('stalled')), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

export type LiveState = 'off' | 'trying' | 'playing'

/** Plays a camera in a video element while `wanted`; a tab that nobody sees watches nothing. */
export function useLive(camera: string, wanted: boolean) {
  const element = useRef<HTMLVideoElement>(null)
  const [state, setState] = useState<LiveState>('off')
  const [hopeless, setHopeless] = useState(false)
  useEffect(() => {
    if (!wanted || hopeless) return
    let stopped = false
    let abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const run = async () => {
      if (stopped || document.hidden || !element.current) return
      abort = new AbortController()
      setState('trying')
      const path = `/api/v1/cameras/${encodeURIComponent(camera)}/live`
      const end = await playLive(element.current, path, abort.signal, () => setState('playing')).catch(
        (): LiveEnd => 'ended',
      )
      if (stopped) return
      setState('off')
      if (end === 'unsupported') setHopeless(true)
      else if (!document.hidden) timer = setTimeout(run, AGAIN_MS)
    }
    const seen = () => {
      clearTimeout(timer)
      if (document.hidden) abort.abort()
      else void run()
    }
    document.addEventListener('visibilitychange', seen)
    timer = setTimeout(run, 0)
    return () => {
      stopped = true
      abort.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', seen)
      setState('off')
    }
  }, [camera, wanted, hopeless])
  return { element, state }
}
