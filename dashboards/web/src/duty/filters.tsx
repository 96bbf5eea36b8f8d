/** Left column: views, levels, kinds, zones, alert rate. Counts come from the same store as the list. */
import { useSyncExternalStore } from 'react'
import { LEVELS } from '#model/alert/alert.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { VIEWS } from '../live/alert-view.ts'
import { ZONE_GROUPS } from '../live/facility-data.ts'
import { store, view } from '../live/runtime.ts'
import { second } from '../live/server-clock.ts'
import { SOUNDED_SPAN_MS, soundedSince } from '../live/sounded.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import css from './duty.module.css'

const RATE_BUCKET_MS = 600_000
const RATE_BUCKETS = SOUNDED_SPAN_MS / RATE_BUCKET_MS
const RATE_LIMIT = 10

const halfMinute = (at: number): number => Math.floor(at / 30_000) * 30_000

function Rate() {
  const t = useText()
  useSyncExternalStore(store.subscribeCalmly, store.calmVersion)
  // Half a minute is fine enough for a bar of ten minutes.
  const now = usePart(second, halfMinute)
  const buckets = new Array<number>(RATE_BUCKETS).fill(0)
  for (const raisedAt of soundedSince(now - SOUNDED_SPAN_MS, store.values())) {
    const age = Math.floor((now + 30_000 - raisedAt) / RATE_BUCKET_MS)
    if (age >= 0 && age < RATE_BUCKETS) buckets[RATE_BUCKETS - 1 - age]!++
  }
  const top = Math.max(RATE_LIMIT, ...buckets)
  return (
    <section className={css.filterGroup}>
      <h2 className={css.filterHead}>
        {t('filter.rate')}
        <span>
          <b>{buckets[RATE_BUCKETS - 1]}</b> <span className="muted">{t('filter.ratePer')}</span>
        </span>
      </h2>
      <div className={css.rate} aria-hidden="true">
        <span className={css.rateLimit} style={{ bottom: `${(RATE_LIMIT / top) * 100}%` }} />
        {buckets.map((n, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place in time
          <i key={i} data-now={i === RATE_BUCKETS - 1} style={{ height: `${Math.max(3, (n / top) * 100)}%` }} />
        ))}
      </div>
      <p className={css.rateFoot}>
        <span>{t('filter.rateFrom', { min: (RATE_BUCKETS * RATE_BUCKET_MS) / 60_000 })}</span>
        <span>{t('filter.rateLimit', { n: RATE_LIMIT })}</span>
      </p>
    </section>
  )
}

export function Filters() {
  const t = useText()
  const { filter, viewCounts, domainCounts, zoneCounts } = useSignal(view)
  useSyncExternalStore(store.subscribeList, store.version)
  const counts = store.counts()
  return (
    <aside className={css.filters} aria-label={t('filter.label')}>
      <section className={css.filterGroup}>
        <h2 className={css.filterHead}>{t('filter.view')}</h2>
        {VIEWS.map((name) => (
          <button
            key={name}
            type="button"
            className={css.filterRow}
            data-gap={name === 'unacknowledged' || name === 'mine'}
            aria-pressed={filter.view === name}
            onClick={() => view.setFilter({ view: name })}
          >
            {t(`filter.view.${name}`)}
            <span>{viewCounts[name]}</span>
          </button>
        ))}
      </section>
      <section className={css.filterGroup}>
        <h2 className={css.filterHead}>
          {t('filter.level')} <span className="muted">{t('filter.levelHint')}</span>
        </h2>
        {LEVELS.map((level) => (
          <button
            key={level}
            type="button"
            className={css.filterRow}
            aria-pressed={filter.level === level}
            onClick={() => view.setFilter({ level: filter.level === level ? null : level })}
          >
            <Badge level={level} filled={false} size={20} />
            <b>{t(`level.${level}`)}</b>
            <small className="muted">
              {counts[level].unacknowledged > 0 && t('filter.unacknowledged', { n: counts[level].unacknowledged })}
            </small>
            <span>{counts[level].open}</span>
          </button>
        ))}
      </section>
      <section className={css.filterGroup}>
        <h2 className={css.filterHead}>{t('filter.domain')}</h2>
        {(['behaviour', 'duty', 'equipment'] as const).map((domain) => (
          <button
            key={domain}
            type="button"
            className={css.filterRow}
            aria-pressed={filter.domain === domain}
            onClick={() => view.setFilter({ domain: filter.domain === domain ? null : domain })}
          >
            {t(`domain.${domain}`)}
            <span>{domainCounts[domain] ?? 0}</span>
          </button>
        ))}
      </section>
      <section className={css.filterGroup}>
        <h2 className={css.filterHead}>{t('filter.zone')}</h2>
        {ZONE_GROUPS.map((group) => (
          <button
            key={group}
            type="button"
            className={css.filterRow}
            aria-pressed={filter.zoneGroup === group}
            onClick={() => view.setFilter({ zoneGroup: filter.zoneGroup === group ? null : group })}
          >
            {t(`filter.zone.${group}`)}
            <span>{zoneCounts[group] ?? 0}</span>
          </button>
        ))}
      </section>
      <Rate />
    </aside>
  )
}
