/** One indicator (console.md P13): what it is, what is wanted, its line with the band of the facilities, the facilities, the table. */
import { Link, useParams } from 'react-router'
import { useText } from '../i18n/use-text.ts'
import { Hatch, Message } from '../kit/controls.tsx'
import { type IndicatorItem, indicatorValue, meetsTarget, sampleSize } from '../kit/indicator-words.ts'
import { DataAge } from '../kit/time.tsx'
import { calendarDate } from '../live/format.ts'
import { usePolled } from '../live/polled.ts'
import css from './gov.module.css'
import own from './indicators.module.css'

const REFRESH_MS = 60_000
const W = 1280
const H = 240
const LEFT = 56
const BOTTOM = 26

interface Day {
  from: number
  value: number | null
  n: number
  low: number | null
  high: number | null
  facilities: number
}
interface FacilityValue {
  facility: string
  name: { zh: string; en: string } | null
  value: number | null
  n: number
  small: boolean
}
export interface IndicatorDetail extends IndicatorItem {
  days: Day[]
  latest: Day | null
  facilities: FacilityValue[]
}

export default function IndicatorPage() {
  const t = useText()
  const { id = 'I39' } = useParams()
  const { value, heardAt, failure } = usePolled<IndicatorDetail>(
    `/api/v1/indicators/${encodeURIComponent(id)}`,
    REFRESH_MS,
  )
  if (!value)
    return (
      <div className={css.page}>
        <header className={css.pageHead}>
          <h1>{id}</h1>
        </header>
        <Message title={failure ? t('region.failed', { why: failure }) : t('region.loading')} />
      </div>
    )
  const met = meetsTarget({ ...value, value: value.latest?.value ?? null })
  return (
    <div className={css.page}>
      <header className={css.pageHead}>
        <Link className={own.crumb} to="/gov/indicators">
          ‹ {t('gov.indicators')}
        </Link>
        <h1>
          {value.id} {t.pick(value.name, value.id)}
        </h1>
        <span className="muted">
          <DataAge heardAt={heardAt} />
        </span>
        <a className={`${css.end} ${own.csv}`} href={`/api/v1/indicators/${value.id}?format=csv`} download>
          {t('gov.csv')}
        </a>
      </header>
      {failure && <p className={css.fault}>{t('region.failed', { why: failure })}</p>}
      <section className={own.definition} aria-label={t('gov.definition')}>
        <dl>
          <div>
            <dt>{t('gov.today')}</dt>
            <dd className={own.big}>{indicatorValue(value.unit, value.latest?.value ?? null)}</dd>
          </div>
          <div>
            <dt>{t('gov.formula')}</dt>
            <dd className={own.formula}>{value.formula}</dd>
          </div>
          <div>
            <dt>{t('gov.target')}</dt>
            <dd>
              {value.target === null ? '—' : indicatorValue(value.unit, value.target)}{' '}
              {met === null ? '' : t(met ? 'gov.met' : 'gov.missed')}
            </dd>
          </div>
          <div>
            <dt>{t('quality.col.owner')}</dt>
            <dd>{t.code('quality.owner', value.owner)}</dd>
          </div>
          <div>
            <dt>{t('gov.sample')}</dt>
            <dd>{sampleSize(value.latest?.n ?? null)}</dd>
          </div>
        </dl>
      </section>
      <section className={`${css.card} ${css.wide}`} aria-labelledby="ind-line">
        <h2 className={css.cardHead} id="ind-line">
          {t('gov.line')} <span>{t('gov.lineSub', { n: value.days.length })}</span>
        </h2>
        <Line detail={value} />
      </section>
      <div className={css.columns}>
        <section className={css.card} aria-labelledby="ind-dots">
          <h2 className={css.cardHead} id="ind-dots">
            {t('gov.spread')} <span>{t('gov.spreadSub', { n: value.facilities.length })}</span>
          </h2>
          <Dots detail={value} />
        </section>
        <section className={css.card} aria-labelledby="ind-table" tabIndex={0}>
          <h2 className={css.cardHead} id="ind-table">
            {t('gov.byDay')}
          </h2>
          <table className={css.table}>
            <thead>
              <tr>
                <th scope="col">{t('gov.day')}</th>
                <th scope="col" data-right>
                  {t('gov.value')}
                </th>
                <th scope="col" data-right>
                  {t('gov.band')}
                </th>
                <th scope="col" data-right>
                  {t('gov.sample')}
                </th>
              </tr>
            </thead>
            <tbody>
              {[...value.days].reverse().map((day) => (
                <tr key={day.from}>
                  <th scope="row">{calendarDate(day.from)}</th>
                  <td data-right>{indicatorValue(value.unit, day.value)}</td>
                  <td data-right>
                    {indicatorValue(value.unit, day.low)} – {indicatorValue(value.unit, day.high)}
                  </td>
                  <td data-right>{sampleSize(day.n)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {value.days.length === 0 && <Message title={t('gov.noValues')} />}
        </section>
      </div>
    </div>
  )
}

/** From the lowest to the highest that is drawn, with some air; a flat line lies in the middle. */
export function scaleOf(values: readonly number[], height: number): (value: number) => number {
  const low = Math.min(...values)
  const high = Math.max(...values)
  const air = high === low ? Math.max(0.01, Math.abs(high) * 0.05) : (high - low) * 0.08
  return (value) => height - ((value - (low - air)) / (high - low + 2 * air)) * height
}

function Line({ detail }: { detail: IndicatorDetail }) {
  const t = useText()
  const { days, target, unit } = detail
  const drawn = [...days.flatMap((d) => [d.value, d.low, d.high]), ...(days.length > 0 ? [target] : [])].filter(
    (v): v is number => v !== null,
  )
  if (drawn.length === 0) return <p className={own.none}>{t('gov.noValues')}</p>
  const y = scaleOf(drawn, H - BOTTOM - 12)
  const first = days[0]!.from
  const span = Math.max(1, days.at(-1)!.from - first)
  const x = (at: number) => LEFT + 8 + (days.length === 1 ? 0.5 : (at - first) / span) * (W - LEFT - 24)
  const known = days.filter((d) => d.value !== null)
  const banded = days.filter((d) => d.low !== null && d.high !== null)
  const band = [
    ...banded.map((d) => `${x(d.from)},${y(d.high!) + 12}`),
    ...[...banded].reverse().map((d) => `${x(d.from)},${y(d.low!) + 12}`),
  ].join(' ')
  const words = `${t.pick(detail.name, detail.id)}: ${known.map((d) => `${calendarDate(d.from)} ${indicatorValue(unit, d.value)}`).join(', ')}`
  const marks = [Math.min(...drawn), Math.max(...drawn)]
  return (
    <svg className={own.line} viewBox={`0 0 ${W} ${H}`} role="img" aria-label={words.slice(0, 600)}>
      {banded.length > 1 && <polygon className={own.band} points={band} />}
      {banded.map((d) => (
        <path key={d.from} className={own.range} d={`M${x(d.from)} ${y(d.low!) + 12}V${y(d.high!) + 12}`} />
      ))}
      {target !== null && (
        <>
          <path className={own.target} d={`M${LEFT} ${y(target) + 12}H${W - 8}`} />
          <text className={own.mark} x={W - 10} y={y(target) + 7} textAnchor="end">
            {t('gov.target')} {indicatorValue(unit, target)}
          </text>
        </>
      )}
      <polyline className={own.curve} points={known.map((d) => `${x(d.from)},${y(d.value!) + 12}`).join(' ')} />
      {known.map((d) => (
        <circle key={d.from} className={own.dot} cx={x(d.from)} cy={y(d.value!) + 12} r={3} />
      ))}
      {marks.map((value, i) => (
        <text key={i === 0 ? 'low' : 'high'} className={own.mark} x={LEFT - 4} y={y(value) + 16} textAnchor="end">
          {indicatorValue(unit, value)}
        </text>
      ))}
      <text className={own.mark} x={x(first)} y={H - 6} textAnchor={days.length === 1 ? 'middle' : 'start'}>
        {calendarDate(first)}
      </text>
      {days.length > 1 && (
        <text className={own.mark} x={x(days.at(-1)!.from)} y={H - 6} textAnchor="end">
          {calendarDate(days.at(-1)!.from)}
        </text>
      )}
    </svg>
  )
}

function Dots({ detail }: { detail: IndicatorDetail }) {
  const t = useText()
  const values = detail.facilities.map((f) => f.value).filter((v): v is number => v !== null)
  const low = Math.min(...values, detail.target ?? Number.POSITIVE_INFINITY)
  const high = Math.max(...values, detail.target ?? Number.NEGATIVE_INFINITY)
  const place = (value: number) => (high === low ? 50 : 4 + ((value - low) / (high - low)) * 92)
  return (
    <ul className={own.dots}>
      {detail.facilities.map((f) => (
        <li key={f.facility} data-testid="facility-value">
          <span className={css.cut}>{t.pick(f.name, f.facility)}</span>
          <span className={own.track}>
            {detail.target !== null && <i className={own.tick} style={{ left: `${place(detail.target)}%` }} />}
            {f.value === null ? <Hatch /> : <i className={own.bead} style={{ left: `${place(f.value)}%` }} />}
          </span>
          <b>{f.small ? '<5' : indicatorValue(detail.unit, f.value)}</b>
          <small className="muted">n={f.small ? '<5' : sampleSize(f.n)}</small>
        </li>
      ))}
      {detail.facilities.length === 0 && <li>{t('gov.noValues')}</li>}
    </ul>
  )
}
