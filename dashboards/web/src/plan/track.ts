/**
 * Where one person was in the last ten minutes: one place in five seconds, from the server's series, asked again while it
 * is shown. A gap stays a gap: two places further apart in time are not joined by a line that nobody walked.
 */
import { useEffect, useState } from 'react'
import { getJson } from '../api/client.ts'
import type { SeriesAnswer } from '../api/types.ts'
import { serverClock } from '../live/server-clock.ts'

export const TRACK_MS = 10 * 60_000
const STEP_MS = 5000
/** Two missing steps are a gap. */
const GAP_MS = 3 * STEP_MS

export interface TrackPoint {
  time: number
  x: number
  y: number
  floor: number
}

/** The columns of an answer as places in time; what lacks a coordinate is no place. */
export function pointsOf(answer: SeriesAnswer): TrackPoint[] {
  const at = new Map<number, Partial<TrackPoint>>()
  for (const line of answer.series) {
    const name = line.field === 'x_m' ? 'x' : line.field === 'y_m' ? 'y' : line.field === 'floor' ? 'floor' : null
    if (name === null) continue
    for (const [time, value] of line.points) {
      if (typeof value !== 'number') continue
      const point = at.get(time) ?? { time }
      // A person who crosses zones has a series per zone: the same moment in two of them is one place.
      point[name] ??= value
      at.set(time, point)
    }
  }
  return [...at.values()]
    .filter((p): p is TrackPoint => p.x !== undefined && p.y !== undefined)
    .map((p) => ({ ...p, floor: p.floor ?? 1 }))
    .sort((a, b) => a.time - b.time)
}

/** SVG path on one floor, in metres. */
export function trackPath(points: readonly TrackPoint[], floor: number): string {
  let path = ''
  let before: TrackPoint | null = null
  for (const point of points) {
    const joined = before !== null && before.floor === floor && point.time - before.time <= GAP_MS
    if (point.floor === floor) path += `${joined ? 'L' : 'M'}${point.x} ${point.y}`
    before = point
  }
  return path
}

/** `null` = nobody is followed. */
export function useTrack(device: string | null, staff: boolean): TrackPoint[] {
  const [points, setPoints] = useState<TrackPoint[]>([])
  useEffect(() => {
    setPoints([])
    if (device === null) return
    const abort = new AbortController()
    const load = () => {
      const to = Math.round(serverClock.now())
      const query = new URLSearchParams({
        device,
        type: staff ? 'tag.position' : 'band.position',
        from: String(to - TRACK_MS),
        to: String(to),
        every: '5s',
        fn: 'last',
      })
      getJson<SeriesAnswer>(`/api/v1/series?${query}`, abort.signal).then(
        (answer) => setPoints(pointsOf(answer)),
        () => {}, // No series store here, or not now: the dot itself stays.
      )
    }
    load()
    const timer = setInterval(load, STEP_MS)
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [device, staff])
  return points
}
