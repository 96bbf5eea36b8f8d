/**
 * Incident and evidence (console.md P4): sensors, video, doors, persons, alert states and people's acts on one clock with
 * its stated error. Zoom by + and −, from item to item by ← and →. It shows what is kept and judges nothing.
 */
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import type { AlertDetail, LedgerItem, Verb } from '../api/types.ts'
import { ActBar } from '../duty/act-bar.tsx'
import { ActDialog } from '../duty/act-dialogs.tsx'
import { type DialogVerb, needsDialog } from '../duty/act-verbs.ts'
import { Snapshot } from '../duty/pictures.tsx'
import { partsOf } from '../duty/plan-parts.ts'
import { useAlert } from '../duty/row.tsx'
import { noteOf } from '../duty/timeline.tsx'
import { useDetail } from '../duty/use-detail.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Message, Segments } from '../kit/controls.tsx'
import { useKeys } from '../kit/keyboard.ts'
import { mainValue, typeName } from '../kit/reading-words.ts'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { act } from '../live/acts.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { connection, isLost } from '../live/connection.ts'
import { facility } from '../live/facility-data.ts'
import { calendarDate, clockTime, dateTime, duration, preciseTime } from '../live/format.ts'
import { alertLink, evidenceLink } from '../live/links.ts'
import { second } from '../live/server-clock.ts'
import { mayDo, me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './evidence.module.css'
import { ExportEvidence } from './export-evidence.tsx'
import { firstSpan, follow, neighbour, nextWidth, type Span, WIDTHS, widthOf, zoom } from './span.ts'
import { type Item, itemsOf, Tracks } from './tracks.tsx'
import { curvesOf, useCurves, useLedger, useMembers } from './use-evidence.ts'

const FRAMES = 6
const CLOCK_FULL_MS = 200

const widthName = (ms: number): string =>
  ms < 60_000 ? `${ms / 1000} s` : ms < 3_600_000 ? `${ms / 60_000} min` : `${ms / 3_600_000} h`

export default function EvidencePage() {
  const { id = '' } = useParams()
  // Another alert begins with its own first look.
  return <Evidence key={id} id={id} />
}

function Evidence({ id }: { id: string }) {
  const t = useText()
  const navigate = useNavigate()
  const data = useSignal(facility)
  const now = useSignal(second)
  const { alert: live } = useAlert(id)
  const state = useDetail(id, live)
  const detail = state.detail
  const members = useMembers(detail)
  const alerts = detail ? [detail, ...members] : []
  const items = itemsOf(alerts, (change) => t.code('change', change.change))
  const [chosen, setSpan] = useState<Span | null>(null)
  const [moment, setMoment] = useState<number | null>(null)
  const [dialog, setDialog] = useState<DialogVerb | null>(null)
  const [exporting, setExporting] = useState(false)
  const own = detail
    ? firstSpan(
        itemsOf([detail], () => '').map((i) => i.at),
        detail.raisedAt,
      )
    : null
  const span = chosen ?? own
  const cursor = moment ?? detail?.raisedAt ?? 0
  const readings = alerts.flatMap((a) => a.evidenceReadings)
  const curves = useCurves(
    curvesOf(readings, (device) => data.devices.get(device)?.latest),
    span,
  )
  const ledger = useLedger(id, detail?.timeline.length ?? 0)

  const look = (next: Span | null) => setSpan(next)
  const point = (at: number) => {
    setMoment(at)
    if (span) setSpan(follow(span, at))
  }
  const scale = (step: 1 | -1) => span && look(zoom(span, cursor, nextWidth(widthOf(span), step) / widthOf(span)))
  const walk = (step: 1 | -1) => {
    const next = neighbour(
      items.map((i) => i.at),
      cursor,
      step,
    )
    if (next !== null) point(next)
  }
  const start = (verb: Verb) => (needsDialog(verb) && !isLost(connection.get()) ? setDialog(verb) : void act(id, verb))
  useKeys({
    '+': () => scale(-1),
    '=': () => scale(-1),
    '-': () => scale(1),
    ArrowRight: () => walk(1),
    ArrowLeft: () => walk(-1),
    Home: () => {
      look(null)
      setMoment(null)
    },
    Escape: () => navigate(alertLink(id)),
    a: () => start('acknowledge'),
    d: () => start('dispatch'),
    e: () => start('escalate'),
    f: () => start('dismiss'),
    r: () => start('resolve'),
  })

  if (!detail || !span)
    return (
      <Message
        title={
          state.missing
            ? t('panel.unknown', { id })
            : state.failure
              ? t('panel.loadFailed', { why: state.failure })
              : t('region.loading')
        }
      >
        {state.missing && <p>{t('panel.unknownWhy')}</p>}
        <Link to="/duty/alerts">{t('panel.toList')}</Link>
      </Message>
    )
  const alert = live ?? detail
  const width = widthOf(span)
  const preset = WIDTHS.find((w) => Math.abs(w - width) < w * 0.01)
  const worst = Math.max(0, ...readings.map((r) => Math.abs(data.devices.get(r.device)?.offsetMs ?? 0)))
  const current = nearest(items, cursor, width)
  return (
    <div className={css.page}>
      <section className={css.left} aria-label={t('evidence.title')}>
        <header className={css.head}>
          <h1>{t('evidence.title')}</h1>
          <span className="muted">{t('evidence.clock', { date: calendarDate(detail.raisedAt), ms: worst })}</span>
          <span className={css.headEnd}>
            <Segments
              label={t('evidence.width')}
              value={preset ?? 0}
              onChange={(w) => look(zoom(span, cursor, w / width))}
              options={WIDTHS.map((value) => ({ value, text: widthName(value) }))}
            />
            <Button small shortcut="+" onClick={() => scale(-1)}>
              {t('plan.zoomIn')}
            </Button>
            <Button small shortcut="-" onClick={() => scale(1)}>
              {t('plan.zoomOut')}
            </Button>
            <Button small shortcut="←" onClick={() => walk(-1)}>
              {t('evidence.previous')}
            </Button>
            <Button small shortcut="→" onClick={() => walk(1)}>
              {t('evidence.next')}
            </Button>
            {mayDo(me(), 'people:read') && (
              <Button small onClick={() => setExporting(true)}>
                {t('evidence.export')}
              </Button>
            )}
          </span>
        </header>
        <div className={css.scroll} tabIndex={0} role="group" aria-label={t('evidence.tracks')}>
          <Overview items={items} span={span} now={now} onPick={point} />
          <Tracks
            span={span}
            cursor={cursor}
            alerts={alerts}
            main={id}
            items={items}
            curves={curves}
            now={now}
            onPick={point}
          />
          <Frames alerts={alerts} cursor={cursor} onPick={point} />
          <Members alerts={alerts} main={id} all={detail.incidentDetail?.members ?? []} />
          <Words items={items} cursor={cursor} onPick={point} ledger={ledger?.length ?? null} />
        </div>
      </section>
      <aside className={css.right} aria-label={t('panel.label')}>
        <header className={css.title}>
          <Badge level={alert.level} filled={isUnacknowledged(alert)} size={36} />
          <div>
            <h2>
              {zoneName(t, data, alert.zone)} {alertName(t, data, alert)}
            </h2>
            <p className="muted">
              {alert.number ? t('panel.number', { n: alert.number }) : `#${alert.id.slice(0, 9)}`} · {alert.code}{' '}
              {alert.plan ? `· ${alert.plan}` : ''}
            </p>
          </div>
          <b>{isClosed(alert) ? t('row.closed') : stateWord(t, alert)}</b>
        </header>
        <div className={css.scroll} tabIndex={0} role="group" aria-label={t('panel.label')}>
          <AtCursor cursor={cursor} item={current} ledger={ledger} />
          <EvidenceList detail={detail} onPick={point} />
          <Outcome detail={detail} />
          <Clocks devices={[...new Set(readings.map((r) => r.device))]} />
          <Signatures detail={detail} />
          {ledger && <Chain items={ledger} />}
        </div>
        <ActBar alert={alert} allowed={detail.allowedActions ?? alert.allowedActions} onAct={start} />
      </aside>
      {exporting && (
        <ExportEvidence
          id={id}
          incident={detail.incident}
          members={detail.incidentDetail?.members.length ?? 1}
          onClose={() => setExporting(false)}
        />
      )}
      {dialog && <ActDialog verb={dialog} ids={[id]} onClose={() => setDialog(null)} />}
    </div>
  )
}

/** What stands nearest to the cursor, within two hundredths of the picture. */
function nearest(items: Item[], cursor: number, width: number): Item | null {
  let best: Item | null = null
  for (const item of items) if (!best || Math.abs(item.at - cursor) < Math.abs(best.at - cursor)) best = item
  return best && Math.abs(best.at - cursor) <= width * 0.02 ? best : null
}

function Overview({ items, span, now, onPick }: { items: Item[]; span: Span; now: number; onPick(at: number): void }) {
  const t = useText()
  const times = items.map((i) => i.at)
  const from = Math.min(span.from, ...times) - 30_000
  const to = Math.max(span.to, ...times, Math.min(now, Math.max(...times, span.to) + 600_000))
  const place = (at: number) => `${((at - from) / (to - from)) * 100}%`
  return (
    <div className={css.overview}>
      <span className={css.laneName}>{t('evidence.whole')}</span>
      <span
        className={css.overviewBox}
        aria-hidden="true"
        onPointerDown={(e) => {
          const box = e.currentTarget.getBoundingClientRect()
          onPick(from + ((e.clientX - box.left) / box.width) * (to - from))
        }}
      >
        {times.map((at, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: marks of equal times are equal
          <i key={i} style={{ left: place(at) }} />
        ))}
        <b style={{ left: place(span.from), right: `calc(100% - ${place(span.to)})` }} />
      </span>
      <span className={css.overviewEnds}>
        <span>{clockTime(from)}</span>
        <span>{clockTime(to)}</span>
      </span>
    </div>
  )
}

/** Pictures kept as evidence, of each alert of the incident, in order of time. */
function Frames({ alerts, cursor, onPick }: { alerts: AlertDetail[]; cursor: number; onPick(at: number): void }) {
  const t = useText()
  const data = useSignal(facility)
  const shown = [...alerts].sort((a, b) => a.raisedAt - b.raisedAt).slice(0, FRAMES)
  const at = shown.reduce<AlertDetail | null>((best, a) => (a.raisedAt <= cursor + 500 ? a : best), null)
  return (
    <section className={css.frames} aria-label={t('evidence.frames')}>
      <h3>
        {t('evidence.frames')} <span className="muted">{t('evidence.framesHint')}</span>
      </h3>
      <div className={css.frameRow}>
        {shown.map((alert) => (
          <button
            key={alert.id}
            type="button"
            className={css.frame}
            data-current={alert === at}
            onClick={() => onPick(alert.raisedAt)}
          >
            <Snapshot
              path={`/api/v1/alerts/${encodeURIComponent(alert.id)}/picture`}
              label={`${clockTime(alert.raisedAt)} ${alertName(t, data, alert)}`}
              everyMs={0}
            />
          </button>
        ))}
      </div>
    </section>
  )
}

function Members({ alerts, main, all }: { alerts: AlertDetail[]; main: string; all: string[] }) {
  const t = useText()
  const data = useSignal(facility)
  if (all.length < 2) return null
  const shown = [...alerts].sort((a, b) => a.raisedAt - b.raisedAt)
  return (
    <section className={css.words} data-testid="members">
      <h3>{t('panel.incident', { n: all.length })}</h3>
      <ul>
        {shown.map((alert) => (
          <li key={alert.id} aria-current={alert.id === main ? 'true' : undefined}>
            <Link to={evidenceLink(alert.id)} className={css.member}>
              <Badge level={alert.level} filled={isUnacknowledged(alert)} size={20} />
              <time>{clockTime(alert.raisedAt)}</time>
              <span>{zoneName(t, data, alert.zone)}</span>
              <b>{alertName(t, data, alert)}</b>
              <span className="muted">{isClosed(alert) ? t('row.closed') : stateWord(t, alert)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** The same as a list of words: what the tracks draw, for whoever does not see them. */
function Words({
  items,
  cursor,
  onPick,
}: {
  items: Item[]
  cursor: number
  onPick(at: number): void
  ledger: number | null
}) {
  const t = useText()
  const data = useSignal(facility)
  return (
    <section className={css.words}>
      <h3>{t('evidence.list', { n: items.length })}</h3>
      <ol>
        {items.map((item) => (
          <li key={item.id}>
            <button
              type="button"
              className={css.word}
              aria-current={Math.abs(item.at - cursor) < 1 ? 'true' : undefined}
              onClick={() => onPick(item.at)}
            >
              <time>{preciseTime(item.at)}</time>
              <b>
                {item.reading
                  ? `${typeName(item.reading.type, t.language)} ${mainValue(item.reading.type, item.reading.value, t.language)}`
                  : `${item.label} · ${alertName(t, data, item.alert)}`}
              </b>
              <span className="muted">
                {item.reading
                  ? item.reading.device
                  : item.change!.by === null || item.change!.by === 'system'
                    ? t('panel.system')
                    : item.change!.by}
              </span>
              <span className="muted">{item.change ? noteOf(t, item.change, item.alert.planDetail) : ''}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  )
}

function Facts({ title, note, children }: { title: string; note?: string; children: React.ReactNode }) {
  return (
    <section className={css.facts}>
      <h3>
        {title} {note && <span className="muted">{note}</span>}
      </h3>
      {children}
    </section>
  )
}

function AtCursor({ cursor, item, ledger }: { cursor: number; item: Item | null; ledger: LedgerItem[] | null }) {
  const t = useText()
  const data = useSignal(facility)
  const offset = item?.reading ? (data.devices.get(item.reading.device)?.offsetMs ?? null) : 0
  // Each change stands in the ledger: with its hash, and with the time at which the server wrote it down.
  const entry = item?.change
    ? ledger?.find((one) => one.payload?.at === item.at && one.payload.change === item.change!.change)
    : undefined
  return (
    <Facts title={t('evidence.at', { time: preciseTime(cursor) })}>
      {item ? (
        <dl className={css.pairs}>
          <dt>{t('evidence.what')}</dt>
          <dd>
            <b>
              {item.reading
                ? `${typeName(item.reading.type, t.language)} ${mainValue(item.reading.type, item.reading.value, t.language)}`
                : item.label}
            </b>
          </dd>
          <dt>{t('panel.sourceTime')}</dt>
          <dd>{preciseTime(item.at)}</dd>
          {(item.reading || entry) && (
            <>
              <dt>{t('evidence.serverTime')}</dt>
              <dd>
                {preciseTime(item.reading ? item.reading.received : entry!.at)} (+
                {Math.round(item.reading ? item.reading.received - item.reading.time : entry!.at - item.at)} ms)
              </dd>
            </>
          )}
          <dt>{t('evidence.clockQuality')}</dt>
          <dd>
            {item.reading && item.reading.quality !== 'good' ? '≈ ' : ''}
            {offset === null ? t('evidence.clockUnknown') : t('panel.clockError', { ms: Math.abs(offset) })}
          </dd>
          <dt>{t('evidence.source')}</dt>
          <dd>
            {item.reading
              ? item.reading.device
              : item.change!.by === null || item.change!.by === 'system'
                ? t('panel.system')
                : item.change!.by}
          </dd>
          {(item.reading || entry) && (
            <>
              <dt>{t('evidence.hash')}</dt>
              <dd>
                <code>{item.reading ? item.reading.id : entry!.hash.slice(0, 24)}</code>
              </dd>
            </>
          )}
        </dl>
      ) : (
        <p className="muted">{t('evidence.nothingHere')}</p>
      )}
    </Facts>
  )
}

function EvidenceList({ detail, onPick }: { detail: AlertDetail; onPick(at: number): void }) {
  const t = useText()
  const data = useSignal(facility)
  const offset = (device: string) => data.devices.get(device)?.offsetMs ?? null
  return (
    <Facts title={t('panel.evidence', { n: Math.max(detail.evidenceCount, detail.evidenceReadings.length) })}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('evidence.what')}</th>
            <th scope="col">{t('evidence.source')}</th>
            <th scope="col">{t('panel.sourceTime')}</th>
            <th scope="col">{t('evidence.clockQuality')}</th>
            <th scope="col">{t('evidence.id')}</th>
          </tr>
        </thead>
        <tbody>
          {detail.evidenceReadings.slice(0, 40).map((reading) => (
            <tr key={reading.id}>
              <th scope="row">
                <button type="button" onClick={() => onPick(reading.time)}>
                  {typeName(reading.type, t.language)}
                </button>
              </th>
              <td>{reading.device}</td>
              <td>
                {reading.quality === 'good' ? '' : '≈ '}
                {preciseTime(reading.time)}
              </td>
              <td>
                {offset(reading.device) === null
                  ? t('evidence.clockUnknown')
                  : `±${Math.abs(offset(reading.device)!)} ms`}
              </td>
              <td title={reading.id}>
                {reading.id.length > 11 ? `${reading.id.slice(0, 5)}…${reading.id.slice(-4)}` : reading.id}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {detail.evidenceReadings.length === 0 && <p className="muted">{t('evidence.none')}</p>}
    </Facts>
  )
}

function Outcome({ detail }: { detail: AlertDetail }) {
  const t = useText()
  const plan = detail.planDetail
  const proposal = [...detail.timeline]
    .reverse()
    .find((c) => ['pending-review', 'resolved', 'dismissed'].includes(c.change))
  return (
    <Facts title={t('panel.result')}>
      <dl className={css.pairs}>
        <dt>{t('act.dismiss.kind')}</dt>
        <dd>
          {detail.result ? t.code('result', detail.result) : t('evidence.open')}
          {detail.cause ? ` · ${t.code('cause', detail.cause)}` : ''}
        </dd>
        {proposal?.note && (
          <>
            <dt>{t('act.note')}</dt>
            <dd>{proposal.note}</dd>
          </>
        )}
        {plan && (
          <>
            <dt>{t('evidence.plan')}</dt>
            <dd>
              {partsOf(plan)
                .map((part) => `${part.id} ${part.finished}/${part.steps.length}`)
                .join(' · ')}
            </dd>
          </>
        )}
        <dt>{t('evidence.ackTime')}</dt>
        <dd>{detail.ackAt === null ? '—' : duration(detail.ackAt - detail.raisedAt)}</dd>
      </dl>
    </Facts>
  )
}

/** How far each source's clock stands from the facility's time: a mark on ±200 ms, further ones at the edge with words. */
function Clocks({ devices }: { devices: string[] }) {
  const t = useText()
  const data = useSignal(facility)
  if (devices.length === 0) return null
  return (
    <Facts title={t('evidence.clocks')} note={t('evidence.clocksHint')}>
      <ul className={css.clocks}>
        {devices.slice(0, 8).map((id) => {
          const offset = data.devices.get(id)?.offsetMs ?? null
          const share = offset === null ? 0.5 : 0.5 + Math.max(-0.5, Math.min(0.5, offset / (2 * CLOCK_FULL_MS)))
          return (
            <li key={id}>
              <span>{id}</span>
              <span className={css.clockLine}>{offset !== null && <i style={{ left: `${share * 100}%` }} />}</span>
              <span>{offset === null ? '?' : `${offset > 0 ? '+' : ''}${offset} ms`}</span>
            </li>
          )
        })}
      </ul>
    </Facts>
  )
}

/** Two boxes for two people; an empty one is dashed and says who may sign. */
function Signatures({ detail }: { detail: AlertDetail }) {
  const t = useText()
  const last = (...kinds: string[]) => [...detail.timeline].reverse().find((c) => kinds.includes(c.change))
  const first = last('pending-review', 'resolved', 'dismissed')
  const second_ = last('approved')
  const serious = detail.level === 'red' || detail.level === 'orange'
  const box = (role: string, change: typeof first, hint: string) => (
    <div className={css.sign} data-signed={change !== undefined}>
      <span className="muted">{role}</span>
      <b>{change ? (change.by ?? t('panel.system')) : t('evidence.waits')}</b>
      <span className="muted">{change ? dateTime(change.at) : hint}</span>
    </div>
  )
  return (
    <Facts title={t('evidence.signatures')}>
      <div className={css.signs}>
        {box(t('evidence.handler'), first, '')}
        {serious && box(t('evidence.reviewer'), second_, t('evidence.otherPerson'))}
      </div>
    </Facts>
  )
}

function Chain({ items }: { items: { seq: number; at: number; hash: string; by: string | null }[] }) {
  const t = useText()
  return (
    <Facts title={t('evidence.chain', { n: items.length })}>
      <ol className={css.chain}>
        {items.slice(-12).map((entry) => (
          <li key={entry.seq}>
            <span>{entry.seq}</span>
            <time>{clockTime(entry.at)}</time>
            <span>{entry.by === null || entry.by === 'system' ? t('panel.system') : entry.by}</span>
            <code title={entry.hash}>
              {entry.hash.slice(0, 4)}…{entry.hash.slice(-4)}
            </code>
          </li>
        ))}
      </ol>
    </Facts>
  )
}
