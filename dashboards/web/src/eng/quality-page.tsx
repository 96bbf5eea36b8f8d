/** Data quality (Q30–Q35): what has to be mended stands first, then every stream with what came of what was due. */
import { type ReactNode, useDeferredValue, useState } from 'react'
import { Link } from 'react-router'
import type {
  QualityTicket,
  QualityTotals,
  QuarantineItem,
  ReplayOutcome,
  StreamQuality,
} from '#model/ports/quality.ts'
import { ApiError, postJson } from '../api/client.ts'
import type { Page } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Hatch, Message, Segments } from '../kit/controls.tsx'
import { kindName, typeName } from '../kit/reading-words.ts'
import { DataAge } from '../kit/time.tsx'
import { zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { dateTime, duration } from '../live/format.ts'
import { usePolled } from '../live/polled.ts'
import { serverClock } from '../live/server-clock.ts'
import { mayDo, me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './eng.module.css'
import own from './quality.module.css'

const REFRESH_MS = 15_000
const SHOWN = 300
const TICKETS_SHOWN = 50
const HOURS = { '1': 1, '24': 24 } as const

interface QualityAnswer {
  summary: {
    waiting: number
    openTickets: number
    streams: number
    overflow: number
    totals: QualityTotals
  }
}

export const percent = (value: number | null): string => (value === null ? '—' : `${(value * 100).toFixed(1)} %`)

/** Worst first: silent and stuck, then the lowest score, then what nothing is known of. */
export function streamOrder(a: StreamQuality, b: StreamQuality): number {
  const rank = (s: StreamQuality): number =>
    s.state === 'silent'
      ? 0
      : s.state === 'stuck'
        ? 1
        : s.score !== null && s.score < 100
          ? 2
          : s.state === 'ok'
            ? 3
            : 4
  return (
    rank(a) - rank(b) ||
    (a.score ?? 101) - (b.score ?? 101) ||
    (a.validity ?? 2) - (b.validity ?? 2) ||
    (a.device < b.device ? -1 : a.device > b.device ? 1 : a.type < b.type ? -1 : 1)
  )
}

export default function QualityPage() {
  const t = useText()
  const [hours, setHours] = useState<keyof typeof HOURS>('1')
  // Rounded to the minute, so that the question stays the same while it is asked again.
  const [asked, setAsked] = useState(() => serverClock.now())
  const window = `from=${Math.round(asked - HOURS[hours] * 3_600_000)}`
  const summary = usePolled<QualityAnswer>(`/api/v1/quality?limit=1&${window}`, REFRESH_MS)
  const tickets = usePolled<Page<QualityTicket>>('/api/v1/quality/tickets?open=true', REFRESH_MS)
  const streams = usePolled<Page<StreamQuality>>(`/api/v1/quality/streams?limit=5000&${window}`, REFRESH_MS)
  const failure = summary.failure ?? tickets.failure ?? streams.failure
  return (
    <div className={css.page}>
      <header className={css.pageHead}>
        <h1>{t('quality.title')}</h1>
        <span className="muted">
          <DataAge heardAt={streams.heardAt} />
        </span>
        <span className={css.tools}>
          <Segments
            label={t('quality.window')}
            value={hours}
            onChange={(h) => {
              setHours(h)
              setAsked(serverClock.now())
            }}
            options={[
              { value: '1', text: t('quality.hour') },
              { value: '24', text: t('quality.day') },
            ]}
          />
        </span>
      </header>
      {failure && <p className={css.fault}>{t('region.failed', { why: failure })}</p>}
      <Figures answer={summary.value} />
      <Tickets page={tickets.value} />
      <Waiting waiting={summary.value?.summary.waiting ?? 0} />
      <Streams page={streams.value} />
    </div>
  )
}

function Figures({ answer }: { answer: QualityAnswer | null }) {
  const t = useText()
  const totals = answer?.summary.totals
  const share = (part?: number, whole?: number): number | null => (part === undefined || !whole ? null : part / whole)
  const completeness = share(totals?.arrived, totals?.expected)
  const timeliness = share(totals?.timely, totals?.received)
  const validity = share(totals?.valid, totals?.judged)
  const score =
    completeness === null || timeliness === null || validity === null
      ? '—'
      : (100 * (0.4 * completeness + 0.3 * timeliness + 0.3 * validity)).toFixed(1)
  const figures: [string, ReactNode, string][] = [
    [t('quality.score'), score, 'I24'],
    [t('quality.completeness'), percent(completeness), 'I21'],
    [t('quality.timeliness'), percent(timeliness), 'I22'],
    [t('quality.validity'), percent(validity), 'I23'],
    [t('quality.open'), answer ? answer.summary.openTickets : '—', ''],
    [t('quality.streams'), answer ? answer.summary.streams : '—', ''],
  ]
  return (
    <section className={own.figures} aria-label={t('quality.title')} data-testid="quality-figures">
      {figures.map(([name, value, id]) => (
        <div key={name}>
          <span>{name}</span>
          <b>{value}</b>
          <small>{id}</small>
        </div>
      ))}
    </section>
  )
}

function Tickets({ page }: { page: Page<QualityTicket> | null }) {
  const t = useText()
  const now = serverClock.now()
  return (
    <section className={`${css.card} ${own.gap}`} aria-labelledby="q-tickets" tabIndex={0}>
      <h2 className={css.cardHead} id="q-tickets">
        {t('quality.tickets')} <span className="muted">{t('quality.ticketsSub', { n: page?.total ?? 0 })}</span>
      </h2>
      {page && page.items.length > 0 ? (
        <table className={css.table} data-testid="tickets">
          <thead>
            <tr>
              <th scope="col">{t('quality.col.kind')}</th>
              <th scope="col">{t('eng.col.device')}</th>
              <th scope="col">{t('quality.col.reason')}</th>
              <th scope="col">{t('quality.col.advice')}</th>
              <th scope="col">{t('quality.col.owner')}</th>
              <th scope="col" data-right>
                {t('quality.col.since')}
              </th>
            </tr>
          </thead>
          <tbody>
            {page.items.slice(0, TICKETS_SHOWN).map((ticket) => (
              <tr key={ticket.id}>
                <td>
                  <Hatch /> {t.code('quality.kind', ticket.kind)}
                </td>
                <th scope="row">
                  {ticket.device.startsWith('driver:') ? (
                    ticket.device.slice('driver:'.length)
                  ) : (
                    <Link to={`/eng/devices/${encodeURIComponent(ticket.device)}`}>{ticket.device}</Link>
                  )}
                </th>
                <td className={own.words}>{t.pick(ticket.reason, '')}</td>
                <td className={own.words}>{t.pick(ticket.advice, '')}</td>
                <td>{t.code('quality.owner', ticket.owner)}</td>
                <td data-right title={dateTime(ticket.since)}>
                  {duration(now - ticket.since)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className={own.none}>{t(page ? 'quality.ticketsNone' : 'region.loading')}</p>
      )}
    </section>
  )
}

function Waiting({ waiting }: { waiting: number }) {
  const t = useText()
  const answer = usePolled<Page<QuarantineItem>>('/api/v1/quarantine?state=waiting&limit=100', REFRESH_MS)
  const [said, setSaid] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const items = answer.value?.items ?? []
  const replay = async () => {
    setBusy(true)
    try {
      const done = await postJson<ReplayOutcome>('/api/v1/quarantine/replay', { ids: items.map((i) => i.id) })
      setSaid(t('quality.replayed', { n: done.replayed, readings: done.readings, failed: done.failed.length }))
      answer.again()
    } catch (error) {
      setSaid(t('region.failed', { why: error instanceof ApiError ? error.message : String(error) }))
    } finally {
      setBusy(false)
    }
  }
  return (
    <section className={`${css.card} ${own.gap}`} aria-labelledby="q-waiting" tabIndex={0}>
      <h2 className={css.cardHead} id="q-waiting">
        {t('quality.waiting')} <span className="muted">{t('quality.waitingSub', { n: waiting })}</span>
        <span className={css.tools}>
          {said && <output>{said}</output>}
          {mayDo(me(), 'quarantine:resolve') && items.length > 0 && (
            <Button small disabled={busy} onClick={() => void replay()}>
              {t('quality.replay')}
            </Button>
          )}
        </span>
      </h2>
      {items.length > 0 ? (
        <table className={css.table} data-testid="waiting">
          <thead>
            <tr>
              <th scope="col">{t('health.received')}</th>
              <th scope="col">{t('eng.col.device')}</th>
              <th scope="col">{t('health.cause')}</th>
              <th scope="col">{t('health.detail')}</th>
            </tr>
          </thead>
          <tbody>
            {items.slice(0, 20).map((item) => (
              <tr key={item.id}>
                <td>{dateTime(item.received)}</td>
                <td>{item.device ?? item.source}</td>
                <th scope="row">{item.cause}</th>
                <td className={css.latest} title={item.payload ?? ''}>
                  {item.detail}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className={own.none}>{t(answer.value ? 'quality.waitingNone' : 'region.loading')}</p>
      )}
    </section>
  )
}

function Streams({ page }: { page: Page<StreamQuality> | null }) {
  const t = useText()
  const data = useSignal(facility)
  const [only, setOnly] = useState<'all' | 'bad'>('all')
  const [text, setText] = useState('')
  const wanted = useDeferredValue(text.trim().toLowerCase())
  const all = page?.items ?? []
  const rows = all
    .filter((s) => only === 'all' || s.state === 'silent' || s.state === 'stuck' || (s.score !== null && s.score < 95))
    .filter((s) => wanted === '' || `${s.device} ${s.type} ${s.zone ?? ''}`.toLowerCase().includes(wanted))
    .sort(streamOrder)
  return (
    <section className={`${css.card} ${own.gap}`} aria-labelledby="q-streams" tabIndex={0}>
      <h2 className={css.cardHead} id="q-streams">
        {t('quality.streamsTable')} <span className="muted">{t('quality.streamsSub', { n: all.length })}</span>
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
          <input
            type="search"
            className={css.search}
            aria-label={t('eng.search')}
            placeholder={t('eng.search')}
            value={text}
            onChange={(e) => setText(e.target.value)}
          />
        </span>
      </h2>
      <table className={css.table} data-testid="streams">
        <thead>
          <tr>
            <th scope="col">{t('eng.col.device')}</th>
            <th scope="col">{t('quality.col.type')}</th>
            <th scope="col">{t('eng.col.kind')}</th>
            <th scope="col">{t('eng.col.zone')}</th>
            <th scope="col">{t('eng.col.state')}</th>
            <th scope="col" data-right>
              {t('quality.col.period')}
            </th>
            <th scope="col" data-right>
              {t('quality.col.received')}
            </th>
            <th scope="col" data-right>
              {t('quality.completeness')}
            </th>
            <th scope="col" data-right>
              {t('quality.timeliness')}
            </th>
            <th scope="col" data-right>
              {t('quality.validity')}
            </th>
            <th scope="col" data-right>
              {t('quality.score')}
            </th>
            <th scope="col" data-right>
              {t('quality.col.age')}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, SHOWN).map((s) => (
            <tr key={`${s.device}|${s.type}`} data-health={s.state === 'silent' ? 'offline' : undefined}>
              <th scope="row">
                <Link to={`/eng/devices/${encodeURIComponent(s.device)}`}>{s.device}</Link>
              </th>
              <td>{typeName(s.type, t.language)}</td>
              <td>{kindName(s.kind ?? undefined, t.language)}</td>
              <td>{zoneName(t, data, s.zone)}</td>
              <td>
                {s.state === 'silent' || s.state === 'stuck' ? <Hatch /> : null} {t.code('quality.state', s.state)}
              </td>
              <td data-right>{s.periodMs === null ? '—' : duration(s.periodMs)}</td>
              <td data-right>{s.expected === null ? s.received : `${s.received} / ${s.expected}`}</td>
              <td data-right>{percent(s.completeness)}</td>
              <td data-right>{percent(s.timeliness)}</td>
              <td data-right>{percent(s.validity)}</td>
              <td data-right>{s.score === null ? '—' : s.score.toFixed(1)}</td>
              <td data-right>{s.ageMs === null ? '—' : duration(s.ageMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <Message title={t(page ? 'list.filteredEmpty' : 'region.loading', { n: all.length })} />}
      {rows.length > SHOWN && <p className={css.more}>{t('list.footer', { from: 1, to: SHOWN, n: rows.length })}</p>}
    </section>
  )
}
