/** The obligations of every driver, kept over OPC UA: victim and witness are two servers, the dead one is a port without any. */
import { afterAll, beforeAll } from 'vitest'
import type { Device } from '#model/context/kinds.ts'
import { systemClock } from '#model/system-clock.ts'
import { createOpcuaTwin, type OpcuaTwin } from '#simulators/opcua/index.ts'
import { driverConformance } from '../conformance.ts'
import { createOpcuaDriver } from './index.ts'

let servers: Map<string, OpcuaTwin>
let open = false

beforeAll(async () => {
  servers = new Map()
  for (const id of ['VICTIM', 'WITNESS'])
    servers.set(id, await createOpcuaTwin({ devices: [{ id, kind: 'door' }], clock: systemClock }))
})
afterAll(() => Promise.all([...servers.values()].map((server) => server.close())))

const twinOf = (id: string): OpcuaTwin => {
  const twin = servers.get(id)
  if (!twin) throw new Error(`no server for ${id}`)
  return twin
}
const entry = (id: string): Device => ({
  id,
  driver: 'opcua',
  kind: 'door',
  url: twinOf(id).url,
  root: twinOf(id).rootOf(id),
  model: 'generic-door',
})

driverConformance({
  name: 'OPC UA',
  create: createOpcuaDriver,
  async twin() {
    for (const twin of servers.values()) await twin.fault({ kind: 'start' })
    return {
      victim: entry('VICTIM'),
      witness: entry('WITNESS'),
      dead: { ...entry('WITNESS'), id: 'DEAD', url: 'opc.tcp://127.0.0.1:1' },
      async emit(device, timeMs) {
        // node-opcua's server puts a source time on every value.
        if (timeMs === null) return null
        open = !open
        const value = { state: open ? 'open' : 'closed' }
        twinOf(device).emitReading({ device, type: 'door.state', value, time: timeMs })
        return { type: 'door.state', value }
      },
      async emitUnmappable(device) {
        await twinOf(device).fault({ kind: 'nonsense', device })
        return true
      },
      disconnect: (device) => twinOf(device).fault({ kind: 'stop' }),
      reconnect: (device) => twinOf(device).fault({ kind: 'start' }),
      connections: (device) => twinOf(device).connections,
      close: async () => {},
    }
  },
})
