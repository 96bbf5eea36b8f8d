/**
 * The plan: zones and symbols as SVG, people on a canvas above it, the alert ring on top; what the canvas shows is also
 * said in words. Grey at rest: the only colours are the alert's ring and the badges of open alerts.
 */
import { type RefObject, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { DeviceItem, ListedAlert, ZoneItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge, NUMERALS } from '../kit/badge.tsx'
import { zoneName } from '../kit/wording.ts'
import { isOpen, isSetAside, isUnacknowledged } from '../live/alert-store.ts'
import { perimeterCover } from '../live/coverage.ts'
import { facility } from '../live/facility-data.ts'
import { headcount } from '../live/headcount.ts'
import { keepPositionsOpen, positions } from '../live/positions.ts'
import { store } from '../live/runtime.ts'
import { serverClock } from '../live/server-clock.ts'
import { mayDo, me } from '../live/session.ts'
import { settings } from '../live/settings.ts'
import { useSignal } from '../live/use-signal.ts'
import { chooseSymbols, nearest } from './chosen-symbols.ts'
import { type DotStyle, drawDots } from './dots.ts'
import {
  boxOf,
  centre,
  drawOrder,
  fitView,
  floorOf,
  MAX_SCALE,
  MIN_SCALE,
  pathOf,
  siteBox,
  toScreen,
  type View,
  within,
  zoneAt,
} from './geometry.ts'
import type { Rect } from './labels.ts'
import { Labels, PIN_PX, pinsOf, ScaleBar, spotsOf } from './overlay.tsx'
import css from './plan.module.css'
import { PlanTip } from './plan-tip.tsx'
import { CameraSymbol, DoorSymbol, SensorSymbol } from './symbols.tsx'
import { trackPath, useTrack } from './track.ts'

const PAINT_MS = 500
const FOLLOW_SPAN_M = 70
/** In the low strip below the list the whole width is near enough: it shows a band of the site around the alert. */
const STRIP_SPAN_M = 46
const STRIP_PX = 340
const SYMBOL_PX = 14
/** Leaves room below for the scale bar. */
const FIT_MARGIN_PX = 36
const SYMBOL_SCALE = 1.4
/** A press that moves less than this is a press, not a drag. */
const DRAG_PX = 4
const REACH_PX = 12
const PAN_SHARE = 0.2
/** A chosen place fills this part of the picture, but is not brought nearer than this (pixels a metre). */
const CHOSEN_SHARE = 0.5
const FOLLOW_SPAN_SCALE = 14

export interface Layers {
  zones: boolean
  doors: boolean
  cameras: boolean
  people: boolean
  staff: boolean
  sensors: boolean
  tracks?: boolean
  heat?: boolean
}
export const allLayers: Layers = {
  zones: true,
  doors: true,
  cameras: true,
  people: true,
  staff: true,
  sensors: false,
  tracks: false,
  heat: false,
}

/** A place that was chosen, and the thing or the person in it that was meant. */
export interface Chosen {
  zone: string
  device?: string
  person?: string
}
/** in, out, fit: zoom; the rest moves the picture without dragging it (WCAG 2.5.7). */
export type PlanCommand = { kind: 'in' | 'out' | 'fit' | 'left' | 'right' | 'up' | 'down' | 'chosen'; n: number }

/** Where an alert is: its device if that stands on the plan, else the middle of its zone. */
export function placeOf(
  alert: ListedAlert,
  zones: Map<string, ZoneItem>,
  devices: Map<string, DeviceItem>,
): { x: number; y: number; floor: number } | null {
  const device = alert.device ? devices.get(alert.device) : undefined
  if (device?.at) return { x: device.at.x_m, y: device.at.y_m, floor: device.at.floor ?? 1 }
  let zone = alert.zone ? zones.get(alert.zone) : undefined
  for (let depth = 0; zone && !zone.polygon && depth < 8; depth++)
    zone = zone.parent ? zones.get(zone.parent) : undefined
  if (!zone?.polygon) return null
  const [x, y] = centre(zone.polygon)
  return { x, y, floor: floorOf(zone) }
}

/** Colours of the theme, read from the page once per theme: asking for them makes the browser style everything anew. */
const styles = new Map<string, DotStyle>()
function dotStyle(el: Element): DotStyle {
  const theme = document.documentElement.dataset.theme ?? ''
  let style = styles.get(theme)
  if (!style) {
    const look = getComputedStyle(el)
    const colour = (name: string) => look.getPropertyValue(name).trim()
    style = {
      dot: colour('--plan-dot'),
      officer: colour('--strong'),
      ground: colour('--plan-ground'),
      focus: colour('--text'),
    }
    styles.set(theme, style)
  }
  return style
}

function useSize(element: RefObject<HTMLElement | null>) {
  const [size, setSize] = useState({ width: 0, height: 0 })
  useEffect(() => {
    if (!element.current) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: Math.round(entry.contentRect.width), height: Math.round(entry.contentRect.height) })
    })
    observer.observe(element.current)
    return () => observer.disconnect()
  }, [element])
  return size
}

interface Props {
  floor: number
  layers: Layers
  /** Alert with the ring. */
  focus: string | null
  /** Steps when the view must go to the alert again. */
  follow: number
  /** Go to each newly opened alert; otherwise only when told to. */
  auto: boolean
  /** Counted so that the same one can come twice. */
  command: PlanCommand | null
  onOpen(id: string): void
  /** The caller shows the plan this much larger (CSS transform): the canvas is drawn finer by as much. */
  magnify?: number
  /** Only badges of these alerts; all when absent. */
  pinned?: (alert: ListedAlert) => boolean
  chosen?: Chosen | null
  onChoose?: (chosen: Chosen | null) => void
}

export function FloorPlan({ floor, layers, focus, follow, auto, command, onOpen, magnify = 1, pinned, ...p }: Props) {
  const { chosen = null, onChoose } = p
  const t = useText()
  const data = useSignal(facility)
  const { theme } = useSignal(settings)
  const { items: counted } = useSignal(headcount)
  const version = useSyncExternalStore(store.subscribeCalmly, store.calmVersion)
  const host = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width, height } = useSize(host)
  const [view, setView] = useState<View | null>(null)
  const [people, setPeople] = useState(0)

  const zones = useMemo(
    () => drawOrder([...data.zones.values()].filter((z) => z.polygon && z.kind !== 'outside' && floorOf(z) === floor)),
    [data.zones, floor],
  )
  const site = useMemo(() => siteBox(data.zones.values()), [data.zones])
  const focused = focus ? store.get(focus) : undefined
  const target = focused ? placeOf(focused, data.zones, data.devices) : null
  const cover = perimeterCover(data)

  // A role that sees no persons is not even asked for: the server would refuse, and note it.
  useEffect(() => (mayDo(me(), 'positions:read') ? keepPositionsOpen() : undefined), [])

  // First sight: the whole site, or the alert that is open.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new alert, a new size or the key M may move the view
  useEffect(() => {
    if (!site || width === 0) return
    if (target && (auto || follow > 0)) {
      const whole = fitView(site, width, height, height < STRIP_PX ? 16 : FIT_MARGIN_PX)
      const near = Math.min(width, height) / (height < STRIP_PX ? STRIP_SPAN_M : FOLLOW_SPAN_M)
      setView(within({ cx: target.x, cy: target.y, scale: Math.max(whole.scale, near) }, site, width, height))
    } else if (!view) setView(fitView(site, width, height, height < STRIP_PX ? 16 : FIT_MARGIN_PX))
  }, [focus, follow, site, width > 0, target?.x, target?.y])

  // biome-ignore lint/correctness/useExhaustiveDependencies: each command acts once, when it is given
  useEffect(() => {
    if (!command || !site) return
    if (command.kind === 'fit') setView(fitView(site, width, height, height < STRIP_PX ? 16 : FIT_MARGIN_PX))
    else if (command.kind === 'in' || command.kind === 'out')
      setView((v) => v && { ...v, scale: clampScale(v.scale * (command.kind === 'in' ? 1.4 : 1 / 1.4)) })
    else if (command.kind === 'chosen') {
      const polygon = chosen && data.zones.get(chosen.zone)?.polygon
      if (!polygon) return
      const [cx, cy] = centre(polygon)
      const box = boxOf(polygon)!
      const whole = fitView(site, width, height, height < STRIP_PX ? 16 : FIT_MARGIN_PX)
      // A small place is brought near enough to be read, a large one stays among its neighbours.
      const near = Math.min(CHOSEN_SHARE * Math.min(width / box.w, height / box.h), FOLLOW_SPAN_SCALE)
      setView(within({ cx, cy, scale: Math.max(whole.scale, near) }, site, width, height))
    } else {
      const along = command.kind === 'left' || command.kind === 'up' ? -PAN_SHARE : PAN_SHARE
      const flat = command.kind === 'left' || command.kind === 'right'
      setView(
        (v) =>
          v && {
            ...v,
            cx: v.cx + (flat ? (along * width) / v.scale : 0),
            cy: v.cy + (flat ? 0 : (along * height) / v.scale),
          },
      )
    }
  }, [command])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours that are read from the page
  useEffect(() => {
    const el = canvas.current
    const context = el?.getContext('2d')
    if (!el || !context || !view || width === 0) return
    const ratio = Math.min(3, (window.devicePixelRatio || 1) * magnify)
    if (el.width !== Math.floor(width * ratio)) el.width = width * ratio
    if (el.height !== Math.floor(height * ratio)) el.height = height * ratio
    const style = dotStyle(el)
    const marked = new Set([focused?.subject, chosen?.person].filter((id) => id !== undefined && id !== null))
    const paint = () =>
      setPeople(
        drawDots(
          context,
          { width, height, ratio },
          view,
          floor,
          positions.values(),
          serverClock.now(),
          layers,
          style,
          marked,
        ),
      )
    paint()
    const timer = setInterval(paint, PAINT_MS)
    return () => clearInterval(timer)
  }, [view, width, height, floor, layers, focused?.subject, chosen?.person, theme, magnify])

  const drag = useRef<{ x: number; y: number; view: View } | null>(null)
  const wheel = useCallback((event: WheelEvent) => {
    event.preventDefault()
    setView((v) => v && { ...v, scale: clampScale(v.scale * (event.deltaY < 0 ? 1.2 : 1 / 1.2)) })
  }, [])
  useEffect(() => {
    const el = host.current
    el?.addEventListener('wheel', wheel, { passive: false })
    return () => el?.removeEventListener('wheel', wheel)
  }, [wheel])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the store is another one with each calm version
  const open = useMemo(() => [...store.values()].filter((a) => isOpen(a) && !isSetAside(a)), [version])
  const now = serverClock.now()
  const forced = new Set(open.filter((a) => a.code === 'R07' && a.device).map((a) => a.device!))
  const screen = (x: number, y: number) => (view ? toScreen(view, width, height, x, y) : ([0, 0] as [number, number]))

  const spots = useMemo(
    () =>
      spotsOf(pinned ? open.filter(pinned) : open, focus, (alert) => {
        const place = placeOf(alert, data.zones, data.devices)
        return place?.floor === floor ? place : null
      }),
    [open, focus, data.zones, data.devices, floor, pinned],
  )
  const pins = view ? pinsOf(spots, width, height, screen) : []

  const { symbols, left: leftOut } = view
    ? chooseSymbols(data.devices.values(), floor, layers, { width, height }, screen, forced, now)
    : { symbols: [], left: 0 }
  const size = view ? Math.max(0.55, Math.min(SYMBOL_SCALE, view.scale / 5)) : 1
  const obstacles: Rect[] = [
    { x: 0, y: height - 40, w: 200, h: 40 },
    ...symbols.map(({ x, y, kind }) => {
      const w = (kind === 'sensor' ? SYMBOL_PX / 2 : SYMBOL_PX) * size
      return { x: x - w / 2, y: y - (w * 0.7) / 2, w, h: w * 0.7 }
    }),
    ...pins.map(({ alert, left, top }) => {
      const w = alert.id === focus ? 48 : PIN_PX
      return { x: left - w / 2, y: top - w / 2, w, h: w }
    }),
  ]

  const followed = positions.get(chosen?.person ?? focused?.subject ?? '')
  const track = useTrack(layers.tracks && followed ? followed.device : null, followed?.staff ?? false)

  /** What lies under the pointer: a thing, else a person, else the smallest place. */
  const under = (clientX: number, clientY: number): (Chosen & { x: number; y: number }) | null => {
    const box = host.current?.getBoundingClientRect()
    if (!view || !box) return null
    const x = (clientX - box.x) * (width / box.width)
    const y = (clientY - box.y) * (height / box.height)
    const place = zoneAt(zones, view.cx + (x - width / 2) / view.scale, view.cy + (y - height / 2) / view.scale)
    const symbol = nearest(symbols, x, y, REACH_PX)
    if (symbol?.device.zone) return { zone: symbol.device.zone, device: symbol.device.id, x, y }
    const people = [...positions.values()]
      .filter((q) => q.floor === floor && (q.staff ? layers.staff : layers.people))
      .map((q) => {
        const [px, py] = screen(q.x_m, q.y_m)
        return { q, x: px, y: py }
      })
    const person = nearest(people, x, y, REACH_PX / 2)?.q
    if (person) return { zone: person.zone ?? place?.id ?? '', person: person.person, x, y }
    return place ? { zone: place.id, x, y } : null
  }
  const [tip, setTip] = useState<(Chosen & { x: number; y: number }) | null>(null)
  const [dragged, setDragged] = useState(false)

  return (
    <div
      ref={host}
      className={css.plan}
      data-choosable={!!onChoose}
      data-dragged={dragged}
      onPointerLeave={() => setTip(null)}
      onPointerDown={(e) => {
        if (!view || (e.target as Element).closest('button')) return
        drag.current = { x: e.clientX, y: e.clientY, view }
        e.currentTarget.setPointerCapture(e.pointerId)
      }}
      onPointerMove={(e) => {
        const d = drag.current
        if (!d) {
          if (onChoose && e.pointerType === 'mouse')
            setTip((e.target as Element).closest('button') ? null : under(e.clientX, e.clientY))
          return
        }
        if (!dragged && Math.hypot(e.clientX - d.x, e.clientY - d.y) < DRAG_PX) return
        setDragged(true)
        setTip(null)
        setView({
          ...d.view,
          cx: d.view.cx - (e.clientX - d.x) / d.view.scale,
          cy: d.view.cy - (e.clientY - d.y) / d.view.scale,
        })
      }}
      onPointerUp={(e) => {
        if (drag.current && !dragged && onChoose && e.button === 0) {
          const found = under(e.clientX, e.clientY)
          onChoose(found?.zone ? { zone: found.zone, device: found.device, person: found.person } : null)
        }
        drag.current = null
        setDragged(false)
      }}
      onPointerCancel={() => {
        drag.current = null
        setDragged(false)
      }}
    >
      {view && site && (
        <svg className={css.svg} width={width} height={height} aria-hidden="true">
          <defs>
            <pattern
              id="plan-hatch"
              width={6 / view.scale}
              height={6 / view.scale}
              patternUnits="userSpaceOnUse"
              patternTransform="rotate(45)"
            >
              <path className={css.hatchLine} d={`M0 0V${6 / view.scale}`} strokeWidth={1 / view.scale} />
            </pattern>
          </defs>
          <g
            transform={`translate(${width / 2} ${height / 2}) scale(${view.scale}) translate(${-view.cx} ${-view.cy})`}
          >
            {layers.zones &&
              zones.map((zone) => (
                <path
                  key={zone.id}
                  className={css.zone}
                  d={pathOf(zone)}
                  fillRule="evenodd"
                  data-kind={zone.kind}
                  data-alert={zone.id === focused?.zone && isOpen(focused) ? focused.level : undefined}
                  data-chosen={zone.id === chosen?.zone}
                />
              ))}
            {zones
              .filter((z) => cover.unseen.has(z.id))
              .map((zone) => (
                <path key={zone.id} className={css.unseen} d={pathOf(zone)} fill="url(#plan-hatch)" />
              ))}
            {track.length > 0 && <path className={css.track} d={trackPath(track, floor)} data-testid="track" />}
          </g>
          {symbols.map(({ device, kind, shape, x, y }) => (
            <g key={device.id} transform={`translate(${x} ${y}) scale(${size})`}>
              {device.id === chosen?.device && <circle className={css.chosenSymbol} r={11} />}
              {shape ? (
                <DoorSymbol shape={shape} />
              ) : kind === 'camera' ? (
                <CameraSymbol lost={device.online === false} />
              ) : (
                <SensorSymbol lost={device.online === false} />
              )}
            </g>
          ))}
          {layers.zones && (
            <Labels
              zones={zones}
              view={view}
              size={{ width, height }}
              screen={screen}
              unseen={cover.unseen}
              obstacles={obstacles}
              counts={new Map(counted.map((row) => [row.zone, row]))}
            />
          )}
          <ScaleBar scale={view.scale} width={width} height={height} />
        </svg>
      )}
      <canvas ref={canvas} className={css.canvas} aria-hidden="true" />
      {pins.map(({ alert, left, top, count }) => (
        <button
          key={alert.id}
          type="button"
          className={css.pin}
          data-focus={alert.id === focus}
          data-level={alert.level}
          data-edge={left > width - 56}
          style={{ left, top }}
          aria-label={`${NUMERALS[alert.level]}${count > 1 ? `×${count}` : ''} ${t(`level.${alert.level}.spoken`)} ${zoneName(t, data, alert.zone)}`}
          onClick={() => onOpen(alert.id)}
        >
          <Badge level={alert.level} filled={isUnacknowledged(alert)} size={alert.id === focus ? 28 : 20} />
          {count > 1 && <small className={css.pinCount}>×{count}</small>}
        </button>
      ))}
      {tip && <PlanTip {...tip} width={width} forced={forced} />}
      {leftOut > 0 && <p className={css.leftOut}>{t('plan.leftOut', { n: leftOut })}</p>}
      <p className="unseen">{t('plan.description', { zones: zones.length, people, alerts: open.length })}</p>
      {data.zones.size > 0 && zones.length === 0 && (
        <p className={css.nothing}>{t(site ? 'plan.noFloorZones' : 'plan.noZones')}</p>
      )}
    </div>
  )
}

const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value))
const clampScale = (scale: number) => clamp(scale, MIN_SCALE, MAX_SCALE)
