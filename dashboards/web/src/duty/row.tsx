/** One row of the list. Subscribes to its own alert: a change of one alert renders one row. */
import { memo, useCallback, useLayoutEffect, useRef, useSyncExternalStore } from 'react'
import { ACK_SLA_MS } from '#model/alert/alert.ts'
import type { ListedAlert, Verb } from '../api/types.ts'
import { type Text, useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Bar, Hatch } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { alertName, sourceName, stateWord, zoneName } from '../kit/wording.ts'
import { isClosed, isSetAside, isUnacknowledged } from '../live/alert-store.ts'
import type { Row as RowData } from '../live/alert-view.ts'
import { type FacilityData, facility } from '../live/facility-data.ts'
import { clockTime, duration } from '../live/format.ts'
import { store } from '../live/runtime.ts'
import { selection } from '../live/selection.ts'
import { second } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './duty.module.css'

export function useAlert(id: string) {
  const subscribe = useCallback((listener: () => void) => store.subscribeRow(id, listener), [id])
  const alert = useSyncExternalStore(subscribe, () => store.get(id))
  const pending = useSyncExternalStore(subscribe, () => store.pendingAct(id))
  return { alert, pending }
}

/** Limit and time used: a bar and seconds, so that neither has to be read alone. */
export function AgeCell({ alert }: { alert: ListedAlert }) {
  const t = useText()
  const now = useSignal(second)
  const elapsed = now - alert.raisedAt
  if (alert.state === 'shelved' && alert.shelvedUntil)
    return (
      <span className={css.age} title={t('shelf.untilShort', { time: clockTime(alert.shelvedUntil) })}>
        {t('shelf.left', { time: duration(Math.max(0, alert.shelvedUntil - now)) })}
      </span>
    )
  const escalated = alert.escalationStep > 0 && <Escalated alert={alert} now={now} />
  if (!isUnacknowledged(alert))
    return (
      <>
        {escalated}
        <span className={css.age}>{duration(elapsed)}</span>
      </>
    )
  const limit = ACK_SLA_MS[alert.level]
  const part = elapsed / limit
  return (
    <>
      <span className={css.ageBar} data-escalated={alert.escalationStep > 0}>
        <Bar part={part} tone={alert.level === 'red' ? 'red' : part > 0.6 ? 'strong' : undefined} />
      </span>
      {escalated || (
        <span className="muted">
          {elapsed > limit ? t('row.over', { time: duration(elapsed - limit) }) : duration(limit)}
        </span>
      )}
      <b className={css.age}>{duration(elapsed)}</b>
    </>
  )
}

/** Who was told that this alert waits, and in how many seconds the next one is. */
function Escalated({ alert, now }: { alert: ListedAlert; now: number }) {
  const t = useText()
  const e = alert.escalation
  const told = t.list(e?.told ?? [])
  const left = e?.nextAt ? Math.max(0, Math.ceil((e.nextAt - now) / 1000)) : null
  return (
    <em
      className={css.escalated}
      data-testid="escalated"
      title={`${t('escalation.step', { n: alert.escalationStep })} ${told}${
        left === null ? '' : ` · ${t('escalation.next', { time: duration(left * 1000) })}`
      }`}
    >
      ↑{alert.escalationStep}
      {told ? ` ${told}` : ''}
    </em>
  )
}

interface Props {
  row: RowData
  index: number
  top: number | null
  lane: boolean
  opened: boolean
  cursor: boolean
  /** Changes when the cursor was moved by key: only then the row takes the focus. */
  focusToken: number
  unfolded: boolean
}

export const Row = memo(function Row(p: Props) {
  const { alert, pending } = useAlert(p.row.id)
  const { ids } = useSignal(selection)
  const chosen = p.row.members.every((id) => ids.has(id))
  return alert ? <RowFace {...p} alert={alert} pending={pending} chosen={chosen} /> : null
})

/** Of a folded row: the one source its alerts share, else how many different ones there are. */
function sourcesOf(t: Text, data: FacilityData, alert: ListedAlert, members: string[]): string {
  const alerts = members.map((id) => store.get(id) ?? alert)
  const devices = new Set(alerts.map((a) => a.device))
  if (devices.size > 1) return t('list.members', { n: devices.size })
  const subjects = new Set(alerts.map((a) => a.subject))
  return subjects.size > 1 ? t('list.persons', { n: subjects.size }) : sourceName(data, alert)
}

interface FaceProps extends Props {
  alert: ListedAlert
  /** The act that was sent and is not answered yet. */
  pending: Verb | undefined
  chosen: boolean
}

/** How a row looks, given all it shows: the gallery draws every state of it. */
export function RowFace({ alert, pending, chosen, ...p }: FaceProps) {
  const t = useText()
  const data = useSignal(facility)
  const element = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    if (p.cursor && p.focusToken > 0) element.current?.focus({ preventScroll: true })
  }, [p.cursor, p.focusToken])
  const waiting = isUnacknowledged(alert) && !isClosed(alert)
  const count = p.row.members.length
  return (
    <div
      ref={element}
      role="row"
      aria-rowindex={p.index}
      aria-selected={p.opened || chosen}
      tabIndex={p.cursor ? 0 : -1}
      className={css.row}
      data-id={p.row.id}
      data-level={alert.level}
      data-lane={p.lane}
      data-child={p.row.child}
      data-waiting={waiting}
      data-closed={isClosed(alert)}
      data-opened={p.opened}
      data-chosen={chosen}
      data-pending={pending !== undefined}
      style={p.top === null ? undefined : { transform: `translateY(${p.top}px)` }}
    >
      <span role="gridcell" className={css.cLevel}>
        <Badge level={alert.level} filled={waiting} ring={waiting} dashed={isSetAside(alert)} />
        <span className="muted">{chosen ? <Icon name="check" size={14} /> : t(`level.${alert.level}`)}</span>
      </span>
      <span role="gridcell" className={css.cTime}>
        {clockTime(alert.raisedAt)}
      </span>
      <span role="gridcell" className={css.cZone}>
        {zoneName(t, data, alert.zone)}
      </span>
      <span role="gridcell" className={css.cKind}>
        <span className={css.kindName}>{alertName(t, data, alert)}</span>
        {count > 1 && (
          <button type="button" className={css.fold} data-fold={p.row.id} aria-expanded={p.unfolded} tabIndex={-1}>
            ×{count} <Icon name={p.unfolded ? 'down' : 'right'} size={12} />
          </button>
        )}
        {alert.drill && <em className={css.tag}>{t('row.drill')}</em>}
        {alert.test && <em className={css.tag}>{t('row.test')}</em>}
        {alert.delayed && <em className={css.tag}>{t('row.delayed')}</em>}
        {alert.stale && (
          <em className={css.tag}>
            <Hatch /> {t('row.stale')}
          </em>
        )}
      </span>
      <span role="gridcell" className={css.cDevice}>
        {count > 1 ? sourcesOf(t, data, alert, p.row.members) : sourceName(data, alert)}
      </span>
      <span role="gridcell" className={css.cState}>
        {pending ? `${t('list.pending')} ${t(`verb.${pending}`)}` : stateWord(t, alert)}
        {!pending && alert.assignee && !waiting ? ` ${alert.assignee}` : ''}
      </span>
      <span role="gridcell" className={css.cAge}>
        {isClosed(alert) ? <span className="muted">{t('row.closed')}</span> : <AgeCell alert={alert} />}
      </span>
    </div>
  )
}
