/** 预案: the steps of the response plan, who must do them, and what has been done. The platform itself moves nothing. */
import { lazy, Suspense, useState } from 'react'
import { Link } from 'react-router'
import type { AlertDetail, ListedAlert, StepProgress } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { act } from '../live/acts.ts'
import { isClosed } from '../live/alert-store.ts'
import { connection, phaseOf } from '../live/connection.ts'
import { clockTime, duration } from '../live/format.ts'
import { printLink } from '../live/links.ts'
import { second } from '../live/server-clock.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import css from './panel.module.css'
import { isFinished, type Part, partsOf, progressOf, type Step } from './plan-parts.ts'

const SkipDialog = lazy(() => import('./skip-dialog.tsx'))

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
  const parts = plan ? partsOf(plan) : []
  const finished = (step: Step) => isFinished(step, progress)
  const next = plan?.steps.find((s) => !finished(s))?.id
  const allowed = (detail?.allowedActions?.includes('plan-step') ?? false) && phase !== 'lost'
  const several = parts.length > 1
  return (
    <section className={css.block} id="panel-plan" aria-labelledby="panel-plan-head">
      <h3 className={css.blockHead} id="panel-plan-head">
        {several
          ? t('panel.plans', { n: parts.length })
          : t('panel.plan', { id: `${plan?.id ?? alert.plan} ${plan ? t.pick(plan.name, '') : ''}` })}
        {plan && (
          <span className={css.blockNote}>
            {parts.reduce((sum, part) => sum + part.finished, 0)} / {plan.steps.length}
          </span>
        )}
        <span className={css.blockEnd}>
          <Link className={css.more} to={printLink(several ? parts.map((p) => p.id) : [alert.plan ?? ''], alert.id)}>
            {t('panel.printBlank')}
          </Link>
        </span>
      </h3>
      {parts.map((part) => (
        <div key={part.id} data-testid="plan-part" data-plan={part.id}>
          {several && <PartHead part={part} />}
          <ol className={css.steps} aria-label={several ? `${part.id} ${t.pick(part.name, '')}` : undefined}>
            {part.steps.map((step, i) => (
              <StepLine
                key={step.id}
                step={step}
                no={i + 1}
                alert={alert}
                state={progress.get(step.id)}
                finished={finished(step)}
                next={step.id === next}
                open={allowed && !finished(step)}
                onSkip={() => setSkipping(step.id)}
              />
            ))}
          </ol>
        </div>
      ))}
      {skipping && (
        <Suspense fallback={null}>
          <SkipDialog
            onClose={() => setSkipping(null)}
            onSkip={(note) => {
              setSkipping(null)
              void act(alert.id, 'plan-step', { step: skipping, skipped: true, note })
            }}
          />
        </Suspense>
      )}
    </section>
  )
}

/** Where more than one plan is worked: which it is, why it stands here and how far it has come. */
function PartHead({ part }: { part: Part }) {
  const t = useText()
  return (
    <h4 className={css.partHead}>
      {part.id} {t.pick(part.name, '')}
      {part.why !== 'own' && <span className={css.blockNote}>{t(`panel.why.${part.why}`)}</span>}
      <span className={css.blockNote}>
        {part.finished} / {part.steps.length}
      </span>
    </h4>
  )
}

interface StepProps {
  step: Step
  no: number
  alert: ListedAlert
  state: StepProgress | undefined
  finished: boolean
  next: boolean
  /** May be worked on now. */
  open: boolean
  onSkip(): void
}

function StepLine({ step, no, alert, state, finished, next, open, onSkip }: StepProps) {
  const t = useText()
  return (
    <li className={css.step} data-next={next} data-done={finished} data-moot={!!step.moot}>
      <button
        type="button"
        className={css.check}
        role="checkbox"
        aria-checked={state?.skipped ? 'mixed' : state?.done === true}
        aria-label={`${no} ${t.pick(step.text, step.id)}`}
        // What is done stays done: the history keeps it, nobody takes it back.
        disabled={!open || step.answers !== undefined}
        onClick={() => void act(alert.id, 'plan-step', { step: step.id, done: true })}
      >
        {state?.done && <Icon name="check" size={12} />}
      </button>
      <span className={css.stepNo}>{no}</span>
      <span className={css.stepText}>
        {t.pick(step.text, step.id)}
        {!open && <Given step={step} given={state?.answer ?? null} />}
      </span>
      <span className={css.stepKind}>{t(step.required ? 'panel.required' : 'panel.optional')}</span>
      <span className={css.stepKind} data-optional="true">
        {t.code('panel.channel', step.channel)}
      </span>
      <span className={css.stepEnd}>
        {open && (
          <button
            type="button"
            className={css.skip}
            aria-label={`${t('panel.stepSkip')} ${no} ${t.pick(step.text, step.id)}`}
            onClick={onSkip}
          >
            {t('panel.stepSkip')}
          </button>
        )}
        {step.moot ? (
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
      {open && step.answers && (
        <span className={css.answers} role="group" aria-label={t.pick(step.text, step.id)}>
          {step.answers.map((a) => (
            <Button
              key={a.id}
              small
              onClick={() => void act(alert.id, 'plan-step', { step: step.id, done: true, answer: a.id })}
            >
              {t.pick(a.text, a.id)}
            </Button>
          ))}
        </span>
      )}
    </li>
  )
}

/** What a step asked and what was answered: the plan has gone on by it. */
function Given({ step, given }: { step: Step; given: string | null }) {
  const t = useText()
  const chosen = step.answers?.find((a) => a.id === given)
  return chosen ? <b> → {t.pick(chosen.text, chosen.id)}</b> : null
}

/** The plan's own clock: what is left of the target, then by how much it is missed. */
function Target({ raisedAt, targetS, running }: { raisedAt: number; targetS: number; running: boolean }) {
  const t = useText()
  const left = raisedAt + targetS * 1000 - useSignal(second)
  if (!running) return <>{t('panel.target', { s: targetS })}</>
  return (
    <span data-testid="plan-target" data-missed={left < 0} className={left < 0 ? css.missed : undefined}>
      <span className={css.nowrap}>{t('panel.target', { s: targetS })}</span> ·{' '}
      <span className={css.nowrap}>
        {t(left < 0 ? 'panel.targetOver' : 'panel.targetLeft', { time: duration(Math.abs(left)) })}
      </span>
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
