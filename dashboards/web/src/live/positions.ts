/**
 * Where people are now: a second stream, opened only while a plan is on the screen, coalesced by the server to 2 Hz.
 * Kept outside React: the canvas reads the map when it paints. A position is never interpolated.
 */
import type { Position } from '../api/types.ts'
import { Signal } from './signal.ts'
import { backoffMs, type OpenStream, openEvents } from './sse.ts'

const MAX_PERSONS = 10_000

export interface Located extends Position {
  /** `performance.now()` at which it reached this desk. */
  heardAt: number
}

export const positions = new Map<string, Located>()
/** `performance.now()` of the newest position, whoever it is of; null = none yet. */
export const positionsHeardAt = new Signal<number | null>(null)

function take(body: unknown): void {
  const items: unknown[] = Array.isArray(body)
    ? body
    : body && typeof body === 'object' && Array.isArray((body as { items?: unknown }).items)
      ? (body as { items: unknown[] }).items
      : body && typeof body === 'object' && Array.isArray((body as { positions?: unknown }).positions)
        ? (body as { positions: unknown[] }).positions
        : [body]
  const heardAt = performance.now()
  for (const item of items) {
    const p = item as Partial<Position>
    if (typeof p?.person !== 'string' || !Number.isFinite(p.x_m) || !Number.isFinite(p.y_m)) continue
    if (!positions.has(p.person) && positions.size >= MAX_PERSONS) continue
    positions.set(p.person, { ...(p as Position), heardAt })
  }
  if (items.length > 0) positionsHeardAt.set(heardAt)
}

let users = 0
let stop: (() => void) | null = null

function start(): () => void {
  let stopped = false
  let stream: OpenStream | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0
  const open = () => {
    attempt++
    stream = openEvents('/api/v1/stream?events=position', null, {
      open: () => {},
      bytes: () => {
        attempt = 0
      },
      event: (event) => {
        if (event.event !== 'position') return
        try {
          take(JSON.parse(event.data))
        } catch {
          // One unreadable picture of the moment; the next comes in half a second and the data age says so meanwhile.
        }
      },
    })
    void stream.ended.then(({ status }) => {
      // 403: this role may not see persons; asking again would only fill the server's log.
      if (!stopped && status !== 401 && status !== 403) timer = setTimeout(open, backoffMs(attempt + 1, Math.random()))
    })
  }
  open()
  return () => {
    stopped = true
    clearTimeout(timer)
    stream?.close()
    positions.clear()
    positionsHeardAt.set(null)
  }
}

/** Keeps the position stream open until the returned function is called. */
export function keepPositionsOpen(): () => void {
  if (users++ === 0) stop = start()
  return () => {
    if (--users === 0) {
      stop?.()
      stop = null
    }
  }
}
