/** Leaving a step of a plan out: with a reason, which the duty chief is told. Apart from the steps, which come with every alert. */
import { useState } from 'react'
import { useText } from '../i18n/use-text.ts'
import { Button, Field } from '../kit/controls.tsx'
import { Dialog } from '../kit/dialog.tsx'
import kit from '../kit/kit.module.css'

/** A step is left out only with a reason; it stands in the history under the name of whoever left it out. */
export default function SkipDialog({ onClose, onSkip }: { onClose(): void; onSkip(note: string): void }) {
  const t = useText()
  const [note, setNote] = useState('')
  return (
    <Dialog title={t('skip.title')} description={t('skip.note')} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (note.trim()) onSkip(note.trim())
        }}
      >
        <Field label={t('skip.reason')}>
          <textarea className={kit.input} name="note" value={note} onChange={(e) => setNote(e.target.value)} />
        </Field>
        <div className={kit.dialogActions}>
          <Button onClick={onClose}>{t('act.cancel')}</Button>
          <Button type="submit" primary disabled={note.trim() === ''}>
            {t('panel.stepSkip')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
