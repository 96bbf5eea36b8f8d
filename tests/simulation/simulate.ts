/** One seed: a facility and a province live through some minutes of faults, then heal, then every invariant is asked. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '#province/store/sql.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { EdgeNode } from './edge-node.ts'
import { DEVICES, Device, happenings, type Sent, SITE, type WireFaults } from './field.ts'
import { type Evidence, judge, type Verdict } from './invariants.ts'
import { People } from './people.ts'
import { emptyProvince, ProvinceNode } from './province-node.ts'
import { MemorySink } from './sink.ts'
import { CHANGING, type Weather } from './weather.ts'
import { World } from './world.ts'

const START = Date.UTC(2026, 10, 22, 2)
/** Asked at odd times: health goes out every 30 s and is always on its way at some. */
const HEAL_MS = 7300
/** Long enough after the last restart for the silence of a band to be an alert. */
const LEAST_HEALS = 34
const MOST_HEALS = 66

export const RULES = loadRules(CATALOGUE_DIR, SITE.rules ?? {})

export interface Outcome {
  seed: number
  violations: string[]
  kills: number
  stops: number
  provinceKills: number
  said: number
  acknowledged: number
  journaled: number
  alerts: number
  changes: number
  /** Power cuts that found something unacknowledged, by what became of it. */
  powerCuts: { lost: number; torn: number; reordered: number }
  /** Rules whose alerts were compared with those of a run without faults. */
  judged: string[]
  shed: number
  /** Persons whose key was destroyed and who were told so. */
  forgotten: number
  events: number
  trace: string[]
}

/** Memory is the fastest disk and the one that wears nothing out. */
const folder = (): string => {
  try {
    if (statSync('/dev/shm').isDirectory()) return '/dev/shm'
  } catch {
    // Not this system.
  }
  return tmpdir()
}

export async function simulate(
  seed: number,
  store: Store,
  options: { trace?: boolean; sabotage?: boolean; weather?: Weather } = {},
): Promise<Outcome> {
  const weather = options.weather ?? CHANGING
  const healFrom = START + weather.faultyMs
  const world = new World(seed, START)
  const root = mkdtempSync(join(folder(), 'ww-sim-'))
  const trace: string[] = []
  const note = (text: string): void => {
    if (options.trace) trace.push(`${((world.now - START) / 1000).toFixed(3)} ${text}`)
  }
  await emptyProvince(store)
  try {
    const province = new ProvinceNode(world, store)
    province.forgetful = options.sabotage === true
    const sink = new MemorySink(world)
    const edge = new EdgeNode({
      world,
      root,
      site: SITE,
      rules: RULES,
      sink,
      openLink: (link, process) => province.link(link, process),
      trace: note,
    })
    const wire: WireFaults = { loss: 0, duplicate: 0, delayMs: 10 }
    const evidence: Evidence = { said: [], acknowledged: new Map(), acts: [], raised: [], forgotten: [] }
    const devices = new Map(
      DEVICES.map((id) => [
        id,
        new Device(
          id,
          world,
          wire,
          // A test of the checkers: they must find an edge and a province that acknowledge and forget.
          (reading) => (options.sabotage && world.maybe(0.05) ? Promise.resolve() : edge.accept([reading])),
          (sent: Sent) => void evidence.acknowledged.set(sent.id, sent),
        ),
      ]),
    )
    const happen = happenings(world, devices)
    const people = new People(world, edge, evidence)
    edge.start()

    const { faults } = edge.disk
    weather.begin({ world, edge, province, sink, wire, devices, until: healFrom, note })
    const rateMs = weather.rateMs ?? world.between(150, 1500)
    const say = (): void => {
      if (world.now > healFrom) return
      evidence.said.push(happen())
      world.after(world.chance() * 2 * rateMs, say)
    }
    say()
    const act = (): void => {
      if (world.now > healFrom) return
      people.act()
      world.after(world.between(rateMs, rateMs * 12), act)
    }
    act()

    await world.run(healFrom)
    note('healing')
    Object.assign(wire, { loss: 0, duplicate: 0, delayMs: 10 })
    Object.assign(province.faults, { loss: 0, duplicate: 0, delayMs: 10 })
    Object.assign(faults, { full: 0, broken: 0, slowMs: 1, callsToKill: Number.POSITIVE_INFINITY })
    province.killChance = 0
    province.reachable = true
    sink.mend()
    const settled = (): boolean =>
      edge.running !== null &&
      [...devices.values()].every((d) => d.unanswered === 0) &&
      edge.running.uplink.state().lag === 0 &&
      edge.running.pump.state().lag === 0
    for (let i = 1; i <= MOST_HEALS; i++) {
      await world.run(healFrom + i * HEAL_MS)
      if (settled() && i >= LEAST_HEALS) break
    }
    const found: string[] = []
    if (!settled()) {
      const state = edge.running
        ? {
            uplink: edge.running.uplink.state(),
            pump: edge.running.pump.state(),
            journal: edge.running.journal.stats(),
          }
        : 'the edge does not run'
      const silent = [...devices.values()].filter((d) => d.unanswered > 0).map((d) => d.id)
      found.push(
        `settles: not at rest ${Math.round((MOST_HEALS * HEAL_MS) / 60_000)} min after the last fault: ${JSON.stringify({ silent, state })}`,
      )
    }

    // Everything must stand on the disk, not only in memory.
    let ended = false
    void edge.stop().then(() => {
      ended = true
    })
    await world.run(world.now + 30_000)
    if (!ended) found.push('settles: a stop did not end within 30 s')
    edge.start()
    await world.run(world.now + 30_000)
    let verdict: Verdict | null = null
    void judge({
      world,
      evidence,
      edge,
      province,
      sink,
      store,
      rules: RULES,
    }).then(
      (v) => {
        verdict = v
      },
      (error: Error) => {
        verdict = { violations: [`settles: ${error.stack}`], journaled: 0, alerts: 0, changes: 0, judged: [] }
      },
    )
    for (let i = 0; i < 100 && verdict === null; i++) await world.run(world.now + 500)
    const answered = verdict as Verdict | null
    if (answered === null) found.push('settles: the stores did not answer the questions at the end')
    await edge.dispose()
    return {
      seed,
      violations: [...found, ...(answered?.violations ?? [])],
      kills: edge.kills,
      stops: edge.stops,
      provinceKills: province.kills,
      said: evidence.said.length,
      acknowledged: evidence.acknowledged.size,
      journaled: answered?.journaled ?? 0,
      alerts: answered?.alerts ?? 0,
      changes: answered?.changes ?? 0,
      powerCuts: edge.disk.powerCuts,
      judged: answered?.judged ?? [],
      shed: edge.shed,
      forgotten: evidence.forgotten.length,
      events: world.events,
      trace,
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
