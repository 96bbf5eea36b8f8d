/** The acts, always in view: what the server allows for this alert, this role, now. Dead while the connection is lost. */
import { Link } from 'react-router'
import type { ListedAlert, Verb } from '../api/types.ts'
import { type Text, useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { type ActMessage, notice } from '../live/acts.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { connection, phaseOf } from '../live/connection.ts'
import { printLink } from '../live/links.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import css from './panel.module.css'
import { useAlert } from './row.tsx'

export function messageText(t: Text, m: ActMessage): string {
  switch (m.kind) {
    case 'done':
      return t('act.done', { verb: t(`verb.${m.verb}`) })
    case 'conflict':
      return t('act.conflict', {
        by: m.by === null || m.by === 'system' ? t('panel.system') : m.by,
        at: m.at ?? '—',
        what: t.code('conflict', m.state ?? 'unacknowledged'),
      })
    case 'missing':
      return t('act.missing', { field: m.detail || m.field })
    case 'forbidden':
      return t('act.forbidden', { role: m.detail })
    case 'failed':
      return t('act.failed', { verb: t(`verb.${m.verb}`), why: m.why ?? t('act.noAnswer') })
    case 'lost':
      return t('act.lost')
    case 'not-allowed':
      return t('act.notAllowed', { verb: t(`verb.${m.verb}`) })
    case 'partial':
      if (m.skipped === 0) return t('act.allDone', { ok: m.ok })
      return t('act.partial', { ok: m.ok, skipped: m.skipped, why: m.state ? t.code('state', m.state) : '—' })
  }
}

const KEYS: Partial<Record<Verb, string>> = {
  acknowledge: 'A',
  dispatch: 'D',
  escalate: 'E',
  dismiss: 'F',
  resolve: 'R',
}

interface Props {
  alert: ListedAlert
  allowed: Verb[] | undefined
  onAct(verb: Verb): void
}

export function ActBar({ alert, allowed, onAct }: Props) {
  const t = useText()
  const phase = usePart(connection, phaseOf)
  const { pending } = useAlert(alert.id)
  const said = useSignal(notice)
  const lost = phase === 'lost' || phase === 'connecting'
  const review = alert.handling === 'pending-review'
  const verbs: Verb[] = review ? ['approve', 'reject'] : ['acknowledge', 'dispatch', 'escalate', 'dismiss']
  const may = (verb: Verb) => !lost && !pending && !isClosed(alert) && (allowed === undefined || allowed.includes(verb))
  const primary: Verb | null = review ? 'approve' : isUnacknowledged(alert) ? 'acknowledge' : null
  const serious = alert.level === 'red' || alert.level === 'orange'
  const mine = said && said.alert === alert.id ? said : null
  return (
    <footer className={css.actBar}>
      <p className={css.notice} role="status" data-testid="notice" data-empty={!mine && !lost}>
        {lost ? t('act.lost') : mine ? messageText(t, mine.message) : ''}
        {!lost && mine?.message.kind === 'conflict' && <span className="muted"> · {t('act.notInForce')}</span>}
        {!lost && mine?.message.kind === 'failed' && (
          <>
            {mine.message.code && <span className="muted"> {t('act.code', { code: mine.message.code })}</span>}{' '}
            <Button small onClick={mine.message.retry}>
              {t('act.retry')}
            </Button>
          </>
        )}
      </p>
      <div className={css.acts}>
        {verbs.map((verb) => (
          <Button
            key={verb}
            primary={verb === primary && may(verb)}
            disabled={!may(verb)}
            shortcut={KEYS[verb]}
            onClick={() => onAct(verb)}
          >
            {t(`verb.${verb as 'acknowledge'}`)}
          </Button>
        ))}
        <span className={css.actsGap} />
        {lost && alert.plan ? (
          <Link className={kit.button} to={printLink([alert.plan], alert.id)}>
            {t('lost.printPlan', { plan: alert.plan })}
          </Link>
        ) : (
          !review && (
            <Button disabled={!may('resolve')} shortcut="R" onClick={() => onAct('resolve')}>
              {t(serious ? 'verb.resolveToReview' : 'verb.resolve')}
            </Button>
          )
        )}
      </div>
    </footer>
  )
}
