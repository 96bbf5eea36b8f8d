/** Devices (console.md P7): the faulty ones first and why in words; the healthy ones carry no lamp. */
import { useDeferredValue, useEffect, useState } from 'react'
import { Link } from 'react-router'
import type { DeviceItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Hatch, Message, Segments } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { kindName, mainValue, typeName } from '../kit/reading-words.ts'
import { zoneName } from '../kit/wording.ts'
import { facility, fetchPart } from '../live/facility-data.ts'
import { duration } from '../live/format.ts'
import { second } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './eng.module.css'

export type DeviceHealth = 'offline' | 'skew' | 'unknown' | 'online'
const SKEW_MS = 1000
const ORDER: DeviceHealth[] = ['offline', 'skew', 'unknown', 'online']
const SHOWN = 400

export function healthOf(device: DeviceItem): DeviceHealth {
  if (device.online === false) return 'offline'
  if (device.offsetMs !== null && Math.abs(device.offsetMs) > SKEW_MS) return 'skew'
  return device.online === null && device.lastSeen === null ? 'unknown' : 'online'
}

export function newest(device: DeviceItem): [string, DeviceItem['latest'][string]] | null {
  let found: [string, DeviceItem['latest'][string]] | null = null
  for (const entry of Object.entries(device.latest)) if (!found || entry[1].time > found[1].time) found = entry
  return found
}

export function Seen({ at }: { at: number | null }) {
  const t = useText()
  const now = useSignal(second)
  return <>{at === null ? t('eng.never') : duration(now - at)}</>
}

export default function DevicesPage() {
  const t = useText()
  const data = useSignal(facility)
  const now = useSignal(second)
  const [only, setOnly] = useState<'all' | 'bad'>('all')
  const [driver, setDriver] = useState('')
  const [kind, setKind] = useState('')
  const [text, setText] = useState('')
  const wanted = useDeferredValue(text.trim().toLowerCase())
  // Device events do not come for every reading: the table is fetched anew while it is looked at.
  useEffect(() => {
    const timer = setInterval(() => void fetchPart('devices'), 10_000)
    return () => clearInterval(timer)
  }, [])
  const all = [...data.devices.values()]
  const bad = all.filter((d) => healthOf(d) !== 'online').length
  const kinds = [...new Set(all.map((d) => d.kind).filter(Boolean))].sort() as string[]
  const drivers = [...new Set(all.map((d) => d.driver).filter(Boolean))].sort() as string[]
  const rows = all
    .filter((d) => only === 'all' || healthOf(d) !== 'online')
    .filter((d) => driver === '' || d.driver === driver)
    .filter((d) => kind === '' || d.kind === kind)
    .filter(
      (d) =>
        wanted === '' ||
        `${d.id} ${t.pick(d.name, '')} ${zoneName(t, data, d.zone ?? null)} ${d.zone ?? ''}`
          .toLowerCase()
          .includes(wanted),
    )
    .sort((a, b) => ORDER.indexOf(healthOf(a)) - ORDER.indexOf(healthOf(b)) || (a.id < b.id ? -1 : 1))
  const fetchedAt = data.fetchedAt.devices
  return (
    <div className={css.page}>
      <header className={css.pageHead}>
        <h1>{t('eng.devices')}</h1>
        <span className="muted">
          {t('eng.devices.sub', {
            n: all.length,
            bad,
            age: fetchedAt === undefined ? '—' : duration(performance.now() - fetchedAt),
          })}
        </span>
        <span className={css.tools}>
          <Segments
            label={t('eng.col.state')}
            value={only}
            onChange={setOnly}
            options={[
              { value: 'all', text: t('eng.filter.all') },
              { value: 'bad', text: t('eng.filter.bad') },
            ]}
          />
          <select
            className={kit.select}
            aria-label={t('eng.filter.kind')}
            value={kind}
            onChange={(e) => setKind(e.target.value)}
          >
            <option value="">{t('eng.filter.kind')}</option>
            {kinds.map((k) => (
              <option key={k} value={k}>
                {kindName(k, t.language)}
              </option>
            ))}
          </select>
          <select
            className={kit.select}
            aria-label={t('eng.filter.driver')}
            value={driver}
            onChange={(e) => setDriver(e.target.value)}
          >
            <option value="">{t('eng.filter.driver')}</option>
            {drivers.map((k) => (
              <option key={k}>{k}</option>
            ))}
          </select>
          <input
            type="search"
            className={css.search}
            aria-label={t('eng.search')}
            placeholder={t('eng.search')}
            value={text}
            onChange={(e) => setText(e.target.value)}
          />
        </span>
      </header>
      {data.failures.devices && (
        <p className={css.fault}>
          {t('region.failed', { why: data.failures.devices })}{' '}
          <Button small onClick={() => void fetchPart('devices')}>
            {t('region.retry')}
          </Button>
        </p>
      )}
      <section className={css.card} tabIndex={0} aria-label={t('eng.devices')}>
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">{t('eng.col.device')}</th>
              <th scope="col">{t('eng.col.kind')}</th>
              <th scope="col">{t('eng.col.zone')}</th>
              <th scope="col">{t('eng.col.driver')}</th>
              <th scope="col">{t('eng.col.state')}</th>
              <th scope="col">{t('eng.col.latest')}</th>
              <th scope="col" data-right>
                {t('eng.col.seen')}
              </th>
              <th scope="col" data-right>
                {t('eng.col.skew')}
              </th>
              <th scope="col" data-right>
                {t('eng.col.readings')}
              </th>
              <th scope="col" data-right>
                {t('eng.col.quarantined')}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((device) => {
              const health = healthOf(device)
              const last = newest(device)
              return (
                <tr key={device.id} data-health={health}>
                  <th scope="row">
                    <Link to={`/eng/devices/${encodeURIComponent(device.id)}`}>{device.id}</Link>
                  </th>
                  <td>{kindName(device.kind, t.language)}</td>
                  <td>{zoneName(t, data, device.zone ?? null)}</td>
                  <td className="muted">{device.driver ?? '—'}</td>
                  <td>
                    {health === 'offline' || health === 'unknown' ? <Hatch /> : health === 'skew' ? '≈' : null}{' '}
                    {t(`eng.state.${health}`)}
                  </td>
                  <td className={css.latest}>
                    {health === 'offline' && device.reason
                      ? device.reason
                      : last
                        ? `${typeName(last[0], t.language)} ${mainValue(last[0], last[1].value, t.language)}`
                        : '—'}
                  </td>
                  <td data-right>{device.lastSeen === null ? t('eng.never') : duration(now - device.lastSeen)}</td>
                  <td data-right>
                    {device.offsetMs === null ? '?' : (device.offsetMs > 0 ? '+' : '') + device.offsetMs}
                  </td>
                  <td data-right>{device.readings}</td>
                  <td data-right>{device.quarantined > 0 ? <b>{device.quarantined}</b> : 0}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
        {rows.length === 0 && (
          <Message title={t(fetchedAt === undefined ? 'region.loading' : 'list.filteredEmpty', { n: all.length })} />
        )}
        {rows.length > SHOWN && <p className={css.more}>{t('list.footer', { from: 1, to: SHOWN, n: rows.length })}</p>}
      </section>
    </div>
  )
}
