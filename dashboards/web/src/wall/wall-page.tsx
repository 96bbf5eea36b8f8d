/**
 * 大屏 (console.md P3): read from eight metres, read-only, no scrolling, no person's name. Grey at rest; one red takes the
 * frame. It proves by a moving tick that it lives, and reloads itself at 04:00 and when its memory grows.
 */
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { ACK_SLA_MS, LEVELS, levelRank } from '#model/alert/alert.ts'
import type { ListedAlert } from '../api/types.ts'
import { camerasOf, Snapshot } from '../duty/pictures.tsx'
import { isFinished, type Part, partsOf, progressOf, type Step } from '../duty/plan-parts.ts'
import { useDetail } from '../duty/use-detail.ts'
import { usePlaceName } from '../frame/alert-bar.tsx'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Bar } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { Elapsed, ServerTime } from '../kit/time.tsx'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { compareAlerts, isOpen, isSetAside, isUnacknowledged } from '../live/alert-store.ts'
import { ageMs, connection } from '../live/connection.ts'
import { perimeterCover } from '../live/coverage.ts'
import { facility } from '../live/facility-data.ts'
import { ageSeconds, clockTime, duration, grouped } from '../live/format.ts'
import { countedRows, totalOf, useHeadcount } from '../live/headcount.ts'
import { store } from '../live/runtime.ts'
import { fifth, second } from '../live/server-clock.ts'
import { mayDo, session } from '../live/session.ts'
import { soundedSince } from '../live/sounded.ts'
import { useSignal } from '../live/use-signal.ts'
import { FloorPlan } from '../plan/floor-plan.tsx'
import { useFloor } from '../plan/plan-strip.tsx'
import { keepFresh } from './self-care.ts'
import css from './wall.module.css'

const ROWS = 8
const PAGE_MS = 10_000
const TICKS = 12
const LAYERS = { zones: true, doors: true, cameras: true, people: true, staff: true, sensors: false }
const RATE_WINDOW_MS = 600_000
/** Lines of plans that stand below the pictures without scrolling. */
const PLAN_LINES = 10
type PlanLine = { part: Part } | { step: Step }

/** What is to be done comes first: where there is no room for all, finished steps give way before open ones. */
function linesOf(parts: Part[], progress: ReturnType<typeof progressOf>): { shown: PlanLine[]; left: number } {
  const heads = parts.length > 1 ? parts.length : 0
  const all = parts.flatMap((part) => part.steps)
  const room = PLAN_LINES - heads
  const open = all.filter((step) => !isFinished(step, progress))
  const kept = new Set(all.length <= room ? all : [...open, ...all.filter((s) => !open.includes(s))].slice(0, room))
  const shown = parts.flatMap((part): PlanLine[] => [
    ...(heads > 0 ? [{ part }] : []),
    ...part.steps.filter((step) => kept.has(step)).map((step) => ({ step })),
  ])
  return { shown, left: all.length - kept.size }
}
const serious = (a: ListedAlert): boolean => a.level === 'red' || a.level === 'orange'
/** Width at which the plan is laid out before it is enlarged. */
const PLAN_DESK_PX = 890
const PLAN_DESK_HEIGHT_PX = 770

/** Red and orange, waiting ones first; a page of eight, turned only while nothing is red. */
function useRows() {
  useSyncExternalStore(store.subscribeList, store.version)
  const now = useSignal(second)
  const all = [...store.values()]
    .filter((a) => isOpen(a) && !isSetAside(a) && (a.level === 'red' || a.level === 'orange') && !a.test)
    .sort(compareAlerts)
  const red = all.some((a) => a.level === 'red')
  const pages = Math.max(1, Math.ceil(all.length / ROWS))
  const page = red ? 0 : Math.floor(now / PAGE_MS) % pages
  return { all, red, page, pages, rows: all.slice(page * ROWS, (page + 1) * ROWS) }
}

function Numbers() {
  const t = useText()
  useSyncExternalStore(store.subscribeList, store.version)
  const counts = store.counts()
  return (
    <ul className={css.numbers}>
      {LEVELS.map((level) => (
        <li key={level}>
          <span className={css.numberHead}>
            <Badge level={level} filled={counts[level].unacknowledged > 0} size={44} />
            {t(`level.${level}`)}
          </span>
          <b data-count={level} data-digits={Math.min(4, String(counts[level].open).length)}>
            {counts[level].open}
          </b>
          <small>{t('filter.unacknowledged', { n: counts[level].unacknowledged })}</small>
        </li>
      ))}
    </ul>
  )
}

/** Moves by one place with each heartbeat of the server: a frozen page shows a frozen tick. */
function Heartbeat() {
  const t = useText()
  useSignal(fifth)
  const state = useSignal(connection)
  const age = ageMs(state)
  const at = state.dataAsOf === null ? 0 : Math.floor(state.dataAsOf / 1000) % TICKS
  return (
    <div className={css.heart} data-phase={state.phase} data-testid="heartbeat">
      <span className={css.ticks} aria-hidden="true">
        {Array.from({ length: TICKS }, (_, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a tick is its place
          <i key={i} data-on={i === at} />
        ))}
      </span>
      <span>
        {state.phase === 'live' && age !== null
          ? t('status.live', { age: ageSeconds(age) })
          : state.phase === 'late'
            ? t('status.late', { age: Math.round((age ?? 0) / 1000) })
            : state.phase === 'lost'
              ? t('lost.title', { time: state.dataAsOf === null ? '—' : clockTime(state.dataAsOf) })
              : t('status.connecting')}
      </span>
      {state.seq !== null && state.phase !== 'lost' && <span>{t('status.seq', { seq: grouped(state.seq) })}</span>}
    </div>
  )
}

function Cameras({ alert }: { alert: ListedAlert }) {
  const t = useText()
  const data = useSignal(facility)
  const now = useSignal(session)
  const allowed = mayDo(now.known ? now.me : null, 'video:read')
  const cameras = camerasOf(data, alert)
  return (
    <section className={css.block}>
      <h2>
        {t('wall.cameras')}
        <span>{!allowed && t('wall.noVideo')}</span>
      </h2>
      <div className={css.tiles}>
        {cameras.map((camera) =>
          allowed ? (
            <Snapshot
              key={camera.id}
              path={`/api/v1/cameras/${encodeURIComponent(camera.id)}/snapshot`}
              label={camera.id}
              everyMs={2000}
            />
          ) : (
            <div key={camera.id} className={css.blindTile} data-lost={camera.online === false}>
              <b>{camera.id}</b>
              <span>{zoneName(t, data, camera.zone ?? null)}</span>
              <span>{t(camera.online === false ? 'plan.legend.cameraLost' : 'eng.state.online')}</span>
            </div>
          ),
        )}
        {cameras.length === 0 && <p className="muted">{t('panel.noPictureWhy')}</p>}
      </div>
    </section>
  )
}

function PlanProgress({ alert }: { alert: ListedAlert }) {
  const t = useText()
  const { detail } = useDetail(alert.id, alert)
  const plan = detail?.planDetail
  if (!plan) return null
  const progress = progressOf(plan)
  const parts = partsOf(plan)
  const done = parts.reduce((sum, part) => sum + part.finished, 0)
  const { shown, left } = linesOf(parts, progress)
  return (
    <section className={css.block} data-testid="wall-plan">
      <h2>
        {parts.length > 1
          ? t('panel.plans', { n: parts.length })
          : t('panel.plan', { id: `${plan.id} ${t.pick(plan.name, '')}` })}
        <b>
          {done} / {plan.steps.length}
        </b>
      </h2>
      <ol className={css.steps}>
        {shown.map((line) => {
          if ('part' in line)
            return (
              <li key={line.part.id} className={css.planName}>
                <span>
                  {line.part.id} {t.pick(line.part.name, '')}
                </span>
                <span className={css.stepEnd}>
                  {line.part.finished} / {line.part.steps.length}
                </span>
              </li>
            )
          const { step } = line
          const state = progress.get(step.id)
          return (
            <li key={step.id} data-done={isFinished(step, progress)}>
              <span className={css.box}>{state?.done && <Icon name="check" size={28} />}</span>
              <span className={css.stepText}>{t.pick(step.text, step.id)}</span>
              <span className={css.stepEnd}>
                {step.moot
                  ? t('panel.moot')
                  : state?.skipped
                    ? t('panel.skipped')
                    : state?.at
                      ? clockTime(state.at)
                      : step.targetS !== null
                        ? t('panel.target', { s: step.targetS })
                        : ''}
              </span>
            </li>
          )
        })}
      </ol>
      {left > 0 && <p className={css.quiet}>{t('wall.moreSteps', { n: left })}</p>}
    </section>
  )
}

function Figures() {
  const t = useText()
  const data = useSignal(facility)
  const count = useHeadcount()
  const now = useSignal(second)
  useSyncExternalStore(store.subscribeList, store.version)
  const total = totalOf(countedRows(count.items, data.zones), data.zones)
  const cover = perimeterCover(data)
  const devices = [...data.devices.values()]
  const online = devices.filter((d) => d.online === true).length
  const rate = soundedSince(now - RATE_WINDOW_MS, store.values()).length
  const figures: [string, string, string, boolean][] = [
    [
      t('wall.count'),
      count.at ? String(total.present) : '?',
      `/ ${total.expected ?? 0}`,
      count.at > 0 && total.present !== total.expected,
    ],
    [t('wall.officers'), count.at ? String(total.officers) : '?', '', false],
    [t('wall.perimeter'), String(cover.seen), t('wall.segments', { n: cover.total }), cover.seen < cover.total],
    [t('wall.rate'), String(rate), '/ 10 min', rate > 10],
    [t('gov.devices'), String(online), `/ ${devices.length}`, online < devices.length],
  ]
  return (
    <dl className={css.figures}>
      {figures.map(([name, value, rest, differs]) => (
        <div key={name} data-differs={differs}>
          <dt>{name}</dt>
          <dd>
            <b>{value}</b> <span>{rest}</span>
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** The plan drawn as for a desk and shown larger, so that its smallest names are 28 px on a 4K wall. */
function PlanBox({ floor, focus }: { floor: number; focus: string | null }) {
  const host = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState({ width: 0, height: 0 })
  useEffect(() => {
    if (!host.current) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height })
    })
    observer.observe(host.current)
    return () => observer.disconnect()
  }, [])
  const magnify = Math.max(0.75, Math.min(size.width / PLAN_DESK_PX, size.height / PLAN_DESK_HEIGHT_PX))
  return (
    <div ref={host} className={css.planHost}>
      {size.width > 0 && (
        <div
          className={css.planBox}
          style={{ width: size.width / magnify, height: size.height / magnify, transform: `scale(${magnify})` }}
        >
          <FloorPlan
            key={`${Math.round(size.width)} ${Math.round(size.height)}`}
            floor={floor}
            layers={LAYERS}
            focus={focus}
            follow={0}
            auto={false}
            command={null}
            onOpen={() => {}}
            magnify={magnify}
            pinned={serious}
          />
        </div>
      )}
    </div>
  )
}

export default function WallPage() {
  const t = useText()
  const data = useSignal(facility)
  const now = useSignal(session)
  const { phase, dataAsOf } = useSignal(connection)
  const account = now.known ? now.me! : null
  const place = usePlaceName(account!)
  const { all, red, page, pages, rows } = useRows()
  const top = all[0] ?? null
  const { floor } = useFloor(top?.id ?? null)
  useEffect(() => keepFresh(), [])
  const waiting = top !== null && isUnacknowledged(top)
  const highest = top && levelRank(top.level) >= 3 ? top : null
  return (
    <main id="main" className={css.wall} data-red={red} data-phase={phase} data-testid="wall">
      <div className={css.screen}>
        <header className={css.head}>
          <span className={css.place}>{place}</span>
          {highest ? (
            <>
              <Badge level={highest.level} filled={waiting} ring={waiting} size={84} />
              <h1 className={css.title}>
                {zoneName(t, data, highest.zone)} {alertName(t, data, highest)}
              </h1>
              <span className={css.headState} data-level={waiting ? highest.level : undefined}>
                {stateWord(t, highest)}
              </span>
              <b className={css.headAge}>
                <Elapsed since={highest.raisedAt} />
              </b>
              {waiting && (
                <span className={css.headBar}>
                  <AckBar alert={highest} />
                </span>
              )}
            </>
          ) : (
            <h1 className={css.title}>
              {store.loaded() && phase === 'live'
                ? t('wall.calm', { time: dataAsOf === null ? '—' : clockTime(dataAsOf) })
                : t('list.emptyUnproved')}
            </h1>
          )}
          <b className={css.clock}>
            <ServerTime />
          </b>
        </header>
        <section className={css.left} aria-label={t('wall.list')}>
          <Numbers />
          <h2 className={css.listHead}>
            {t('wall.list')}
            <span>{pages > 1 && t('wall.page', { n: page + 1, of: pages, all: all.length })}</span>
          </h2>
          <ol className={css.rows} data-testid="wall-rows">
            {rows.map((alert) => (
              <li key={alert.id} data-level={alert.level} data-waiting={isUnacknowledged(alert)}>
                <Badge level={alert.level} filled={isUnacknowledged(alert)} size={52} />
                <span className={css.rowZone}>{zoneName(t, data, alert.zone)}</span>
                <span className={css.rowKind}>{alertName(t, data, alert)}</span>
                <span className={css.rowAge}>
                  <Elapsed since={alert.raisedAt} />
                </span>
              </li>
            ))}
          </ol>
          <Heartbeat />
        </section>
        <section className={css.middle} aria-label={t('plan.title')}>
          {phase === 'lost' && (
            <p className={`${css.lostBand} hatch`} role="alert" data-testid="wall-lost">
              <b>{t('lost.title', { time: dataAsOf === null ? '—' : clockTime(dataAsOf) })}</b>
            </p>
          )}
          <PlanBox floor={floor} focus={top?.id ?? null} />
          <Figures />
        </section>
        <section className={css.right} aria-label={t('wall.cameras')}>
          {top ? (
            <>
              <Cameras alert={top} />
              <PlanProgress alert={top} />
            </>
          ) : (
            <p className={css.quiet}>{t('wall.quiet')}</p>
          )}
        </section>
      </div>
    </main>
  )
}

function AckBar({ alert }: { alert: ListedAlert }) {
  const t = useText()
  const elapsed = useSignal(second) - alert.raisedAt
  const limit = ACK_SLA_MS[alert.level]
  return (
    <>
      <Bar part={elapsed / limit} tone={alert.level === 'red' ? 'red' : 'orange'} />
      <span>{t('bar.limit', { limit: duration(limit) })}</span>
    </>
  )
}
