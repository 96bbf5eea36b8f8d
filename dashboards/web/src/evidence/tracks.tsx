/** The tracks of the evidence page: every source on one clock. A dot or a bar is where something was said to happen. */
import { levelRank } from '#model/alert/alert.ts'
import type { AlertChange, AlertDetail, EvidenceReading } from '../api/types.ts'
import { TRACK_KEYS, type Track, trackOf } from '../duty/timeline.tsx'
import type { TextKey } from '../i18n/dictionary.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { mainValue, typeName } from '../kit/reading-words.ts'
import { alertName } from '../kit/wording.ts'
import { isClosed } from '../live/alert-store.ts'
import { facility } from '../live/facility-data.ts'
import { clockTime, preciseTime, shortNumber } from '../live/format.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './evidence.module.css'
import { type Span, ticks, widthOf } from './span.ts'
import type { Curve } from './use-evidence.ts'

const TRACKS: Track[] = ['fence', 'env', 'video', 'door', 'person', 'system']
const TICKS = 11
const CURVE_PX = 34
/** Two texts nearer than this share of the picture would lie on each other: they take the next line. */
const TEXT_SHARE = 0.13
const ACT_LINES = 4

export interface Item {
  id: string
  at: number
  label: string
  reading?: EvidenceReading
  change?: AlertChange
  alert: AlertDetail
}

/** All that can be pointed at, in order of time. */
export function itemsOf(alerts: AlertDetail[], changeWord: (change: AlertChange) => string): Item[] {
  const seen = new Set<string>()
  const items: Item[] = []
  for (const alert of alerts) {
    for (const reading of alert.evidenceReadings) {
      if (seen.has(reading.id)) continue
      seen.add(reading.id)
      items.push({ id: reading.id, at: reading.time, label: reading.type, reading, alert })
    }
    for (const [i, change] of alert.timeline.entries())
      if (change.change !== 'updated')
        items.push({ id: `${alert.id}/${i}`, at: change.at, label: changeWord(change), change, alert })
  }
  return items.sort((a, b) => a.at - b.at)
}

interface Props {
  span: Span
  cursor: number
  alerts: AlertDetail[]
  main: string
  items: Item[]
  curves: Curve[]
  now: number
  onPick(at: number): void
}

export function Tracks({ span, cursor, alerts, main, items, curves, now, onPick }: Props) {
  const t = useText()
  const data = useSignal(facility)
  const share = (at: number) => (at - span.from) / widthOf(span)
  const place = (at: number) => `${Math.max(-1, Math.min(101, share(at) * 100))}%`
  const visible = (at: number) => at >= span.from && at <= span.to
  const readings = items.filter((i) => i.reading && visible(i.at))
  const byTrack = (track: Track) => {
    const lanes = new Map<string, Item[]>()
    for (const item of readings) {
      if (trackOf(item.reading!.type) !== track) continue
      const lane = item.reading!.device
      lanes.set(lane, [...(lanes.get(lane) ?? []), item])
    }
    return lanes
  }
  const shareOf = (item: Item | undefined) => (item ? share(item.at) : undefined)
  const sideOf = (item: Item, before?: Item, after?: Item) => textSide(share(item.at), shareOf(before), shareOf(after))
  const acts = items.filter((i) => i.change && i.change.by !== null && i.change.by !== 'system' && visible(i.at))
  const lines = stack(
    acts.map((a) => share(a.at)),
    ACT_LINES,
  )
  const ordered = [...alerts].sort(
    (a, b) => Number(b.id === main) - Number(a.id === main) || levelRank(b.level) - levelRank(a.level),
  )
  const pick = (event: React.PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    onPick(span.from + ((event.clientX - box.left) / box.width) * widthOf(span))
  }
  const mainAlert = alerts.find((a) => a.id === main)
  return (
    <div className={css.tracks} data-testid="tracks">
      <div className={css.ruler} aria-hidden="true">
        {ticks(span, TICKS).map((at) => (
          <span key={at} style={{ left: place(at) }}>
            {widthOf(span) < 15_000 ? preciseTime(at).slice(3, 10) : clockTime(at)}
          </span>
        ))}
        {visible(cursor) && (
          <b className={css.cursorTime} style={{ left: place(cursor) }}>
            {preciseTime(cursor)}
          </b>
        )}
      </div>
      <div className={css.overlay} aria-hidden="true" onPointerDown={pick}>
        {mainAlert && visible(mainAlert.raisedAt) && (
          <>
            <i
              className={css.preRoll}
              style={{
                left: place(mainAlert.raisedAt - 10_000),
                right: `calc(100% - ${place(mainAlert.raisedAt)})`,
              }}
            />
            <i className={css.raised} data-level={mainAlert.level} style={{ left: place(mainAlert.raisedAt) }} />
          </>
        )}
        {visible(cursor) && <i className={css.cursor} style={{ left: place(cursor) }} />}
        {now < span.to && <i className={css.future} style={{ left: place(now) }} />}
      </div>
      {curves.length > 0 && (
        <Group name={t('evidence.track.sensor')}>
          {curves.map((curve) => (
            <Lane
              key={`${curve.device}${curve.type}${curve.field}`}
              name={`${curve.device} ${typeName(curve.type, t.language)}`}
              tall
            >
              <CurveLine curve={curve} span={span} />
            </Lane>
          ))}
        </Group>
      )}
      {TRACKS.map((track) => {
        const lanes = byTrack(track)
        if (lanes.size === 0) return null
        return (
          <Group key={track} name={t(TRACK_KEYS[track] as TextKey)}>
            {[...lanes].map(([device, found]) => (
              <Lane key={device} name={device}>
                {found.map((item, i) => (
                  <span key={item.id}>
                    <i className={css.dot} style={{ left: place(item.at) }} />
                    {sideOf(item, found[i - 1], found[i + 1]) && (
                      <em
                        className={css.laneText}
                        data-side={sideOf(item, found[i - 1], found[i + 1])}
                        style={{ left: place(item.at) }}
                      >
                        {typeName(item.reading!.type, t.language)}{' '}
                        <b>{mainValue(item.reading!.type, item.reading!.value, t.language)}</b>
                      </em>
                    )}
                  </span>
                ))}
              </Lane>
            ))}
          </Group>
        )
      })}
      <Group name={t('evidence.track.states')}>
        {ordered.map((alert) => {
          const end = alert.closedAt ?? Math.min(now, span.to)
          const ack = alert.ackAt ?? end
          return (
            <Lane key={alert.id} name={`${alert.code} ${alertName(t, data, alert)}`}>
              <i
                className={css.waiting}
                data-level={alert.level}
                data-main={alert.id === main}
                style={{ left: place(alert.raisedAt), right: `calc(100% - ${place(ack)})` }}
              />
              {alert.ackAt !== null && (
                <i
                  className={css.handled}
                  data-level={alert.level}
                  data-main={alert.id === main}
                  style={{ left: place(alert.ackAt), right: `calc(100% - ${place(end)})` }}
                />
              )}
              {alert.raisedAt <= span.to && (
                <span className={css.laneBadge} style={{ left: `max(10px, ${place(alert.raisedAt)})` }}>
                  <Badge level={alert.level} filled={!isClosed(alert) && alert.ackAt === null} size={20} />
                </span>
              )}
            </Lane>
          )
        })}
      </Group>
      <Group name={t('evidence.track.acts')}>
        {acts.length === 0 && <p className={css.noActs}>{t('evidence.noActs')}</p>}
        <div className={css.acts} style={{ height: Math.max(28, 24 * (Math.max(0, ...lines) + 1)) }}>
          <span />
          <span className={css.laneBox}>
            {acts.map((item, i) => (
              <span key={item.id}>
                <i className={css.act} style={{ left: place(item.at), top: lines[i]! * 24 + 8 }} />
                <em
                  className={css.laneText}
                  data-side={share(item.at) > 0.85 ? 'left' : 'right'}
                  style={{ left: place(item.at), top: lines[i]! * 24 + 2 }}
                >
                  {item.change!.by} <b>{item.label}</b>
                </em>
              </span>
            ))}
          </span>
        </div>
      </Group>
    </div>
  )
}

/** On which side of its dot a text has room, so that none lies over another dot; null = nowhere. */
export function textSide(at: number, before: number | undefined, after: number | undefined): 'left' | 'right' | null {
  if (at <= 1 - TEXT_SHARE && (after === undefined || after - at > TEXT_SHARE)) return 'right'
  if (at >= TEXT_SHARE && (before === undefined || at - before > TEXT_SHARE)) return 'left'
  return null
}

/** Lines for texts, so that neighbours in time stand below each other. */
export function stack(shares: number[], lines: number): number[] {
  const last = new Array<number>(lines).fill(Number.NEGATIVE_INFINITY)
  return shares.map((share) => {
    const free = last.findIndex((end) => share - end > TEXT_SHARE)
    const line = free >= 0 ? free : last.indexOf(Math.min(...last))
    last[line] = share
    return line
  })
}

function Group({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <section className={css.group}>
      <h3>{name}</h3>
      {children}
    </section>
  )
}

function Lane({ name, tall = false, children }: { name: string; tall?: boolean; children: React.ReactNode }) {
  return (
    <div className={css.lane} data-tall={tall}>
      <span className={css.laneName} title={name}>
        {name}
      </span>
      <span className={css.laneBox}>
        <i className={css.laneLine} />
        {children}
      </span>
    </div>
  )
}

function CurveLine({ curve, span }: { curve: Curve; span: Span }) {
  const numbers = curve.points.map((p) => p[1]).filter((v): v is number => v !== null)
  if (numbers.length === 0) return null
  const least = Math.min(...numbers)
  const most = Math.max(...numbers)
  const room = most - least || 1
  let path = ''
  let pen = false
  for (const [at, value] of curve.points) {
    if (value === null) {
      pen = false
      continue
    }
    const x = ((at - span.from) / widthOf(span)) * 1000
    const y = CURVE_PX - 4 - ((value - least) / room) * (CURVE_PX - 8)
    path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`
    pen = true
  }
  return (
    <>
      <svg className={css.curve} viewBox={`0 0 1000 ${CURVE_PX}`} preserveAspectRatio="none" aria-hidden="true">
        <path d={path} vectorEffect="non-scaling-stroke" />
      </svg>
      <em className={css.curveRange}>
        {shortNumber(least)} – {shortNumber(most)}
      </em>
    </>
  )
}
