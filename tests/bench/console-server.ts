/**
 * The console server of `bench:console` as a process of its own: the product's real server (accounts, masks, stream,
 * static pages) over a desk that raises made-up alerts when told to. It shares no event loop with the browser's driver.
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

/** What the driver may ask for. */
export type Command =
  | { say: 'raise'; n: number; perSecond: number; closeAfterMs: number; mix: Level[] }
  | { say: 'open'; n: number }
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
  | { counts: Record<Level, number>; open: number; changes: number }

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
  close(alert: Alert): void {
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
  #say(alert: Alert, change: 'raised' | 'resolved'): void {
    this.changesSent++
    this.publish(alert, change)
  }
  override openCount(): number {
    return this.open.size
  }
  override counts(): ReturnType<SampleDesk['counts']> {
    const of = (level: Level) => {
      const n = [...this.open.values()].filter((a) => a.level === level).length
      return { open: n, unacknowledged: n }
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
  override async snapshot() {
    return null as never
  }
}

const dir = mkdtempSync(join(tmpdir(), 'ww-bench-console-'))
const accounts = openAccounts({ dir, clock, scryptLog2: 10 })
await accounts.add({ id: 'bench', name: 'Bench', role: 'chief', password: 'Console-and-pixel-1' })
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

process.on('message', async (command: Command) => {
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
    say({ counts, open: desk.open.size, changes: desk.changesSent })
  }
})
process.on('disconnect', () => {
  clearInterval(walking)
  void server.close().finally(() => {
    rmSync(dir, { recursive: true, force: true })
    process.exit(0)
  })
})
say({ ready: url })
