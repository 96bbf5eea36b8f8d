/** 检索: the history of alerts by filters, page by page as the server gives it; what is shown can be taken along as CSV. */
import { type FormEvent, useEffect, useState } from 'react'
import { Link } from 'react-router'
import { ALERT_STATES, LEVELS } from '#model/alert/alert.ts'
import { getJson, getPages } from '../api/client.ts'
import type { ListedAlert, Page } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Message } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { alertName, sourceName, stateWord, zoneName } from '../kit/wording.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { calendarDate, dateTime, duration, facilityTime } from '../live/format.ts'
import { evidenceLink } from '../live/links.ts'
import { serverClock } from '../live/server-clock.ts'
import { mayDo, me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import { csvOf, saveText } from './csv.ts'
import css from './history.module.css'

const PAGE_SIZE = 50
const HOUR = 3_600_000
const RANGES = { '1': HOUR, '8': 8 * HOUR, '24': 24 * HOUR, '168': 168 * HOUR, own: 0, all: 0 } as const
/** So many rows at most go into one file: what is left out is said, and a narrower range gives the rest. */
const MAX_EXPORTED = 20_000
const EXPORT_PAGE = 500
type Range = keyof typeof RANGES

interface Filter {
  range: Range
  /** Own range, as the input gives it: local time of the facility. */
  from: string
  to: string
  level: string
  state: string
  rule: string
  zone: string
  text: string
}
const collator = new Intl.Collator('zh-CN', { numeric: true })
const none: Filter = { range: '24', from: '', to: '', level: '', state: '', rule: '', zone: '', text: '' }

/** What the server is asked, without the page. */
export function queryOf(filter: Filter & { at: number }): URLSearchParams {
  const query = new URLSearchParams()
  // A ward is searched with its cells: an alert stands in the smallest place that is known.
  for (const [key, name] of [
    ['level', 'level'],
    ['state', 'state'],
    ['rule', 'rule'],
    ['zone', 'within'],
    ['text', 'text'],
  ] as const)
    if (filter[key].trim() !== '') query.set(name, filter[key].trim())
  if (filter.range === 'own') {
    const from = facilityTime(filter.from)
    const to = facilityTime(filter.to)
    if (from !== null) query.set('from', String(from))
    // The last minute is meant whole.
    if (to !== null) query.set('to', String(to + 59_999))
  } else if (RANGES[filter.range] > 0) query.set('from', String(Math.round(filter.at - RANGES[filter.range])))
  return query
}

export default function SearchPage() {
  const t = useText()
  const data = useSignal(facility)
  const [draft, setDraft] = useState<Filter>(none)
  const [filter, setFilter] = useState<Filter & { at: number }>(() => ({ ...none, at: serverClock.now() }))
  /** Cursors of the pages passed; the last one is shown. */
  const [cursors, setCursors] = useState<(string | null)[]>([null])
  const [page, setPage] = useState<Page<ListedAlert> | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const [exporting, setExporting] = useState(false)
  const [exported, setExported] = useState<string | null>(null)
  const cursor = cursors[cursors.length - 1] ?? null
  // Roles that see no persons may not search words either: the server refuses, so the field is not offered.
  const words = mayDo(me(), 'people:read')
  useEffect(() => {
    const abort = new AbortController()
    const query = queryOf(filter)
    query.set('limit', String(PAGE_SIZE))
    if (cursor) query.set('cursor', cursor)
    setFailure(null)
    setExported(null)
    getJson<Page<ListedAlert>>(`/api/v1/alerts?${query}`, abort.signal).then(setPage, (error: unknown) => {
      if (!abort.signal.aborted) setFailure(error instanceof Error ? error.message : String(error))
    })
    return () => abort.abort()
  }, [filter, cursor])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setCursors([null])
    setFilter({ ...draft, at: serverClock.now() })
  }
  const change = (part: Partial<Filter>) => setDraft({ ...draft, ...part })
  const items = page?.items ?? []
  const rules = [...data.rules.values()].sort((a, b) => (a.code < b.code ? -1 : 1))
  const zones = [...data.zones.values()]
    .map((z) => ({ id: z.id, name: t.pick(z.name, z.id) }))
    .sort((a, b) => collator.compare(a.name, b.name))
  const from = (cursors.length - 1) * PAGE_SIZE
  const rowOf = (a: ListedAlert): string[] => [
    a.number ?? a.id,
    t(`level.${a.level}.long`),
    dateTime(a.raisedAt),
    zoneName(t, data, a.zone),
    a.code,
    alertName(t, data, a),
    sourceName(data, a),
    isClosed(a) ? t.code('state', a.state) : stateWord(t, a),
    a.ackAt === null ? '' : String(Math.round((a.ackAt - a.raisedAt) / 1000)),
    a.closedAt === null ? '' : dateTime(a.closedAt),
    a.result ? t.code('result', a.result) : '',
    a.cause ? t.code('cause', a.cause) : '',
    a.assignee ?? '',
  ]
  const columns = (
    [
      'number',
      'level',
      'time',
      'zone',
      'code',
      'kind',
      'device',
      'state',
      'ackS',
      'closed',
      'result',
      'cause',
      'who',
    ] as const
  ).map((c) => t(`search.col.${c}`))
  const exportAll = async () => {
    setExporting(true)
    setExported(null)
    const rows: string[][] = []
    let total = 0
    try {
      const query = queryOf(filter)
      query.set('limit', String(EXPORT_PAGE))
      await getPages<ListedAlert>(`/api/v1/alerts?${query}`, MAX_EXPORTED, (part, all) => {
        rows.push(...part.map(rowOf))
        total = all ?? rows.length
        setExported(t('search.exporting', { n: rows.length, of: total }))
        return true
      })
      saveText(`alerts-${calendarDate(serverClock.now())}.csv`, csvOf([columns, ...rows]), 'text/csv')
      setExported(
        rows.length < total
          ? t('search.exportedPart', { n: rows.length, of: total })
          : t('search.exported', { n: rows.length }),
      )
    } catch (error) {
      setExported(t('region.failed', { why: error instanceof Error ? error.message : String(error) }))
    } finally {
      setExporting(false)
    }
  }
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('search.title')}</h1>
        <span className="muted">
          {page && t('search.found', { n: page.total, from: items.length ? from + 1 : 0, to: from + items.length })}
        </span>
        <span className={css.tools}>
          {exported && <span role="status">{exported}</span>}
          <Button disabled={items.length === 0 || exporting} onClick={() => void exportAll()}>
            {t('search.csvAll')}
          </Button>
        </span>
      </header>
      <form className={css.form} onSubmit={submit} aria-label={t('filter.label')}>
        <Select
          label={t('search.range')}
          value={draft.range}
          onChange={(range) => change({ range: range as Range })}
          options={(Object.keys(RANGES) as Range[]).map((r) => [r, t(`search.range.${r}`)])}
        />
        {draft.range === 'own' &&
          (['from', 'to'] as const).map((end) => (
            <label key={end} className={css.field}>
              <span>{t(`search.${end}`)}</span>
              <input
                type="datetime-local"
                name={end}
                className={kit.input}
                value={draft[end]}
                onChange={(e) => change({ [end]: e.target.value })}
              />
            </label>
          ))}
        <Select
          label={t('filter.level')}
          value={draft.level}
          onChange={(level) => change({ level })}
          options={[['', t('eng.filter.all')], ...LEVELS.map((l): [string, string] => [l, t(`level.${l}.long`)])]}
        />
        <Select
          label={t('list.col.state')}
          value={draft.state}
          onChange={(state) => change({ state })}
          options={[['', t('eng.filter.all')], ...ALERT_STATES.map((s): [string, string] => [s, t.code('state', s)])]}
        />
        <Select
          label={t('search.rule')}
          value={draft.rule}
          onChange={(rule) => change({ rule })}
          options={[
            ['', t('eng.filter.all')],
            ...rules.map((r): [string, string] => [r.id, `${r.code} ${t.pick(r.name, r.id)}`]),
          ]}
        />
        <Select
          label={t('list.col.zone')}
          value={draft.zone}
          onChange={(zone) => change({ zone })}
          options={[['', t('eng.filter.all')], ...zones.map((z): [string, string] => [z.id, z.name])]}
        />
        {words && (
          <label className={css.field}>
            <span>{t('search.words')}</span>
            <input
              type="search"
              className={kit.input}
              value={draft.text}
              onChange={(e) => change({ text: e.target.value })}
            />
          </label>
        )}
        <Button type="submit" primary>
          {t('filter.search')}
        </Button>
        <Button
          onClick={() => {
            setDraft(none)
            setCursors([null])
            setFilter({ ...none, at: serverClock.now() })
          }}
        >
          {t('filter.clear')}
        </Button>
      </form>
      {failure && <p className={css.fault}>{t('region.failed', { why: failure })}</p>}
      <section className={css.tableBox} tabIndex={0} aria-label={t('search.title')}>
        <table className={css.table} data-testid="results">
          <thead>
            <tr>
              {(['level', 'number', 'time', 'zone', 'kind', 'device', 'state', 'ackS', 'result'] as const).map((c) => (
                <th key={c} scope="col">
                  {t(`search.col.${c}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {items.map((a) => (
              <tr key={a.id}>
                <td>
                  <span className={css.level}>
                    <Badge level={a.level} filled={isUnacknowledged(a) && !isClosed(a)} size={20} />{' '}
                    {t(`level.${a.level}`)}
                  </span>
                </td>
                <td>{a.number ?? a.id.slice(0, 9)}</td>
                <td>{dateTime(a.raisedAt)}</td>
                <td>{zoneName(t, data, a.zone)}</td>
                <th scope="row">
                  <Link to={evidenceLink(a.id)}>{alertName(t, data, a)}</Link> <span className="muted">{a.code}</span>
                </th>
                <td>{sourceName(data, a)}</td>
                <td>{isClosed(a) ? t.code('state', a.state) : stateWord(t, a)}</td>
                <td>{a.ackAt === null ? '—' : duration(a.ackAt - a.raisedAt)}</td>
                <td>
                  {a.result ? t.code('result', a.result) : '—'}
                  {a.cause ? ` · ${t.code('cause', a.cause)}` : ''}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {items.length === 0 && !failure && <Message title={t(page ? 'search.none' : 'region.loading')} />}
      </section>
      <footer className={css.foot}>
        <Button disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>
          {t('search.newer')}
        </Button>
        <Button disabled={!page?.next} onClick={() => page?.next && setCursors([...cursors, page.next])}>
          {t('search.older')}
        </Button>
      </footer>
    </div>
  )
}

function Select(p: { label: string; value: string; options: [string, string][]; onChange(value: string): void }) {
  return (
    <label className={css.field}>
      <span>{p.label}</span>
      <select className={kit.select} value={p.value} onChange={(e) => p.onChange(e.target.value)}>
        {p.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}
