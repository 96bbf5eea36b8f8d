/** On paper for the day everything dies: numbers to call, head-count, open alerts, plans with empty boxes. Black on white. */
import { useEffect, useSyncExternalStore } from 'react'
import { useSearchParams } from 'react-router'
import { PhoneSheet } from '../frame/phones.tsx'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { compareAlerts, isOpen } from '../live/alert-store.ts'
import { connection } from '../live/connection.ts'
import { dateTime, grouped } from '../live/format.ts'
import { plans as held, holdPlans } from '../live/held.ts'
import { store } from '../live/runtime.ts'
import { serverClock } from '../live/server-clock.ts'
import { me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import { CountTable } from '../plan/count-table.tsx'
import css from './shift.module.css'
import { OpenAlerts } from './shift-page.tsx'

export default function PrintPage() {
  const t = useText()
  useSyncExternalStore(store.subscribeList, store.version)
  const { seq } = useSignal(connection)
  const { items: plans, failure } = useSignal(held)
  useEffect(() => void holdPlans(), [])
  const [query] = useSearchParams()
  const only = query.get('plan')?.split(',')
  const place = store.get(query.get('alert') ?? '')?.zone ?? null
  const open = [...store.values()].filter(isOpen).sort(compareAlerts)
  const account = me()
  return (
    <div className={css.print}>
      <header className={css.head}>
        <h1>{only ? t('panel.plan', { id: only.join(' · ') }) : t('print.title')}</h1>
        <span className="muted">
          {t('print.stamp', {
            time: dateTime(serverClock.now()),
            seq: seq === null ? '—' : grouped(seq),
            by: account?.id ?? '—',
          })}
        </span>
        <span className={css.tools}>
          <Button primary onClick={() => window.print()}>
            {t('print.button')}
          </Button>
        </span>
      </header>
      {failure && plans.length === 0 && <p className={css.fault}>{t('region.failed', { why: failure })}</p>}
      <PhoneSheet zone={place} />
      {!only && (
        <>
          <div className={css.card}>
            <CountTable />
          </div>
          <OpenAlerts open={open} all />
        </>
      )}
      {plans
        .filter((plan) => !only || only.includes(plan.id))
        .map((plan) => (
          <section key={plan.id} className={css.planSheet}>
            <h2>
              {plan.id} {t.pick(plan.name, plan.id)} <span className="muted">v{plan.version ?? '?'}</span>
            </h2>
            <table>
              <thead>
                <tr>
                  <th scope="col">#</th>
                  <th scope="col">{t('print.step')}</th>
                  <th scope="col">{t('print.channel')}</th>
                  <th scope="col">{t('print.target')}</th>
                  <th scope="col">{t('print.done')}</th>
                  <th scope="col">{t('print.who')}</th>
                </tr>
              </thead>
              <tbody>
                {plan.steps.map((step, i) => (
                  <tr key={step.id}>
                    <td>{i + 1}</td>
                    <th scope="row">
                      {t.pick(step.text, step.id)} {step.required ? '' : `(${t('panel.optional')})`}
                      {step.answers && <p>{step.answers.map((a) => `▢ ${t.pick(a.text, a.id)}`).join('　')}</p>}
                    </th>
                    <td>{t.code('panel.channel', step.channel)}</td>
                    <td>{step.targetS === null ? '' : t('panel.target', { s: step.targetS })}</td>
                    <td>▢ ____:____</td>
                    <td>____________</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        ))}
    </div>
  )
}
