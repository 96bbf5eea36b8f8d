/** Incidents: alerts that belong together, newest first; one is opened beside the list with its members and its plan. */
import { useEffect, useState, useSyncExternalStore } from 'react'
import { Link } from 'react-router'
import { LEVELS, type Level } from '#model/alert/alert.ts'
import { getDetail, getJson } from '../api/client.ts'
import type { AlertDetail, IncidentItem, Page } from '../api/types.ts'
import { PaperStamp } from '../frame/paper-stamp.tsx'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Message, Segments } from '../kit/controls.tsx'
import { useKeys } from '../kit/keyboard.ts'
import { DataAge } from '../kit/time.tsx'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime, dateTime, duration } from '../live/format.ts'
import { alertLink, evidenceLink } from '../live/links.ts'
import { store } from '../live/runtime.ts'
import { second } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './history.module.css'

const REFRESH_MS = 5000
const PAGE_SIZE = 100
const MAX_MEMBERS = 30
const MAX_CHANGES = 60

export default function IncidentsPage() {
  const t = useText()
  const data = useSignal(facility)
  const now = useSignal(second)
  useSyncExternalStore(store.subscribeList, store.version)
  const [open, setOpen] = useState<'open' | 'all'>('open')
  const [level, setLevel] = useState<Level | ''>('')
  const [state, setState] = useState<{
    items: IncidentItem[]
    total: number
    heardAt: number | null
    failure: string | null
  }>({ items: [], total: 0, heardAt: null, failure: null })
  const [chosen, setChosen] = useState<string | null>(null)
  useEffect(() => {
    const abort = new AbortController()
    const load = () => {
      const query = new URLSearchParams({ limit: String(PAGE_SIZE) })
      if (open === 'open') query.set('open', 'true')
      if (level) query.set('level', level)
      getJson<Page<IncidentItem>>(`/api/v1/incidents?${query}`, abort.signal).then(
        (page) => setState({ items: page.items, total: page.total, heardAt: performance.now(), failure: null }),
        (error: unknown) =>
          !abort.signal.aborted &&
          setState((s) => ({ ...s, failure: error instanceof Error ? error.message : String(error) })),
      )
    }
    load()
    const timer = setInterval(load, REFRESH_MS)
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [open, level])
  const at = state.items.findIndex((i) => i.id === chosen)
  const incident = state.items[at] ?? state.items[0] ?? null
  const move = (by: 1 | -1) => {
    const next = state.items[Math.max(0, Math.min(state.items.length - 1, Math.max(0, at) + by))]
    if (next) setChosen(next.id)
  }
  useKeys({ j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1) })
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('incidents.title')}</h1>
        <PaperStamp />
        <span className="muted">
          {t('incidents.sub', { n: state.total })} · <DataAge heardAt={state.heardAt} />
        </span>
        <span className={css.tools}>
          <Segments
            label={t('eng.col.state')}
            value={open}
            onChange={setOpen}
            options={[
              { value: 'open', text: t('incidents.open') },
              { value: 'all', text: t('incidents.all') },
            ]}
          />
          <Segments
            label={t('filter.level')}
            value={level}
            onChange={setLevel}
            options={[
              { value: '', text: t('eng.filter.all') },
              ...LEVELS.map((value) => ({ value, text: t(`level.${value}`) })),
            ]}
          />
        </span>
      </header>
      {state.failure && <p className={css.fault}>{t('region.failed', { why: state.failure })}</p>}
      <div className={css.split}>
        <ul className={css.incidents} aria-label={t('incidents.title')}>
          {state.items.map((item) => {
            const names = item.members
              .map((id) => store.get(id))
              .filter((a) => a !== undefined)
              .map((a) => alertName(t, data, a))
            return (
              <li key={item.id}>
                <button
                  type="button"
                  className={css.incident}
                  aria-pressed={item.id === incident?.id}
                  onClick={() => setChosen(item.id)}
                >
                  <Badge level={item.level} filled={item.closedAt === null} size={28} />
                  <span className={css.incidentText}>
                    <b>{t.list(item.zones.map((z) => zoneName(t, data, z))) || '—'}</b>
                    <span className="muted">
                      {dateTime(item.openedAt)} · {t('incidents.members', { n: item.members.length })}
                      {names.length > 0 && ` · ${t.list([...new Set(names)].slice(0, 3))}`}
                    </span>
                  </span>
                  <span className={css.incidentEnd}>
                    {item.closedAt === null ? (
                      <b>{duration(now - item.openedAt)}</b>
                    ) : (
                      t('incidents.closed', { time: clockTime(item.closedAt) })
                    )}
                  </span>
                </button>
              </li>
            )
          })}
          {state.total > state.items.length && (
            <li className={css.more} role="status">
              {t('incidents.more', { n: state.total - state.items.length })}
            </li>
          )}
          {state.items.length === 0 && (
            <li>
              <Message title={t(state.heardAt === null ? 'region.loading' : 'incidents.none')} />
            </li>
          )}
        </ul>
        {incident && <Incident key={incident.id} incident={incident} />}
      </div>
    </div>
  )
}

function Incident({ incident }: { incident: IncidentItem }) {
  const t = useText()
  const data = useSignal(facility)
  const [members, setMembers] = useState<AlertDetail[]>([])
  const key = incident.members.join(',')
  // biome-ignore lint/correctness/useExhaustiveDependencies: the members by their ids
  useEffect(() => {
    const abort = new AbortController()
    void Promise.all(
      incident.members.slice(0, MAX_MEMBERS).map((id) => getDetail(id, abort.signal).catch(() => null)),
    ).then((found) => !abort.signal.aborted && setMembers(found.filter((d): d is AlertDetail => d !== null)))
    return () => abort.abort()
  }, [key])
  const changes = members
    .flatMap((a) => a.timeline.filter((c) => c.change !== 'updated').map((c) => ({ ...c, own: a })))
    .sort((a, b) => b.at - a.at)
  const first = members[0]
  return (
    <section className={css.detail} aria-label={t('incidents.one')} data-testid="incident">
      <h2>
        {t('panel.incident', { n: incident.members.length })}
        {first && (
          <Link className={css.linkButton} to={evidenceLink(first.id)}>
            {t('evidence.title')}
          </Link>
        )}
      </h2>
      <table className={css.table}>
        <thead>
          <tr>
            {(['level', 'time', 'zone', 'kind', 'state'] as const).map((column) => (
              <th key={column} scope="col">
                {t(`list.col.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {members.map((old) => {
            const alert = store.get(old.id) ?? old
            return (
              <tr key={alert.id}>
                <td>
                  <span className={css.level}>
                    <Badge level={alert.level} filled={isUnacknowledged(alert)} size={20} /> {t(`level.${alert.level}`)}
                  </span>
                </td>
                <td>{clockTime(alert.raisedAt)}</td>
                <td>{zoneName(t, data, alert.zone)}</td>
                <th scope="row">
                  <Link to={isClosed(alert) ? evidenceLink(alert.id) : alertLink(alert.id)}>
                    {alertName(t, data, alert)}
                  </Link>
                </th>
                <td>{isClosed(alert) ? t.code('state', alert.state) : stateWord(t, alert)}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
      <h2>{t('incidents.timeline')}</h2>
      <ol className={css.changes}>
        {changes.slice(0, MAX_CHANGES).map((c, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: change lines have no id of their own
          <li key={i}>
            <time>{clockTime(c.at)}</time>
            <Badge level={c.alert.level} filled={false} size={18} />
            <b>{t.code('change', c.change)}</b>
            <span>{alertName(t, data, c.own)}</span>
            <span className="muted">{c.by === null || c.by === 'system' ? t('panel.system') : c.by}</span>
          </li>
        ))}
      </ol>
      {changes.length > MAX_CHANGES && <p className="muted">{t('shift.more', { n: changes.length - MAX_CHANGES })}</p>}
      {incident.members.length > MAX_MEMBERS && (
        <p className="muted">{t('incidents.moreMembers', { n: incident.members.length - MAX_MEMBERS })}</p>
      )}
      {incident.related.length > 0 && <p className="muted">{t('incidents.related', { n: incident.related.length })}</p>}
      <Button small onClick={() => window.print()}>
        {t('print.button')}
      </Button>
    </section>
  )
}
