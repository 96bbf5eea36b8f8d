/** 值班日志: notes of the watch, each signed into the ledger, searched over a year by the server. Nothing can be changed. */
import { useState } from 'react'
import type { ShiftNoteItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Field } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { dateTime } from '../live/format.ts'
import { Card } from './card.tsx'
import css from './shift.module.css'
import { useShiftSearch } from './use-handover.ts'
import { useSend } from './use-send.ts'

const SHOWN = 20

export function ShiftLog({ notes, onDone }: { notes: ShiftNoteItem[] | null; onDone(): Promise<unknown> }) {
  const t = useText()
  const [text, setText] = useState('')
  const [search, setSearch] = useState('')
  const { send, fault, busy } = useSend(onDone)
  const found = useShiftSearch(search)
  const [all, setAll] = useState(false)
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
        {fault && (
          <p className={kit.fault} role="alert">
            {fault}
          </p>
        )}
        <div className={css.actions}>
          <Button type="submit" disabled={busy || text.trim() === ''}>
            {t('shift.addNote')}
          </Button>
        </div>
      </form>
      {/* Outside the form: Enter in a search must never sign a note. */}
      <input
        type="search"
        className={`${kit.input} ${css.search}`}
        aria-label={t('filter.search')}
        placeholder={t('filter.search')}
        value={search}
        onChange={(e) => setSearch(e.target.value)}
      />
      <ul className={css.log} data-testid="shift-log">
        {(all ? shown : shown.slice(0, SHOWN)).map((n) => (
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
      {shown.length > SHOWN && (
        <Button small onClick={() => setAll(!all)}>
          {all ? t('plan.zone.less') : t('plan.zone.all', { n: shown.length })}
        </Button>
      )}
      {shown.length === 0 && (
        <p className="muted">
          {t(notes === null || (search.trim() !== '' && found === null) ? 'region.loading' : 'shift.logNone')}
        </p>
      )}
    </Card>
  )
}
