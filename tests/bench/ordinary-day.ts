/**
 * `npm run bench:day`: an ordinary day of a make-believe facility straight into the rules engine in virtual time, with a
 * modelled operator. Prints one JSON object: what was annunciated an hour, and by which rules. The bar: in no hour more than
 * six annunciated alerts at a console, and no red.
 *
 * Positions (of people who stand still; walkers: 2 s) and vital signs are thinned to the end of their validity: every 10 s
 * and 15 s instead of 1 s and 5 s, so that a day of 3,000 bands takes minutes instead of hours. `--positions 1 --vitals 5`
 * gives every reading. `--size full` is the full facility, `--list` prints every alert to stderr, `--mishaps 0` leaves out
 * what goes wrong on an ordinary day, `--mishaps 10` makes it ten times as frequent.
 */
import { parseArgs } from 'node:util'
import type { AlertChange } from '#model/alert/alert.ts'
import type { Size } from '#simulators/facility/facility.ts'
import { BAR_PER_HOUR, type Day, runDay } from './day.ts'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: 'demo' },
    hours: { type: 'string', default: '24' },
    start: { type: 'string', default: '2026-11-23T00:00:00+08:00' },
    positions: { type: 'string', default: '10' },
    vitals: { type: 'string', default: '15' },
    operator: { type: 'string', default: 'ack=20,resolve=120' },
    facility: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    mishaps: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
    progress: { type: 'boolean', default: false },
  },
})
const model = Object.fromEntries(values.operator.split(',').map((part) => part.split('='))) as Record<string, string>
const secondsOf = (text: string | undefined): number | null => (text === undefined ? null : Number(text))

/** One line an alert, in the facility's hours. */
function list({ at, change, alert }: AlertChange): void {
  if (change !== 'raised' && change !== 'escalated' && !alert.annunciated) return
  const clock = new Date(at + 8 * 3_600_000).toISOString().slice(11, 19)
  const sounded = alert.annunciated ? ' !' : ''
  process.stderr.write(`${clock} ${change} ${alert.code} ${alert.key} ${alert.level}${sounded} ${alert.zone ?? ''}\n`)
}

function progress(hour: number, { readings, byHour, reds }: Day): void {
  const sounded = byHour[hour - 1] ?? 0
  process.stderr.write(`${hour} h: ${(readings / 1e6).toFixed(1)} M readings, ${sounded} sounded, ${reds} red so far\n`)
}

const began = process.hrtime.bigint()
const day = runDay({
  size: values.size as Size,
  facility: Number(values.facility),
  seed: Number(values.seed),
  startMs: Date.parse(values.start),
  hours: Number(values.hours),
  positionsS: Number(values.positions),
  vitalsS: Number(values.vitals),
  lifelike: Number(values.mishaps),
  ackS: secondsOf(model.ack),
  resolveS: secondsOf(model.resolve),
  ...(values.list ? { onAlert: list } : {}),
  ...(values.progress ? { onHour: progress } : {}),
})
const wallS = Number(process.hrtime.bigint() - began) / 1e9
const cpuS = process.cpuUsage().user / 1e6
const { site } = day.facility
const count = (...kinds: string[]): number => (site.devices ?? []).filter((d) => kinds.includes(d.kind ?? '')).length

process.stdout.write(
  `${JSON.stringify({
    bench: 'ordinary-day',
    size: values.size,
    facility: site.facility.id,
    start: values.start,
    hours: Number(values.hours),
    seed: Number(values.seed),
    mishaps: Number(values.mishaps),
    people: site.people?.length,
    bands: count('band'),
    cameras: count('camera'),
    doors: count('door'),
    sensors: count('climate', 'smoke', 'gas', 'noise', 'light', 'leak', 'call-point', 'power'),
    periodsS: { positions: Number(values.positions), vitals: Number(values.vitals) },
    operator: values.operator,
    readings: day.readings,
    contexts: day.contexts,
    said: day.types,
    refused: day.refused,
    annunciationsPerHour: day.perHour,
    busiestHour: Math.max(0, ...day.byHour),
    byHour: day.byHour,
    annunciatedByLevel: day.byLevel,
    raisedReds: day.reds,
    incidents: day.incidents,
    byRule: Object.fromEntries([...day.byRule].sort(([a], [b]) => (a < b ? -1 : 1))),
    bar: { perHour: BAR_PER_HOUR, reds: 0 },
    holds: Math.max(0, ...day.byHour) <= BAR_PER_HOUR && day.reds === 0,
    wallS: Math.round(wallS * 10) / 10,
    cpuS: Math.round(cpuS * 10) / 10,
    readingsPerS: Math.round(day.readings / wallS),
  })}\n`,
)
