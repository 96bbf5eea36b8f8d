/** What every sheet of paper must say and no screen needs: whose it is, when it was printed, from which sequence, by whom. */

import type { Me } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { connection } from '../live/connection.ts'
import { dateTime, grouped } from '../live/format.ts'
import { second, serverClock } from '../live/server-clock.ts'
import { me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import { usePlaceName } from './alert-bar.tsx'
import css from './frame.module.css'

function Stamp({ account }: { account: Me }) {
  const t = useText()
  const place = usePlaceName(account)
  const { seq } = useSignal(connection)
  useSignal(second)
  return (
    <span className={css.paper}>
      {place} ·{' '}
      {t('print.stamp', { time: dateTime(serverClock.now()), seq: seq === null ? '—' : grouped(seq), by: account.id })}
    </span>
  )
}

export function PaperStamp() {
  const account = me()
  return account && <Stamp account={account} />
}
