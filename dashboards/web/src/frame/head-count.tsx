/** 实到/应到 on every screen: the sum in the bar, each place behind it, with how much of it is known and how old that is. */
import { useText } from '../i18n/use-text.ts'
import { zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { duration } from '../live/format.ts'
import { countedRows, knownShare, totalOf, useHeadcount } from '../live/headcount.ts'
import { second, serverClock } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './frame.module.css'

/** Older than two missed answers: what is shown is no longer live. */
const STALE_MS = 15_000

export function HeadCount() {
  const t = useText()
  const data = useSignal(facility)
  const count = useHeadcount()
  useSignal(second)
  const rows = countedRows(count.items, data.zones).filter((row) => (row.expected ?? 0) > 0)
  if (rows.length === 0) return null
  const total = totalOf(rows, data.zones)
  const waited = Math.max(0, serverClock.now() - count.at)
  const stale = waited > STALE_MS
  const oldest = Math.max(0, ...rows.map((row) => row.ageMs ?? 0)) + waited
  const share = (row: { expected?: number | null; unknown?: number }) =>
    t('count.known', { n: Math.floor(knownShare(row) * 100) })
  return (
    <details className={css.count} data-stale={stale} data-differs={total.present !== total.expected}>
      <summary data-testid="count-chip">
        <span className="muted">{t('count.short')}</span>{' '}
        <b>
          {total.present}/{total.expected}
        </b>
        {(total.unknown ?? 0) > 0 && <span className="muted"> {t('count.unknown', { n: total.unknown ?? 0 })}</span>}
        {stale && <span> ? {duration(waited)}</span>}
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('plan.countZone')}</th>
            <th scope="col">{t('plan.countPresent')}</th>
            <th scope="col">{t('plan.countExpected')}</th>
            <th scope="col">{t('plan.countUnknown')}</th>
            <th scope="col">{t('count.confidence')}</th>
            <th scope="col">{t('count.age')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.zone} data-differs={row.expected !== row.present}>
              <th scope="row">{zoneName(t, data, row.zone)}</th>
              <td>{row.present}</td>
              <td>{row.expected}</td>
              <td>{row.unknown || ''}</td>
              <td>{share(row)}</td>
              <td>{row.ageMs === null || row.ageMs === undefined ? '—' : duration(row.ageMs + waited)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{t('plan.total')}</th>
            <td>{total.present}</td>
            <td>{total.expected}</td>
            <td>{total.unknown || ''}</td>
            <td>{share(total)}</td>
            <td>{duration(oldest)}</td>
          </tr>
        </tfoot>
      </table>
    </details>
  )
}
