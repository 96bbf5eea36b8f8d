/**
 * 值班交接 (console.md P6): prepared from what the platform knows, exchanged with notes, cross-checked item by item. One
 * person signs, another takes over; an open red needs the explicit word of both. The server keeps it in the ledger.
 */
import { useSyncExternalStore } from 'react'
import { Link } from 'react-router'
import { LEVELS } from '#model/alert/alert.ts'
import type { ListedAlert } from '../api/types.ts'
import { healthOf } from '../eng/devices-page.tsx'
import { PaperStamp } from '../frame/paper-stamp.tsx'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import kit from '../kit/kit.module.css'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { compareAlerts, isOpen, isSetAside } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime, duration, shortNumber } from '../live/format.ts'
import { alertLink } from '../live/links.ts'
import { store } from '../live/runtime.ts'
import { second } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import { CountTable } from '../plan/count-table.tsx'
import { Card } from './card.tsx'
import { Past, Sign, Waiting } from './handover.tsx'
import { OffSite } from './off-site.tsx'
import css from './shift.module.css'
import { ShiftLog } from './shift-log.tsx'
import { useLoad, useShift, useUnfinished } from './use-handover.ts'

const SHOWN = 12

export default function ShiftPage() {
  const t = useText()
  useSyncExternalStore(store.subscribeList, store.version)
  const open = [...store.values()].filter((a) => isOpen(a) && !isSetAside(a)).sort(compareAlerts)
  const shelved = [...store.values()].filter((a) => isOpen(a) && a.state === 'shelved')
  const { answer, failure, reload } = useShift()
  // A shelved red is no less open.
  const openRed = [...store.values()].filter((a) => isOpen(a) && a.level === 'red').length
  const waiting = answer?.handovers.find((h) => h.status === 'waiting') ?? null
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('shift.title')}</h1>
        <PaperStamp />
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
          <OffSite items={answer?.offSite ?? null} />
          <Shelved shelved={shelved} />
          <DevicesOut />
          <Load />
        </div>
        <div className={css.stack}>
          {waiting ? (
            <Waiting
              key={waiting.id}
              handover={waiting}
              onDone={reload}
              checks={answer?.checks ?? []}
              openRed={openRed}
            />
          ) : (
            <Sign openRed={openRed} onDone={reload} />
          )}
          <ShiftLog notes={answer?.notes ?? null} onDone={reload} />
          <Past handovers={(answer?.handovers ?? []).filter((h) => h.status !== 'waiting')} />
        </div>
      </div>
    </div>
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
              <b>{alertName(t, data, alert)}</b> {alert.zone && zoneName(t, data, alert.zone)}
            </Link>
            <span className="muted">
              {stateWord(t, alert)} {alert.assignee ?? ''}
            </span>
            <span>{duration(now - alert.raisedAt)}</span>
          </li>
        ))}
      </ul>
      {open.length > shown.length && (
        <Link className={css.moreLink} to="/duty/alerts">
          {t('shift.more', { n: open.length - shown.length })}
        </Link>
      )}
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
      {items.length > 6 && <p className="muted">{t('shift.moreAlerts', { n: items.length - 6 })}</p>}
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
              <b>{alertName(t, data, alert)}</b> {alert.zone && zoneName(t, data, alert.zone)}
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
      {out.length > 8 && (
        <Link className={css.moreLink} to="/eng/devices">
          {t('shift.more', { n: out.length - 8 })}
        </Link>
      )}
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
