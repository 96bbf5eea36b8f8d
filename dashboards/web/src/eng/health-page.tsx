/** Health of the edge (console.md P9): what is wrong stands first and says why; healthy rows carry no lamp. */
import { useEffect, useState } from 'react'
import { Link } from 'react-router'
import { getJson } from '../api/client.ts'
import type { DeviceItem, HealthAnswer, Page, QuarantineItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Hatch, Message } from '../kit/controls.tsx'
import { DataAge } from '../kit/time.tsx'
import { zoneName } from '../kit/wording.ts'
import { facility, fetchPart } from '../live/facility-data.ts'
import { clockTime, dateTime, duration, grouped } from '../live/format.ts'
import { mayDo, me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import { healthOf, Seen } from './devices-page.tsx'
import css from './eng.module.css'
import { histogram } from './skew.ts'

const REFRESH_MS = 5000
const QUARANTINE_SHOWN = 50
const LAG_LIMIT = 10_000

function usePolled<T>(path: string | null): { value: T | null; heardAt: number | null; failure: string | null } {
  const [state, setState] = useState<{ value: T | null; heardAt: number | null; failure: string | null }>({
    value: null,
    heardAt: null,
    failure: null,
  })
  useEffect(() => {
    if (path === null) return
    const abort = new AbortController()
    const load = () =>
      getJson<T>(path, abort.signal).then(
        (value) => setState({ value, heardAt: performance.now(), failure: null }),
        (error: unknown) =>
          !abort.signal.aborted &&
          setState((s) => ({ ...s, failure: error instanceof Error ? error.message : String(error) })),
      )
    void load()
    const timer = setInterval(load, REFRESH_MS)
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [path])
  return state
}

const bytes = (n: number): string =>
  n >= 1e12 ? `${(n / 1e12).toFixed(2)} TB` : n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : `${(n / 1e6).toFixed(1)} MB`

export default function HealthPage() {
  const t = useText()
  const data = useSignal(facility)
  const health = usePolled<HealthAnswer>('/api/v1/health')
  const mayQuality = mayDo(me(), 'quality:read')
  const quarantine = usePolled<Page<QuarantineItem>>(mayQuality ? `/api/v1/quarantine?limit=${QUARANTINE_SHOWN}` : null)
  useEffect(() => {
    const timer = setInterval(() => void fetchPart('devices'), 10_000)
    return () => clearInterval(timer)
  }, [])
  const devices = [...data.devices.values()]
  const gateways = devices.filter((d) => d.kind === 'gateway' || d.kind === 'edge-agent')
  const h = health.value
  const worstLag = Math.max(
    0,
    h?.uplink?.lag ?? 0,
    ...(h?.sinks ?? []).map((s) => s.lag),
    ...Object.values(h?.journal?.lag ?? {}),
  )
  const figures: [string, string, string, boolean][] = h
    ? [
        [
          t('health.ready'),
          (h.notReady ?? []).length === 0 ? t('health.yes') : t('health.no'),
          (h.notReady ?? []).join('；'),
          (h.notReady ?? []).length > 0,
        ],
        [
          t('health.pending'),
          grouped(h.journal?.pending ?? 0),
          t('health.seq', { n: grouped(h.journal?.lastSeq ?? 0) }),
          false,
        ],
        [t('health.lag'), grouped(worstLag), t('health.limit', { n: grouped(LAG_LIMIT) }), worstLag > LAG_LIMIT],
        [
          t('health.test'),
          h.test?.latencyMs === null || h.test === null || h.test === undefined ? '—' : `${h.test.latencyMs} ms`,
          h.test
            ? t('health.testNote', {
                p95: h.test.p95Ms ?? '—',
                time: h.test.okAt === null ? '—' : clockTime(h.test.okAt),
                lost: h.test.lost,
                sent: h.test.sent,
              })
            : t('health.testNone'),
          h.test?.failing === true,
        ],
        [
          t('health.consoles'),
          String(h.consoles?.attended ?? '—'),
          t('health.sounding', {
            n: Object.values(h.consoles?.sounding ?? {}).filter((holder) => holder !== null).length,
          }),
          h.consoles?.attended === 0,
        ],
        ...(h.webhook
          ? [
              [
                t('health.webhook'),
                grouped(h.webhook.sent),
                t('health.webhookNote', { failed: h.webhook.failed, why: h.webhook.lastError ?? '—' }),
                h.webhook.lastError !== null,
              ] as [string, string, string, boolean],
            ]
          : []),
        [
          t('health.quarantined'),
          grouped(h.quarantined ?? 0),
          t('health.since', { time: h.startedAt ? dateTime(h.startedAt) : '—' }),
          (h.quarantined ?? 0) > 0,
        ],
      ]
    : []
  return (
    <div className={css.page}>
      <header className={css.pageHead}>
        <h1>{t('health.title')}</h1>
        <span className="muted">
          <DataAge heardAt={health.heardAt} />
        </span>
      </header>
      {health.failure && <p className={css.fault}>{t('region.failed', { why: health.failure })}</p>}
      {!h ? (
        <Message title={t('region.loading')} />
      ) : (
        <div className={css.columns}>
          <div className={css.stack}>
            <section className={css.figures} aria-label={t('health.title')}>
              {figures.map(([name, value, note, wrong]) => (
                <div key={name}>
                  <span>{name}</span>
                  <b>
                    {wrong && <Hatch />} {value}
                  </b>
                  <small>{note}</small>
                </div>
              ))}
            </section>
            <Gateways gateways={gateways} devices={devices} />
            <Drivers health={h} />
            <Stores health={h} />
            {mayQuality && <Quarantine answer={quarantine.value} failure={quarantine.failure} />}
          </div>
          <div className={css.stack}>
            <Skew devices={devices} />
            <Disk health={h} />
            <Streams health={h} />
          </div>
        </div>
      )}
    </div>
  )
}

function Card({ title, note, children }: { title: string; note?: string; children: React.ReactNode }) {
  return (
    <section className={css.card} tabIndex={0} aria-label={title}>
      <h2 className={css.cardHead}>
        {title}
        {note && <span className={css.cardNote}>{note}</span>}
      </h2>
      {children}
    </section>
  )
}

function Gateways({ gateways, devices }: { gateways: DeviceItem[]; devices: DeviceItem[] }) {
  const t = useText()
  const data = useSignal(facility)
  const order = { offline: 0, skew: 1, unknown: 2, online: 3 }
  const rows = [...gateways].sort((a, b) => order[healthOf(a)] - order[healthOf(b)] || (a.id < b.id ? -1 : 1))
  return (
    <Card title={t('health.gateways')} note={t('health.gatewaysNote')}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('health.gateway')}</th>
            <th scope="col">{t('eng.col.zone')}</th>
            <th scope="col">{t('eng.col.state')}</th>
            <th scope="col">{t('health.why')}</th>
            <th scope="col" data-right>
              {t('eng.col.seen')}
            </th>
            <th scope="col" data-right>
              {t('eng.col.skew')}
            </th>
            <th scope="col" data-right>
              {t('health.behind')}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((gateway) => {
            const health = healthOf(gateway)
            const behind = devices.filter((d) => d.via === gateway.id)
            return (
              <tr key={gateway.id} data-health={health}>
                <th scope="row">
                  <Link to={`/eng/devices/${encodeURIComponent(gateway.id)}`}>{gateway.id}</Link>
                </th>
                <td>{t.pick(gateway.name, zoneName(t, data, gateway.zone ?? null))}</td>
                <td>
                  {health === 'offline' || health === 'unknown' ? <Hatch /> : health === 'skew' ? '≈' : null}{' '}
                  {t(`eng.state.${health}`)}
                </td>
                <td>{gateway.reason ?? '—'}</td>
                <td data-right>
                  <Seen at={gateway.lastSeen} />
                </td>
                <td data-right>
                  {gateway.offsetMs === null ? '?' : `${gateway.offsetMs > 0 ? '+' : ''}${gateway.offsetMs}`}
                </td>
                <td data-right>
                  {behind.length > 0 ? `${behind.filter((d) => d.online).length}/${behind.length}` : '—'}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {rows.length === 0 && <p className={css.none}>{t('health.noGateways')}</p>}
    </Card>
  )
}

function Drivers({ health }: { health: HealthAnswer }) {
  const t = useText()
  return (
    <Card title={t('health.drivers')}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('eng.col.driver')}</th>
            <th scope="col" data-right>
              {t('eng.devices')}
            </th>
            <th scope="col" data-right>
              {t('eng.state.online')}
            </th>
            <th scope="col" data-right>
              {t('eng.state.offline')}
            </th>
          </tr>
        </thead>
        <tbody>
          {(health.drivers ?? []).map((driver) => (
            <tr key={driver.name} data-health={driver.online < driver.devices ? 'offline' : 'online'}>
              <th scope="row">{driver.name}</th>
              <td data-right>{driver.devices}</td>
              <td data-right>{driver.online}</td>
              <td data-right>{driver.devices - driver.online}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {health.broker && (
        <p className={css.none}>{t('health.broker', { n: health.broker.clients, refused: health.broker.refused })}</p>
      )}
    </Card>
  )
}

function Stores({ health }: { health: HealthAnswer }) {
  const t = useText()
  const up = health.uplink
  const rows: [string, string, number | null, string | null, boolean][] = [
    ...(up
      ? [
          [
            t('health.uplink'),
            t(!up.configured ? 'health.uplinkNone' : up.connected ? 'health.uplinkUp' : 'health.uplinkDown'),
            up.lag,
            up.lastError,
            up.configured && !up.connected,
          ] as [string, string, number, string | null, boolean],
        ]
      : []),
    ...(health.sinks ?? []).map((s): [string, string, number, string | null, boolean] => [
      s.name,
      s.lastError === null && s.lagOf && s.lagOf.backlog > 0
        ? t('health.sinkBacklog', { n: s.lagOf.backlog })
        : t(s.lastError ? 'health.sinkFault' : 'health.sinkOk'),
      s.lag,
      s.lastError,
      s.lastError !== null,
    ]),
    ...Object.entries(health.journal?.lag ?? {}).map(([name, lag]): [string, string, number, null, boolean] => [
      name,
      t('health.cursor'),
      lag,
      null,
      lag > LAG_LIMIT,
    ]),
  ]
  return (
    <Card title={t('health.stores')} note={t('health.storesNote')}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('health.reader')}</th>
            <th scope="col">{t('eng.col.state')}</th>
            <th scope="col" data-right>
              {t('health.behindBy')}
            </th>
            <th scope="col">{t('health.lastError')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, state, lag, error, wrong]) => (
            <tr key={name} data-health={wrong ? 'offline' : 'online'}>
              <th scope="row">{name}</th>
              <td>
                {wrong && <Hatch />} {state}
              </td>
              <td data-right>{lag === null ? '—' : grouped(lag)}</td>
              <td>{error ?? '—'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  )
}

function Quarantine({ answer, failure }: { answer: Page<QuarantineItem> | null; failure: string | null }) {
  const t = useText()
  const items = answer?.items ?? []
  return (
    <Card title={t('health.quarantine')} note={t('health.quarantineNote', { n: answer?.total ?? 0 })}>
      {failure && <p className={css.none}>{t('region.failed', { why: failure })}</p>}
      {items.length > 0 ? (
        <table className={css.table} data-testid="quarantine">
          <thead>
            <tr>
              <th scope="col">{t('health.received')}</th>
              <th scope="col">{t('health.sourceOf')}</th>
              <th scope="col">{t('eng.col.device')}</th>
              <th scope="col">{t('health.cause')}</th>
              <th scope="col">{t('health.detail')}</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: quarantined things have no id
              <tr key={i}>
                <td>{clockTime(item.received)}</td>
                <td>{item.source}</td>
                <td>{item.device ?? '—'}</td>
                <th scope="row">{item.cause}</th>
                <td className={css.latest} title={item.payload ?? ''}>
                  {item.detail}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className={css.none}>{t(answer ? 'health.quarantineNone' : 'region.loading')}</p>
      )}
    </Card>
  )
}

/** Clock offsets of all devices, with the bands of ±500 ms and ±2 s; the same in words below. */
function Skew({ devices }: { devices: DeviceItem[] }) {
  const t = useText()
  const offsets = devices.map((d) => d.offsetMs).filter((o): o is number => o !== null)
  const { bins, within, beyond } = histogram(offsets)
  const top = Math.max(1, ...bins.map((b) => b.count))
  const x = (ms: number) => 20 + ((ms + 2500) / 5000) * 360
  return (
    <Card title={t('health.skew')} note={t('health.skewNote', { n: offsets.length })}>
      <svg
        className={css.skew}
        viewBox="0 0 400 190"
        role="img"
        aria-label={t('health.skewWords', { within, beyond, n: offsets.length })}
      >
        <rect className={css.skewBand} x={x(-500)} y={8} width={x(500) - x(-500)} height={146} />
        {[-2000, -500, 500, 2000].map((ms) => (
          <path key={ms} className={css.skewLine} d={`M${x(ms)} 8V154`} />
        ))}
        {bins.map((bin) => (
          <rect
            key={bin.from}
            className={css.skewBar}
            x={x(bin.from) + 0.5}
            y={154 - Math.max(bin.count > 0 ? 2 : 0, (bin.count / top) * 140)}
            width={Math.max(2, x(bin.from + bin.width) - x(bin.from) - 1)}
            height={Math.max(bin.count > 0 ? 2 : 0, (bin.count / top) * 140)}
          />
        ))}
        <path className={css.skewAxis} d="M12 154H388" />
        {(
          [
            [-2000, '−2 s'],
            [-500, '−500'],
            [0, '0'],
            [500, '+500 ms'],
            [2000, '+2 s'],
          ] as const
        ).map(([ms, text]) => (
          <text key={ms} x={x(ms)} y={172} textAnchor="middle">
            {text}
          </text>
        ))}
      </svg>
      <p className={css.none}>{t('health.skewWords', { within, beyond, n: offsets.length })}</p>
    </Card>
  )
}

function Disk({ health }: { health: HealthAnswer }) {
  const t = useText()
  const journal = health.journal
  const seconds = health.startedAt ? Math.max(1, (health.at - health.startedAt) / 1000) : null
  const perDay = journal && seconds && journal.lastSeq > 0 ? (journal.bytes / seconds) * 86_400 : null
  const days = perDay && health.diskFreeBytes ? health.diskFreeBytes / perDay : null
  return (
    <Card title={t('health.disk')}>
      <dl className={css.facts}>
        <div>
          <dt>{t('health.diskFree')}</dt>
          <dd>{health.diskFreeBytes == null ? '?' : bytes(health.diskFreeBytes)}</dd>
        </div>
        <div>
          <dt>{t('health.journalBytes')}</dt>
          <dd>{journal ? bytes(journal.bytes) : '—'}</dd>
        </div>
        <div>
          <dt>{t('health.days')}</dt>
          {/* Below an hour of run the rate says nothing. */}
          <dd>
            {days && seconds && seconds > 3600 ? t('health.daysValue', { n: Math.floor(days) }) : t('health.daysSoon')}
          </dd>
        </div>
        <div>
          <dt>{t('health.up')}</dt>
          <dd>{seconds === null ? '—' : duration(seconds * 1000)}</dd>
        </div>
      </dl>
    </Card>
  )
}

function Streams({ health }: { health: HealthAnswer }) {
  const t = useText()
  const s = health.stream
  if (!s) return null
  const rows: [string, number][] = [
    [t('health.stream.clients'), s.clients],
    [t('health.stream.published'), s.published],
    [t('health.stream.dropped'), s.dropped],
    [t('health.stream.refused'), s.refused],
    [t('health.stream.gaps'), s.gaps],
  ]
  return (
    <Card title={t('health.streams')}>
      <dl className={css.facts}>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{grouped(value)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}
