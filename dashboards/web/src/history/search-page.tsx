/** 检索: the history of alerts by filters, page by page as the server gives it; what is shown can be taken along as CSV. */
import { type FormEvent, useEffect, useState } from 'react'
import { Link } from 'react-router'
import { ALERT_STATES, LEVELS } from '#model/alert/alert.ts'
import { getJson } from '../api/client.ts'
import type { ListedAlert, Page } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Message } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { alertName, sourceName, stateWord, zoneName } from '../kit/wording.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { calendarDate, dateTime, duration } from '../live/format.ts'
import { evidenceLink } from '../live/links.ts'
import { serverClock } from '../live/server-clock.ts'
import { mayDo, me } from '../live/session.ts'
import { useSignal } from '../live/use-signal.ts'
import { csvOf, saveText } from './csv.ts'
import css from './history.module.css'

const PAGE_SIZE = 50
const HOUR = 3_600_000
const RANGES = { '1': HOUR, '8': 8 * HOUR, '24': 24 * HOUR, '168': 168 * HOUR, all: 0 } as const
type Range = keyof typeof RANGES

interface Filter {
  range: Range
  level: string
  state: string
  rule: string
  zone: string
  text: string
}
const none: Filter = { range: '24', level: '', state: '', rule: '', zone: '', text: '' }

export default function SearchPage() {
  const t = useText()
  const data = useSignal(facility)
  const [draft, setDraft] = useState<Filter>(none)
  const [filter, setFilter] = useState<Filter & { at: number }>(() => ({ ...none, at: serverClock.now() }))
  /** Cursors of the pages passed; the last one is shown. */
  const [cursors, setCursors] = useState<(string | null)[]>([null])
  const [page, setPage] = useState<Page<ListedAlert> | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  const cursor = cursors[cursors.length - 1] ?? null
  // Roles that see no persons may not search words either: the server refuses, so the field is not offered.
  const words = mayDo(me(), 'people:read')
  useEffect(() => {
    const abort = new AbortController()
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) })
    for (const key of ['level', 'state', 'rule', 'zone', 'text'] as const)
      if (filter[key].trim() !== '') query.set(key, filter[key].trim())
    if (RANGES[filter.range] > 0) query.set('from', String(Math.round(filter.at - RANGES[filter.range])))
    if (cursor) query.set('cursor', cursor)
    setFailure(null)
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
  const zones = [...data.zones.values()].filter((z) => z.kind !== 'cell').sort((a, b) => (a.id < b.id ? -1 : 1))
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
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('search.title')}</h1>
        <span className="muted">
          {page && t('search.found', { n: page.total, from: items.length ? from + 1 : 0, to: from + items.length })}
        </span>
        <span className={css.tools}>
          <Button
            disabled={items.length === 0}
            onClick={() =>
              saveText(
                `alerts-${calendarDate(serverClock.now())}-${from + 1}.csv`,
                csvOf([columns, ...items.map(rowOf)]),
                'text/csv',
              )
            }
          >
            {t('search.csv')}
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
          options={[['', t('eng.filter.all')], ...zones.map((z): [string, string] => [z.id, t.pick(z.name, z.id)])]}
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
