/** Takes the evidence of an alert or its incident away: why is asked first, and the server writes it into the ledger. */
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { ApiError, getFile } from '../api/client.ts'
import { saveBlob } from '../history/csv.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Choices, Field } from '../kit/controls.tsx'
import { Dialog } from '../kit/dialog.tsx'
import kit from '../kit/kit.module.css'

const MAX_REASON = 200
/** Many pictures and a long report take their time. */
const PATIENCE_MS = 120_000

type State =
  | { step: 'asking'; missing: boolean }
  | { step: 'working' }
  | { step: 'done'; name: string; bytes: number }
  | { step: 'failed'; why: string }

interface Props {
  id: string
  incident: string | null
  members: number
  onClose(): void
}

export function ExportEvidence({ id, incident, members, onClose }: Props) {
  const t = useText()
  const [reason, setReason] = useState('')
  const [format, setFormat] = useState<'zip' | 'pdf'>('zip')
  const [scope, setScope] = useState<'alert' | 'incident'>('alert')
  const [state, setState] = useState<State>({ step: 'asking', missing: false })
  const open = useRef(true)
  useEffect(() => {
    open.current = true
    return () => {
      open.current = false
    }
  }, [])
  const working = state.step === 'working'

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault()
    if (working) return
    if (reason.trim() === '') return setState({ step: 'asking', missing: true })
    setState({ step: 'working' })
    const subject =
      scope === 'incident' ? `incidents/${encodeURIComponent(incident!)}` : `alerts/${encodeURIComponent(id)}`
    try {
      const path = `/api/v1/${subject}/evidence.${format}?${new URLSearchParams({ reason: reason.trim() })}`
      const { blob, name } = await getFile(path, PATIENCE_MS)
      // Closed while it was made: nobody waits for it any more.
      if (!open.current) return
      const file = name ?? `evidence-${id}.${format}`
      saveBlob(file, blob)
      setState({ step: 'done', name: file, bytes: blob.size })
    } catch (error) {
      const why = error instanceof ApiError ? error.message : String(error)
      if (open.current) setState({ step: 'failed', why })
    }
  }

  const word =
    state.step === 'working'
      ? t('evidence.export.working')
      : state.step === 'done'
        ? t('evidence.export.done', { name: state.name, kb: Math.max(1, Math.round(state.bytes / 1024)) })
        : state.step === 'failed'
          ? t('evidence.export.failed', { why: state.why })
          : state.missing
            ? t('act.missing', { field: t('evidence.export.reason') })
            : ''
  const bad = state.step === 'failed' || (state.step === 'asking' && state.missing)
  return (
    <Dialog title={t('evidence.export.title')} description={t('evidence.export.hint')} onClose={onClose}>
      <form onSubmit={submit} data-testid="export-evidence">
        {incident !== null && members > 1 && (
          <Choices
            label={t('evidence.export.scope')}
            name="scope"
            options={[
              { value: 'alert' as const, text: t('evidence.export.alert') },
              { value: 'incident' as const, text: t('evidence.export.incident', { n: members }) },
            ]}
            value={scope}
            onChange={(value) => setScope(value)}
          />
        )}
        <Choices
          label={t('evidence.export.format')}
          name="format"
          options={[
            { value: 'zip' as const, text: t('evidence.export.zip') },
            { value: 'pdf' as const, text: t('evidence.export.pdf') },
          ]}
          value={format}
          onChange={(value) => setFormat(value)}
        />
        <Field label={t('evidence.export.reason')}>
          <textarea
            className={kit.input}
            name="reason"
            maxLength={MAX_REASON}
            value={reason}
            onChange={(e) => setReason(e.target.value)}
          />
        </Field>
        <p role={bad ? 'alert' : 'status'} className={bad ? kit.fault : 'muted'} data-step={state.step}>
          {word}
        </p>
        <div className={kit.dialogActions}>
          <Button onClick={onClose}>{t(state.step === 'done' ? 'panel.close' : 'act.cancel')}</Button>
          <Button type="submit" primary disabled={working}>
            {t(state.step === 'done' ? 'evidence.export.again' : 'evidence.export.go')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
