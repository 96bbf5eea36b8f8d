/** One line on every page: the four counters and the highest unacknowledged alert, however the page below is filtered. */
import { useSyncExternalStore } from 'react'
import { Link } from 'react-router'
import { ACK_SLA_MS, LEVELS, type Level } from '#model/alert/alert.ts'
import type { Me } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Bar } from '../kit/controls.tsx'
import { alertName, sourceName, zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime, duration } from '../live/format.ts'
import { alertLink } from '../live/links.ts'
import { facilities, highestUnacknowledged, store } from '../live/runtime.ts'
import { second } from '../live/server-clock.ts'
import { isProvince, mayEnter } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './frame.module.css'

function AckClock({ since, limitMs, level }: { since: number; limitMs: number; level: Level }) {
  const t = useText()
  const elapsed = useSignal(second) - since
  return (
    <>
      <b className={css.barAge}>{duration(elapsed)}</b>
      <span className={css.barTrack}>
        <Bar part={elapsed / limitMs} tone={level === 'red' || level === 'orange' ? level : 'strong'} />
      </span>
      <span className="muted">
        {elapsed > limitMs ? `${t('bar.overdue')} · ` : ''}
        {t('bar.limit', { limit: duration(limitMs) })}
      </span>
    </>
  )
}

export function usePlaceName(account: Me): string {
  const t = useText()
  const data = useSignal(facilities)
  const id = account.facility?.id
  const known = data.items.find((item) => item.id === id)
  return t.pick(account.facility?.name ?? known?.name, id ?? t('app.unknownFacility'))
}

export function AlertBar({ account }: { account: Me }) {
  const t = useText()
  const data = useSignal(facility)
  const place = usePlaceName(account)
  useSyncExternalStore(store.subscribeList, store.version)
  const counts = store.counts()
  const top = highestUnacknowledged()
  const filled = LEVELS.find((level) => counts[level].unacknowledged > 0)
  const serious = top?.level === 'red' || top?.level === 'orange'
  const title = isProvince(account)
    ? t('app.province', { facility: place })
    : t(account.role === 'engineer' || account.role === 'sysadmin' ? 'app.engineering' : 'app.commandCentre', {
        facility: place,
      })

  return (
    <header className={css.alertBar}>
      <h2 className="unseen">{t('bar.label')}</h2>
      <div className={css.place} title={title}>
        {place}
        {title.startsWith(place) && <span className={css.placeRest}>{title.slice(place.length)}</span>}
      </div>
      <ul className={css.counters}>
        {LEVELS.map((level) => (
          <li key={level} className={css.counter}>
            <span className="unseen">
              {t('bar.counter', { level: t(`level.${level}`), n: counts[level].open, u: counts[level].unacknowledged })}
            </span>
            <Badge level={level} filled={level === filled} size={24} />
            <span aria-hidden="true" className="muted">
              {t(`level.${level}`)}
            </span>
            <b aria-hidden="true" data-count={level}>
              {counts[level].open}
            </b>
          </li>
        ))}
      </ul>
      {top ? (
        <div className={css.highest}>
          <span className={css.highestLabel}>{t('bar.highest')}</span>
          <Badge level={top.level} filled ring size={30} />
          <Link className={css.highestText} to={mayEnter(account, 'duty') ? alertLink(top.id) : '/'}>
            <b>{clockTime(top.raisedAt)}</b>
            <b>{zoneName(t, data, top.zone)}</b>
            <b>{alertName(t, data, top)}</b>
            <span className="muted">{sourceName(data, top)}</span>
          </Link>
          <span className={css.highestState} data-level={serious ? top.level : undefined}>
            {t.code('state', top.state)}
          </span>
          <AckClock since={top.raisedAt} limitMs={ACK_SLA_MS[top.level]} level={top.level} />
        </div>
      ) : (
        <div className={css.highest}>
          <span className="muted">{store.loaded() ? t('bar.none') : t('list.emptyUnproved')}</span>
        </div>
      )}
    </header>
  )
}
