/** The line between the red lane and the list: what is new and waits, or the proof that nothing does. Always there. */
import { LEVELS } from '#model/alert/alert.ts'
import { useText } from '../i18n/use-text.ts'
import { Icon } from '../kit/icons.tsx'
import { connection } from '../live/connection.ts'
import { clockTime, grouped } from '../live/format.ts'
import { loading, view } from '../live/runtime.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './duty.module.css'

export function Strip({ onHome }: { onHome(): void }) {
  const t = useText()
  const { pending } = useSignal(view)
  const { phase, seq, dataAsOf } = useSignal(connection)
  const { mismatch, progress } = useSignal(loading)
  if (pending) {
    const levels = LEVELS.filter((l) => pending.byLevel[l] > 0).map((l) => `${t(`level.${l}`)} ${pending.byLevel[l]}`)
    return (
      <button type="button" className={css.strip} data-new="true" onClick={onHome} data-testid="new-strip">
        <Icon name="up" size={14} />
        <b>{t('list.new', { n: pending.total, levels: levels.join(' ') })}</b>
        <span className="muted">{t('list.newHint')}</span>
        <kbd>Home</kbd>
        <span className="muted">{t('list.newShow')}</span>
        <span className={css.stripEnd}>{t('list.newSince', { time: clockTime(pending.since) })}</span>
      </button>
    )
  }
  const time = dataAsOf === null ? '—' : clockTime(dataAsOf)
  return (
    <span className={css.strip}>
      <span className="muted">
        {phase === 'lost'
          ? t('lost.list', { time })
          : progress
            ? t('list.progress', { have: grouped(progress.have), total: grouped(progress.total) })
            : mismatch
              ? t('list.mismatch', { server: mismatch.server, local: mismatch.local })
              : t('list.fresh')}
      </span>
      <span className={css.stripEnd}>{seq !== null && t('list.checked', { time, seq: grouped(seq) })}</span>
    </span>
  )
}
