/** A curve from the time-series store (uPlot): one grey line, gaps stay gaps, numbers said in words below. */
import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { getJson } from '../api/client.ts'
import type { SeriesAnswer } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Message, Segments } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { typeName } from '../kit/reading-words.ts'
import { clockMinute, shortNumber } from '../live/format.ts'
import { serverClock } from '../live/server-clock.ts'
import { settings, shownTheme } from '../live/settings.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './eng.module.css'

const RANGES = {
  '10': { min: 10, every: '10s' },
  '60': { min: 60, every: '30s' },
  '360': { min: 360, every: '2m' },
} as const
type Range = keyof typeof RANGES
const REFRESH_MS = 10_000
const HEIGHT = 240

type Points = [number, number | null][]

/** Booleans are drawn as 0 and 1; texts cannot be drawn and become gaps. */
export const toPoints = (raw: SeriesAnswer['series'][number]['points']): Points =>
  raw.map(([at, v]) => [at, typeof v === 'number' ? v : typeof v === 'boolean' ? Number(v) : null])

export function Chart({ device, options }: { device: string; options: { type: string; fields: string[] }[] }) {
  const t = useText()
  const { theme } = useSignal(settings)
  const choices = options.flatMap(({ type, fields }) => fields.map((field) => `${type}#${field}`))
  const [choice, setChoice] = useState<string | null>(null)
  const [range, setRange] = useState<Range>('60')
  const [points, setPoints] = useState<Points | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const host = useRef<HTMLDivElement>(null)
  const shown = choice && choices.includes(choice) ? choice : (choices[0] ?? null)

  useEffect(() => {
    if (!shown) return
    let stopped = false
    const [type, field] = shown.split('#') as [string, string]
    const load = () => {
      const to = Math.round(serverClock.now())
      const from = to - RANGES[range].min * 60_000
      const query = new URLSearchParams({
        device,
        type,
        field,
        from: String(from),
        to: String(to),
        every: RANGES[range].every,
        fn: 'mean',
      })
      getJson<SeriesAnswer>(`/api/v1/series?${query}`).then(
        (answer) => {
          if (stopped) return
          setPoints(toPoints(answer.series[0]?.points ?? []))
          setFailure(null)
        },
        (error: unknown) => !stopped && setFailure(error instanceof Error ? error.message : String(error)),
      )
    }
    load()
    const timer = setInterval(load, REFRESH_MS)
    return () => {
      stopped = true
      clearInterval(timer)
    }
  }, [device, shown, range])

  const numbers = (points ?? []).map((p) => p[1]).filter((v): v is number => v !== null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours that are read from the page
  useEffect(() => {
    const el = host.current
    if (!el || !points || numbers.length === 0) return
    const look = getComputedStyle(el)
    const ink = look.getPropertyValue('--text').trim()
    const muted = look.getPropertyValue('--muted').trim()
    const line = look.getPropertyValue('--rowline').trim()
    const axis = {
      stroke: muted,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line, width: 1 },
      font: '12px sans-serif',
    }
    const plot = new uPlot(
      {
        width: el.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false },
        axes: [
          { ...axis, values: (_u, splits) => splits.map((s) => clockMinute(s * 1000)) },
          { ...axis, size: 56 },
        ],
        series: [{}, { stroke: ink, width: 1.5, spanGaps: false, points: { show: points.length < 40, size: 4 } }],
      },
      [points.map((p) => p[0] / 1000), points.map((p) => p[1])],
      el,
    )
    const observer = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height: HEIGHT }))
    observer.observe(el)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [points, theme, shownTheme()])

  return (
    <section className={css.card} aria-label={t('eng.chart')}>
      <h2 className={css.cardHead}>
        {t('eng.chart')}
        <span className={css.tools}>
          <select
            className={kit.select}
            aria-label={t('eng.chartField')}
            value={shown ?? ''}
            onChange={(e) => setChoice(e.target.value)}
          >
            {choices.map((c) => (
              <option key={c} value={c}>
                {typeName(c.split('#')[0]!, t.language)} · {c.split('#')[1]}
              </option>
            ))}
          </select>
          <Segments
            label={t('eng.chartRange')}
            value={range}
            onChange={setRange}
            options={[
              { value: '10', text: '10 min' },
              { value: '60', text: '60 min' },
              { value: '360', text: '6 h' },
            ]}
          />
        </span>
      </h2>
      <div ref={host} className={css.chart} style={{ height: numbers.length > 0 ? HEIGHT : 0 }} aria-hidden="true" />
      {failure ? (
        <Message title={t('eng.chartFailed', { why: failure })} />
      ) : numbers.length === 0 ? (
        <Message title={t(points === null && shown ? 'region.loading' : 'eng.chartEmpty')} />
      ) : (
        <p className={css.none}>
          {t('eng.chartPoints', {
            n: numbers.length,
            mean: shortNumber(numbers.reduce((a, b) => a + b, 0) / numbers.length),
            min: shortNumber(Math.min(...numbers)),
            max: shortNumber(Math.max(...numbers)),
          })}
        </p>
      )}
    </section>
  )
}
