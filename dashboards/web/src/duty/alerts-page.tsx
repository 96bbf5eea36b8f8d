/** The live console (console.md P1): filters, list with red lane, floor plan, detail panel. Only lays out; the parts work. */
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react'
import { useLocation, useNavigate, useSearchParams } from 'react-router'
import type { Verb } from '../api/types.ts'
import { Boundary } from '../frame/boundary.tsx'
import { later } from '../frame/later.tsx'
import { noCommands, type PageCommand, pageCommands } from '../frame/page-commands.ts'
import { useText } from '../i18n/use-text.ts'
import { useKeys } from '../kit/keyboard.ts'
import { act, actOnAll } from '../live/acts.ts'
import { isClosed } from '../live/alert-store.ts'
import { connection, isLost } from '../live/connection.ts'
import { alertLink, evidenceLink } from '../live/links.ts'
import { store, view } from '../live/runtime.ts'
import { clearSelection, keepOnly, range, selectAll, selection, toggle } from '../live/selection.ts'
import { type DialogVerb, needsDialog } from './act-verbs.ts'
import css from './duty.module.css'
import { Filters } from './filters.tsx'
import { Grid, type GridHandle } from './grid.tsx'

// The list is what somebody waits for: plan, panel and dialogs come after it has painted.
const loadPanel = () => import('./panel.tsx')
const Panel = later(async () => (await loadPanel()).Panel)
const loadActDialog = () => import('./act-dialogs.tsx')
const ActDialog = lazy(async () => ({ default: (await loadActDialog()).ActDialog }))
const loadManualDialog = () => import('./manual-dialog.tsx')
const ManualDialog = lazy(loadManualDialog)
const PlanStrip = lazy(() => import('../plan/plan-strip.tsx'))

/** The dialogs are fetched this long after the list: before anybody has read his first alert. */
const PREFETCH_MS = 1500
/** A list that does not come holds nothing else back for longer. */
const LIST_MS = 2000

const VERB_KEYS = [
  ['acknowledge', 'A'],
  ['dispatch', 'D'],
  ['escalate', 'E'],
  ['dismiss', 'F'],
  ['resolve', 'R'],
] as const

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

/** True once the first alerts have been painted, or it was proved that there are none. */
function useListPainted(): boolean {
  const [painted, setPainted] = useState(false)
  useEffect(() => {
    let stop = () => {}
    const timer = setTimeout(() => setPainted(true), LIST_MS)
    // Two frames: React draws in the first, the second comes after its paint.
    const done = () => requestAnimationFrame(() => requestAnimationFrame(() => setPainted(true)))
    const look = () => {
      if (!store.loaded() && store.openCount() === 0) return
      stop()
      done()
    }
    stop = store.subscribeList(look)
    look()
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [])
  return painted
}

const fits = (id: string): boolean => {
  const alert = store.get(id)
  return alert !== undefined && view.fits(alert)
}

export function AlertsPage() {
  const t = useText()
  const [query] = useSearchParams()
  const id = query.get('alert') ?? undefined
  const navigate = useNavigate()
  const wide = useWide()
  const painted = useListPainted()
  const grid = useRef<GridHandle>(null)
  const [dialog, setDialog] = useState<{ verb: DialogVerb; ids: string[] } | null>(null)
  const [follow, setFollow] = useState(0)
  const [manual, setManual] = useState(false)

  /** On a phone the alert lies over the list, so that the back button leads to the list; walking through rows leaves no trail. */
  const { state: from } = useLocation() as { state: { over?: boolean } | null }
  const open = useCallback(
    (next: string | null) => {
      if (next) void navigate(alertLink(next), wide || id ? { replace: true, state: from } : { state: { over: true } })
      else if (from?.over) void navigate(-1)
      else void navigate('/duty/alerts', { replace: true })
    },
    [navigate, wide, id, from],
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
    // Lost: nobody fills in a form that cannot be sent; the refusal says why.
    if (needsDialog(verb) && !isLost(connection.get())) setDialog({ verb, ids })
    else void (ids.length > 1 ? actOnAll(ids, verb) : act(ids[0]!, verb))
  }

  const check = (confirmed: boolean) => {
    const alert = id ? store.get(id) : undefined
    if (alert) void loadPanel().then(({ verify }) => verify(alert, confirmed))
  }
  useEffect(() => {
    // What is closed is done with, and nobody acts on rows that he has just filtered out of his sight.
    const stopList = store.subscribeList(() =>
      keepOnly((known) => {
        const alert = store.get(known)
        return alert !== undefined && !isClosed(alert)
      }),
    )
    let { filter } = view.get()
    const stopView = view.subscribe(() => {
      if (view.get().filter === filter) return
      filter = view.get().filter
      keepOnly(fits)
    })
    return () => {
      stopList()
      stopView()
      clearSelection()
    }
  }, [])
  useEffect(() => {
    if (!painted) return
    void loadPanel().catch(() => null)
    const dialogs = () => {
      for (const fetched of [loadActDialog(), loadManualDialog(), import('./skip-dialog.tsx')])
        fetched.catch(() => null)
    }
    const timer = setTimeout(dialogs, PREFETCH_MS)
    return () => clearTimeout(timer)
  }, [painted])

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
    // Reds that stand in the lane in spite of the filters are not what was filtered.
    'Ctrl+A': () => selectAll((grid.current?.rows() ?? []).filter((row) => row.members.some(fits))),
    y: () => check(true),
    n: () => check(false),
    v: () => void loadPanel().then(({ showLive }) => showLive()),
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

  const commands = (): PageCommand[] => {
    const ids = targets()
    const alert = ids.length === 1 ? store.get(ids[0]!) : undefined
    const number = alert?.number ?? (ids.length > 1 ? t('act.targets', { n: ids.length }) : null)
    const acts = ids.length === 0 ? [] : VERB_KEYS.filter(([verb]) => alert?.allowedActions?.includes(verb) ?? true)
    return [
      ...acts.map(([verb, key]) => ({ text: `verb.${verb}` as const, note: number, key, run: () => start(verb) })),
      ...(id
        ? ([
            { text: 'help.v', note: null, key: 'V', run: () => void loadPanel().then(({ showLive }) => showLive()) },
            { text: 'help.t', note: null, key: 'T', run: () => void navigate(evidenceLink(id)) },
            { text: 'help.m', note: null, key: 'M', run: () => setFollow((n) => n + 1) },
          ] as const)
        : []),
      { text: 'help.home', note: null, key: 'Home', run: () => grid.current?.home() },
    ]
  }
  const current = useRef(commands)
  current.current = commands
  useEffect(() => {
    pageCommands.set(() => current.current())
    return () => pageCommands.set(noCommands)
  }, [])

  const slot = <aside className={css.panelSlot} aria-label={t('panel.label')} />
  return (
    <div className={css.page} data-panel={id ? 'open' : 'none'}>
      <h1 className="unseen">{t('nav.alerts')}</h1>
      <Filters />
      <section className={css.middle} aria-label={t('list.label')}>
        <Grid ref={grid} opened={id ?? null} onOpen={open} wide={wide} onManual={() => setManual(true)} onAct={start} />
        {wide && (
          <Boundary>
            <Suspense fallback={<div className={css.planSlot} />}>
              {painted ? (
                <PlanStrip alert={id ?? null} follow={follow} onOpen={open} />
              ) : (
                <div className={css.planSlot} />
              )}
            </Suspense>
          </Boundary>
        )}
      </section>
      {(wide || id) && (
        <Boundary of={id}>
          {painted || id ? <Panel waiting={slot} id={id ?? null} onAct={start} onClose={() => open(null)} /> : slot}
        </Boundary>
      )}
      {(manual || dialog) && (
        <Boundary over>
          <Suspense fallback={null}>
            {manual && <ManualDialog onClose={() => setManual(false)} onRaised={open} />}
            {dialog && <ActDialog verb={dialog.verb} ids={dialog.ids} onClose={() => setDialog(null)} />}
          </Suspense>
        </Boundary>
      )}
    </div>
  )
}
