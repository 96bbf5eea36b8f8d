/** Acts that need words: result, cause, units, reasons. Nothing is sent without what the rules of the field demand. */
import { type FormEvent, useEffect, useState } from 'react'
import { getDetail } from '../api/client.ts'
import type { TextKey } from '../i18n/dictionary.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Choices, Field, Segments } from '../kit/controls.tsx'
import { Dialog } from '../kit/dialog.tsx'
import kit from '../kit/kit.module.css'
import { alertName, zoneName } from '../kit/wording.ts'
import { actOnAll } from '../live/acts.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime } from '../live/format.ts'
import { store } from '../live/runtime.ts'
import { serverClock } from '../live/server-clock.ts'
import { me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import type { DialogVerb } from './act-verbs.ts'
import { progressOf } from './plan-parts.ts'

const TITLES: Record<DialogVerb, TextKey> = {
  dispatch: 'act.dispatch.title',
  escalate: 'act.escalate.title',
  resolve: 'act.resolve.title',
  dismiss: 'act.dismiss.title',
  approve: 'act.approve.title',
  reject: 'act.reject.title',
  shelve: 'act.shelve.title',
  comment: 'act.comment.title',
  assign: 'act.assign.title',
}

const RESULTS = ['confirmed', 'false', 'nuisance', 'drill', 'test'] as const
const CAUSES = ['weather', 'animal', 'equipment', 'test', 'person', 'other'] as const

interface Form {
  note: string
  result: (typeof RESULTS)[number] | null
  cause: (typeof CAUSES)[number] | null
  units: string
  minutes: string
  to: string
}

/** What the plan still demands, before the alert is closed over it. */
function OpenSteps({ id }: { id: string }) {
  const t = useText()
  const [steps, setSteps] = useState<string[]>([])
  useEffect(() => {
    const abort = new AbortController()
    getDetail(id, abort.signal).then(
      ({ planDetail }) => {
        const progress = progressOf(planDetail)
        const open = (planDetail?.steps ?? []).filter(
          (s) => s.required && !s.moot && !progress.get(s.id)?.done && !progress.get(s.id)?.skipped,
        )
        setSteps(open.map((s) => t.pick(s.text, s.id)))
      },
      () => {},
    )
    return () => abort.abort()
  }, [id, t])
  if (steps.length === 0) return null
  return (
    <p role="status" data-testid="open-steps">
      <b>{t('act.openSteps', { n: steps.length, steps: t.list(steps) })}</b>
    </p>
  )
}

/** Minutes; the server takes at most eight hours. */
const SHELVE_PRESETS = [15, 30, 60, 120, 480] as const
const SHELVE_MAX = 480

/** Body of the act, or the name of what is missing. */
export function bodyOf(
  verb: DialogVerb,
  form: Form,
  serious: boolean,
): { body: Record<string, unknown> } | { missing: TextKey } {
  const note = form.note.trim()
  const body: Record<string, unknown> = note ? { note } : {}
  if (verb === 'resolve') {
    if (!form.result) return { missing: 'act.resolve.result' }
    if (serious && !note) return { missing: 'act.noteRequired' }
    body.result = form.result
    if (form.result === 'false' || form.result === 'nuisance') {
      if (!form.cause) return { missing: 'act.dismiss.cause' }
      body.cause = form.cause
    }
  } else if (verb === 'dismiss') {
    if (!form.cause) return { missing: 'act.dismiss.cause' }
    body.result = form.result === 'nuisance' ? 'nuisance' : 'false'
    body.cause = form.cause
  } else if (verb === 'dispatch') {
    body.units = form.units
      .split(/[\n,，、]/)
      .map((u) => u.trim())
      .filter(Boolean)
    if ((body.units as string[]).length === 0) return { missing: 'act.dispatch.units' }
  } else if (verb === 'shelve') {
    const minutes = Number(form.minutes)
    if (!(minutes > 0 && minutes <= SHELVE_MAX)) return { missing: 'act.shelve.minutes' }
    if (!note) return { missing: 'act.noteRequired' }
    body.minutes = minutes
  } else if (verb === 'assign') {
    if (!form.to.trim()) return { missing: 'act.assign.to' }
    body.to = form.to.trim()
  } else if (verb !== 'approve' && !note) return { missing: 'act.noteRequired' }
  return { body }
}

export function ActDialog({ verb, ids, onClose }: { verb: DialogVerb; ids: string[]; onClose(): void }) {
  const t = useText()
  const alert = store.get(ids[0]!)
  const data = useSignal(facility)
  const serious = alert?.level === 'red' || alert?.level === 'orange'
  const [form, setForm] = useState<Form>({ note: '', result: null, cause: null, units: '', minutes: '30', to: '' })
  const [missing, setMissing] = useState<TextKey | null>(null)
  const change = (part: Partial<Form>) => {
    setForm({ ...form, ...part })
    setMissing(null)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const made = bodyOf(verb, form, serious)
    if ('missing' in made) return setMissing(made.missing)
    void actOnAll(ids, verb, made.body)
    onClose()
  }
  const noteNeeded =
    verb !== 'approve' &&
    verb !== 'assign' &&
    verb !== 'dismiss' &&
    verb !== 'dispatch' &&
    (verb !== 'resolve' || serious)
  const causeNeeded =
    verb === 'dismiss' || (verb === 'resolve' && (form.result === 'false' || form.result === 'nuisance'))
  const description =
    verb === 'resolve' && serious ? t('act.resolve.toReview') : verb === 'approve' ? t('act.approve.note') : undefined
  return (
    <Dialog title={t(TITLES[verb])} description={description} onClose={onClose}>
      <form onSubmit={submit}>
        <p className={kit.target} data-testid="act-target">
          {alert && ids.length === 1 && <Badge level={alert.level} filled size={20} />}
          <b>
            {alert && ids.length === 1
              ? `${zoneName(t, data, alert.zone)} ${alertName(t, data, alert)}`
              : t('act.targets', { n: ids.length })}
          </b>
        </p>
        {(verb === 'resolve' || verb === 'approve') && serious && ids.length === 1 && <OpenSteps id={ids[0]!} />}
        {verb === 'resolve' && (
          <Choices
            label={t('act.resolve.result')}
            name="result"
            options={RESULTS.map((value) => ({ value, text: t(`result.${value}`) }))}
            value={form.result}
            onChange={(result) => change({ result })}
          />
        )}
        {verb === 'dismiss' && (
          <Choices
            label={t('act.dismiss.kind')}
            name="result"
            options={(['false', 'nuisance'] as const).map((value) => ({ value, text: t(`result.${value}`) }))}
            value={form.result === 'nuisance' ? 'nuisance' : 'false'}
            onChange={(result) => change({ result })}
          />
        )}
        {causeNeeded && (
          <Choices
            label={t('act.dismiss.cause')}
            name="cause"
            options={CAUSES.map((value) => ({ value, text: t(`cause.${value}`) }))}
            value={form.cause}
            onChange={(cause) => change({ cause })}
          />
        )}
        {verb === 'dispatch' && (
          <Field label={t('act.dispatch.units')}>
            <textarea className={kit.input} value={form.units} onChange={(e) => change({ units: e.target.value })} />
          </Field>
        )}
        {verb === 'assign' && (
          <Field label={t('act.assign.to')}>
            <input
              className={kit.input}
              name="to"
              value={form.to}
              placeholder={me()?.id}
              onChange={(e) => change({ to: e.target.value })}
            />
          </Field>
        )}
        {verb === 'shelve' && (
          <>
            <p className="muted">{t('shelf.limits')}</p>
            <Segments
              label={t('shelf.preset')}
              value={Number(form.minutes)}
              onChange={(n) => change({ minutes: String(n) })}
              options={SHELVE_PRESETS.map((value) => ({
                value,
                text: value < 60 ? `${value} min` : `${value / 60} h`,
              }))}
            />
          </>
        )}
        {verb === 'shelve' && (
          <Field
            label={`${t('act.shelve.minutes')} · ${t('shelf.untilShort', {
              time: clockTime(serverClock.now() + Math.max(0, Number(form.minutes) || 0) * 60_000),
            })}`}
          >
            <input
              className={kit.input}
              type="number"
              min={1}
              max={SHELVE_MAX}
              value={form.minutes}
              onChange={(e) => change({ minutes: e.target.value })}
            />
          </Field>
        )}
        <Field label={t(noteNeeded ? 'act.noteRequired' : 'act.note')}>
          <textarea
            className={kit.input}
            name="note"
            value={form.note}
            onChange={(e) => change({ note: e.target.value })}
          />
        </Field>
        <p role="alert" className={missing ? kit.fault : 'unseen'}>
          {missing ? t('act.missing', { field: t(missing) }) : ''}
        </p>
        <div className={kit.dialogActions}>
          <Button onClick={onClose}>{t('act.cancel')}</Button>
          <Button type="submit" primary shortcut="Ctrl+Enter">
            {t('act.submit')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
