/** The plan below the list: follows the open alert, floors, zoom, data age. */
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { Link } from 'react-router'
import { useText } from '../i18n/use-text.ts'
import { Segments } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import kit from '../kit/kit.module.css'
import { zoneName } from '../kit/wording.ts'
import { isClosed, isUnacknowledged } from '../live/alert-store.ts'
import { perimeterCover } from '../live/coverage.ts'
import { facility } from '../live/facility-data.ts'
import { ageSeconds, clockTime } from '../live/format.ts'
import { positionsHeardAt } from '../live/positions.ts'
import { highestUnacknowledged, store } from '../live/runtime.ts'
import { fifth, serverClock } from '../live/server-clock.ts'
import { useSignal } from '../live/use-signal.ts'
import { CountTable } from './count-table.tsx'
import { allLayers, FloorPlan, type PlanCommand, placeOf } from './floor-plan.tsx'
import { floorsOf } from './geometry.ts'
import css from './plan.module.css'

const STALE_MS = 10_000

export function PositionAge() {
  const t = useText()
  useSignal(fifth)
  const heardAt = useSignal(positionsHeardAt)
  if (heardAt === null) return <span className={css.age}>{t('plan.dataNone')}</span>
  const age = performance.now() - heardAt
  return (
    <span className={css.age} data-stale={age > STALE_MS}>
      {age > STALE_MS
        ? t('plan.dataStale', { time: clockTime(serverClock.now() - age) })
        : t('plan.data', { age: ageSeconds(age) })}
    </span>
  )
}

/** The floor that is shown: chosen by hand until the alert that is followed changes. */
export function useFloor(alert: string | null): { floor: number; floors: number[]; setFloor(floor: number): void } {
  const data = useSignal(facility)
  const floors = floorsOf(data.zones.values(), data.devices.values())
  const live = alert ? store.get(alert) : undefined
  const place = live ? placeOf(live, data.zones, data.devices) : null
  const [chosen, setFloor] = useState<number | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another alert ends the choice by hand
  useEffect(() => setFloor(null), [alert])
  const floor = chosen ?? place?.floor ?? (floors.includes(1) ? 1 : (floors[0] ?? 1))
  return { floor, floors, setFloor }
}

/**
 * Nothing opened: the plan shows where somebody is needed first, and stays there until that one is answered or a more
 * serious one comes. A newer one of the same level does not take the picture away from under the eyes.
 */
function useShown(alert: string | null): string | null {
  const kept = useRef<string | null>(null)
  const highest = highestUnacknowledged()
  const before = kept.current === null ? undefined : store.get(kept.current)
  const stays = before && isUnacknowledged(before) && !isClosed(before) && before.level === highest?.level
  kept.current = stays ? before.id : (highest?.id ?? null)
  return alert ?? kept.current
}

interface Props {
  alert: string | null
  follow: number
  onOpen(id: string): void
}

export default function PlanStrip({ alert, follow, onOpen }: Props) {
  const t = useText()
  const data = useSignal(facility)
  useSyncExternalStore(store.subscribeCalmly, store.calmVersion)
  const shown = useShown(alert)
  const { floor, floors, setFloor } = useFloor(shown)
  const [command, setCommand] = useState<PlanCommand | null>(null)
  const give = (kind: PlanCommand['kind']) => setCommand((c) => ({ kind, n: (c?.n ?? 0) + 1 }))
  const cover = perimeterCover(data)
  const live = shown ? store.get(shown) : undefined
  return (
    <section className={css.strip} aria-label={t('plan.title')}>
      <header className={css.stripHead}>
        <h2>
          {t('plan.title')} {t('plan.floor', { n: floor })}
        </h2>
        <span className="muted">
          {live ? t('plan.follow', { zone: zoneName(t, data, live.zone) }) : t('plan.followOff')}
        </span>
        <PositionAge />
        {cover.total > 0 && (
          <span className={css.age} data-stale={cover.seen < cover.total}>
            {t('plan.perimeter', { seen: cover.seen, total: cover.total })}
          </span>
        )}
        <span className={css.stripEnd}>
          {floors.length > 1 && (
            <Segments
              label={t('plan.floors')}
              options={floors.map((n) => ({ value: n, text: String(n) }))}
              value={floor}
              onChange={setFloor}
            />
          )}
          <span className={kit.segments}>
            <button type="button" aria-label={t('plan.zoomOut')} onClick={() => give('out')}>
              −
            </button>
            <button type="button" aria-label={t('plan.zoomIn')} onClick={() => give('in')}>
              +
            </button>
            <button type="button" aria-label={t('plan.fit')} onClick={() => give('fit')}>
              <Icon name="locate" size={14} />
            </button>
          </span>
          <Link className={kit.button} data-small="true" to="/duty/plan">
            {t('plan.full')}
          </Link>
        </span>
      </header>
      <div className={css.stripBody}>
        <FloorPlan
          floor={floor}
          layers={allLayers}
          focus={shown}
          follow={follow}
          auto
          command={command}
          onOpen={onOpen}
        />
        <div className={css.stripCounts} tabIndex={0} role="group" aria-label={t('plan.count')}>
          <CountTable wardsOnly />
        </div>
      </div>
    </section>
  )
}
