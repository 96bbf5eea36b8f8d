/** The plan full screen (console.md P2): layers and legend left, plan, the followed alert and head counts right. */
import { useState, useSyncExternalStore } from 'react'
import { Link, useNavigate } from 'react-router'
import type { ListedAlert } from '../api/types.ts'
import { useAlert } from '../duty/row.tsx'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button, Segments } from '../kit/controls.tsx'
import { useKeys } from '../kit/keyboard.ts'
import kit from '../kit/kit.module.css'
import { Elapsed } from '../kit/time.tsx'
import { alertName, stateWord, zoneName } from '../kit/wording.ts'
import { act } from '../live/acts.ts'
import { isOpen, isSetAside, isUnacknowledged } from '../live/alert-store.ts'
import { connection, phaseOf } from '../live/connection.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime } from '../live/format.ts'
import { alertLink } from '../live/links.ts'
import { highestUnacknowledged, store } from '../live/runtime.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import { CountTable } from './count-table.tsx'
import { allLayers, type Chosen, FloorPlan, type Layers, type PlanCommand, placeOf } from './floor-plan.tsx'
import css from './plan.module.css'
import { PositionAge, useFloor } from './plan-strip.tsx'
import { CameraSymbol, type DoorShape, DoorSymbol } from './symbols.tsx'
import { ZonePanel } from './zone-panel.tsx'

/** 二监区 after 一监区, C2 before C10. */
const collator = new Intl.Collator('zh-CN', { numeric: true })

function Legend() {
  const t = useText()
  const doors: DoorShape[] = ['closed', 'open', 'forced', 'unknown']
  return (
    <section className={css.group}>
      <h2>{t('plan.legend')}</h2>
      <ul className={css.legend}>
        <li>
          <svg width="24" height="16" viewBox="-12 -8 24 16" aria-hidden="true">
            <circle r="2" fill="var(--plan-dot)" />
          </svg>
          {t('plan.legend.band')}
        </li>
        <li>
          <svg width="24" height="16" viewBox="-12 -8 24 16" aria-hidden="true">
            <circle r="2.400" fill="none" stroke="var(--plan-dot)" />
          </svg>
          {t('plan.legend.old')}
        </li>
        <li>
          <svg width="24" height="16" viewBox="-12 -8 24 16" aria-hidden="true">
            <circle r="7" fill="none" stroke="var(--plan-dot)" strokeDasharray="2 2" />
            <text y="4" textAnchor="middle" fontSize="11" fill="var(--plan-dot)">
              ?
            </text>
          </svg>
          {t('plan.legend.lost')}
        </li>
        <li>
          <svg width="24" height="16" viewBox="-12 -8 24 16" aria-hidden="true">
            <circle r="3.600" fill="none" stroke="var(--strong)" />
            <circle r="1.400" fill="var(--strong)" />
          </svg>
          {t('plan.legend.officer')}
        </li>
        {[false, true].map((lost) => (
          <li key={String(lost)}>
            <svg width="24" height="16" viewBox="-12 -8 24 16" aria-hidden="true">
              <CameraSymbol lost={lost} />
            </svg>
            {t(lost ? 'plan.legend.cameraLost' : 'plan.legend.camera')}
          </li>
        ))}
        {doors.map((shape) => (
          <li key={shape}>
            <svg width="24" height="16" viewBox="-12 -8 24 16" aria-hidden="true">
              <DoorSymbol shape={shape} />
            </svg>
            {t(`plan.legend.${shape}`)}
          </li>
        ))}
        <li>
          <svg width="24" height="16" viewBox="-12 -8 24 16" aria-hidden="true">
            <circle r="7" fill="none" stroke="var(--text)" strokeDasharray="3 3" />
          </svg>
          {t('plan.legend.error')}
        </li>
        <li>
          <span className="hatch" style={{ width: 24, height: 12, border: '1px dashed var(--muted)' }} />
          {t('plan.legend.noData')}
        </li>
      </ul>
    </section>
  )
}

/** The alert that the ring is about, with the one key that counts. */
function TopAlert({ alert }: { alert: ListedAlert }) {
  const t = useText()
  const data = useSignal(facility)
  const phase = usePart(connection, phaseOf)
  const { pending } = useAlert(alert.id)
  return (
    <section className={css.group}>
      <div className={css.top}>
        <Badge level={alert.level} filled={isUnacknowledged(alert)} ring size={36} />
        <div>
          <b className={css.topName}>
            {zoneName(t, data, alert.zone)} {alertName(t, data, alert)}
          </b>
          <p className="muted">
            {alert.code} · {clockTime(alert.raisedAt)} · {stateWord(t, alert)} <Elapsed since={alert.raisedAt} />
          </p>
        </div>
      </div>
      <div className={css.topActs}>
        <Button
          primary
          shortcut="A"
          disabled={
            phase === 'lost' ||
            pending !== undefined ||
            (alert.allowedActions && !alert.allowedActions.includes('acknowledge'))
          }
          onClick={() => void act(alert.id, 'acknowledge')}
        >
          {t('verb.acknowledge')}
        </Button>
        <Link className={kit.button} to={alertLink(alert.id)}>
          {t('plan.open')}
        </Link>
      </div>
    </section>
  )
}

export default function PlanPage() {
  const t = useText()
  const navigate = useNavigate()
  const data = useSignal(facility)
  useSyncExternalStore(store.subscribeList, store.version)
  const [layers, setLayers] = useState<Layers>(allLayers)
  const [follow, setFollow] = useState(0)
  const [following, setFollowing] = useState(false)
  const [command, setCommand] = useState<PlanCommand | null>(null)
  const [chosen, setChosen] = useState<Chosen | null>(null)
  const top = highestUnacknowledged()
  const { floor, floors, setFloor } = useFloor(following ? (top?.id ?? null) : null)
  const give = (kind: PlanCommand['kind']) => setCommand((c) => ({ kind, n: (c?.n ?? 0) + 1 }))
  const followTop = () => {
    setFollowing(true)
    setFollow((n) => n + 1)
  }
  useKeys({
    m: followTop,
    a: () => {
      if (top) void act(top.id, 'acknowledge')
    },
    Home: () => give('fit'),
    '+': () => give('in'),
    ArrowLeft: () => give('left'),
    ArrowRight: () => give('right'),
    ArrowUp: () => give('up'),
    ArrowDown: () => give('down'),
    Escape: () => setChosen(null),
    '-': () => give('out'),
  })
  /** From the list: shown where it is, on its own floor. */
  const goTo = (zone: string) => {
    const place = data.zones.get(zone)
    if (place?.polygon) setFloor(place.floor ?? 1)
    setFollowing(false)
    setChosen({ zone })
    give('chosen')
  }
  const waiting = [...store.values()].filter((a) => isOpen(a) && !isSetAside(a) && isUnacknowledged(a))
  const places = waiting.map((alert) => ({ alert, floor: placeOf(alert, data.zones, data.devices)?.floor ?? null }))
  const elsewhere = places.filter((p) => p.floor !== null && p.floor !== floor)
  const unplaced = places.filter((p) => p.floor === null).map((p) => p.alert)
  const forced = new Set(
    [...store.values()].filter((a) => isOpen(a) && a.code === 'R07' && a.device).map((a) => a.device!),
  )
  const devices = [...data.devices.values()]
  const numbers: Record<keyof Layers, number | null> = {
    zones: null,
    doors: devices.filter((d) => d.kind === 'door' || d.kind === 'gate').length,
    cameras: devices.filter((d) => d.kind === 'camera').length,
    people: devices.filter((d) => d.kind === 'band').length,
    staff: devices.filter((d) => d.kind === 'tag').length,
    sensors: null,
    tracks: null,
    heat: null,
  }
  return (
    <div className={css.page}>
      <h1 className="unseen">{t('plan.title')}</h1>
      <aside className={css.side} aria-label={t('plan.layers')}>
        <section className={css.group}>
          <h2>{t('plan.layers')}</h2>
          {(Object.keys(layers) as (keyof Layers)[]).map((key) => (
            <label key={key} className={css.layer}>
              <input
                type="checkbox"
                checked={layers[key] ?? false}
                onChange={(e) => setLayers({ ...layers, [key]: e.target.checked })}
              />
              <span>{t(`plan.layer.${key}`)}</span>
              <span>{numbers[key] ?? ''}</span>
            </label>
          ))}
        </section>
        <section className={css.group}>
          <h2>{t('plan.floors')}</h2>
          {floors.length > 0 && (
            <Segments
              label={t('plan.floors')}
              options={floors.map((n) => ({ value: n, text: t('plan.floor', { n }) }))}
              value={floor}
              onChange={setFloor}
            />
          )}
          <p className="muted" data-testid="elsewhere">
            {elsewhere.length === 0
              ? t('plan.noAlertsElsewhere')
              : [...new Set(elsewhere.map((p) => p.floor!))]
                  .sort((a, b) => a - b)
                  .map((n) => t('plan.floorAlerts', { n, of: elsewhere.filter((p) => p.floor === n).length }))
                  .join(' · ')}
          </p>
          {unplaced.length > 0 && (
            <div data-testid="unplaced">
              <p className={css.strong}>{t('plan.unplaced', { n: unplaced.length })}</p>
              <ul className={css.partList}>
                {unplaced.slice(0, 5).map((alert) => (
                  <li key={alert.id}>
                    <Badge level={alert.level} filled size={18} />
                    <Link to={alertLink(alert.id)}>
                      {alertName(t, data, alert)} {alert.zone && zoneName(t, data, alert.zone)}
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          )}
        </section>
        <Legend />
      </aside>
      <section className={css.centre} aria-label={t('plan.title')}>
        <FloorPlan
          floor={floor}
          layers={layers}
          focus={top?.id ?? null}
          follow={follow}
          auto={false}
          command={command}
          onOpen={(id) => navigate(alertLink(id))}
          chosen={chosen}
          onChoose={setChosen}
        />
        <div className={css.tools}>
          <PositionAge />
          <span className={kit.segments} role="group" aria-label={t('plan.pan')}>
            {(['left', 'up', 'down', 'right'] as const).map((way) => (
              <button key={way} type="button" aria-label={t(`plan.pan.${way}`)} onClick={() => give(way)}>
                {{ left: '←', up: '↑', down: '↓', right: '→' }[way]}
              </button>
            ))}
          </span>
          <Button small label={t('plan.zoomOut')} onClick={() => give('out')}>
            −
          </Button>
          <Button small label={t('plan.zoomIn')} onClick={() => give('in')}>
            +
          </Button>
          <Button
            small
            onClick={() => {
              setFollowing(false)
              give('fit')
            }}
          >
            {t('plan.fit')}
          </Button>
          <Button small shortcut="M" disabled={!top} onClick={followTop}>
            {t('plan.followAlert')}
          </Button>
        </div>
      </section>
      <aside className={css.right} aria-label={t('plan.count')}>
        {top && <TopAlert alert={top} />}
        <section className={css.group}>
          <label className={css.goTo}>
            <span>{t('plan.zone.choose')}</span>
            <select
              className={kit.select}
              name="place"
              value={chosen?.zone ?? ''}
              onChange={(e) => (e.target.value ? goTo(e.target.value) : setChosen(null))}
            >
              <option value="">—</option>
              {[...data.zones.values()]
                .map((z) => ({ id: z.id, name: zoneName(t, data, z.id) }))
                .sort((a, b) => collator.compare(a.name, b.name))
                .map((z) => (
                  <option key={z.id} value={z.id}>
                    {z.name}
                  </option>
                ))}
            </select>
          </label>
        </section>
        {chosen && (
          <ZonePanel
            chosen={chosen}
            forced={forced}
            onChoose={setChosen}
            onTrack={(person) => {
              setChosen({ ...chosen, device: undefined, person: person === chosen.person ? undefined : person })
              setLayers({ ...layers, tracks: true })
            }}
          />
        )}
        <CountTable onChoose={goTo} chosen={chosen?.zone ?? null} />
      </aside>
    </div>
  )
}
