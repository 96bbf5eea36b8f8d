/**
 * The signatures of a handover: the outgoing person signs, another one checks item by item and takes over. Nothing can be
 * signed while the connection is lost, and the sound is ticked only by who has just played it.
 */
import { type FormEvent, useState } from 'react'
import { LEVELS } from '#model/alert/alert.ts'
import type { HandoverItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Field } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { connection, isLost } from '../live/connection.ts'
import { clockTime, dateTime } from '../live/format.ts'
import { me } from '../live/session.ts'
import { sound, unlockSound } from '../live/sound.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import { Card } from './card.tsx'
import css from './shift.module.css'
import { useSend } from './use-send.ts'

const PAST_SHOWN = 20

export function Sign({ openRed, onDone }: { openRed: number; onDone(): Promise<unknown> }) {
  const t = useText()
  const [notes, setNotes] = useState('')
  const [accept, setAccept] = useState(false)
  const { send, fault, busy: sending } = useSend(onDone)
  const lost = usePart(connection, isLost)
  const busy = sending || lost
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send('/api/v1/shift/handovers', { notes, ...(openRed > 0 ? { acceptOpenRed: accept } : {}) })
  }
  return (
    <Card title={t('shift.sign')} note={t('shift.signNote')}>
      <form onSubmit={submit}>
        <Field label={t('shift.notes')}>
          <textarea className={kit.input} name="handover" value={notes} onChange={(e) => setNotes(e.target.value)} />
        </Field>
        {openRed > 0 && (
          <label className={css.check}>
            <input type="checkbox" checked={accept} onChange={(e) => setAccept(e.target.checked)} />
            {t('shift.acceptRed', { n: openRed })}
          </label>
        )}
        {fault && (
          <p className={kit.fault} role="alert">
            {fault}
          </p>
        )}
        <div className={css.actions}>
          <Button type="submit" primary disabled={busy || (openRed > 0 && !accept)}>
            {t('shift.signButton')}
          </Button>
        </div>
      </form>
    </Card>
  )
}

export function Waiting({
  handover,
  checks,
  openRed,
  onDone,
}: {
  handover: HandoverItem
  checks: string[]
  /** Red alerts open now, which may be others than at the signature. */
  openRed: number
  onDone(): Promise<unknown>
}) {
  const t = useText()
  const account = me()
  const mine = handover.outgoing.by === account?.id
  const [done, setDone] = useState<string[]>([])
  const [accept, setAccept] = useState(false)
  const [note, setNote] = useState('')
  const { state: soundState } = useSignal(sound)
  const { send, fault, busy: sending } = useSend(onDone)
  const lost = usePart(connection, isLost)
  const busy = sending || lost
  const red = Math.max(handover.snapshot.openRed.length, openRed)
  const [heard, setHeard] = useState(false)
  const path = `/api/v1/shift/handovers/${handover.id}`
  /** Nobody confirms a tone that was not played, or that this browser holds back. */
  const mayTick = (check: string) => check !== 'sound' || (heard && soundState === 'on')
  return (
    <Card title={t('shift.waiting', { by: handover.outgoing.by })} note={dateTime(handover.outgoing.at)}>
      <div data-testid="handover">
        <SnapshotLine snapshot={handover.snapshot} />
        {handover.notes && <p className={css.noteText}>{handover.notes}</p>}
        {mine ? (
          <>
            <p className="muted">{t('shift.waitsOther')}</p>
            <Field label={t('shift.withdrawWhy')}>
              <input className={kit.input} value={note} onChange={(e) => setNote(e.target.value)} />
            </Field>
            {fault && (
              <p className={kit.fault} role="alert">
                {fault}
              </p>
            )}
            <div className={css.actions}>
              <Button disabled={busy || note.trim() === ''} onClick={() => void send(`${path}/withdraw`, { note })}>
                {t('shift.withdraw')}
              </Button>
            </div>
          </>
        ) : (
          <>
            {checks.map((check) => (
              <label key={check} className={css.check}>
                <input
                  type="checkbox"
                  checked={done.includes(check)}
                  disabled={!mayTick(check)}
                  onChange={(e) => setDone(e.target.checked ? [...done, check] : done.filter((c) => c !== check))}
                />
                {t.code('shift.check', check)}
                {check === 'sound' && (
                  <>
                    <Button small onClick={() => void unlockSound().then(() => setHeard(true))}>
                      {t('me.sound.test')}
                    </Button>
                    {!mayTick(check) && <span className="muted">{t('shift.soundFirst')}</span>}
                  </>
                )}
              </label>
            ))}
            {red > 0 && (
              <label className={css.check}>
                <input type="checkbox" checked={accept} onChange={(e) => setAccept(e.target.checked)} />
                {t('shift.acceptRed', { n: red })}
              </label>
            )}
            {fault && (
              <p className={kit.fault} role="alert">
                {fault}
              </p>
            )}
            <div className={css.actions}>
              <Button
                primary
                disabled={busy || done.length < checks.length || (red > 0 && !accept)}
                onClick={() =>
                  void send(`${path}/accept`, { checks: done, ...(red > 0 ? { acceptOpenRed: accept } : {}) })
                }
              >
                {t('shift.acceptButton')}
              </Button>
            </div>
          </>
        )}
      </div>
    </Card>
  )
}

/** What stood at the signature, in one line. */
function SnapshotLine({ snapshot: s }: { snapshot: HandoverItem['snapshot'] }) {
  const t = useText()
  return (
    <p>
      {LEVELS.map((l) => `${t(`level.${l}`)} ${s.open[l]?.open ?? 0}`).join(' · ')} ·{' '}
      {t('shift.snapshot', { shelved: s.shelved.length, review: s.pendingReview.length, out: s.devicesOut })}
      {s.present !== null && ` · ${t('shift.snapshotCount', { present: s.present, expected: s.expected ?? 0 })}`}
      {s.offSite && ` · ${t('shift.offSite', { n: s.offSite.length })}`}
    </p>
  )
}

export function Past({ handovers }: { handovers: HandoverItem[] }) {
  const t = useText()
  if (handovers.length === 0) return null
  return (
    <Card title={t('shift.past')}>
      <ul className={css.log}>
        {handovers.slice(0, PAST_SHOWN).map((h) => (
          <li key={h.id}>
            <details>
              <summary>
                <time>{dateTime(h.outgoing.at)}</time> <b>{h.outgoing.by}</b> →{' '}
                <b>{h.incoming?.by ?? t('shift.withdrawn')}</b>{' '}
                {h.incoming && <span className="muted">{clockTime(h.incoming.at)}</span>}
              </summary>
              <SnapshotLine snapshot={h.snapshot} />
              {h.notes && <p className={css.noteText}>{h.notes}</p>}
              {[h.outgoing, h.incoming].map(
                (signed) =>
                  signed && (
                    <p key={signed.seq} className="muted">
                      {signed.by} {dateTime(signed.at)} · {t('shift.entry', { n: signed.seq })}{' '}
                      {signed.hash.slice(0, 16)}…
                    </p>
                  ),
              )}
            </details>
          </li>
        ))}
      </ul>
    </Card>
  )
}
