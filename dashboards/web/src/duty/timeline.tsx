/** 时间轴: evidence by source, alert state and people's acts on one clock; below it the same as a list of words. */
import { Link } from 'react-router'
import type { AlertChange, AlertDetail, EvidenceReading, ListedAlert, PlanOfAlert, Verb } from '../api/types.ts'
import type { TextKey } from '../i18n/dictionary.ts'
import { type Text, useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button } from '../kit/controls.tsx'
import { shownKey } from '../kit/keyboard.ts'
import { isClosed } from '../live/alert-store.ts'
import { connection, isLost } from '../live/connection.ts'
import { clockTime, duration } from '../live/format.ts'
import { evidenceLink } from '../live/links.ts'
import { second } from '../live/server-clock.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import css from './panel.module.css'
import { stepNamed } from './plan-parts.ts'

const PRE_ROLL_MS = 10_000
const TICKS = 4

export type Track = 'fence' | 'video' | 'door' | 'person' | 'env' | 'system'
export const TRACK_KEYS: Record<Track, TextKey> = {
  fence: 'panel.track.fence',
  video: 'panel.track.video',
  door: 'panel.track.door',
  person: 'panel.track.person',
  env: 'panel.track.env',
  system: 'panel.track.system',
}

export function trackOf(type: string): Track {
  const family = type.split('.')[0]
  if (family === 'fence') return 'fence'
  if (family === 'camera' || family === 'drone') return 'video'
  if (family === 'door' || family === 'access' || family === 'gate') return 'door'
  if (family === 'env' || family === 'power') return 'env'
  if (family === 'device' || family === 'agent' || family === 'security' || family === 'config') return 'system'
  return 'person'
}

/** Start and end of the axis: pre-roll before the first evidence, then as far as something happened (or now). */
export function axis(alert: ListedAlert, evidence: EvidenceReading[], changes: AlertChange[], now: number) {
  const times = [alert.raisedAt, ...evidence.map((e) => e.time), ...changes.map((c) => c.at)]
  const first = Math.min(...times)
  const last = Math.max(...times)
  const from = first - PRE_ROLL_MS
  const room = Math.max(20_000, (last - first) * 0.15)
  const to = isClosed(alert) ? last + 2000 : Math.max(last + 2000, Math.min(now, last + room))
  return { from, to }
}

interface Props {
  alert: ListedAlert
  detail: AlertDetail | null
  onAct(verb: Verb): void
}

export function Timeline({ alert, detail, onAct }: Props) {
  const t = useText()
  const now = useSignal(second)
  const changes = detail?.timeline ?? []
  const evidence = detail?.evidenceReadings ?? []
  const { from, to } = axis(alert, evidence, changes, now)
  const place = (at: number) => `${Math.max(0, Math.min(100, ((at - from) / (to - from)) * 100))}%`
  const tracks = new Map<Track, EvidenceReading[]>()
  for (const reading of evidence) {
    const track = trackOf(reading.type)
    tracks.set(track, [...(tracks.get(track) ?? []), reading])
  }
  const acts = changes.filter((c) => c.by !== null && c.by !== 'system')
  const ackAt = alert.ackAt
  const allowed = detail?.allowedActions ?? []
  const lost = usePart(connection, isLost)
  return (
    <section className={css.block} id="panel-timeline" aria-labelledby="panel-timeline-head">
      <h3 className={css.blockHead} id="panel-timeline-head">
        {t('panel.timeline')}
        <span className={css.blockNote}>{t('panel.timelineSpan', { s: duration(to - from) })}</span>
        <span className={css.blockEnd}>
          {(['comment', 'assign', 'shelve', 'unshelve'] as const)
            .filter((verb) => allowed.includes(verb))
            .map((verb) => (
              <Button key={verb} small disabled={lost} onClick={() => onAct(verb)}>
                {t(`verb.${verb}`)}
              </Button>
            ))}
          <Link className={css.more} to={evidenceLink(alert.id)}>
            {t('panel.expand')} <kbd aria-hidden="true">{shownKey('T')}</kbd>
          </Link>
        </span>
      </h3>
      <div className={css.tracks} aria-hidden="true">
        {[...tracks].map(([track, readings]) => (
          <div key={track} className={css.track}>
            <span>{t(TRACK_KEYS[track])}</span>
            <span className={css.lane}>
              <i className={css.laneLine} />
              {readings.map((r) => (
                <i key={r.id} className={css.dot} style={{ left: place(r.time) }} />
              ))}
            </span>
          </div>
        ))}
        <div className={css.track}>
          <span>{t('panel.track.alert')}</span>
          <span className={css.lane}>
            <i
              className={css.alertSpan}
              data-level={alert.level}
              data-waiting={ackAt === null}
              style={{ left: place(alert.raisedAt), right: `calc(100% - ${place(alert.closedAt ?? to)})` }}
            />
            {ackAt !== null && <i className={css.cut} style={{ left: place(ackAt) }} />}
            <span className={css.trackBadge} style={{ left: place(alert.raisedAt) }}>
              <Badge level={alert.level} filled size={18} />
            </span>
          </span>
        </div>
        <div className={css.track}>
          <span>{t('panel.track.acts')}</span>
          <span className={css.lane}>
            <i className={css.laneLine} />
            {acts.map((c) => (
              <i key={`${c.at}${c.change}`} className={css.dot} data-act="true" style={{ left: place(c.at) }} />
            ))}
          </span>
        </div>
        <div className={css.ticks}>
          {Array.from({ length: TICKS + 1 }, (_, i) => from + ((to - from) * i) / TICKS).map((at) => (
            <span key={at}>{clockTime(at)}</span>
          ))}
        </div>
      </div>
      <ol className={css.changes}>
        {changes
          .filter((c) => c.change !== 'updated')
          .slice(-8)
          .reverse()
          .map((c) => (
            <li key={`${c.at}${c.change}${c.by}`}>
              <time>{clockTime(c.at)}</time>
              <b>{t.code('change', c.change)}</b>
              <span>{c.by === null || c.by === 'system' ? t('panel.system') : c.by}</span>
              <span className="muted">{noteOf(t, c, detail?.planDetail ?? null)}</span>
            </li>
          ))}
      </ol>
      {alert.result && (
        <p className={css.advice}>
          <b>{t('panel.result')}</b> {t.code('result', alert.result)}
          {alert.cause ? ` · ${t.code('cause', alert.cause)}` : ''}
        </p>
      )}
      {detail?.incidentDetail && detail.incidentDetail.members.length > 1 && (
        <p className={css.advice}>{t('panel.incident', { n: detail.incidentDetail.members.length })}</p>
      )}
    </section>
  )
}

/** Notes that the system writes are small JSON objects: shown by their words. Everything else is as somebody wrote it. */
export function noteOf(t: Text, change: AlertChange, plan: PlanOfAlert | null): string {
  if (!change.note) return ''
  if (!change.note.startsWith('{')) return change.note
  try {
    const note = JSON.parse(change.note) as Record<string, unknown>
    if (change.change === 'plan-step') return stepWords(t, note, plan, change.alert?.plan)
    if (change.change === 'escalated' && change.by === 'system') return escalationWords(t, note)
    if (change.change === 'commented' && change.by === 'system') return receiptWords(t, note)
  } catch {
    // Not ours: a person may begin a sentence with a brace.
  }
  return change.note
}

/** What was done of the plan, as the plan words it: 视频核实 → 属实. */
function stepWords(t: Text, note: Record<string, unknown>, plan: PlanOfAlert | null, planThen?: string | null): string {
  const step = stepNamed(plan, String(note.step), planThen)
  const answer = step?.answers?.find((a) => a.id === note.answer)
  const name = step ? t.pick(step.text, step.id) : t.code('step', String(note.step)).replace(/^step\./, '')
  const said = typeof note.note === 'string' && note.note !== '' ? ` · ${note.note}` : ''
  return `${note.skipped === true ? `${t('panel.skipped')} · ` : ''}${name}${answer ? ` → ${t.pick(answer.text, answer.id)}` : ''}${said}`
}

function escalationWords(t: Text, note: Record<string, unknown>): string {
  const told = Array.isArray(note.told) ? t.list(note.told.map(String)) : ''
  return `${t.code('escalation', String(note.clock))} → ${told || t('escalation.nobody')}`
}

function receiptWords(t: Text, note: Record<string, unknown>): string {
  if (typeof note.outward !== 'string') return JSON.stringify(note)
  const to = Array.isArray(note.to) ? t.list(note.to.map(String)) : ''
  const what = `${t.code('outward', note.outward)}${to ? ` → ${to}` : ''}`
  if (note.ok === true)
    return t('outward.sent', { what, status: String(note.status ?? '—'), ms: String(note.tookMs ?? '—') })
  return t('outward.failed', { what, n: String(note.attempts ?? 0), why: String(note.why ?? '—') })
}
