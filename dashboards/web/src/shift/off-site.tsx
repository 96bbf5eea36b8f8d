/** 外出人员: who is outside on an escort in force, until when and with whom; who is outside without one stands first. */
import type { OffSiteItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { dateTime } from '../live/format.ts'
import { useSignal } from '../live/use-signal.ts'
import { personName } from '../plan/plan-tip.tsx'
import { Card } from './card.tsx'
import css from './shift.module.css'

export function OffSite({ items }: { items: OffSiteItem[] | null }) {
  const t = useText()
  const data = useSignal(facility)
  const sorted = [...(items ?? [])].sort((a, b) => Number(a.escort !== null) - Number(b.escort !== null))
  return (
    <Card title={t('shift.offSite', { n: items?.length ?? '—' })} note={t('shift.offSiteNote')}>
      <ul data-testid="off-site">
        {sorted.map((one) => (
          <li key={one.person} className={css.offSite} data-strong={one.escort === null}>
            <b>{personName(data, one.person)}</b>
            <span>
              {one.escort === null
                ? t('shift.offSite.none')
                : t('shift.offSite.escort', { id: one.escort, officers: t.list(one.officers) })}
              {one.inside && ` · ${t('shift.offSite.inside', { zone: zoneName(t, data, one.zone) })}`}
            </span>
            <span className="muted">
              {one.until === null ? '' : t('shift.offSite.until', { time: dateTime(one.until) })}
            </span>
          </li>
        ))}
      </ul>
      {items?.length === 0 && <p className="muted">{t('shift.offSiteNone')}</p>}
      {items === null && <p className="muted">{t('region.loading')}</p>}
    </Card>
  )
}
