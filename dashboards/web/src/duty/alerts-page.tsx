/** The live console (console.md P1): filters, list with red lane, floor plan, detail panel. Only lays out; the parts work. */
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import type { Verb } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { useKeys } from '../kit/keyboard.ts'
import { act, actOnAll } from '../live/acts.ts'
import { alertLink, evidenceLink } from '../live/links.ts'
import { store, view } from '../live/runtime.ts'
import { clearSelection, keepOnly, range, selectAll, selection, toggle } from '../live/selection.ts'
import { type DialogVerb, needsDialog } from './act-verbs.ts'
import css from './duty.module.css'
import { Filters } from './filters.tsx'
import { Grid, type GridHandle } from './grid.tsx'
import { Panel } from './panel.tsx'
import { showLive } from './pictures.tsx'
import { verify } from './quick-verify.tsx'

// The plan is the heaviest part and the last that a red alert needs: it comes after the list has painted.
const loadActDialog = () => import('./act-dialogs.tsx')
const ActDialog = lazy(async () => ({ default: (await loadActDialog()).ActDialog }))
/** The dialogs are fetched this long after the page: before anybody has read his first alert. */
const PREFETCH_MS = 1500
const ManualDialog = lazy(() => import('./manual-dialog.tsx'))
const PlanStrip = lazy(() => import('../plan/plan-strip.tsx'))

const WIDE = '(min-width: 901px)'

function useWide(): boolean {
  const [wide, setWide] = useState(() => matchMedia(WIDE).matches)
  useEffect(() => {
    const query = matchMedia(WIDE)
    const listen = () => setWide(query.matches)
    query.addEventListener('change', listen)
    return () => query.removeEventListener('change', listen)
  }, [])
  return wide
}

export function AlertsPage() {
  const t = useText()
  const [query] = useSearchParams()
  const id = query.get('alert') ?? undefined
  const navigate = useNavigate()
  const wide = useWide()
  const grid = useRef<GridHandle>(null)
  const [dialog, setDialog] = useState<{ verb: DialogVerb; ids: string[] } | null>(null)
  const [follow, setFollow] = useState(0)
  const [manual, setManual] = useState(false)

  const open = useCallback(
    (next: string | null) => navigate(next ? alertLink(next) : '/duty/alerts', { replace: true }),
    [navigate],
  )

  /** Acts work on the chosen rows, else on the opened alert, or on all members of the row the cursor is on when it is folded. */
  const targets = (): string[] => {
    const chosen = selection.get().ids
    if (chosen.size > 0) return [...chosen]
    const cursor = grid.current?.cursor()
    if (cursor && cursor.members.length > 1 && cursor.members.includes(id ?? cursor.id)) return cursor.members
    return id ? [id] : cursor ? cursor.members : []
  }
  const start = (verb: Verb) => {
    const ids = targets()
    if (ids.length === 0) return
    if (needsDialog(verb)) setDialog({ verb, ids })
    else void (ids.length > 1 ? actOnAll(ids, verb) : act(ids[0]!, verb))
  }

  const check = (confirmed: boolean) => {
    const alert = id ? store.get(id) : undefined
    if (alert) void verify(alert, confirmed)
  }
  useEffect(() => store.subscribeList(() => keepOnly((known) => store.get(known) !== undefined)), [])
  useEffect(() => clearSelection, [])
  useEffect(() => {
    const timer = setTimeout(() => void loadActDialog().catch(() => null), PREFETCH_MS)
    return () => clearTimeout(timer)
  }, [])

  useKeys({
    j: () => grid.current?.move(1),
    ArrowDown: () => grid.current?.move(1),
    k: () => grid.current?.move(-1),
    ArrowUp: () => grid.current?.move(-1),
    Enter: () => {
      const cursor = grid.current?.cursor()
      if (cursor) open(cursor.id)
    },
    Escape: () => (selection.get().ids.size > 0 ? clearSelection() : open(null)),
    x: (event) => {
      const cursor = grid.current?.cursor()
      if (!cursor) return
      if (event.shiftKey) range(grid.current!.rows(), cursor.id)
      else toggle(cursor.members, cursor.id)
    },
    'Ctrl+A': () => selectAll(grid.current?.rows() ?? []),
    y: () => check(true),
    n: () => check(false),
    v: () => showLive(),
    Home: () => grid.current?.home(),
    Space: () => view.freeze(!view.get().frozen),
    a: () => start('acknowledge'),
    d: () => start('dispatch'),
    e: () => start('escalate'),
    f: () => start('dismiss'),
    r: () => start('resolve'),
    m: () => setFollow((n) => n + 1),
    p: () => document.getElementById('panel-plan')?.scrollIntoView({ block: 'start' }),
    t: () => {
      if (id) void navigate(evidenceLink(id))
    },
    '/': () => document.getElementById('alert-search')?.focus(),
    '1': () => view.setFilter({ level: 'red' }),
    '2': () => view.setFilter({ level: 'orange' }),
    '3': () => view.setFilter({ level: 'yellow' }),
    '4': () => view.setFilter({ level: 'blue' }),
    '0': () => view.setFilter({ level: null }),
  })

  return (
    <div className={css.page} data-panel={id ? 'open' : 'none'}>
      <h1 className="unseen">{t('nav.alerts')}</h1>
      <Filters />
      <section className={css.middle} aria-label={t('list.label')}>
        <Grid ref={grid} opened={id ?? null} onOpen={open} wide={wide} onManual={() => setManual(true)} onAct={start} />
        {wide && (
          <Suspense fallback={<div className={css.planSlot} />}>
            <PlanStrip alert={id ?? null} follow={follow} onOpen={open} />
          </Suspense>
        )}
      </section>
      {(wide || id) && <Panel id={id ?? null} onAct={start} onClose={() => open(null)} />}
      {manual && (
        <Suspense fallback={null}>
          <ManualDialog onClose={() => setManual(false)} onRaised={open} />
        </Suspense>
      )}
      {dialog && (
        <Suspense fallback={null}>
          <ActDialog verb={dialog.verb} ids={dialog.ids} onClose={() => setDialog(null)} />
        </Suspense>
      )}
    </div>
  )
}
