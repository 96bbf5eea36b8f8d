/** 视频核实: whoever has looked says real or not real with one key; unacknowledged alerts are acknowledged by the same press. */
import type { ListedAlert, Verb } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { act } from '../live/acts.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { connection, isLost } from '../live/connection.ts'
import { usePart } from '../live/use-signal.ts'
import css from './panel.module.css'

/** Acknowledged already: the finding is written into the history in the language of the house, whoever sits here. */
const NOTE = { real: '视频核实：属实', not: '视频核实：不属实' }

export async function verify(alert: ListedAlert, confirmed: boolean): Promise<boolean> {
  if (isUnacknowledged(alert)) return act(alert.id, 'acknowledge', { confirmed })
  return act(alert.id, 'comment', { note: confirmed ? NOTE.real : NOTE.not })
}

export function QuickVerify({ alert, allowed }: { alert: ListedAlert; allowed: Verb[] | undefined }) {
  const t = useText()
  const lost = usePart(connection, isLost)
  const needed: Verb = isUnacknowledged(alert) ? 'acknowledge' : 'comment'
  if (isClosed(alert) || alert.handling === 'pending-review' || (allowed && !allowed.includes(needed))) return null
  return (
    <div className={css.verify} role="group" aria-label={t('verify.title')}>
      <span className="muted" data-said={alert.confirmed !== null}>
        {alert.confirmed === null ? t('verify.title') : t(alert.confirmed ? 'verify.isReal' : 'verify.isFalse')}
      </span>
      <Button small shortcut="Y" disabled={lost} onClick={() => void verify(alert, true)}>
        {t('verify.real')}
      </Button>
      <Button small shortcut="N" disabled={lost} onClick={() => void verify(alert, false)}>
        {t('verify.false')}
      </Button>
    </div>
  )
}
