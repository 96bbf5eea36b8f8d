/**
 * Camera matrix: 1, 4, 9 or 16 pictures, each with its own time. A dead camera says so and offers the next one that sees
 * the same place. What the server does not allow is not shown as missing but named.
 */
import { useEffect, useRef, useState } from 'react'
import { useSearchParams } from 'react-router'
import { ApiError, getBlob } from '../api/client.ts'
import type { DeviceItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Hatch, Message, Segments } from '../kit/controls.tsx'
import { useKeys } from '../kit/keyboard.ts'
import kit from '../kit/kit.module.css'
import { zoneName } from '../kit/wording.ts'
import { connection, isLost } from '../live/connection.ts'
import { facility, ZONE_GROUPS, zoneGroup } from '../live/facility-data.ts'
import { ageSeconds, calendarDate, clockTime, preciseTime } from '../live/format.ts'
import { fifth, serverClock } from '../live/server-clock.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import css from './cameras.module.css'
import { useLive } from './live-video.ts'
import { nextSeeing } from './next-camera.ts'

const SIZES = [1, 4, 9, 16] as const
type Size = (typeof SIZES)[number]
/** The server gives one picture per camera in two seconds; many tiles ask less often. */
const EVERY_MS: Record<Size, number> = { 1: 2000, 4: 2000, 9: 3000, 16: 5000 }
const OLD_MS = 15_000
/** More streams at one time would take them from others; larger matrices show pictures. */
const LIVE_TILES = 4

export default function CamerasPage() {
  const t = useText()
  const data = useSignal(facility)
  const [query, setQuery] = useSearchParams()
  /** From the plan or a link: this camera alone, as soon as it is known. */
  const asked = query.get('camera')
  const [size, setSize] = useState<Size>(asked ? 1 : 4)
  const [group, setGroup] = useState('')
  const [page, setPage] = useState(0)
  const [swapped, setSwapped] = useState<Record<string, string>>({})
  const all = [...data.devices.values()]
    .filter((d) => d.kind === 'camera')
    .filter((d) => group === '' || zoneGroup(data, d.zone ?? null) === group)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const cameras = all.filter((d) => d.viewable !== false)
  const closed = all.length - cameras.length
  const askedAt = asked === null ? -1 : cameras.findIndex((c) => c.id === asked)
  useEffect(() => {
    if (askedAt < 0) return
    setSize(1)
    setPage(askedAt)
    setQuery({}, { replace: true })
  }, [askedAt, setQuery])
  const pages = Math.max(1, Math.ceil(cameras.length / size))
  const now = Math.min(page, pages - 1)
  const shown = cameras.slice(now * size, (now + 1) * size)
  const turn = (by: 1 | -1) => setPage((now + by + pages) % pages)
  useKeys({
    ArrowRight: () => turn(1),
    ArrowLeft: () => turn(-1),
    '1': () => setSize(1),
    '4': () => setSize(4),
    '9': () => setSize(9),
    '0': () => setSize(16),
  })
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('cameras.title')}</h1>
        <span className="muted">
          {t('cameras.sub', { n: cameras.length, dead: cameras.filter((c) => c.online === false).length })}
          {closed > 0 && t('cameras.closed', { n: closed })}
        </span>
        <span className={css.tools}>
          <select
            className={kit.select}
            aria-label={t('filter.zone')}
            value={group}
            onChange={(e) => {
              setGroup(e.target.value)
              setPage(0)
            }}
          >
            <option value="">{t('filter.allZones')}</option>
            {ZONE_GROUPS.map((g) => (
              <option key={g} value={g}>
                {t(`filter.zone.${g}`)}
              </option>
            ))}
          </select>
          <Segments
            label={t('cameras.matrix')}
            value={size}
            onChange={(n) => {
              setPage(Math.floor((now * size) / n))
              setSize(n)
            }}
            options={SIZES.map((value) => ({ value, text: String(value) }))}
          />
          <Button small shortcut="←" onClick={() => turn(-1)}>
            {t('cameras.previous')}
          </Button>
          <span className={css.pageNo}>{t('cameras.page', { n: now + 1, of: pages })}</span>
          <Button small shortcut="→" onClick={() => turn(1)}>
            {t('cameras.next')}
          </Button>
        </span>
      </header>
      {cameras.length === 0 ? (
        <Message title={t(data.fetchedAt.devices === undefined ? 'region.loading' : 'cameras.none')} />
      ) : (
        <div className={css.matrix} data-size={size} data-testid="matrix">
          {shown.map((camera) => {
            const id = swapped[camera.id] ?? camera.id
            const other = data.devices.get(id) ?? camera
            return (
              <Tile
                key={`${camera.id}/${id}`}
                camera={other}
                standsFor={other === camera ? null : camera.id}
                everyMs={EVERY_MS[size]}
                live={size <= LIVE_TILES}
                next={nextSeeing(other, [...data.devices.values()])}
                onNext={(next) => setSwapped({ ...swapped, [camera.id]: next })}
                onEnlarge={() => {
                  setSize(1)
                  setPage(cameras.indexOf(camera))
                }}
              />
            )
          })}
        </div>
      )}
    </div>
  )
}

interface TileProps {
  camera: DeviceItem
  standsFor: string | null
  everyMs: number
  /** Live video where there is any. */
  live: boolean
  next: DeviceItem | null
  onNext(id: string): void
  onEnlarge(): void
}

function Tile({ camera, standsFor, everyMs, live, next, onNext, onEnlarge }: TileProps) {
  const t = useText()
  const data = useSignal(facility)
  useSignal(fifth)
  const lost = usePart(connection, isLost)
  const [shot, setShot] = useState<{ url: string; at: number } | null>(null)
  const [fault, setFault] = useState<{ status: number } | null>(null)
  const url = useRef<string | null>(null)
  const video = useLive(camera.id, live && !lost && fault?.status !== 403)
  const playing = video.state === 'playing'
  useEffect(() => {
    if (lost || playing) return
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = async () => {
      try {
        const { blob, takenAt } = await getBlob(
          `/api/v1/cameras/${encodeURIComponent(camera.id)}/snapshot`,
          abort.signal,
        )
        if (abort.signal.aborted) return
        const fresh = URL.createObjectURL(blob)
        if (url.current) URL.revokeObjectURL(url.current)
        url.current = fresh
        setShot({ url: fresh, at: takenAt ?? serverClock.now() })
        setFault(null)
      } catch (error) {
        if (abort.signal.aborted) return
        const status = error instanceof ApiError ? error.status : 0
        setFault({ status })
        // What the server forbids it forbids the next time, too; asking again would only fill its log.
        if (status === 403) return
      }
      if (!abort.signal.aborted && !document.hidden) timer = setTimeout(load, everyMs)
      else if (!abort.signal.aborted) timer = setTimeout(load, 1000)
    }
    void load()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [camera.id, everyMs, lost, playing])
  useEffect(
    () => () => {
      if (url.current) URL.revokeObjectURL(url.current)
    },
    [],
  )
  const age = shot ? serverClock.now() - shot.at : null
  const old = age !== null && age > OLD_MS
  const dead = fault !== null && fault.status !== 403
  const place = t.pick(camera.name, zoneName(t, data, camera.zone ?? null))
  return (
    <figure className={css.tile} data-dead={dead} data-camera={camera.id}>
      <button
        type="button"
        className={css.picture}
        aria-label={`${t('cameras.enlarge')} ${camera.id}`}
        onClick={onEnlarge}
      >
        <video ref={video.element} muted playsInline aria-label={`${camera.id} ${place}`} hidden={!playing} />
        {playing ? null : shot ? (
          <img src={shot.url} alt={`${camera.id} ${place}`} data-old={old || dead} />
        ) : (
          <span className="hatch" />
        )}
      </button>
      <figcaption>
        <b>{camera.id}</b> <span>{place}</span>
        {standsFor && <span className="muted">{t('cameras.standsFor', { id: standsFor })}</span>}
        <time className={css.age} data-old={(old || dead) && !playing}>
          {playing
            ? t('panel.pictureLive')
            : shot
              ? `${calendarDate(shot.at)} ${preciseTime(shot.at)} · ${t('region.age', { age: ageSeconds(Math.max(0, age!)) })}`
              : fault
                ? ''
                : t('region.loading')}
        </time>
      </figcaption>
      {fault && !playing && (
        <div className={css.fault} role="status">
          <Hatch />
          <b>
            {fault.status === 403
              ? t('cameras.forbidden')
              : shot
                ? t('cameras.deadSince', { time: clockTime(shot.at) })
                : t('cameras.dead')}
          </b>
          {dead && next && (
            <Button small onClick={() => onNext(next.id)}>
              {t('cameras.useNext', { id: next.id })}
            </Button>
          )}
        </div>
      )}
    </figure>
  )
}
