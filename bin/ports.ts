/** Ports of a demo: a fixed pattern above one number, or any free ones. */
import { createServer } from 'node:net'
import { WardwatchError } from '#model/errors.ts'

export interface Ports {
  console: number
  province: number
  mqtt: number
  mqtts: number
  ws: number
  provinceMqtts: number
  opcua: number
  onvif: number
}

/** Distance between the facilities of one demo. */
const STRIDE = 100

const pattern = (base: number): Ports => ({
  console: base,
  province: base + 1,
  mqtt: base + 10,
  mqtts: base + 11,
  ws: base + 12,
  provinceMqtts: base + 15,
  opcua: base + 20,
  onvif: base + 30,
})

/**
 * @param base first port; 0 = any free ones.
 * @param yieldsIfTaken the base was nobody's wish: take free ports when it is in use.
 * @throws WardwatchError `port-taken`
 */
export async function portsOf(base: number, facilities: number, yieldsIfTaken: boolean): Promise<Ports[]> {
  if (base === 0) return freePorts(facilities)
  const wanted = Array.from({ length: facilities }, (_, i) => pattern(base + i * STRIDE))
  // Only the first facility's demo has a province.
  const numbers = wanted.flatMap((ports, i) =>
    Object.entries(ports)
      .filter(([name]) => i === 0 || !name.startsWith('province'))
      .map(([, port]) => port),
  )
  for (const port of numbers) {
    if (await isFree(port)) continue
    if (yieldsIfTaken) {
      process.stderr.write(
        `port ${port} is taken by another program; free ports are used instead (choose with --port)\n`,
      )
      return freePorts(facilities)
    }
    throw new WardwatchError(
      'port-taken',
      `port ${port} is taken by another program; stop it or choose other ports with --port`,
    )
  }
  return wanted
}

async function freePorts(facilities: number): Promise<Ports[]> {
  const keys = Object.keys(pattern(0)) as (keyof Ports)[]
  // All are held open together, so that none is given twice.
  const held = await Promise.all(Array.from({ length: facilities * keys.length }, () => hold(0)))
  const ports = held.map(({ port }) => port)
  await Promise.all(held.map(({ release }) => release()))
  return Array.from(
    { length: facilities },
    (_, i) => Object.fromEntries(keys.map((key, k) => [key, ports[i * keys.length + k] as number])) as unknown as Ports,
  )
}

async function isFree(port: number): Promise<boolean> {
  try {
    await (await hold(port)).release()
    return true
  } catch {
    return false
  }
}

function hold(port: number): Promise<{ port: number; release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const { port: real } = server.address() as { port: number }
      resolve({ port: real, release: () => new Promise((done) => server.close(() => done())) })
    })
  })
}
