/** 预案: the steps of the response plan, who must do them, and what has been done. The platform itself moves nothing. */
import { useState } from 'react'
import type { AlertDetail, ListedAlert, StepProgress } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Field } from '../kit/controls.tsx'
import { Dialog } from '../kit/dialog.tsx'
import { Icon } from '../kit/icons.tsx'
import kit from '../kit/kit.module.css'
import { act } from '../live/acts.ts'
import { isClosed } from '../live/alert-store.ts'
import { connection, phaseOf } from '../live/connection.ts'
import { clockTime, duration } from '../live/format.ts'
import { second } from '../live/server-clock.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import css from './panel.module.css'

/** What is known of each step, by step id, whichever way the server groups it. */
export function progressOf(plan: AlertDetail['planDetail']): Map<string, StepProgress> {
  const progress = plan?.progress
  if (!progress) return new Map()
  if (Array.isArray(progress)) return new Map(progress.map((p) => [p.step, p]))
  return new Map(Object.entries(progress).map(([step, p]) => [step, { step, ...p }]))
}

export function PlanSteps({ alert, detail }: { alert: ListedAlert; detail: AlertDetail | null }) {
  const t = useText()
  const phase = usePart(connection, phaseOf)
  const plan = detail?.planDetail ?? null
  const [skipping, setSkipping] = useState<string | null>(null)
  if (!alert.plan && !plan)
    return detail ? (
      <section className={css.block}>
        <h3 className={css.blockHead}>{t('panel.noPlan')}</h3>
      </section>
    ) : null
  const progress = progressOf(plan)
  const moot = new Set(plan?.steps.filter((s) => s.moot).map((s) => s.id))
  const finished = (id: string) => progress.get(id)?.done === true || progress.get(id)?.skipped === true || moot.has(id)
  const done = plan ? plan.steps.filter((s) => finished(s.id)).length : 0
  const next = plan?.steps.find((s) => !finished(s.id))?.id
  const allowed = detail?.allowedActions?.includes('plan-step') ?? false
  return (
    <section className={css.block} id="panel-plan" aria-labelledby="panel-plan-head">
      <h3 className={css.blockHead} id="panel-plan-head">
        {t('panel.plan', { id: `${plan?.id ?? alert.plan} ${plan ? t.pick(plan.name, '') : ''}` })}
        {plan && (
          <span className={css.blockNote}>
            {done} / {plan.steps.length}
          </span>
        )}
      </h3>
      <ol className={css.steps}>
        {plan?.steps.map((step, i) => {
          const state = progress.get(step.id)
          return (
            <li
              key={step.id}
              className={css.step}
              data-next={step.id === next}
              data-done={finished(step.id)}
              data-moot={moot.has(step.id)}
            >
              <button
                type="button"
                className={css.check}
                role="checkbox"
                aria-checked={state?.skipped ? 'mixed' : state?.done === true}
                aria-label={`${i + 1} ${t.pick(step.text, step.id)}`}
                // What is done stays done: the history keeps it, nobody takes it back.
                disabled={!allowed || phase === 'lost' || finished(step.id) || step.answers !== undefined}
                onClick={() => void act(alert.id, 'plan-step', { step: step.id, done: true })}
              >
                {state?.done && <Icon name="check" size={12} />}
              </button>
              <span className={css.stepNo}>{i + 1}</span>
              <span className={css.stepText}>
                {step.plan && step.plan !== plan.id && <b>{step.plan} </b>}
                {t.pick(step.text, step.id)}
                {step.answers && (
                  <Answers
                    step={step}
                    given={state?.answer ?? null}
                    open={allowed && phase !== 'lost' && !finished(step.id)}
                    onAnswer={(answer) => void act(alert.id, 'plan-step', { step: step.id, done: true, answer })}
                  />
                )}
              </span>
              <span className={css.stepKind}>{t(step.required ? 'panel.required' : 'panel.optional')}</span>
              <span className={css.stepKind} data-optional="true">
                {t.code('panel.channel', step.channel)}
              </span>
              <span className={css.stepEnd}>
                {!finished(step.id) && allowed && phase !== 'lost' && (
                  <button
                    type="button"
                    className={css.skip}
                    aria-label={`${t('panel.stepSkip')} ${i + 1}`}
                    onClick={() => setSkipping(step.id)}
                  >
                    {t('panel.stepSkip')}
                  </button>
                )}
                {moot.has(step.id) ? (
                  t('panel.moot')
                ) : state?.skipped ? (
                  `${t('panel.skipped')}${state.note ? ` · ${state.note}` : ''}`
                ) : state?.done ? (
                  `${state.by && state.by !== 'system' ? state.by : t('panel.system')} ${state.at ? clockTime(state.at) : ''}`
                ) : step.targetS !== null ? (
                  <Target raisedAt={alert.raisedAt} targetS={step.targetS} running={!isClosed(alert)} />
                ) : (
                  ''
                )}
                {state?.done && state.at && step.targetS !== null && (
                  <Took ms={state.at - alert.raisedAt} targetS={step.targetS} />
                )}
              </span>
            </li>
          )
        })}
      </ol>
      {skipping && (
        <SkipDialog
          onClose={() => setSkipping(null)}
          onSkip={(note) => {
            setSkipping(null)
            void act(alert.id, 'plan-step', { step: skipping, skipped: true, note })
          }}
        />
      )}
    </section>
  )
}

type Step = NonNullable<AlertDetail['planDetail']>['steps'][number]

/** What the step asks: one press answers and ends the step; the plan goes on by the answer. */
function Answers({
  step,
  given,
  open,
  onAnswer,
}: {
  step: Step
  given: string | null
  open: boolean
  onAnswer(answer: string): void
}) {
  const t = useText()
  const chosen = step.answers?.find((a) => a.id === given)
  if (!open) return chosen ? <b> → {t.pick(chosen.text, chosen.id)}</b> : null
  return (
    <span className={css.answers} role="group" aria-label={t.pick(step.text, step.id)}>
      {step.answers?.map((a) => (
        <Button key={a.id} small onClick={() => onAnswer(a.id)}>
          {t.pick(a.text, a.id)}
        </Button>
      ))}
    </span>
  )
}

/** The plan's own clock: what is left of the target, then by how much it is missed. */
function Target({ raisedAt, targetS, running }: { raisedAt: number; targetS: number; running: boolean }) {
  const t = useText()
  const left = raisedAt + targetS * 1000 - useSignal(second)
  if (!running) return <>{t('panel.target', { s: targetS })}</>
  return (
    <span data-testid="plan-target" data-missed={left < 0} className={left < 0 ? css.missed : undefined}>
      {t('panel.target', { s: targetS })} ·{' '}
      {t(left < 0 ? 'panel.targetOver' : 'panel.targetLeft', { time: duration(Math.abs(left)) })}
    </span>
  )
}

function Took({ ms, targetS }: { ms: number; targetS: number }) {
  const t = useText()
  const missed = ms > targetS * 1000
  return (
    <span className={missed ? css.missed : undefined}>
      {' '}
      · {t(missed ? 'panel.tookOver' : 'panel.took', { time: duration(Math.max(0, ms)) })}
    </span>
  )
}

/** A step is left out only with a reason; it stands in the history under the name of whoever left it out. */
function SkipDialog({ onClose, onSkip }: { onClose(): void; onSkip(note: string): void }) {
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
