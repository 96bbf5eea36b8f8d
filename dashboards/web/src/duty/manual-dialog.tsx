/** 人工报警 (S03): a telephone call is a source too. Level, place, what, and the words of the caller. */
import { type FormEvent, useState } from 'react'
import { LEVELS, type Level } from '#model/alert/alert.ts'
import { ApiError, postJson, requestKey } from '../api/client.ts'
import type { AlertChange } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Choices, Field } from '../kit/controls.tsx'
import { Dialog } from '../kit/dialog.tsx'
import kit from '../kit/kit.module.css'
import { facility } from '../live/facility-data.ts'
import { store } from '../live/runtime.ts'
import { useSignal } from '../live/use-signal.ts'

export default function ManualDialog({ onClose, onRaised }: { onClose(): void; onRaised(id: string): void }) {
  const t = useText()
  const data = useSignal(facility)
  const [level, setLevel] = useState<Level | null>(null)
  const [zone, setZone] = useState('')
  const [kind, setKind] = useState('')
  const [note, setNote] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  const zones = [...data.zones.values()].sort((a, b) => (t.pick(a.name, a.id) < t.pick(b.name, b.id) ? -1 : 1))
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const missing = !level
      ? 'filter.level'
      : !zone
        ? 'list.col.zone'
        : !kind.trim()
          ? 'manual.kind'
          : !note.trim()
            ? 'act.note'
            : null
    if (missing) return setFault(t('act.missing', { field: t(missing) }))
    try {
      const change = await postJson<AlertChange>('/api/v1/alerts', { level, zone, kind, note }, requestKey())
      if (change?.alert) {
        store.apply(change)
        onRaised(change.alert.id)
      }
      onClose()
    } catch (error) {
      setFault(
        error instanceof ApiError && error.status === 0
          ? t('act.noAnswer')
          : error instanceof Error
            ? error.message
            : String(error),
      )
    }
  }
  return (
    <Dialog title={t('manual.title')} description={t('manual.note')} onClose={onClose}>
      <form onSubmit={(e) => void submit(e)}>
        <Choices
          label={t('filter.level')}
          name="level"
          options={LEVELS.map((value) => ({ value, text: t(`level.${value}.long`) }))}
          value={level}
          onChange={(value) => setLevel(value as Level)}
        />
        <Field label={t('list.col.zone')}>
          <select
            className={`${kit.select} ${kit.input}`}
            name="zone"
            value={zone}
            onChange={(e) => setZone(e.target.value)}
          >
            <option value="">—</option>
            {zones.map((z) => (
              <option key={z.id} value={z.id}>
                {t.pick(z.name, z.id)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t('manual.kind')}>
          <input
            className={kit.input}
            name="kind"
            maxLength={64}
            value={kind}
            onChange={(e) => setKind(e.target.value)}
          />
        </Field>
        <Field label={t('act.noteRequired')}>
          <textarea className={kit.input} name="note" value={note} onChange={(e) => setNote(e.target.value)} />
        </Field>
        <p role="alert" className={fault ? kit.fault : 'unseen'}>
          {fault ?? ''}
        </p>
        <div className={kit.dialogActions}>
          <Button onClick={onClose}>{t('act.cancel')}</Button>
          <Button type="submit" primary shortcut="Ctrl+Enter">
            {t('manual.raise')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
