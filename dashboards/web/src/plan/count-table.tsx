/** 实到/应到 by place, differences in bold; who has no fresh fix is neither present nor absent and is counted apart. */
import { useText } from '../i18n/use-text.ts'
import { zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime } from '../live/format.ts'
import { countedRows, totalOf, useHeadcount } from '../live/headcount.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './plan.module.css'

interface Props {
  wardsOnly?: boolean
  /** The places can be chosen, where there is something to see of them. */
  onChoose?: (zone: string) => void
  chosen?: string | null
}

export function CountTable({ wardsOnly = false, onChoose, chosen = null }: Props) {
  const t = useText()
  const data = useSignal(facility)
  const count = useHeadcount()
  const all = countedRows(count.items, data.zones)
  const rows = wardsOnly ? all.filter((row) => (row.expected ?? 0) > 0) : all
  const total = totalOf(all, data.zones)
  const unknown = all.some((row) => (row.unknown ?? 0) > 0)
  /** Officers in places that this table leaves out: without them the column would not add up. */
  const officersElsewhere = total.officers - rows.reduce((n, row) => n + row.officers, 0)
  return (
    <section className={css.group} data-testid="headcount">
      <h2>
        {t('plan.count')}
        <span className="muted">{count.at > 0 && t('plan.countChecked', { time: clockTime(count.at) })}</span>
      </h2>
      {count.failure && <p className="muted">{t('region.failed', { why: count.failure })}</p>}
      {rows.length > 0 ? (
        <table className={css.counts}>
          <thead>
            <tr>
              <th scope="col">{t('plan.countZone')}</th>
              <th scope="col">{t('plan.countPresent')}</th>
              <th scope="col">{t('plan.countExpected')}</th>
              {unknown && <th scope="col">{t('plan.countUnknown')}</th>}
              <th scope="col">{t('plan.countOfficers')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr
                key={row.zone}
                data-differs={(row.expected ?? 0) > 0 && row.expected !== row.present}
                data-chosen={row.zone === chosen}
              >
                <th scope="row">
                  {onChoose ? (
                    <button
                      type="button"
                      className={css.rowButton}
                      aria-pressed={row.zone === chosen}
                      onClick={() => onChoose(row.zone)}
                    >
                      {zoneName(t, data, row.zone)}
                    </button>
                  ) : (
                    zoneName(t, data, row.zone)
                  )}
                </th>
                <td>{(row.expected ?? 0) > 0 ? row.present : (row.inside ?? row.present)}</td>
                <td>{row.expected ? row.expected : '—'}</td>
                {unknown && <td>{row.unknown ? row.unknown : ''}</td>}
                <td>{row.officers}</td>
              </tr>
            ))}
            {wardsOnly && officersElsewhere > 0 && (
              <tr>
                <th scope="row">{t('plan.countElsewhere')}</th>
                <td />
                <td />
                {unknown && <td />}
                <td>{officersElsewhere}</td>
              </tr>
            )}
          </tbody>
          <tfoot>
            <tr data-differs={total.present !== total.expected}>
              <th scope="row">{t('plan.total')}</th>
              <td>{total.present}</td>
              <td>{total.expected}</td>
              {unknown && <td>{total.unknown}</td>}
              <td>{total.officers}</td>
            </tr>
          </tfoot>
        </table>
      ) : (
        !count.failure && <p className="muted">{t(count.at > 0 ? 'plan.countNone' : 'region.loading')}</p>
      )}
    </section>
  )
}
