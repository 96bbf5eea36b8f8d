/** Which devices are connected, and with how many connections; tells of each coming and going in its order. */
import type { AedesClient } from './client-session.ts'
import type { DeviceSession } from './options.ts'

export class Presence {
  readonly #tell: (session: DeviceSession) => void
  readonly #connections = new Map<string, number>()
  readonly #counted = new WeakSet<AedesClient>()

  constructor(tell: (session: DeviceSession) => void) {
    this.#tell = tell
  }

  has(device: string): boolean {
    return (this.#connections.get(device) ?? 0) > 0
  }

  joined(client: AedesClient): void {
    const identity = client.ww?.identity
    // aedes says "ready" a moment after the CONNACK: who has gone by then has been told off already and would stay for ever.
    if (identity?.kind !== 'device' || client.closed) return
    const count = (this.#connections.get(identity.id) ?? 0) + 1
    this.#connections.set(identity.id, count)
    this.#counted.add(client)
    this.#later({ device: identity.device, event: 'connected', reason: null, remaining: count })
  }

  /** Connections of the device that remain; null when this one was never counted. */
  left(client: AedesClient, silent: boolean): number | null {
    const session = client.ww
    const identity = session?.identity
    if (!session || identity?.kind !== 'device' || !this.#counted.delete(client)) return null
    const count = (this.#connections.get(identity.id) ?? 1) - 1
    if (count > 0) this.#connections.set(identity.id, count)
    else this.#connections.delete(identity.id)
    const reason = session.endedBy ?? (client._disconnected ? 'clean' : 'session-lost')
    if (!silent) this.#later({ device: identity.device, event: 'disconnected', reason, remaining: count })
    return count
  }

  /** After the batch of this turn: a will of the old connection must be heard before the new one is announced. */
  #later(session: DeviceSession): void {
    setImmediate(() => this.#tell(session))
  }
}
