/**
 * The alert list: an own virtual grid. Rows are absolutely placed and keyed by alert, so that scrolling and storms touch
 * only what is on the screen. It holds the list still while a pointer or the focus is in it.
 */
import {
  type Ref,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import type { Verb } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Message } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { shownKey } from '../kit/keyboard.ts'
import { type Filter, noFilter, type Row as RowData } from '../live/alert-view.ts'
import { connection, isLost } from '../live/connection.ts'
import { clockTime, grouped } from '../live/format.ts'
import { loading, store, view } from '../live/runtime.ts'
import { range, toggle } from '../live/selection.ts'
import { mayDo, me } from '../live/session.ts'
import { settings } from '../live/settings.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import { BulkBar } from './bulk-bar.tsx'
import css from './duty.module.css'
import { Row } from './row.tsx'
import { Strip } from './strip.tsx'

const ROW_PX = { compact: 28, normal: 32, comfortable: 40 } as const
const NARROW_ROW_PX = 56
const OVERSCAN = 4
/** Nobody decides on what he sees in less: a click so soon after rows have made way was aimed at another one. */
const SHIFT_GRACE_MS = 350

export interface GridHandle {
  move(by: 1 | -1): void
  home(): void
  cursor(): RowData | null
  /** All rows in order, lane first; members of an opened fold are part of their row. */
  rows(): RowData[]
}

interface Props {
  ref: Ref<GridHandle>
  opened: string | null
  wide: boolean
  onOpen(id: string | null): void
  onManual(): void
  onAct(verb: Verb): void
}

function useViewport() {
  const element = useRef<HTMLDivElement>(null)
  const [box, setBox] = useState({ top: 0, height: 0 })
  useEffect(() => {
    const el = element.current
    if (!el) return
    const measure = () => setBox({ top: el.scrollTop, height: el.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(el)
    el.addEventListener('scroll', measure, { passive: true })
    return () => {
      observer.disconnect()
      el.removeEventListener('scroll', measure)
    }
  }, [])
  return { element, box }
}

export function Grid({ ref, opened, wide, onOpen, onManual, onAct }: Props) {
  const t = useText()
  const state = useSignal(view)
  const { density } = useSignal(settings)
  const load = useSignal(loading)
  useSyncExternalStore(store.subscribeList, store.version)
  const { element, box } = useViewport()
  const [cursor, setCursor] = useState<string | null>(null)
  const [focusToken, setFocusToken] = useState(0)
  const holding = useRef({ pointer: false, focus: false })
  const rowPx = wide ? ROW_PX[density] : NARROW_ROW_PX
  const laneRows: RowData[] = state.lane.map((id) => ({ id, members: [id], child: false }))
  const all = [...laneRows, ...state.rows]
  const at = all.findIndex((row) => row.id === cursor)
  const cursorId = at >= 0 ? cursor : (all[0]?.id ?? null)

  const hold = (part: Partial<{ pointer: boolean; focus: boolean }>) => {
    holding.current = { ...holding.current, ...part }
    const held = holding.current.pointer || holding.current.focus
    view.hold(held)
    if (!held) setRoom(0)
  }
  useEffect(() => () => view.hold(false), [])

  /** Brings a row of the virtual part into sight. */
  const reveal = (index: number) => {
    const el = element.current
    if (!el || index < laneRows.length) return
    const top = (index - laneRows.length) * rowPx
    if (top < el.scrollTop) el.scrollTop = top
    else if (top + rowPx > el.scrollTop + el.clientHeight) el.scrollTop = top + rowPx - el.clientHeight
  }

  useImperativeHandle(ref, () => ({
    move(by) {
      const from = at >= 0 ? at : by > 0 ? -1 : all.length
      const next = Math.max(0, Math.min(all.length - 1, from + by))
      const row = all[next]
      if (!row) return
      reveal(next)
      setCursor(row.id)
      setFocusToken((n) => n + 1)
      // The panel follows the cursor, so that an act can never hit another alert than the one in sight.
      if (wide) onOpen(row.id)
    },
    home() {
      view.release()
      if (element.current) element.current.scrollTop = 0
    },
    cursor: () => all[at] ?? null,
    rows: () => all.filter((row) => !row.child),
  }))

  // A red that joins the lane pushes the list down; while the list is held, scrolling takes that back, and a list too
  // short to scroll is given the room. What was pressed just then was meant for what stood there before.
  const lane = useRef<HTMLDivElement>(null)
  const lanePx = useRef(0)
  const shiftedAt = useRef(Number.NEGATIVE_INFINITY)
  const scrollTo = useRef<number | null>(null)
  const rowsBefore = useRef(0)
  const [room, setRoom] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the lane is as high as its rows
  useLayoutEffect(() => {
    const grown = (lane.current?.offsetHeight ?? 0) - lanePx.current
    lanePx.current += grown
    const before = rowsBefore.current
    rowsBefore.current = state.rows.length
    const el = element.current
    // A list that is just coming has no row that anybody was pointing at.
    if (grown === 0 || before === 0 || !store.loaded() || !el || !(holding.current.pointer || holding.current.focus))
      return
    shiftedAt.current = performance.now()
    scrollTo.current = Math.max(0, el.scrollTop + grown)
    el.scrollTop = scrollTo.current
    setRoom(el.clientHeight + scrollTo.current)
  }, [state.lane.length, state.laneMore > 0, state.rows.length, wide, rowPx, element])
  // biome-ignore lint/correctness/useExhaustiveDependencies: once the room is there
  useLayoutEffect(() => {
    if (scrollTo.current !== null && element.current) element.current.scrollTop = scrollTo.current
    scrollTo.current = null
  }, [room])
  const refuseShifted = (event: React.MouseEvent) => {
    if (event.detail === 0 || performance.now() - shiftedAt.current > SHIFT_GRACE_MS) return
    event.preventDefault()
    event.stopPropagation()
  }

  const first = Math.max(0, Math.floor(box.top / rowPx) - OVERSCAN)
  const last = Math.min(state.rows.length, Math.ceil((box.top + box.height) / rowPx) + OVERSCAN)
  const shownFrom = state.rows.length === 0 ? 0 : Math.floor(box.top / rowPx) + 1
  const shownTo = Math.min(state.rows.length, Math.max(shownFrom, Math.floor((box.top + box.height) / rowPx)))

  const click = (event: React.MouseEvent) => {
    const target = event.target as HTMLElement
    const fold = target.closest<HTMLElement>('[data-fold]')
    if (fold) return view.toggleFold(fold.dataset.fold!)
    const row = target.closest<HTMLElement>('[data-id]')
    if (!row) return
    setCursor(row.dataset.id!)
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      const data = all.find((r) => r.id === row.dataset.id)
      if (data && event.shiftKey) range(all, data.id)
      else if (data) toggle(data.members, data.id)
      return
    }
    onOpen(row.dataset.id!)
  }

  const empty = all.length === 0
  return (
    <div
      className={css.list}
      // Not `enter`: the pointer may stand here already when the list comes, as it does after the click that logs in.
      onPointerMove={(e) => e.pointerType === 'mouse' && !holding.current.pointer && hold({ pointer: true })}
      onPointerLeave={() => hold({ pointer: false })}
      onFocus={() => hold({ focus: true })}
      onBlur={(e) => !e.currentTarget.contains(e.relatedTarget) && hold({ focus: false })}
    >
      <Toolbar onManual={onManual} />
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the page for the whole grid */}
      <div
        role="grid"
        aria-label={t('list.label')}
        aria-rowcount={all.length + 2}
        className={css.grid}
        onClickCapture={refuseShifted}
        onClick={click}
        tabIndex={-1}
      >
        <div role="rowgroup">
          <div role="row" aria-rowindex={1} className={css.head}>
            {(['level', 'time', 'zone', 'kind', 'device', 'state', 'age'] as const).map((column) => (
              <span key={column} role="columnheader" data-column={column}>
                {t(`list.col.${column}`)}
              </span>
            ))}
          </div>
        </div>
        <div
          role="rowgroup"
          aria-label={t('list.lane')}
          className={css.lane}
          data-empty={laneRows.length === 0}
          ref={lane}
        >
          {laneRows.map((row, i) => (
            <Row
              key={row.id}
              row={row}
              index={i + 2}
              top={null}
              lane
              opened={row.id === opened}
              cursor={row.id === cursorId}
              focusToken={row.id === cursor ? focusToken : 0}
              unfolded={false}
            />
          ))}
          {state.laneMore > 0 && (
            <div role="row" className={css.laneMore}>
              <span role="gridcell">
                <b>{t('list.laneMore', { n: state.laneMore })}</b>{' '}
                <span className="muted">{t('list.laneMoreHint')}</span>
              </span>
            </div>
          )}
        </div>
        <div role="rowgroup">
          <div role="row" aria-rowindex={laneRows.length + 2} className={css.stripRow}>
            <span role="gridcell" className={css.stripCell}>
              <Strip
                onHome={() => {
                  view.release()
                  if (element.current) element.current.scrollTop = 0
                }}
              />
            </span>
          </div>
        </div>
        <div role="rowgroup" className={css.viewport} ref={element} tabIndex={-1}>
          {state.rows.length === 0 &&
            laneRows.length > 0 &&
            (isFiltered(state.filter) || state.filter.view !== 'open') && <FilteredAway n={store.openCount()} />}
          <div
            className={css.canvas}
            role="presentation"
            style={{ height: state.rows.length * rowPx, minHeight: room }}
          >
            {state.rows.slice(first, last).map((row, i) => (
              <Row
                key={row.child ? `${row.id}/` : row.id}
                row={row}
                index={laneRows.length + first + i + 3}
                top={(first + i) * rowPx}
                lane={false}
                opened={row.id === opened}
                cursor={row.id === cursorId}
                focusToken={row.id === cursor ? focusToken : 0}
                unfolded={!row.child && row.members.length > 1 && view.unfolded(row.id)}
              />
            ))}
          </div>
        </div>
      </div>
      {empty && <Empty failure={load.failure} />}
      <BulkBar onAct={onAct} />
      <footer className={css.listFoot}>
        <span>
          {t('list.footer', { from: shownFrom, to: shownTo, n: state.rows.length })}
          {store.dropped() > 0 && ` · ${t('list.dropped', { n: store.dropped() })}`}
        </span>
        <span className={css.footKeys} aria-hidden="true">
          <kbd>{shownKey('J')}</kbd>
          <kbd>{shownKey('K')}</kbd> {t('list.keys.move')} <kbd>Enter</kbd> {t('list.keys.open')}{' '}
          <kbd>{shownKey('A')}</kbd> {t('list.keys.ack')} <kbd>{shownKey('X')}</kbd> {t('list.keys.select')}{' '}
          <kbd>Ctrl K</kbd> {t('list.keys.palette')} <kbd>{shownKey('?')}</kbd> {t('list.keys.help')}
        </span>
      </footer>
    </div>
  )
}

const isFiltered = ({ level, domain, zoneGroup, text }: Filter): boolean =>
  level !== null || domain !== null || zoneGroup !== null || text !== ''

/** The view (待处理, 我的 …) is where one is; the filters are what is left out of it. */
const clearFilters = () => view.setFilter({ ...noFilter, view: view.get().filter.view })

/** Below the reds, which obey no filter: an empty place must not look as if there were nothing more. */
function FilteredAway({ n }: { n: number }) {
  const t = useText()
  return (
    <div role="row" className={css.filteredAway} data-testid="filtered-away">
      <span role="gridcell">
        <Message title={t('list.filteredEmpty', { n })} />
      </span>
    </div>
  )
}

function Toolbar({ onManual }: { onManual(): void }) {
  const t = useText()
  const state = useSignal(view)
  const { filter } = state
  const filtered = isFiltered(filter)
  const lost = usePart(connection, isLost)
  const rows = state.laneFits + state.rows.filter((r) => !r.child).length
  return (
    <div className={css.toolbar}>
      <h2 className={css.toolbarTitle}>{t(`filter.view.${filter.view}`)}</h2>
      <span className="muted">
        {t('list.title.count', { n: state.matched, rows })}
        {state.folded > 0 && t('list.folded', { n: state.folded })}
      </span>
      {filtered && (
        <Button small onClick={clearFilters}>
          {t('filter.clear')}
        </Button>
      )}
      <span className={css.toolbarEnd}>
        <label className={css.search}>
          <Icon name="search" />
          <span className="unseen">{t('filter.search')}</span>
          <input
            id="alert-search"
            type="search"
            placeholder={t('filter.search')}
            value={filter.text}
            onChange={(e) => view.setFilter({ text: e.target.value })}
            onKeyDown={(e) => {
              if (e.key === 'Escape') e.currentTarget.blur()
            }}
          />
          <kbd aria-hidden="true">{shownKey('/')}</kbd>
        </label>
        {mayDo(me(), 'alerts:raise') && (
          <Button small disabled={lost} onClick={onManual}>
            {t('manual.title')}
          </Button>
        )}
        <button
          type="button"
          className={css.freeze}
          aria-pressed={state.frozen}
          onClick={() => view.freeze(!state.frozen)}
        >
          {t(state.frozen ? 'list.frozen' : 'list.freeze')} <kbd aria-hidden="true">{t('list.space')}</kbd>
        </button>
      </span>
    </div>
  )
}

/** Nothing to show has three meanings, and each is said: proved zero, filtered away, not known yet. */
function Empty({ failure }: { failure: string | null }) {
  const t = useText()
  const { phase, seq, dataAsOf, serverOpen } = useSignal(connection)
  if (failure && !store.loaded())
    return (
      <div className={css.empty}>
        <Message title={t('region.failed', { why: failure })} />
      </div>
    )
  const open = store.openCount()
  if (open > 0)
    return (
      <div className={css.empty}>
        <Message title={t('list.filteredEmpty', { n: open })}>
          <Button onClick={() => view.setFilter(noFilter)}>{t('filter.clear')}</Button>
        </Message>
      </div>
    )
  const proved = store.loaded() && phase === 'live' && serverOpen === 0 && seq !== null && dataAsOf !== null
  return (
    <div className={css.empty} data-testid={proved ? 'proved-empty' : 'unproved-empty'}>
      {proved ? (
        <Message title={t('list.empty')} icon="check">
          <p>{t('list.emptyProof', { time: clockTime(dataAsOf), seq: grouped(seq) })}</p>
        </Message>
      ) : (
        <Message title={t(store.loaded() ? 'list.emptyUnproved' : 'list.loading')} />
      )}
    </div>
  )
}
