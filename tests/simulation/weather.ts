/**
 * What goes wrong, and when: the changing weather of an ordinary seed, and plans of many virtual hours in which one thing
 * is wrong for long. After its time everything heals (`simulate.ts`) and the invariants are asked.
 */
import type { EdgeNode } from './edge-node.ts'
import type { Device, WireFaults } from './field.ts'
import type { ProvinceNode } from './province-node.ts'
import type { MemorySink } from './sink.ts'
import type { World } from './world.ts'

export interface Sky {
  world: World
  edge: EdgeNode
  province: ProvinceNode
  sink: MemorySink
  wire: WireFaults
  devices: Map<string, Device>
  /** The faults end here. */
  until: number
  note(text: string): void
}

export interface Weather {
  faultyMs: number
  /** Mean time between two things that happen in the facility; drawn by the seed where it is not given. */
  rateMs?: number
  begin(sky: Sky): void
}

const HOUR_MS = 3_600_000

/** Which faults there are and how bad they are belongs to the seed. */
function anyFaults({ world, edge, province, wire, devices }: Sky): void {
  if (world.maybe(0.8)) wire.loss = world.chance() * 0.3
  if (world.maybe(0.8)) wire.duplicate = world.chance() * 0.4
  if (world.maybe(0.7)) wire.delayMs = world.between(10, 3000)
  if (world.maybe(0.7)) province.faults.loss = world.chance() * 0.2
  if (world.maybe(0.7)) province.faults.duplicate = world.chance() * 0.5
  if (world.maybe(0.7)) province.faults.delayMs = world.between(10, 5000)
  if (world.maybe(0.5)) province.killChance = world.chance() * 0.05
  edge.disk.faults.slowMs = world.pick([1, 20, 300])
  for (const device of devices.values()) {
    if (world.maybe(0.1)) device.clock.offsetMs = Math.round(world.between(-HOUR_MS, HOUR_MS))
    if (world.maybe(0.2)) device.clock.rate = world.between(0.98, 1.02)
  }
}

const during = (world: World, ms: number, on: () => void, off: () => void): void => {
  on()
  world.after(ms, off)
}

function unplug({ world, province }: Sky, ms: number): void {
  during(
    world,
    ms,
    () => {
      province.reachable = false
      province.cut()
    },
    () => {
      province.reachable = true
    },
  )
}

function strike(sky: Sky): void {
  const { world, edge, sink } = sky
  const { faults } = edge.disk
  const kind = world.below(11)
  sky.note(`fault ${kind}`)
  if (kind < 3) faults.callsToKill = 1 + world.below(60)
  else if (kind === 3) edge.kill()
  else if (kind === 10) world.afterSteps(1 + world.below(400), () => edge.kill())
  else if (kind === 4) void edge.stop().then((stopped) => stopped && world.after(1500, () => edge.start()))
  else if (kind === 5)
    during(
      world,
      world.between(1000, 30_000),
      () => {
        faults.full = world.between(0.2, 1)
      },
      () => {
        faults.full = 0
      },
    )
  else if (kind === 6 && world.maybe(0.3)) faults.broken = 0.02
  else if (kind === 7)
    during(
      world,
      world.between(1000, 60_000),
      () => sink.fail(),
      () => sink.mend(),
    )
  else if (kind === 8) unplug(sky, world.between(1000, 60_000))
  else if (kind === 9 && world.maybe(0.5)) edge.clock.offsetMs += Math.round(world.between(-5000, 20_000))
  else edge.clock.rate = world.between(0.995, 1.005)
}

/** Again and again until the end, with a pause that the seed draws. */
function again({ world, until }: Sky, from: number, to: number, task: () => void): void {
  const step = (): void => {
    if (world.now > until) return
    task()
    world.after(world.between(from, to), step)
  }
  step()
}

/** Everything may happen at any time, for two minutes. */
export const CHANGING: Weather = {
  faultyMs: 120_000,
  begin(sky) {
    anyFaults(sky)
    sky.world.after(sky.world.between(0, 20_000), () => again(sky, 2000, 30_000, () => strike(sky)))
  },
}

/** Days and hours of one thing. */
export const LONG: Record<string, Weather> = {
  'stores-gone-24h': {
    faultyMs: 24 * HOUR_MS,
    rateMs: 60_000,
    begin(sky) {
      unplug(sky, 24 * HOUR_MS)
      sky.sink.fail()
      // Nobody is spared the rest of the day: some kills fall into it.
      again(sky, HOUR_MS, 6 * HOUR_MS, () => sky.edge.kill())
    },
  },
  'flapping-link-6h': {
    faultyMs: 6 * HOUR_MS,
    rateMs: 20_000,
    begin(sky) {
      const { world, province } = sky
      Object.assign(province.faults, { loss: 0.1, duplicate: 0.1, delayMs: 2000 })
      again(sky, 5000, 90_000, () => unplug(sky, world.between(1000, 60_000)))
    },
  },
  'clock-steps-6h': {
    faultyMs: 6 * HOUR_MS,
    rateMs: 20_000,
    begin(sky) {
      const { world, edge } = sky
      let ahead = false
      again(sky, HOUR_MS / 2, HOUR_MS, () => {
        ahead = !ahead
        edge.clock.offsetMs += ahead ? HOUR_MS : -HOUR_MS
        sky.note(`the clock of the edge is set ${ahead ? 'forward' : 'back'} by an hour`)
        if (world.maybe(0.3)) edge.kill()
      })
    },
  },
  'clock-drift-24h': {
    faultyMs: 24 * HOUR_MS,
    rateMs: 60_000,
    begin(sky) {
      const { world, edge, devices } = sky
      // 500 ppm are 43 s a day: what a bad crystal does that nobody sets.
      edge.clock.rate = world.maybe(0.5) ? 1.0005 : 0.9995
      for (const device of devices.values()) device.clock.rate = world.between(0.9995, 1.0005)
      again(sky, 2 * HOUR_MS, 8 * HOUR_MS, () => edge.kill())
    },
  },
}
