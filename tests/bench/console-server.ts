/**
 * The console server of `bench:console` and `bench:wall` as a process of its own: the product's real server (accounts,
 * masks, stream, static pages) over a desk that raises made-up alerts when told to. It shares no event loop with the
 * browser's driver.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { openAccounts } from '#dashboards/accounts.ts'
import { SampleDesk, SampleFacility, SampleLedger, sampleAlert } from '#dashboards/sample-facility.ts'
import { createConsoleServer } from '#dashboards/server.ts'
import type { Alert, Level } from '#model/alert/alert.ts'
import { systemClock } from '#model/system-clock.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { ruleInfos } from '#rules/commands.ts'
import { buildFacility } from '../../dashboards/web/test-server/facility.ts'
import { picture } from '../../dashboards/web/test-server/picture.ts'

/** What the driver may ask for. */
export type Command =
  | { say: 'raise'; n: number; perSecond: number; closeAfterMs: number; mix: Level[] }
  | { say: 'open'; n: number }
  /** A living facility until told otherwise: alerts raised, acknowledged and closed, device states, people who change rooms. */
  | { say: 'live'; alertsPerMinute: number; devicesPerSecond: number }
  | { say: 'clear' }
  | { say: 'counts' }

export interface Published {
  id: string
  level: Level
  /** Wall clock of the machine at which the change was given to the stream, ms. */
  at: number
}
export type Answer =
  | { ready: string }
  | { published: Published[] }
  | { counts: Record<Level, number>; open: number; changes: number; devices: number; pictures: number }

const clock = systemClock
const facility = buildFacility(clock.now())
const rules = loadRules(CATALOGUE_DIR, {})
const infos = ruleInfos(rules, [])
const zones = facility.zones.filter((z) => z.kind !== 'outside')

class BenchDesk extends SampleDesk {
  readonly open = new Map<string, Alert>()
  changesSent = 0
  #n = 0
  raise1(level: Level): Alert {
    const n = ++this.#n
    const rule = infos[n % infos.length]!
    const zone = zones[(n * 7) % zones.length]!
    const now = clock.now()
    const alert = sampleAlert(`bench${String(n).padStart(7, '0')}`, {
      rule: rule.id,
      code: rule.code,
      domain: rule.domain as Alert['domain'],
      level,
      zone: zone.id,
      device: facility.devices[n % facility.devices.length]!.id,
      subject: null,
      subjects: [],
      key: `${zone.id}|${n}`,
      number: `1122-${String(n).padStart(4, '0')}`,
      incident: `i${n}`,
      raisedAt: now,
      eventTime: now,
      plan: rule.plan,
      reasons: [{ code: 'value', params: { value: n % 100, limit: 80 }, class: 'L2' }],
      explanation: null as unknown as Alert['explanation'],
      assignee: null,
      evidence: [],
    })
    this.open.set(alert.id, alert)
    this.#say(alert, 'raised')
    return alert
  }
  acknowledge(alert: Alert): Alert {
    const known = this.open.get(alert.id)
    if (!known) return alert
    const after: Alert = { ...known, state: 'acknowledged', ackAt: clock.now(), assignee: 'S33' }
    this.open.set(after.id, after)
    this.#say(after, 'acknowledged')
    return after
  }
  close(known: Alert): void {
    const alert = this.open.get(known.id) ?? known
    this.open.delete(alert.id)
    const now = clock.now()
    this.#say(
      { ...alert, state: 'resolved', handling: 'closed', clearedAt: now, resolvedAt: now, closedAt: now },
      'resolved',
    )
    // Closed ones are forgotten: this desk stands for a stream, not for a history.
    this.records.delete(alert.id)
    this.changes.length = 0
  }
  #say(alert: Alert, change: 'raised' | 'acknowledged' | 'resolved'): void {
    this.changesSent++
    this.publish(alert, change)
  }
  override openCount(): number {
    return this.open.size
  }
  override counts(): ReturnType<SampleDesk['counts']> {
    const of = (level: Level) => {
      const all = [...this.open.values()].filter((a) => a.level === level)
      return { open: all.length, unacknowledged: all.filter((a) => a.state === 'unacknowledged').length }
    }
    return { red: of('red'), orange: of('orange'), yellow: of('yellow'), blue: of('blue') }
  }
}

class BenchFacility extends SampleFacility {
  override items: Record<string, Record<string, unknown>[]> = {
    zones: facility.zones as unknown as Record<string, unknown>[],
    devices: facility.devices.map(({ id, kind, driver, zone, at, watches, model }) => ({
      id,
      kind,
      driver,
      zone,
      at,
      watches,
      model,
    })),
    people: facility.people as unknown as Record<string, unknown>[],
    staff: [],
  }
  override states = facility.devices.map(({ id, online, lastSeen, offsetMs, reason, latest }) => ({
    id,
    online,
    lastSeen,
    offsetMs,
    reason,
    readings: 1,
    quarantined: 0,
    latest: latest ?? {},
  })) as SampleFacility['states']
  override fixes = facility.positions as unknown as SampleFacility['fixes']
  override rules() {
    return infos
  }
  taken = 0
  /** Without `BENCH_PICTURES` no camera answers: what is measured then is alerts alone. */
  override async snapshot(camera: string) {
    if (pictures.length === 0) return null as never
    const jpeg = pictures[this.taken++ % pictures.length]!
    return { device: camera, takenAt: clock.now(), jpeg, sha256: String(this.taken) }
  }
}

/** Of the size a camera gives, each another, so that no cache of the browser helps. */
const pictures = process.env.BENCH_PICTURES
  ? Array.from({ length: 24 }, (_, i) => new Uint8Array(picture(i, i % 3 === 0)))
  : []

const dir = mkdtempSync(join(tmpdir(), 'ww-bench-console-'))
const accounts = openAccounts({ dir, clock, scryptLog2: 10 })
await accounts.add({ id: 'bench', name: 'Bench', role: 'chief', password: 'Console-and-pixel-1' })
await accounts.add({ id: 'wall', name: 'Wall', role: 'wall', password: 'Console-and-pixel-1' })
const desk = new BenchDesk(clock)
const place = new BenchFacility()
const server = await createConsoleServer({
  clock,
  id: 'bench',
  accounts,
  alerts: desk,
  facility: place,
  ledger: new SampleLedger(),
  logger: pino({ level: 'silent' }),
  loginsPerMinute: 10_000,
  webRoot: process.env.BENCH_WEB_ROOT ?? null,
})
const url = await server.listen()

// Everybody moves, as in a facility that lives: two positions a second each.
const walking = setInterval(() => {
  const time = clock.now()
  for (const p of place.fixes) {
    p.time = time
    p.x_m += (Math.random() - 0.5) * 0.25
    p.y_m += (Math.random() - 0.5) * 0.25
  }
  place.positionListener(place.fixes)
}, 500)

const say = (answer: Answer) => process.send!(answer)

/** Raises at an even rate: what is due by the clock at each tick, so that a late tick catches up. */
async function raise(command: Extract<Command, { say: 'raise' }>): Promise<Published[]> {
  const published: Published[] = []
  const closing: { at: number; alert: Alert }[] = []
  const start = performance.now()
  while (published.length < command.n || closing.length > 0) {
    const now = performance.now()
    const due = Math.min(command.n, Math.floor(((now - start) / 1000) * command.perSecond) + 1)
    while (published.length < due) {
      const level = command.mix[published.length % command.mix.length]!
      const at = Date.now()
      const alert = desk.raise1(level)
      published.push({ id: alert.id, level, at })
      if (command.closeAfterMs > 0) closing.push({ at: now + command.closeAfterMs, alert })
    }
    while (closing.length > 0 && closing[0]!.at <= now) desk.close(closing.shift()!.alert)
    if (
      published.length >= command.n &&
      command.closeAfterMs > 0 &&
      now - start > (command.n / command.perSecond) * 1000
    )
      break
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  return published
}

/** One in forty red, one in ten orange; acknowledged after 5 to 30 s, closed after 20 to 90 s. */
const LIVE_MIX: Level[] = Array.from({ length: 40 }, (_, i) =>
  i === 17 ? 'red' : i % 10 === 5 ? 'orange' : i % 4 === 0 ? 'yellow' : 'blue',
)
let devicesSaid = 0
const livings: ReturnType<typeof setInterval>[] = []
function live({ alertsPerMinute, devicesPerSecond }: Extract<Command, { say: 'live' }>): void {
  let n = 0
  livings.push(
    setInterval(() => {
      const alert = desk.raise1(LIVE_MIX[n++ % LIVE_MIX.length]!)
      setTimeout(() => desk.acknowledge(alert), 5_000 + Math.random() * 25_000)
      setTimeout(() => desk.close(alert), 20_000 + Math.random() * 70_000)
    }, 60_000 / alertsPerMinute),
    setInterval(() => {
      const state = place.states[devicesSaid++ % place.states.length]!
      const online = devicesSaid % 97 !== 0
      Object.assign(state, { lastSeen: clock.now(), online, readings: state.readings + 1 })
      place.deviceListener(state, devicesSaid)
    }, 1000 / devicesPerSecond),
    setInterval(() => {
      for (const p of place.fixes)
        if (Math.random() < 0.02) p.zone = zones[Math.floor(Math.random() * zones.length)]!.id
    }, 5000),
  )
}

process.on('message', async (command: Command) => {
  if (command.say === 'live') {
    live(command)
    say({ published: [] })
  }
  if (command.say === 'raise') say({ published: await raise(command) })
  if (command.say === 'open') {
    const mix: Level[] = ['blue', 'blue', 'yellow', 'blue', 'orange']
    const published = Array.from({ length: command.n }, (_, i) => {
      const alert = desk.raise1(mix[i % mix.length]!)
      return { id: alert.id, level: alert.level, at: Date.now() }
    })
    say({ published })
  }
  if (command.say === 'clear') {
    for (const alert of [...desk.open.values()]) desk.close(alert)
    say({ published: [] })
  }
  if (command.say === 'counts') {
    const c = desk.counts()
    const counts = { red: c.red.open, orange: c.orange.open, yellow: c.yellow.open, blue: c.blue.open }
    say({ counts, open: desk.open.size, changes: desk.changesSent, devices: devicesSaid, pictures: place.taken })
  }
})
process.on('disconnect', () => {
  clearInterval(walking)
  for (const timer of livings) clearInterval(timer)
  void server.close().finally(() => {
    rmSync(dir, { recursive: true, force: true })
    process.exit(0)
  })
})
say({ ready: url })
