/** Pictures of an alert: the one kept as evidence, then the cameras that see the zone. Each says when it was taken. */
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { getBlob } from '../api/client.ts'
import type { Alert, DeviceItem } from '../api/types.ts'
import { useLive } from '../cameras/live-video.ts'
import { nextSeeing } from '../cameras/next-camera.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Segments } from '../kit/controls.tsx'
import { zoneName } from '../kit/wording.ts'
import { connection, isLost } from '../live/connection.ts'
import { type FacilityData, facility } from '../live/facility-data.ts'
import { calendarDate, preciseTime } from '../live/format.ts'
import { serverClock } from '../live/server-clock.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import css from './panel.module.css'
import { Preroll, usePreroll } from './preroll.tsx'

const LIVE_MS = 2000
const THUMB_MS = 6000
const REST_MS = 120
const THUMBS = 3
/** Sent by the key V. */
const SHOW_LIVE = 'wardwatch-show-live'
/** The key may come before the panel of the alert is there: it counts for the one that opens next. */
const ASKED_MS = 1500
let liveAskedAt = Number.NEGATIVE_INFINITY
export function showLive(): void {
  liveAskedAt = performance.now()
  window.dispatchEvent(new Event(SHOW_LIVE))
}

/** Cameras that see the alert's zone, its own device first; then those of linked zones. At most four. */
export function camerasOf(data: FacilityData, alert: Alert): DeviceItem[] {
  const cameras = [...data.devices.values()].filter((d) => d.kind === 'camera' && d.viewable !== false)
  const zone = alert.zone ? data.zones.get(alert.zone) : undefined
  const linked = new Set([...(zone?.adjacent ?? []), zone?.parent].filter(Boolean))
  const rank = (d: DeviceItem): number => {
    if (d.id === alert.device) return 0
    if (alert.zone && d.zone === alert.zone) return 1
    if (alert.zone && d.watches?.includes(alert.zone)) return 2
    if (d.zone && linked.has(d.zone)) return 3
    return 9
  }
  return cameras
    .filter((d) => rank(d) < 9)
    .sort((a, b) => rank(a) - rank(b) || Number(b.online) - Number(a.online) || (a.id < b.id ? -1 : 1))
    .slice(0, THUMBS + 1)
}

/** A camera sees the place, but this account may not look: another thing than no camera. */
const isClosedTo = (data: FacilityData, alert: Alert): boolean =>
  [...data.devices.values()].some(
    (d) =>
      d.kind === 'camera' &&
      d.viewable === false &&
      (d.id === alert.device ||
        (alert.zone !== null && (d.zone === alert.zone || d.watches?.includes(alert.zone) === true))),
  )

interface SnapshotProps {
  path: string
  label: string
  /** 0 = fetched once. */
  everyMs: number
  small?: boolean
  onMissing?: () => void
  /** Camera whose live video is shown where there is any; pictures otherwise. */
  live?: string
  /** Stands in for a camera that gives nothing. */
  next?: { id: string; use(): void } | null
}

/** One JPEG, fetched again and again without flicker; a missing one is hatched and said in words. */
export function Snapshot({ path, label, everyMs, small = false, onMissing, live, next }: SnapshotProps) {
  const t = useText()
  const [shot, setShot] = useState<{ url: string; at: number } | null>(null)
  const [missing, setMissing] = useState(false)
  const lost = usePart(connection, isLost)
  const have = useRef(false)
  const held = useRef<string | null>(null)
  useEffect(
    () => () => {
      if (held.current) URL.revokeObjectURL(held.current)
      held.current = null
    },
    [],
  )
  const missed = useRef(onMissing)
  missed.current = onMissing
  const video = useLive(live ?? '', live !== undefined && !lost)
  const playing = video.state === 'playing'
  useEffect(() => {
    if (playing) return
    if (lost || (everyMs === 0 && have.current)) return
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = async () => {
      try {
        const { blob, takenAt } = await getBlob(path, abort.signal)
        // A picture that comes after its place is gone would never be let go of.
        if (abort.signal.aborted) return
        const url = URL.createObjectURL(blob)
        if (held.current) URL.revokeObjectURL(held.current)
        held.current = url
        setShot({ url, at: takenAt ?? serverClock.now() })
        have.current = true
        setMissing(false)
      } catch {
        if (abort.signal.aborted) return
        setMissing(true)
        if (!have.current) missed.current?.()
      }
      if (everyMs > 0 && !abort.signal.aborted) timer = setTimeout(load, everyMs)
    }
    // Who walks through the list by key does not ask every camera on the way.
    timer = setTimeout(load, have.current ? 0 : REST_MS)
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [path, everyMs, lost, playing])
  return (
    <figure className={css.shot} data-small={small}>
      {live !== undefined && <video ref={video.element} muted playsInline aria-label={label} hidden={!playing} />}
      {playing ? null : shot ? (
        <img src={shot.url} alt={label} draggable={false} />
      ) : (
        <span className={`${css.noShot} hatch`} />
      )}
      {playing && <span className={css.stamp}>{t('panel.pictureLive')}</span>}
      {shot && !small && !playing && (
        <time className={css.stamp}>{`${calendarDate(shot.at)} ${preciseTime(shot.at)}`}</time>
      )}
      <figcaption className={css.caption}>
        {label}
        {missing && !playing && ` · ${t('panel.noPicture')}`}
        {missing && !playing && next && (
          <Button small onClick={next.use}>
            {t('cameras.useNext', { id: next.id })}
          </Button>
        )}
      </figcaption>
    </figure>
  )
}

export function Pictures({ alert, children }: { alert: Alert; children?: ReactNode }) {
  const t = useText()
  const data = useSignal(facility)
  // biome-ignore lint/correctness/useExhaustiveDependencies: which cameras see a zone changes only with the site file
  const cameras = useMemo(() => camerasOf(data, alert), [data.devices.size, data.zones, alert.zone, alert.device])
  const [kind, setKind] = useState<'preroll' | 'evidence' | 'live'>('evidence')
  const [dead, setDead] = useState<string | null>(null)
  const preroll = usePreroll(alert.id, alert.raisedAt)
  const [chosen, setChosen] = useState<string | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another alert begins with its evidence
  useEffect(() => {
    setKind(performance.now() - liveAskedAt < ASKED_MS ? 'live' : 'evidence')
    liveAskedAt = Number.NEGATIVE_INFINITY
    setChosen(null)
    setDead(null)
  }, [alert.id])
  useEffect(() => {
    const live = () => setKind('live')
    window.addEventListener(SHOW_LIVE, live)
    return () => window.removeEventListener(SHOW_LIVE, live)
  }, [])
  const main = cameras.find((c) => c.id === chosen) ?? cameras[0]
  const next = main ? nextSeeing(main, cameras) : null
  const thumbs = cameras.filter((c) => c !== main).slice(0, THUMBS)
  const place = zoneName(t, data, alert.zone)
  const id = encodeURIComponent(alert.id)
  return (
    <section className={css.pictures} data-thumbs={thumbs.length > 0} aria-label={t('panel.picture')}>
      {kind === 'live' && !main ? (
        <div className={`${css.shot} ${css.nothing} hatch`}>
          <span>
            {t('panel.noPicture')}
            <br />
            {t(isClosedTo(data, alert) ? 'panel.noPictureClosed' : 'panel.noPictureWhy')}
          </span>
        </div>
      ) : kind === 'preroll' && preroll?.length ? (
        <Preroll key={`p${alert.id}`} alert={alert.id} frames={preroll} raisedAt={alert.raisedAt} />
      ) : kind !== 'live' ? (
        <Snapshot
          key={`e${alert.id}`}
          path={`/api/v1/alerts/${id}/picture`}
          label={`${place} · ${t('panel.pictureEvidence')}`}
          everyMs={0}
          onMissing={() => setKind('live')}
        />
      ) : (
        <Snapshot
          key={main!.id}
          path={`/api/v1/cameras/${encodeURIComponent(main!.id)}/snapshot`}
          label={`${main!.id} ${t.pick(main!.name, zoneName(t, data, main!.zone ?? null))}`}
          everyMs={LIVE_MS}
          live={main!.id}
          onMissing={() => setDead(main!.id)}
          next={dead === main!.id && next ? { id: next.id, use: () => setChosen(next.id) } : null}
        />
      )}
      {thumbs.length > 0 && (
        <div className={css.thumbs}>
          {thumbs.map((camera) => (
            <button
              key={camera.id}
              type="button"
              className={css.thumb}
              aria-label={`${t('panel.pictureLive')} ${camera.id}`}
              onClick={() => {
                setKind('live')
                setChosen(camera.id)
              }}
            >
              <Snapshot
                path={`/api/v1/cameras/${encodeURIComponent(camera.id)}/snapshot`}
                label={camera.id}
                everyMs={THUMB_MS}
                small
              />
            </button>
          ))}
        </div>
      )}
      <div className={css.pictureRow}>
        <Segments
          label={t('panel.picture')}
          value={kind}
          onChange={setKind}
          options={[
            ...(preroll?.length ? [{ value: 'preroll' as const, text: t('panel.preroll') }] : []),
            { value: 'evidence', text: t('panel.pictureEvidence') },
            { value: 'live', text: t('panel.pictureLive') },
          ]}
        />
        {children}
      </div>
    </section>
  )
}
