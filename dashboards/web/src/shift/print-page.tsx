/** On paper for the day everything dies: numbers to call, head-count, open alerts, plans with empty boxes. Black on white. */
import { useEffect, useState, useSyncExternalStore } from 'react'
import { useSearchParams } from 'react-router'
import { getJson } from '../api/client.ts'
import type { Me, ShiftAnswer } from '../api/types.ts'
import { usePlaceName } from '../frame/alert-bar.tsx'
import { PhoneSheet } from '../frame/phones.tsx'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { compareAlerts, isOpen } from '../live/alert-store.ts'
import { connection } from '../live/connection.ts'
import { dateTime, grouped } from '../live/format.ts'
import { plans as held, holdPlans } from '../live/held.ts'
import { store } from '../live/runtime.ts'
import { serverClock } from '../live/server-clock.ts'
import { mayDo, me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import { CountTable } from '../plan/count-table.tsx'
import { OffSite } from './off-site.tsx'
import css from './shift.module.css'
import { OpenAlerts } from './shift-page.tsx'

/** RP2 before RP10: the order in which a hand leafs through them. */
const collator = new Intl.Collator('en', { numeric: true })

/** Whose paper this is: sheets of several facilities may lie on one table. */
const Place = ({ account }: { account: Me }) => <>{usePlaceName(account)}</>

/** null = not known: a list that could not be fetched must not print as an empty one. */
function useOffSite(): ShiftAnswer['offSite'] | null {
  const [items, setItems] = useState<ShiftAnswer['offSite'] | null>(null)
  useEffect(() => {
    if (!mayDo(me(), 'shift:keep')) return
    getJson<ShiftAnswer>('/api/v1/shift').then(
      (answer) => setItems(answer.offSite ?? null),
      () => {},
    )
  }, [])
  return items
}

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
  const away = useOffSite()
  return (
    <div className={css.print}>
      <header className={css.head}>
        <h1>
          {account && <Place account={account} />} {only ? t('panel.plan', { id: only.join(' · ') }) : t('print.title')}
        </h1>
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
          {mayDo(account, 'shift:keep') && <OffSite items={away ?? null} />}
          <OpenAlerts open={open} all />
        </>
      )}
      {[...plans]
        .sort((a, b) => collator.compare(a.id, b.id))
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
