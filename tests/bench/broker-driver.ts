/**
 * The same as broker.ts with the MQTT driver behind the broker: parse, validate, hand over. The rest of the edge comes on top.
 * Run: node tests/bench/broker-driver.ts [connections] [window] [seconds] [rate].
 */
import { spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { createBroker } from '#broker/index.ts'
import { RecordingHost } from '#drivers/conformance.ts'
import { createMqttDriver } from '#drivers/mqtt/index.ts'
import { systemClock } from '#model/system-clock.ts'

const [connections = '200', window = '20', seconds = '5', rate = '0'] = process.argv.slice(2)
const COMMIT_MS = 2
let messages = 0
const devices = Array.from({ length: Number(connections) }, (_, i) => ({
  id: `D${i}`,
  driver: 'mqtt' as const,
  password: 'p',
}))
const host = new RecordingHost()
host.accept = (readings) => {
  messages += readings.length
  return new Promise((resolve) => setTimeout(resolve, COMMIT_MS))
}
const driver = createMqttDriver(host)
await driver.start(devices)
const broker = await createBroker({
  facility: 'js-03',
  clock: systemClock,
  dataDir: null,
  tcp: 0,
  limits: { rate: 1e9, burst: 1e9 },
  identities: {
    devices: devices.map((d) => ({ id: d.id, password: 'p', certificate: d.id, children: [] })),
    subscribers: [],
  },
  onPublish: (batch) => driver.ingest(batch),
  onSession: (session) => driver.session(session),
})
const cpu = process.cpuUsage()
const child = spawn(
  process.execPath,
  [
    new URL('./mqtt-generator.ts', import.meta.url).pathname,
    String(broker.ports.tcp),
    'js-03',
    connections,
    window,
    seconds,
    rate,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
let out = ''
child.stdout.on('data', (chunk) => {
  out += chunk
})
await new Promise((resolve) => child.once('close', resolve))
const used = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    bench: 'broker-driver',
    ...JSON.parse(out || '{}'),
    cpuUsPerMessage: Math.round((used.user + used.system) / messages),
    rssMB: Math.round(process.memoryUsage.rss() / 1_048_576),
    refused: broker.metrics().refused,
    quarantined: host.quarantined.length,
    loadavg: loadavg()[0],
  }),
)
await broker.close()
host.dispose()
process.exit(0)
