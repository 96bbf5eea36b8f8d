/** Right panel: what, why, picture, plan, timeline, acts of one alert. Everything comes from the server's one answer. */
import { ACK_SLA_MS } from '#model/alert/alert.ts'
import type { ListedAlert, MutedBy, Verb } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Bar, Button, Message } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime, duration } from '../live/format.ts'
import { second } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import { ActBar } from './act-bar.tsx'
import css from './panel.module.css'
import { Pictures } from './pictures.tsx'
import { PlanSteps } from './plan-steps.tsx'
import { QuickVerify } from './quick-verify.tsx'
import { Reasons } from './reasons.tsx'
import { useAlert } from './row.tsx'
import { Timeline } from './timeline.tsx'
import { useDetail } from './use-detail.ts'

export { showLive } from './pictures.tsx'
export { verify } from './quick-verify.tsx'

function Title({ alert }: { alert: ListedAlert }) {
  const t = useText()
  const data = useSignal(facility)
  const elapsed = useSignal(second) - alert.raisedAt
  const waiting = isUnacknowledged(alert) && !isClosed(alert)
  const limit = ACK_SLA_MS[alert.level]
  const number = alert.number ? t('panel.number', { n: alert.number }) : `#${alert.id.slice(0, 9)}`
  const facts = [number, t(`level.${alert.level}.long`), t.code('domain', alert.domain), alert.code]
  return (
    <header className={css.title}>
      <Badge level={alert.level} filled={waiting} ring={waiting} size={44} />
      <div className={css.titleText}>
        <h2>
          {zoneName(t, data, alert.zone)} {alertName(t, data, alert)}
        </h2>
        <p className={css.titleFacts}>
          {facts.map((fact) => (
            <span key={fact}>{fact}</span>
          ))}
        </p>
      </div>
      <div className={css.titleAge}>
        {waiting ? (
          <>
            <b>{duration(elapsed)}</b>
            <span className="muted">{t('bar.limit', { limit: duration(limit) })}</span>
          </>
        ) : (
          <>
            <b className={css.titleState}>{stateWord(t, alert)}</b>
            <span className="muted">{alert.assignee ?? duration(elapsed)}</span>
          </>
        )}
      </div>
      {waiting && (
        <span className={css.titleBar}>
          <Bar
            part={elapsed / limit}
            tone={alert.level === 'red' ? 'red' : alert.level === 'orange' ? 'orange' : 'strong'}
          />
        </span>
      )}
    </header>
  )
}

/** Why this alert makes no noise: which window, who, why, and for how long yet. */
function MutedLine({ muted }: { muted: MutedBy }) {
  const t = useText()
  const now = useSignal(second)
  const { kind, until, by, why, window, number } = muted
  const left = until === null ? null : duration(Math.max(0, until - now))
  return (
    <p className={css.shelf} data-testid="shelf">
      <b>
        {kind === 'shelf' && until !== null
          ? t('shelf.until', { time: clockTime(until), left: left! })
          : t(`muted.${kind}`, { window: number ?? window ?? t('muted.unknown') })}
      </b>
      {by && ` · ${by}`}
      {why && ` · ${why}`}
      {kind !== 'shelf' && left !== null && ` · ${t('shelf.left', { time: left })}`}
    </p>
  )
}

/** 升级: what ran out, who was told when, and when the next person will be. */
function EscalationLine({ alert }: { alert: ListedAlert }) {
  const t = useText()
  const now = useSignal(second)
  const e = alert.escalation
  if (!e || isClosed(alert)) return null
  // Without a duty list nobody was told and nobody will be: that must never read as if all knew.
  if (e.step > 0 && e.clock && e.at !== null && e.told.length === 0 && e.nextAt === null)
    return (
      <p className={css.shelf} data-testid="escalation" data-step={e.step}>
        <b>{t('escalation.empty', { what: t(`escalation.${e.clock}`), n: e.step, time: clockTime(e.at) })}</b>
      </p>
    )
  return (
    <p className={css.shelf} data-testid="escalation" data-step={e.step}>
      {e.clock && e.at !== null && (
        <b>
          {t('escalation.told', {
            what: t(`escalation.${e.clock}`),
            n: e.step,
            who: t.list(e.told) || t('escalation.nobody'),
            time: clockTime(e.at),
          })}
        </b>
      )}{' '}
      {e.nextAt !== null && e.nextClock
        ? t('escalation.nextLong', {
            what: t(`escalation.${e.nextClock}`),
            time: duration(Math.max(0, e.nextAt - now)),
          })
        : e.step > 0
          ? t('escalation.last')
          : ''}
    </p>
  )
}

interface Props {
  id: string | null
  onAct(verb: Verb): void
  onClose(): void
}

export function Panel({ id, onAct, onClose }: Props) {
  const t = useText()
  const { alert: live } = useAlert(id ?? '')
  const state = useDetail(id, live)
  const detail = state.detail && state.detail.id === id ? state.detail : null
  const alert = live ?? detail
  if (!id || !alert)
    return (
      <aside className={css.panel} aria-label={t('panel.label')}>
        {id && state.missing ? (
          <Message title={t('panel.unknown', { id })}>
            <p>{t('panel.unknownWhy')}</p>
            <Button onClick={onClose}>{t('panel.toList')}</Button>
          </Message>
        ) : (
          <Message title={id && state.failure ? t('panel.loadFailed', { why: state.failure }) : t('panel.choose')} />
        )}
      </aside>
    )
  return (
    <aside className={css.panel} aria-label={t('panel.label')} data-testid="panel" data-alert={id}>
      <button type="button" className={css.back} onClick={onClose}>
        <Icon name="left" /> {t('panel.close')}
      </button>
      <Title alert={alert} />
      <div className={css.scroll} tabIndex={0} role="group" aria-label={t('panel.label')}>
        {state.failure && <p className={css.failure}>{t('panel.loadFailed', { why: state.failure })}</p>}
        <Pictures alert={alert}>
          <QuickVerify alert={alert} allowed={detail?.allowedActions ?? alert.allowedActions} />
        </Pictures>
        <EscalationLine alert={alert} />
        {detail?.mutedBy && <MutedLine muted={detail.mutedBy} />}
        <Reasons alert={alert} detail={detail} heardAt={state.heardAt} />
        <PlanSteps alert={alert} detail={detail} />
        <Timeline alert={alert} detail={detail} onAct={onAct} />
      </div>
      <ActBar alert={alert} allowed={detail?.allowedActions ?? alert.allowedActions} onAct={onAct} />
    </aside>
  )
}
