/**
 * `npm run bench:day`: an ordinary day of a make-believe facility straight into the rules engine in virtual time, with a
 * modelled operator. Prints one JSON object: what was annunciated an hour, and by which rules. The bar: at most six
 * annunciated alerts an hour and console, and no red.
 *
 * Positions (of people who stand still; walkers: 2 s) and vital signs are thinned to the end of their validity: every 10 s
 * and 15 s instead of 1 s and 5 s, so that a day of 3,000 bands takes minutes instead of hours. `--positions 1 --vitals 5` gives every reading. `--size full` is the
 * full facility, `--list` prints every alert to stderr.
 */
import { parseArgs } from 'node:util'
import type { AlertChange } from '#model/alert/alert.ts'
import { contextItemId } from '#model/context/kinds.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { Engine } from '#rules/engine/engine.ts'
import { OPERATORS } from '#rules/engine/operators/index.ts'
import { buildFacility, type Size } from '#simulators/facility/facility.ts'
import { Life } from '#simulators/life/life.ts'

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
    lifelike: { type: 'string', default: 'yes' },
    list: { type: 'boolean', default: false },
    progress: { type: 'boolean', default: false },
  },
})
const model = Object.fromEntries(values.operator.split(',').map((part) => part.split('='))) as Record<string, string>
const facility = buildFacility(values.size as Size, Number(values.facility))
const life = new Life(facility, {
  seed: Number(values.seed),
  positionEveryS: Number(values.positions),
  vitalsEveryS: Number(values.vitals),
  withEdge: true,
  lifelike: values.lifelike === 'yes',
})

interface Counted {
  raised: Record<string, number>
  annunciated: Record<string, number>
}
const byRule = new Map<string, Counted>()
const byLevel: Record<string, number> = {}
const byHour = new Map<number, number>()
let reds = 0
const startMs = Date.parse(values.start)

const add = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}
function note({ at, change, alert }: AlertChange): void {
  const rule = byRule.get(alert.code) ?? { raised: {}, annunciated: {} }
  byRule.set(alert.code, rule)
  if (change === 'raised' || change === 'escalated') add(rule.raised, alert.level)
  if ((change === 'raised' || change === 'escalated') && alert.level === 'red') reds++
  if (alert.annunciated && (change === 'raised' || change === 'escalated' || change === 'updated')) {
    add(rule.annunciated, alert.level)
    add(byLevel, alert.level)
    const hour = Math.floor((at - startMs) / 3_600_000)
    byHour.set(hour, (byHour.get(hour) ?? 0) + 1)
  }
  if (values.list && (change === 'raised' || change === 'escalated' || alert.annunciated))
    process.stderr.write(
      `${new Date(at + 8 * 3_600_000).toISOString().slice(11, 19)} ${change} ${alert.code} ${alert.key} ${alert.level}${alert.annunciated ? ' !' : ''} ${alert.zone ?? ''}\n`,
    )
}

const engine = new Engine({
  site: facility.site,
  rules: loadRules(CATALOGUE_DIR, facility.site.rules ?? {}),
  operators: OPERATORS,
  operatorModel: {
    ackMs: model.ack === undefined ? null : Number(model.ack) * 1000,
    resolveMs: model.resolve === undefined ? null : Number(model.resolve) * 1000,
  },
  trustIds: true,
  onChange: note,
})

let readings = 0
const began = process.hrtime.bigint()
const say = (draft: { device: string; type: string; time: number; value: Record<string, unknown> }): void => {
  readings++
  engine.line({
    id: `r${readings.toString(36)}`,
    device: draft.device,
    type: draft.type,
    time: draft.time,
    received: draft.time + 40,
    quality: 'good',
    zone: null,
    subject: null,
    value: draft.value,
  })
}
life.onContext = (change) => {
  engine.line({ ...change, id: change.id || contextItemId(change.context, change.item ?? {}) })
}
for (const draft of life.initial(startMs)) say(draft)
const seconds = Math.round(Number(values.hours) * 3600)
for (let second = 1; second <= seconds; second++) {
  for (const draft of life.tick(startMs + second * 1000)) say(draft)
  if (values.progress && second % 3600 === 0)
    process.stderr.write(`${second / 3600} h, ${(readings / 1e6).toFixed(1)} M readings\n`)
}
engine.finish(startMs + seconds * 1000)

const totals = engine.book.totals()
const wallS = Number(process.hrtime.bigint() - began) / 1e9
const perHour = Object.fromEntries(
  Object.entries(totals.sounded).map(([desk, n]) => [desk, Math.round((n / (seconds / 3600)) * 100) / 100]),
)
const hours = Array.from({ length: Math.ceil(seconds / 3600) }, (_, h) => byHour.get(h) ?? 0)
process.stdout.write(
  `${JSON.stringify({
    bench: 'ordinary-day',
    size: values.size,
    facility: facility.site.facility.id,
    start: values.start,
    hours: Number(values.hours),
    people: facility.site.people?.length,
    cameras: facility.site.devices?.filter((d) => d.kind === 'camera').length,
    doors: facility.site.devices?.filter((d) => d.kind === 'door').length,
    periodsS: { positions: Number(values.positions), vitals: Number(values.vitals) },
    operator: values.operator,
    seed: Number(values.seed),
    lifelike: values.lifelike === 'yes',
    readings,
    refused: engine.counts.quarantined,
    annunciationsPerHour: perHour,
    busiestHour: Math.max(0, ...hours),
    byHour: hours,
    annunciatedByLevel: byLevel,
    raisedReds: reds,
    incidents: totals.incidents,
    byRule: Object.fromEntries([...byRule].sort(([a], [b]) => (a < b ? -1 : 1))),
    bar: { perHour: 6, reds: 0 },
    holds: Math.max(0, ...hours) <= 6 && reds === 0,
    wallS: Math.round(wallS * 10) / 10,
    readingsPerS: Math.round(readings / wallS),
  })}\n`,
)
