/** All indicators of the province and the ranking of facilities (console.md P12): with n, with what costs points, never a guess. */
import { Link } from 'react-router'
import { useText } from '../i18n/use-text.ts'
import { Hatch, Message } from '../kit/controls.tsx'
import { type IndicatorItem, indicatorValue, meetsTarget, sampleSize } from '../kit/indicator-words.ts'
import { DataAge } from '../kit/time.tsx'
import { usePolled } from '../live/polled.ts'
import css from './gov.module.css'
import own from './indicators.module.css'

const REFRESH_MS = 60_000
const DAYS = 7

export interface Ranked {
  facility: string
  name: { zh: string; en: string } | null
  index: number | null
  change: number | null
  n: number
  low: number | null
  high: number | null
  rank: number | null
  reasons: { id: string; points: number }[]
}
export interface ProvinceIndicators {
  values: IndicatorItem[]
  ranking: Ranked[]
}

export const useProvinceIndicators = () =>
  usePolled<ProvinceIndicators>(`/api/v1/indicators/overview?days=${DAYS}`, REFRESH_MS)

/** The figures of the overview's head; hatched where nothing is known. */
export function IndexFigures({ answer }: { answer: ProvinceIndicators | null }) {
  const t = useText()
  const shown = ['I39', 'I04', 'I06', 'I09', 'I21', 'I20']
  return (
    <section className={own.figures} aria-label={t('gov.indicators')} data-testid="index-figures">
      {shown.map((id) => {
        const item = answer?.values.find((v) => v.id === id)
        return (
          <Link key={id} to={`/gov/indicators/${id}`}>
            <span>{item ? t.pick(item.name, id) : id}</span>
            <b>{item?.value == null ? <Hatch /> : indicatorValue(item.unit, item.value)}</b>
            <small>{item?.value == null ? t('gov.tooLittle') : `n=${sampleSize(item.n)}`}</small>
          </Link>
        )
      })}
    </section>
  )
}

export function Ranking({ answer }: { answer: ProvinceIndicators | null }) {
  const t = useText()
  const names = new Map(answer?.values.map((v) => [v.id, v.name]))
  return (
    <section className={`${css.card} ${css.wide}`} aria-labelledby="gov-ranking" tabIndex={0}>
      <h2 className={css.cardHead} id="gov-ranking">
        {t('gov.ranking')} <span>{t('gov.rankingSub', { n: DAYS })}</span>
      </h2>
      <table className={css.table} data-testid="ranking">
        <thead>
          <tr>
            <th scope="col" data-right>
              {t('gov.rank')}
            </th>
            <th scope="col">{t('gov.col.facility')}</th>
            <th scope="col" data-right>
              {t('gov.index')}
            </th>
            <th scope="col" data-right>
              {t('gov.change')}
            </th>
            <th scope="col" data-right>
              {t('gov.band')}
            </th>
            <th scope="col" data-right>
              n
            </th>
            <th scope="col">{t('gov.reasons')}</th>
          </tr>
        </thead>
        <tbody>
          {(answer?.ranking ?? []).map((r) => (
            <tr key={r.facility}>
              <td data-right>{r.rank ?? '—'}</td>
              <th scope="row">{t.pick(r.name, r.facility)}</th>
              <td data-right>
                {r.index === null ? (
                  <>
                    <Hatch /> {t('gov.tooLittle')}
                  </>
                ) : (
                  <b>{r.index.toFixed(1)}</b>
                )}
              </td>
              <td data-right>
                {r.change === null ? '—' : `${r.change >= 0 ? '▲' : '▼'} ${Math.abs(r.change).toFixed(1)}`}
              </td>
              <td data-right>{r.low === null ? '—' : `${r.low.toFixed(1)} – ${r.high?.toFixed(1)}`}</td>
              <td data-right>{r.n}</td>
              <td>
                {r.rank === null && r.index !== null && <span className="muted">{t('gov.unranked')} </span>}
                {r.reasons
                  .slice(0, 3)
                  .map(({ id, points }) => `${t.pick(names.get(id), id)} −${points.toFixed(1)}`)
                  .join(' · ')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {!answer && <Message title={t('region.loading')} />}
    </section>
  )
}

export default function IndicatorsPage() {
  const t = useText()
  const { value, heardAt, failure } = useProvinceIndicators()
  return (
    <div className={css.page}>
      <header className={css.pageHead}>
        <h1>{t('gov.indicators')}</h1>
        <span className="muted">{t('gov.rankingSub', { n: DAYS })}</span>
        <span className={css.end}>
          <DataAge heardAt={heardAt} />
        </span>
      </header>
      {failure && <p className={css.fault}>{t('region.failed', { why: failure })}</p>}
      <IndexFigures answer={value} />
      <Ranking answer={value} />
      <section className={`${css.card} ${css.wide}`} aria-labelledby="gov-all" tabIndex={0}>
        <h2 className={css.cardHead} id="gov-all">
          {t('gov.all')} <span className={css.end}>{t('gov.shared')}</span>
        </h2>
        <table className={css.table} data-testid="indicators">
          <thead>
            <tr>
              <th scope="col">{t('gov.indicator')}</th>
              <th scope="col" data-right>
                {t('gov.value')}
              </th>
              <th scope="col" data-right>
                {t('gov.target')}
              </th>
              <th scope="col">{t('gov.met.head')}</th>
              <th scope="col" data-right>
                n
              </th>
              <th scope="col">{t('gov.formula')}</th>
            </tr>
          </thead>
          <tbody>
            {(value?.values ?? []).map((item) => {
              const met = meetsTarget(item)
              return (
                <tr key={item.id}>
                  <th scope="row">
                    <Link className={own.link} to={`/gov/indicators/${item.id}`}>
                      {item.id} {t.pick(item.name, item.id)}
                    </Link>
                  </th>
                  <td data-right>{item.value === null ? t('gov.tooLittle') : indicatorValue(item.unit, item.value)}</td>
                  <td data-right>{item.target === null ? '—' : indicatorValue(item.unit, item.target)}</td>
                  <td>{met === null ? '' : met ? t('gov.met') : <b>{t('gov.missed')}</b>}</td>
                  <td data-right>{sampleSize(item.n)}</td>
                  <td className={own.formula}>{item.formula}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </section>
    </div>
  )
}
