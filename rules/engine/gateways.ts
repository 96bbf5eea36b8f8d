/**
 * Health of gateways (`semantics.md` 3). While a gateway is unhealthy, and 120 s after, absence timers of its children
 * stand still. `stoodStill` is how long they have stood in all, so a timer is due at: begin + limit + what stood since.
 */
const SILENCE_MS = 30_000
const RECOVERY_MS = 120_000
const MIN_CHILDREN = 5

interface GatewayState {
  id: string
  /** Children that have spoken at least once. */
  spoken: Record<string, true>
  children: number
  lastSpoke: number
  offlineSince: number | null
  /** Total of finished standstill, and the interval that may still grow. */
  total: number
  from: number
  until: number
}

export class Gateways {
  readonly #gateways = new Map<string, GatewayState>()
  /** Times in which nobody listened (the edge was down): all timers stood still. Few; the last ones are kept. */
  #pauses: { from: number; until: number }[] = []

  #get(id: string): GatewayState {
    let state = this.#gateways.get(id)
    if (!state) {
      state = { id, spoken: {}, children: 0, lastSpoke: 0, offlineSince: null, total: 0, from: 0, until: 0 }
      this.#gateways.set(id, state)
    }
    return state
  }

  /** A child spoke at engine time `at`. */
  spoke(gateway: string, child: string, at: number): void {
    const g = this.#get(gateway)
    if (g.children >= MIN_CHILDREN && at - g.lastSpoke > SILENCE_MS)
      this.#stand(g, g.lastSpoke + SILENCE_MS, at + RECOVERY_MS)
    if (at > g.lastSpoke) g.lastSpoke = at
    if (g.spoken[child] !== true) {
      g.spoken[child] = true
      g.children++
    }
  }

  status(gateway: string, online: boolean, at: number): void {
    const g = this.#get(gateway)
    if (!online) g.offlineSince ??= at
    else if (g.offlineSince !== null) {
      this.#stand(g, g.offlineSince, at + RECOVERY_MS)
      g.offlineSince = null
    }
  }

  #stand(g: GatewayState, from: number, until: number): void {
    if (from <= g.until) {
      g.until = Math.max(g.until, until)
      return
    }
    g.total += g.until - g.from
    g.from = from
    g.until = until
  }

  /** Since when the gateway is unhealthy now; null = healthy. */
  unhealthySince(gateway: string | undefined, at: number): number | null {
    const g = gateway ? this.#gateways.get(gateway) : undefined
    if (!g) return null
    if (g.offlineSince !== null) return g.offlineSince
    return g.children >= MIN_CHILDREN && at - g.lastSpoke >= SILENCE_MS ? g.lastSpoke + SILENCE_MS : null
  }

  /** Nobody listened in this time; recovery included. Restarts close together are one pause: no second counts twice. */
  pauseAll(from: number, until: number): void {
    const after = Math.max(from, this.#pauses.at(-1)?.until ?? from)
    if (after >= until) return
    this.#pauses.push({ from: after, until })
    if (this.#pauses.length > 16) this.#pauses.shift()
  }

  #paused(at: number): number {
    let total = 0
    for (const p of this.#pauses) total += Math.max(0, Math.min(at, p.until) - p.from)
    return total
  }

  /** Do timers of its children stand still at this instant? */
  standsStill(gateway: string | undefined, at: number): boolean {
    if (this.#pauses.some((p) => at >= p.from && at < p.until)) return true
    const g = gateway ? this.#gateways.get(gateway) : undefined
    return g !== undefined && (this.unhealthySince(gateway, at) !== null || (at >= g.from && at < g.until))
  }

  /** Time for which the children's timers have stood still until `at`, ms. */
  stoodStill(gateway: string | undefined, at: number): number {
    const g = gateway ? this.#gateways.get(gateway) : undefined
    if (!g) return this.#paused(at)
    const since = this.unhealthySince(gateway, at)
    let total = this.#paused(at) + g.total + Math.max(0, Math.min(at, g.until) - g.from)
    if (since !== null) total += Math.max(0, at - Math.max(since, g.until))
    return total
  }

  snapshot(): { gateways: GatewayState[]; pauses: { from: number; until: number }[] } {
    return { gateways: [...this.#gateways.values()], pauses: this.#pauses }
  }
  restore(snapshot: ReturnType<Gateways['snapshot']>): void {
    this.#gateways.clear()
    for (const state of snapshot.gateways) this.#gateways.set(state.id, state)
    this.#pauses = snapshot.pauses
  }
}
