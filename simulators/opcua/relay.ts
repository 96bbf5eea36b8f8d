/**
 * A small TCP relay in front of the twin's server, so that the network itself can misbehave: slow, frozen or cut.
 * It must never look into what it carries.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Relay {
  readonly port: number
  /** Number of connections accepted so far. */
  readonly accepted: number
  /** Every chunk is held back for this long, ms, in both directions. */
  delay(ms: number): void
  /** true: connections stay open, nothing passes. */
  freeze(on: boolean): void
  /** true: all connections are dropped and new ones are closed at once. */
  cut(on: boolean): void
  close(): Promise<void>
}

export async function openRelay(host: string, port: number, target: () => number): Promise<Relay> {
  let delayMs = 0
  let frozen = false
  let severed = false
  let accepted = 0
  const pairs = new Set<[Socket, Socket]>()

  function pipe(from: Socket, to: Socket): void {
    from.on('data', (chunk) => {
      if (frozen) return
      if (delayMs === 0) to.write(chunk)
      else setTimeout(() => to.writable && to.write(chunk), delayMs).unref()
    })
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }

  const server: Server = createServer((client) => {
    if (severed) {
      client.destroy()
      return
    }
    accepted++
    client.setNoDelay(true)
    const upstream = connect({ host, port: target() })
    upstream.setNoDelay(true)
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    client.on('close', () => pairs.delete(pair))
    pipe(client, upstream)
    pipe(upstream, client)
  })
  const drop = () => {
    for (const [client, upstream] of pairs) {
      client.destroy()
      upstream.destroy()
    }
    pairs.clear()
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    get accepted() {
      return accepted
    },
    delay(ms) {
      delayMs = ms
    },
    freeze(on) {
      frozen = on
      // What was swallowed cannot be given back: a thawed connection would be out of step.
      if (!on) drop()
    },
    cut(on) {
      severed = on
      if (on) drop()
    },
    close() {
      severed = true
      drop()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** A port that nobody listens on right now. */
export async function freePort(host: string): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(0, host, resolve)
  })
  const address = probe.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  return port
}
