/**
 * 值班交接 (console.md P6): prepared from what the platform knows, exchanged with notes, cross-checked item by item. One
 * person signs, another takes over; an open red needs the explicit word of both. The server keeps it in the ledger.
 */
import { type FormEvent, useState, useSyncExternalStore } from 'react'
import { Link } from 'react-router'
import { LEVELS } from '#model/alert/alert.ts'
import { ApiError, postJson, requestKey } from '../api/client.ts'
import type { HandoverItem, ListedAlert, ShiftNoteItem } from '../api/types.ts'
import { healthOf } from '../eng/devices-page.tsx'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Field } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { compareAlerts, isOpen, isSetAside } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime, dateTime, duration, shortNumber } from '../live/format.ts'
import { alertLink } from '../live/links.ts'
import { store } from '../live/runtime.ts'
import { second } from '../live/server-clock.ts'
import { me } from '../live/session.ts'
import { sound, unlockSound } from '../live/sound.ts'
import { useSignal } from '../live/use-signal.ts'
import { CountTable } from '../plan/count-table.tsx'
import css from './shift.module.css'
import { useLoad, useShift, useShiftSearch, useUnfinished } from './use-handover.ts'

const SHOWN = 12

export default function ShiftPage() {
  const t = useText()
  useSyncExternalStore(store.subscribeList, store.version)
  const open = [...store.values()].filter((a) => isOpen(a) && !isSetAside(a)).sort(compareAlerts)
  const shelved = [...store.values()].filter((a) => isOpen(a) && a.state === 'shelved')
  const { answer, failure, reload } = useShift()
  const waiting = answer?.handovers.find((h) => h.status === 'waiting') ?? null
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('shift.title')}</h1>
        <span className="muted">{t('shift.sub')}</span>
        <span className={css.tools}>
          <Link className={kit.button} to="/duty/print">
            {t('print.title')}
          </Link>
        </span>
      </header>
      {failure && <p className={css.fault}>{t('region.failed', { why: failure })}</p>}
      <div className={css.columns}>
        <div className={css.stack}>
          <OpenAlerts open={open} />
          <Unfinished open={open} />
        </div>
        <div className={css.stack}>
          <section className={css.card}>
            <CountTable />
          </section>
          <Shelved shelved={shelved} />
          <DevicesOut />
          <Load />
        </div>
        <div className={css.stack}>
          {waiting ? (
            <Waiting handover={waiting} onDone={reload} checks={answer?.checks ?? []} />
          ) : (
            <Sign openRed={open.filter((a) => a.level === 'red').length} onDone={reload} />
          )}
          <Log notes={answer?.notes ?? null} onDone={reload} />
          <Past handovers={(answer?.handovers ?? []).filter((h) => h.status !== 'waiting')} />
        </div>
      </div>
    </div>
  )
}

function Card({ title, note, children }: { title: string; note?: string; children: React.ReactNode }) {
  return (
    <section className={css.card}>
      <h2>
        {title} {note && <span className="muted">{note}</span>}
      </h2>
      {children}
    </section>
  )
}

export function OpenAlerts({ open, all = false }: { open: ListedAlert[]; all?: boolean }) {
  const t = useText()
  const data = useSignal(facility)
  const now = useSignal(second)
  const counts = store.counts()
  const shown = all ? open : open.slice(0, SHOWN)
  return (
    <Card
      title={t('shift.open', { n: open.length })}
      note={LEVELS.map((l) => `${t(`level.${l}`)} ${counts[l].open}`).join(' · ')}
    >
      <ul>
        {shown.map((alert) => (
          <li key={alert.id} className={css.row}>
            <Badge level={alert.level} filled={alert.ackAt === null} size={20} />
            <time>{clockTime(alert.raisedAt)}</time>
            <Link to={alertLink(alert.id)}>
              <b>{alertName(t, data, alert)}</b> {zoneName(t, data, alert.zone)}
            </Link>
            <span className="muted">
              {stateWord(t, alert)} {alert.assignee ?? ''}
            </span>
            <span>{duration(now - alert.raisedAt)}</span>
          </li>
        ))}
      </ul>
      {open.length > shown.length && <p className="muted">{t('shift.more', { n: open.length - shown.length })}</p>}
      {open.length === 0 && <p className="muted">{t('shift.openNone')}</p>}
    </Card>
  )
}

function Unfinished({ open }: { open: ListedAlert[] }) {
  const t = useText()
  const data = useSignal(facility)
  const items = useUnfinished(open)
  return (
    <Card title={t('shift.steps')} note={t('shift.stepsNote')}>
      {items.slice(0, 6).map(({ alert, steps }) => (
        <div key={alert.id} className={css.steps}>
          <p>
            <Badge level={alert.level} filled={false} size={18} /> <b>{alertName(t, data, alert)}</b>{' '}
            <span className="muted">
              {zoneName(t, data, alert.zone)} · {alert.planDetail!.id}
            </span>
          </p>
          <ul>
            {steps.slice(0, 4).map((step) => (
              <li key={step.id}>
                ▢ {t.pick(step.text, step.id)}{' '}
                <span className="muted">{t(step.required ? 'panel.required' : 'panel.optional')}</span>
              </li>
            ))}
          </ul>
          {steps.length > 4 && <p className="muted">{t('shift.more', { n: steps.length - 4 })}</p>}
        </div>
      ))}
      {items.length === 0 && <p className="muted">{t('shift.stepsNone')}</p>}
    </Card>
  )
}

function Shelved({ shelved }: { shelved: ListedAlert[] }) {
  const t = useText()
  const data = useSignal(facility)
  const now = useSignal(second)
  return (
    <Card title={t('shift.shelved', { n: shelved.length })}>
      <ul>
        {shelved.map((alert) => (
          <li key={alert.id} className={css.row}>
            <Badge level={alert.level} filled={false} dashed size={20} />
            <Link to={alertLink(alert.id)}>
              <b>{alertName(t, data, alert)}</b> {zoneName(t, data, alert.zone)}
            </Link>
            <span>{alert.shelvedUntil ? t('shelf.left', { time: duration(alert.shelvedUntil - now) }) : ''}</span>
          </li>
        ))}
      </ul>
      {shelved.length === 0 && <p className="muted">{t('shift.shelvedNone')}</p>}
    </Card>
  )
}

function DevicesOut() {
  const t = useText()
  const data = useSignal(facility)
  const out = [...data.devices.values()].filter((d) => healthOf(d) === 'offline')
  return (
    <Card title={t('shift.devices', { n: out.length })}>
      <ul>
        {out.slice(0, 8).map((device) => (
          <li key={device.id} className={css.row}>
            <b>{device.id}</b>
            <span>{zoneName(t, data, device.zone ?? null)}</span>
            <span className="muted">{device.reason ?? t('eng.state.offline')}</span>
          </li>
        ))}
      </ul>
      {out.length === 0 && <p className="muted">{t('shift.devicesNone')}</p>}
    </Card>
  )
}

function Load() {
  const t = useText()
  const items = useLoad()
  const value = (i: (typeof items)[number]) =>
    i.value === null
      ? t('shift.notComputed')
      : i.unit === 'ratio'
        ? `${(i.value * 100).toFixed(1)} %`
        : i.unit === 'ms'
          ? duration(i.value)
          : shortNumber(i.value)
  return (
    <Card title={t('shift.load')} note={t('shift.loadNote')}>
      <dl className={css.load}>
        {items.map((item) => (
          <div key={item.id}>
            <dt>
              {item.id} {t.pick(item.name, item.id)}
            </dt>
            <dd>
              {value(item)} {item.n !== null && <span className="muted">n={item.n}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

/** Sends and says in words what went wrong. */
function useSend(onDone: () => Promise<unknown>) {
  const [fault, setFault] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const send = async (path: string, body: unknown): Promise<boolean> => {
    setBusy(true)
    setFault(null)
    try {
      await postJson(path, body, requestKey())
      await onDone()
      return true
    } catch (error) {
      setFault(error instanceof ApiError ? error.message : String(error))
      return false
    } finally {
      setBusy(false)
    }
  }
  return { send, fault, busy }
}

function Sign({ openRed, onDone }: { openRed: number; onDone(): Promise<unknown> }) {
  const t = useText()
  const [notes, setNotes] = useState('')
  const [accept, setAccept] = useState(false)
  const { send, fault, busy } = useSend(onDone)
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
        {fault && <p className={kit.fault}>{fault}</p>}
        <div className={css.actions}>
          <Button type="submit" primary disabled={busy || (openRed > 0 && !accept)}>
            {t('shift.signButton')}
          </Button>
        </div>
      </form>
    </Card>
  )
}

function Waiting({
  handover,
  checks,
  onDone,
}: {
  handover: HandoverItem
  checks: string[]
  onDone(): Promise<unknown>
}) {
  const t = useText()
  const account = me()
  const mine = handover.outgoing.by === account?.id
  const [done, setDone] = useState<string[]>([])
  const [accept, setAccept] = useState(false)
  const [note, setNote] = useState('')
  const { state: soundState } = useSignal(sound)
  const { send, fault, busy } = useSend(onDone)
  const red = handover.snapshot.openRed.length
  const path = `/api/v1/shift/handovers/${handover.id}`
  const s = handover.snapshot
  return (
    <Card title={t('shift.waiting', { by: handover.outgoing.by })} note={dateTime(handover.outgoing.at)}>
      <div data-testid="handover">
        <p>
          {LEVELS.map((l) => `${t(`level.${l}`)} ${s.open[l]?.open ?? 0}`).join(' · ')} ·{' '}
          {t('shift.snapshot', { shelved: s.shelved.length, review: s.pendingReview.length, out: s.devicesOut })}
          {s.present !== null && ` · ${t('shift.snapshotCount', { present: s.present, expected: s.expected ?? 0 })}`}
        </p>
        {handover.notes && <p className={css.noteText}>{handover.notes}</p>}
        {mine ? (
          <>
            <p className="muted">{t('shift.waitsOther')}</p>
            <Field label={t('shift.withdrawWhy')}>
              <input className={kit.input} value={note} onChange={(e) => setNote(e.target.value)} />
            </Field>
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
                  onChange={(e) => setDone(e.target.checked ? [...done, check] : done.filter((c) => c !== check))}
                />
                {t.code('shift.check', check)}
                {check === 'sound' && (
                  <Button small onClick={() => void unlockSound()}>
                    {t('me.sound.test')}
                    {soundState === 'on' ? ' ✓' : ''}
                  </Button>
                )}
              </label>
            ))}
            {red > 0 && (
              <label className={css.check}>
                <input type="checkbox" checked={accept} onChange={(e) => setAccept(e.target.checked)} />
                {t('shift.acceptRed', { n: red })}
              </label>
            )}
            {fault && <p className={kit.fault}>{fault}</p>}
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

function Log({ notes, onDone }: { notes: ShiftNoteItem[] | null; onDone(): Promise<unknown> }) {
  const t = useText()
  const [text, setText] = useState('')
  const [search, setSearch] = useState('')
  const { send, fault, busy } = useSend(onDone)
  const found = useShiftSearch(search)
  const shown = search.trim() === '' ? (notes ?? []) : (found ?? [])
  return (
    <Card title={t('shift.log')} note={t('shift.logNote')}>
      <form
        onSubmit={async (event) => {
          event.preventDefault()
          if (text.trim() !== '' && (await send('/api/v1/shift/notes', { text }))) setText('')
        }}
      >
        <Field label={t('shift.newNote')}>
          <textarea className={kit.input} name="note" value={text} onChange={(e) => setText(e.target.value)} />
        </Field>
        {fault && <p className={kit.fault}>{fault}</p>}
        <div className={css.actions}>
          <input
            type="search"
            className={kit.input}
            aria-label={t('filter.search')}
            placeholder={t('filter.search')}
            value={search}
            onChange={(e) => setSearch(e.target.value)}
          />
          <Button type="submit" disabled={busy || text.trim() === ''}>
            {t('shift.addNote')}
          </Button>
        </div>
      </form>
      <ul className={css.log} data-testid="shift-log">
        {shown.slice(0, 40).map((n) => (
          <li key={n.id}>
            <p>
              <time>{dateTime(n.at)}</time> <b>{n.by}</b>{' '}
              <span className="muted">
                {t('shift.entry', { n: n.seq })} {n.hash.slice(0, 8)}…
              </span>
            </p>
            <p className={css.noteText}>{n.text}</p>
          </li>
        ))}
      </ul>
      {shown.length === 0 && (
        <p className="muted">
          {t(notes === null || (search.trim() !== '' && found === null) ? 'region.loading' : 'shift.logNone')}
        </p>
      )}
    </Card>
  )
}

function Past({ handovers }: { handovers: HandoverItem[] }) {
  const t = useText()
  if (handovers.length === 0) return null
  return (
    <Card title={t('shift.past')}>
      <ul className={css.log}>
        {handovers.slice(0, 10).map((h) => (
          <li key={h.id}>
            <p>
              <time>{dateTime(h.outgoing.at)}</time> <b>{h.outgoing.by}</b> →{' '}
              <b>{h.incoming?.by ?? t('shift.withdrawn')}</b>{' '}
              <span className="muted">
                {h.incoming
                  ? `${clockTime(h.incoming.at)} · ${t('shift.entry', { n: h.incoming.seq })} ${h.incoming.hash.slice(0, 8)}…`
                  : ''}
              </span>
            </p>
          </li>
        ))}
      </ul>
    </Card>
  )
}
