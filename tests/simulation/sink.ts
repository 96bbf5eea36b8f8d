/** A time-series store in memory that can be gone or hang, for the simulation. Writes are idempotent, as the port asks. */
import type { AlertChange } from '#model/alert/alert.ts'
import { WardwatchError } from '#model/errors.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { Reading } from '#model/reading.ts'
import type { World } from './world.ts'

export const changeKey = (change: AlertChange): string =>
  JSON.stringify([change.alert.id, change.change, change.at, change.alert])

export class MemorySink implements SeriesSink {
  readonly name = 'memory'
  readonly readings = new Set<string>()
  readonly changes = new Set<string>()
  readonly #world: World
  #down: 'no' | 'refuses' | 'hangs' = 'no'
  #hanging: (() => void)[] = []

  constructor(world: World) {
    this.#world = world
  }

  fail(): void {
    this.#down = this.#world.maybe(0.5) ? 'refuses' : 'hangs'
  }

  mend(): void {
    this.#down = 'no'
    for (const go of this.#hanging.splice(0)) go()
  }

  async write(items: ({ reading: Reading } | { change: AlertChange })[]): Promise<{ rejected: [] }> {
    if (this.#down === 'refuses') throw new WardwatchError('sink-unreachable', 'The store is gone (simulated).')
    if (this.#down === 'hangs') await new Promise<void>((resolve) => this.#hanging.push(resolve))
    await this.#world.sleep(this.#world.chance() * 20)
    for (const item of items)
      if ('reading' in item) this.readings.add(item.reading.id)
      else this.changes.add(changeKey(item.change))
    return { rejected: [] }
  }

  async query(): Promise<[]> {
    return []
  }

  async expire(): Promise<{ removed: number }> {
    return { removed: 0 }
  }

  async close(): Promise<void> {}
}
