/** The seconds before an alert, as the cameras near it saw them: one picture a second, drawn by hand or played. */
import { useEffect, useState } from 'react'
import { getBlob, getJson } from '../api/client.ts'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { calendarDate, preciseTime } from '../live/format.ts'
import { serverClock } from '../live/server-clock.ts'
import css from './panel.module.css'

interface Frame {
  device: string
  takenAt: number
  sha256: string
}

const STEP_MS = 400
const FRESH_MS = 10_000
const AGAIN_MS = 1500
const TRIES = 3

/** Null while unknown, [] where nothing was kept. */
export function usePreroll(alert: string, raisedAt: number): Frame[] | null {
  const [fresh] = useState(() => serverClock.now() - raisedAt < FRESH_MS)
  const [frames, setFrames] = useState<{ alert: string; items: Frame[] } | null>(null)
  useEffect(() => {
    const abort = new AbortController()
    let tries = 0
    const ask = () => {
      getJson<{ items: Frame[] }>(`/api/v1/alerts/${encodeURIComponent(alert)}/preroll`, abort.signal)
        .then(({ items }) => {
          setFrames({ alert, items })
          // A fresh alert is seen before its pictures are kept.
          if (items.length === 0 && fresh && ++tries < TRIES) timer = setTimeout(ask, AGAIN_MS)
        })
        .catch(() => setFrames({ alert, items: [] }))
    }
    // Whoever walks through the list asks nothing on the way.
    let timer = setTimeout(ask, 200)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [alert, fresh])
  return frames?.alert === alert ? frames.items : null
}

export function Preroll({ alert, frames, raisedAt }: { alert: string; frames: Frame[]; raisedAt: number }) {
  const t = useText()
  const [at, setAt] = useState(0)
  const [playing, setPlaying] = useState(true)
  const [urls, setUrls] = useState<Record<number, string>>({})
  useEffect(() => {
    const abort = new AbortController()
    const made: string[] = []
    const load = async () => {
      for (const index of frames.keys()) {
        const { blob } = await getBlob(`/api/v1/alerts/${encodeURIComponent(alert)}/preroll/${index}`, abort.signal)
        if (abort.signal.aborted) return
        const url = URL.createObjectURL(blob)
        made.push(url)
        setUrls((before) => ({ ...before, [index]: url }))
      }
    }
    load().catch(() => null)
    return () => {
      abort.abort()
      for (const url of made) URL.revokeObjectURL(url)
    }
  }, [alert, frames])
  const ready = Object.keys(urls).length
  useEffect(() => {
    if (!playing || ready < frames.length) return
    const timer = setInterval(() => setAt((n) => (n + 1 < frames.length ? n + 1 : 0)), STEP_MS)
    return () => clearInterval(timer)
  }, [playing, ready, frames.length])
  const frame = frames[at]!
  const before = Math.round((frame.takenAt - raisedAt) / 1000)
  return (
    <figure className={css.shot} data-testid="preroll">
      {urls[at] ? <img src={urls[at]} alt={t('panel.preroll')} draggable={false} /> : <span className={css.noShot} />}
      <time className={css.stamp}>{`${calendarDate(frame.takenAt)} ${preciseTime(frame.takenAt)}`}</time>
      <figcaption className={`${css.caption} ${css.preroll}`}>
        <Button small onClick={() => setPlaying(!playing)}>
          {t(playing ? 'panel.prerollPause' : 'panel.prerollPlay')}
        </Button>
        <input
          type="range"
          min={0}
          max={frames.length - 1}
          value={at}
          aria-label={t('panel.preroll')}
          aria-valuetext={t('panel.prerollAt', { s: before })}
          onChange={(e) => {
            setPlaying(false)
            setAt(Number(e.target.value))
          }}
        />
        <span>
          {frame.device} {t('panel.prerollAt', { s: before })}
        </span>
      </figcaption>
    </figure>
  )
}
