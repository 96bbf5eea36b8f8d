/** One device: what it is, how it is, its latest values, a curve of any of them, its open alerts. */
import { useEffect, useState, useSyncExternalStore } from 'react'
import { Link, useParams } from 'react-router'
import { type ApiError, getJson } from '../api/client.ts'
import type { DeviceItem } from '../api/types.ts'
import { Snapshot } from '../duty/pictures.tsx'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Hatch, Message } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { kindName, numericFields, typeName, valueWord } from '../kit/reading-words.ts'
import { DataAge } from '../kit/time.tsx'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { isOpen, isUnacknowledged } from '../live/alert-store.ts'
import { facility, readDevice } from '../live/facility-data.ts'
import { clockTime, preciseTime } from '../live/format.ts'
import { alertLink } from '../live/links.ts'
import { store } from '../live/runtime.ts'
import { useSignal } from '../live/use-signal.ts'
import { Chart } from './chart.tsx'
import { healthOf, Seen } from './devices-page.tsx'
import css from './eng.module.css'

const REFRESH_MS = 3000

function useDevice(id: string) {
  const [state, setState] = useState<{ device: DeviceItem | null; failure: ApiError | null; heardAt: number | null }>({
    device: null,
    failure: null,
    heardAt: null,
  })
  useEffect(() => {
    let stopped = false
    const load = () =>
      getJson<DeviceItem>(`/api/v1/devices/${encodeURIComponent(id)}`).then(
        (raw) => !stopped && setState({ device: readDevice(raw), failure: null, heardAt: performance.now() }),
        (error: unknown) => !stopped && setState((s) => ({ ...s, failure: error as ApiError })),
      )
    void load()
    const timer = setInterval(load, REFRESH_MS)
    return () => {
      stopped = true
      clearInterval(timer)
    }
  }, [id])
  return state
}

export default function DevicePage() {
  const t = useText()
  const id = useParams().id ?? ''
  const data = useSignal(facility)
  useSyncExternalStore(store.subscribeList, store.version)
  const { device, failure, heardAt } = useDevice(id)
  if (!device)
    return (
      <Message
        title={
          failure
            ? failure.status === 404
              ? t('eng.notFound', { id })
              : t('region.failed', { why: failure.message })
            : t('region.loading')
        }
      >
        <Link to="/eng/devices">{t('eng.back')}</Link>
      </Message>
    )
  const health = healthOf(device)
  const alerts = [...store.values()].filter((a) => isOpen(a) && a.device === device.id)
  const latest = Object.entries(device.latest).sort((a, b) => b[1].time - a[1].time)
  const drawable = latest
    .map(([type, sample]) => ({ type, fields: numericFields(sample.value) }))
    .filter((entry) => entry.fields.length > 0)
  const facts: [string, string | undefined | null][] = [
    [t('eng.col.kind'), kindName(device.kind, t.language)],
    [t('eng.col.zone'), zoneName(t, data, device.zone ?? null)],
    [t('eng.col.driver'), device.driver],
    [t('eng.fact.model'), device.model],
    [t('eng.fact.url'), device.url],
    [t('eng.fact.via'), device.via],
    [t('eng.fact.subject'), device.subject],
    [t('eng.fact.maker'), device.maker],
    [t('eng.fact.firmware'), device.firmware],
  ]
  return (
    <div className={css.page}>
      <header className={css.pageHead}>
        <Link className={css.crumb} to="/eng/devices">
          {t('eng.back')} <Icon name="right" size={12} />
        </Link>
        <h1>{device.id}</h1>
        <span className="muted">{t.pick(device.name, '')}</span>
        <span className={css.tools}>
          <DataAge heardAt={heardAt} />
        </span>
      </header>
      <div className={css.columns}>
        <div className={css.stack}>
          <section className={css.figures} aria-label={t('eng.col.state')}>
            <div>
              <span>{t('eng.col.state')}</span>
              <b>
                {health === 'offline' || health === 'unknown' ? <Hatch /> : null} {t(`eng.state.${health}`)}
              </b>
              <small lang={device.why ? 'en' : undefined}>{device.why ?? device.reason ?? ''}</small>
            </div>
            <div>
              <span>{t('eng.col.seen')}</span>
              <b>
                <Seen at={device.lastSeen} />
              </b>
              <small>{device.lastSeen === null ? '' : clockTime(device.lastSeen)}</small>
            </div>
            <div>
              <span>{t('eng.col.skew')}</span>
              <b>{device.offsetMs === null ? '?' : `${device.offsetMs > 0 ? '+' : ''}${device.offsetMs}`}</b>
              <small>ms</small>
            </div>
            <div>
              <span>{t('eng.col.readings')}</span>
              <b>{device.readings}</b>
              <small>
                {t('eng.col.quarantined')} {device.quarantined}
              </small>
            </div>
          </section>
          <Chart key={device.id} device={device.id} options={drawable} />
          <section className={css.card}>
            <h2 className={css.cardHead}>{t('eng.latest')}</h2>
            <table className={css.table}>
              <thead>
                <tr>
                  <th scope="col">{t('eng.latestType')}</th>
                  <th scope="col">{t('eng.latestValue')}</th>
                  <th scope="col">{t('eng.latestQuality')}</th>
                  <th scope="col" data-right>
                    {t('eng.latestTime')}
                  </th>
                </tr>
              </thead>
              <tbody>
                {latest.map(([type, sample]) => (
                  <tr key={type}>
                    <th scope="row">
                      {typeName(type, t.language)} <span className="muted">{type}</span>
                    </th>
                    <td className={css.latest}>
                      {Object.entries(sample.value ?? {}).map(([key, value]) => (
                        <span key={key} className={css.pair}>
                          <span className="muted">{key}</span> <b>{valueWord(value, t.language)}</b>
                        </span>
                      ))}
                    </td>
                    <td>{sample.quality === 'good' ? sample.quality : <b>{sample.quality}</b>}</td>
                    <td data-right>{preciseTime(sample.time)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {latest.length === 0 && <Message title={t('eng.state.unknown')} />}
          </section>
        </div>
        <div className={css.stack}>
          {device.kind === 'camera' && (
            <section className={css.card}>
              <h2 className={css.cardHead}>{t('eng.snapshot')}</h2>
              <div className={css.snapshot}>
                <Snapshot
                  path={`/api/v1/cameras/${encodeURIComponent(device.id)}/snapshot`}
                  label={device.id}
                  everyMs={3000}
                />
              </div>
            </section>
          )}
          <section className={css.card}>
            <h2 className={css.cardHead}>{t('eng.facts')}</h2>
            <dl className={css.facts}>
              {facts
                .filter(([, value]) => value)
                .map(([name, value]) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                  </div>
                ))}
            </dl>
          </section>
          <section className={css.card}>
            <h2 className={css.cardHead}>{t('eng.alerts')}</h2>
            {alerts.length === 0 && <p className={css.none}>{t('eng.noAlerts')}</p>}
            <ul>
              {alerts.map((alert) => (
                <li key={alert.id}>
                  <Link className={css.alert} to={alertLink(alert.id)}>
                    <Badge level={alert.level} filled={isUnacknowledged(alert)} size={20} />
                    <span>{clockTime(alert.raisedAt)}</span>
                    <b>{alertName(t, data, alert)}</b>
                    <span className="muted">{stateWord(t, alert)}</span>
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        </div>
      </div>
    </div>
  )
}
