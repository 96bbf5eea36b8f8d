/** Province (console.md P12, first form): what is open where, who is connected, the newest serious alerts. No persons. */
import { useSyncExternalStore } from 'react'
import { LEVELS, type Level } from '#model/alert/alert.ts'
import type { FacilityItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Hatch, Message } from '../kit/controls.tsx'
import { DataAge } from '../kit/time.tsx'
import { alertName, stateWord } from '../kit/wording.ts'
import { compareAlerts, isOpen, isUnacknowledged } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { calendarDate, clockMinute, duration } from '../live/format.ts'
import { facilities, loadFacilities, store } from '../live/runtime.ts'
import { second, serverClock } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './gov.module.css'
import { IndexFigures, Ranking, useProvinceIndicators } from './indicators-page.tsx'

const SERIOUS_SHOWN = 14

/** Disconnected first, then by what is open: the most serious level decides, then how many. */
export function facilityOrder(a: FacilityItem, b: FacilityItem): number {
  if (a.connected !== b.connected) return a.connected ? 1 : -1
  for (const level of LEVELS) {
    const diff = (b.openAlerts[level] ?? 0) - (a.openAlerts[level] ?? 0)
    if (diff !== 0) return diff
  }
  return a.id < b.id ? -1 : 1
}

const worstLevel = (item: FacilityItem): Level | null =>
  LEVELS.find((level) => (item.openAlerts[level] ?? 0) > 0) ?? null

function Tile({ item }: { item: FacilityItem }) {
  const t = useText()
  const worst = worstLevel(item)
  const serious = worst === 'red' || worst === 'orange' ? worst : null
  return (
    <li className={css.tile} data-connected={item.connected}>
      <h3>
        {t.pick(item.name, item.id)}
        {serious && <Badge level={serious} filled size={22} />}
      </h3>
      <p className={css.tileKind}>
        {t.code('gov.kind', item.kind)} · {item.id}
      </p>
      <ul className={css.tileCounts}>
        {LEVELS.map((level) => (
          <li key={level}>
            <Badge level={level} filled={false} size={18} />
            <b>{item.openAlerts[level] ?? 0}</b>
            <span className="unseen">{t(`level.${level}`)}</span>
          </li>
        ))}
      </ul>
      <p className={css.tileFoot}>
        {item.connected ? (
          <>
            {t('gov.link.up')} · {item.devices.online}/{item.devices.total}
          </>
        ) : (
          <>
            <Hatch /> <b>{t('gov.link.down')}</b> <Since at={item.lastSeenAt} />
          </>
        )}
      </p>
    </li>
  )
}

function Since({ at }: { at: number | null }) {
  const t = useText()
  const now = useSignal(second)
  return <>{at === null ? t('eng.never') : t('eng.ago', { s: duration(now - at) })}</>
}

/** How far the province can vouch for the ledger of a facility; a contradiction is said in words. */
function Anchor({ item }: { item: FacilityItem }) {
  const t = useText()
  if (item.anchorConflicts) return <b>{t('gov.anchor.conflicts', { n: item.anchorConflicts })}</b>
  if (!item.anchor) return <>—</>
  return (
    <>
      {t('gov.anchor.entry', { n: item.anchor.ledgerSeq })} · {clockMinute(item.anchor.at)}
    </>
  )
}

function Serious({ items }: { items: FacilityItem[] }) {
  const t = useText()
  const data = useSignal(facility)
  const serious = [...store.values()]
    .filter((a) => (a.level === 'red' || a.level === 'orange') && !a.test)
    .sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || compareAlerts(a, b))
  const names = new Map(items.map((f) => [f.id, f.name]))
  const today = calendarDate(serverClock.now())
  return (
    <section className={css.card} aria-labelledby="gov-serious">
      <h2 className={css.cardHead} id="gov-serious">
        {t('gov.serious')} <span>{t('gov.seriousSub')}</span>
        <span className={css.end}>{serious.length}</span>
      </h2>
      {serious.length === 0 && <Message title={t('gov.seriousNone')} />}
      <ul>
        {serious.slice(0, SERIOUS_SHOWN).map((alert) => (
          <li
            key={alert.id}
            className={css.seriousRow}
            data-waiting={isUnacknowledged(alert) && isOpen(alert)}
            data-testid="serious"
          >
            <Badge level={alert.level} filled={isUnacknowledged(alert) && isOpen(alert)} size={22} />
            <span className="muted">{t(`level.${alert.level}`)}</span>
            <time>
              {calendarDate(alert.raisedAt) === today
                ? clockMinute(alert.raisedAt)
                : calendarDate(alert.raisedAt).slice(5)}
            </time>
            <span className={css.cut}>{t.pick(names.get(alert.facility), alert.facility)}</span>
            <span className={`${css.cut} muted`}>{alert.zone ?? '—'}</span>
            <span className={css.cut}>{alertName(t, data, alert)}</span>
            <span className={css.end}>{stateWord(t, alert)}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

export default function OverviewPage() {
  const t = useText()
  const { items, heardAt, failure } = useSignal(facilities)
  useSyncExternalStore(store.subscribeList, store.version)
  const now = useSignal(second)
  const indicators = useProvinceIndicators()
  const counts = store.counts()
  const sorted = [...items].sort(facilityOrder)
  const connected = items.filter((f) => f.connected).length
  const online = items.reduce((sum, f) => sum + f.devices.online, 0)
  const total = items.reduce((sum, f) => sum + f.devices.total, 0)
  const gaps = items.reduce((sum, f) => sum + f.gaps, 0)
  const oldest = items.reduce(
    (min, f) => Math.min(min, f.lastSeenAt ?? Number.POSITIVE_INFINITY),
    Number.POSITIVE_INFINITY,
  )
  return (
    <div className={css.page}>
      <header className={css.pageHead}>
        <h1>{t('gov.overview')}</h1>
        <span className="muted">{calendarDate(serverClock.now())}</span>
        <span className={css.end}>
          <DataAge heardAt={heardAt} />
        </span>
      </header>
      {failure && (
        <p className={css.fault}>
          {t('region.failed', { why: failure })}{' '}
          <Button small onClick={() => void loadFacilities()}>
            {t('region.retry')}
          </Button>
        </p>
      )}
      <section className={css.figures} aria-label={t('gov.overview')}>
        {LEVELS.map((level) => (
          <div key={level}>
            <span>{t('gov.open', { level: t(`level.${level}`) })}</span>
            <b>
              <Badge
                level={level}
                filled={counts[level].unacknowledged > 0 && (level === 'red' || level === 'orange')}
                size={28}
              />
              {counts[level].open}
            </b>
            <small>{t('gov.unacked', { n: counts[level].unacknowledged })}</small>
          </div>
        ))}
        <div>
          <span>{t('gov.connected')}</span>
          <b>
            {connected} <i>/ {items.length}</i>
          </b>
          <small>{Number.isFinite(oldest) ? t('gov.slowest', { age: duration(now - oldest) }) : '—'}</small>
        </div>
        <div>
          <span>{t('gov.devices')}</span>
          <b>
            {total === 0 ? '—' : ((online / total) * 100).toFixed(1)} <i>%</i>
          </b>
          <small>
            {online} / {total}
          </small>
        </div>
        <div>
          <span>{t('gov.gaps')}</span>
          <b>{gaps}</b>
          <small>{t('gov.gapsNote')}</small>
        </div>
      </section>
      <IndexFigures answer={indicators.value} />
      <div className={css.columns}>
        <section className={css.card} aria-labelledby="gov-map">
          <h2 className={css.cardHead} id="gov-map">
            {t('gov.facilities')} <span>{t('gov.facilitiesSub', { n: items.length })}</span>
          </h2>
          {items.length === 0 ? (
            <Message title={t(heardAt === null ? 'region.loading' : 'gov.noFacilities')} />
          ) : (
            <ul className={css.tiles}>
              {sorted.map((item) => (
                <Tile key={item.id} item={item} />
              ))}
            </ul>
          )}
        </section>
        <Serious items={items} />
      </div>
      <Ranking answer={indicators.value} />
      <section className={`${css.card} ${css.wide}`} aria-labelledby="gov-table" tabIndex={0}>
        <h2 className={css.cardHead} id="gov-table">
          {t('gov.table')} <span className={css.end}>{t('gov.shared')}</span>
        </h2>
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">{t('gov.col.facility')}</th>
              <th scope="col">{t('gov.col.kind')}</th>
              <th scope="col">{t('gov.col.link')}</th>
              <th scope="col" data-right>
                {t('gov.col.seen')}
              </th>
              {LEVELS.map((level) => (
                <th key={level} scope="col" data-right>
                  {t(`level.${level}`)}
                </th>
              ))}
              <th scope="col" data-right>
                {t('gov.col.devices')}
              </th>
              <th scope="col" data-right>
                {t('gov.col.gaps')}
              </th>
              <th scope="col" data-right>
                {t('gov.col.anchor')}
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((item) => (
              <tr key={item.id} data-connected={item.connected}>
                <th scope="row">{t.pick(item.name, item.id)}</th>
                <td>{t.code('gov.kind', item.kind)}</td>
                <td>
                  {item.connected ? (
                    t('gov.link.up')
                  ) : (
                    <>
                      <Hatch /> {t('gov.link.down')}
                    </>
                  )}
                </td>
                <td data-right>
                  <Since at={item.lastSeenAt} />
                </td>
                {LEVELS.map((level) => (
                  <td key={level} data-right>
                    {(item.openAlerts[level] ?? 0) > 0 ? <b>{item.openAlerts[level]}</b> : 0}
                  </td>
                ))}
                <td data-right>
                  {item.devices.online} / {item.devices.total}
                </td>
                <td data-right>{item.gaps}</td>
                <td data-right title={item.anchor?.ledgerHash}>
                  <Anchor item={item} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  )
}
