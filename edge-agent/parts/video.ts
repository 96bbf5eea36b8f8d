/**
 * Video of the edge: live streams, the seconds before an alert, and the newest picture of a camera for whoever asks.
 * It shows and keeps; who may look is decided by the console's server, and nothing here looks into toilets or washrooms.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '#model/clock.ts'
import type { Video, VideoState } from '#model/ports/video.ts'
import type { Site } from '#model/site/load.ts'
import type { ContextStore } from '../context-store.ts'
import type { DriverSet } from '../drivers.ts'
import type { Log } from '../log.ts'
import { LiveStreams } from '../video/live-streams.ts'
import { isRedCapable, MOST_CAMERAS, PrerollRings } from '../video/preroll-rings.ts'

const LIVE_CAMERAS = 8
/** Nothing is recorded unasked in such places. */
const UNSEEN = new Set(['toilet', 'washroom', 'medical'])
/** As old as a picture of a ring may be: the driver itself would answer with one of two seconds. */
const FRESH_MS = 900
const SHARED_MS = 2000

export interface VideoPart extends Video {
  /** A picture not older than two seconds that a ring has anyway; null = ask the camera. */
  recent(camera: string): { jpeg: Uint8Array; takenAt: number } | null
  /** Keeps what the cameras of an alert saw before it. */
  keepPreroll(alert: string, cameras: readonly string[], at: number): Promise<unknown>
  close(): void
}

export interface VideoOptions {
  site: Site
  clock: Clock
  log: Log
  /** Folder of the evidence pictures. */
  dir: string
  context: ContextStore
  drivers: DriverSet
}

export function openVideo({ site, clock, log, dir, context: store, drivers }: VideoOptions): VideoPart {
  const section = site.video ?? {}
  const live = new LiveStreams({
    clock,
    log,
    most: section.live ?? LIVE_CAMERAS,
    streamOf: (camera) => drivers.onvif.stream(camera),
  })
  const prerollDir = join(dir, 'preroll')
  mkdirSync(prerollDir, { recursive: true })

  /** Does the camera stand in, or see, a place of these kinds, however deep it lies in one? */
  const sees = (id: string, kinds: ReadonlySet<string>): boolean => {
    const { context } = store
    const camera = context.device(id)
    return [camera?.zone, ...(camera?.watches ?? [])].some((place) => {
      let zone = place ? context.zone(place) : undefined
      for (let depth = 0; zone && depth < 16; depth++) {
        if (kinds.has(zone.kind ?? '')) return true
        zone = zone.parent ? context.zone(zone.parent) : undefined
      }
      return false
    })
  }
  let known: { version: number; cameras: string[] } | null = null
  /** Cameras that see a place where a red alert can arise; those that see most of them first. */
  const watching = (): readonly string[] => {
    const { context } = store
    if (known?.version !== store.version) {
      const score = new Map<string, number>()
      for (const zone of context.all('zones'))
        if (isRedCapable(zone)) for (const id of context.camerasOf(zone.id)) score.set(id, (score.get(id) ?? 0) + 1)
      const cameras = [...score]
        .filter(([id]) => !sees(id, UNSEEN))
        .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
        .map(([id]) => id)
      known = { version: store.version, cameras }
    }
    return known.cameras
  }
  const rings = new PrerollRings({
    clock,
    dir: prerollDir,
    cameras: watching,
    most: section.preroll ?? MOST_CAMERAS,
    snapshot: (camera) => drivers.onvif.snapshot(camera, FRESH_MS),
  })

  return {
    watch: (camera, viewer) => live.watch(camera, viewer),
    preroll: (alert) => rings.of(alert),
    prerollPicture: (alert, index) => rings.picture(alert, index),
    recent(camera) {
      const newest = rings.newest(camera)
      return newest && clock.now() - newest.takenAt < SHARED_MS ? newest : null
    },
    keepPreroll: (alert, cameras, at) => rings.keep(alert, cameras, at),
    state: (): VideoState => ({
      unavailable: live.unavailable,
      streams: live.streams,
      viewers: live.viewers,
      started: live.started,
      failed: live.failed,
      rings: rings.rings,
      ringBytes: rings.bytes,
    }),
    close() {
      live.close()
      rings.close()
    },
  }
}
