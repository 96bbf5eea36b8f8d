/** People at the console of the simulated facility: they do to open alerts whatever they may, and forget persons who have left. */
import type { Act } from '#model/alert/acts.ts'
import type { EdgeNode } from './edge-node.ts'
import { PERSONS } from './field.ts'
import type { Evidence } from './invariants.ts'
import type { World } from './world.ts'

const ACCOUNTS = [
  { id: 'SECRETOFFICER1', role: 'chief' },
  { id: 'SECRETOFFICER2', role: 'chief' },
]

export class People {
  readonly #world: World
  readonly #edge: EdgeNode
  readonly #evidence: Evidence
  #notes = 0

  constructor(world: World, edge: EdgeNode, evidence: Evidence) {
    this.#world = world
    this.#edge = edge
    this.#evidence = evidence
  }

  act(): void {
    void this.#try().catch(() => undefined)
  }

  async #try(): Promise<void> {
    const world = this.#world
    const desk = this.#edge.running?.desk
    if (!desk) return
    const account = world.pick(ACCOUNTS)
    const note = `SECRETNOTE ${++this.#notes}`
    if (world.maybe(0.2)) return this.#forget(world.pick(PERSONS), account.id)
    if (world.maybe(0.15)) {
      const change = await desk.raise({ level: 'orange', zone: 'C1', kind: 'fight', note }, account.id)
      this.#evidence.raised.push(change.alert.id)
      return
    }
    const { items } = await desk.list({ open: true }, undefined, 20)
    if (items.length === 0) return
    const alert = world.pick(items)
    const verbs = desk.allowed(alert, account)
    if (verbs.length === 0) return
    const act: Act = {
      act: world.pick(verbs),
      alert: alert.id,
      time: this.#edge.clock.now(),
      by: account.id,
      note,
      confirmed: true,
      units: ['U1'],
      result: 'confirmed',
      cause: 'nuisance',
      minutes: 10,
      until: this.#edge.clock.now() + 60_000,
      to: 'SECRETOFFICER2',
      step: 's1',
      done: true,
    }
    const outcome = await desk.act(act, account)
    if (outcome.ok) this.#evidence.acts.push(act)
  }

  /** As `wardwatch ledger forget` asks the running edge: whoever gets no answer does not know whether it was done. */
  async #forget(person: string, by: string): Promise<void> {
    // The worst moment for a cut is in between.
    if (this.#world.maybe(0.3)) this.#world.afterSteps(1 + this.#world.below(30), () => this.#edge.kill())
    const done = await this.#edge.running?.ledger.forget(person, { by, reason: 'released' })
    if (done && done.seq !== null) this.#evidence.forgotten.push({ person, key: done.key, seq: done.seq })
  }
}
