/**
 * Acknowledged QoS 1 messages per second of the embedded broker alone, journal-before-PUBACK, with a journal that
 * answers after COMMIT_MS. Run: node tests/bench/broker.ts [connections] [window] [seconds] [rate].
 */
import { spawn } from 'node:child_process'
import { createBroker } from '#broker/index.ts'
import { systemClock } from '#model/system-clock.ts'

const [connections = '200', window = '20', seconds = '5', rate = '0'] = process.argv.slice(2)
const COMMIT_MS = 2
let batches = 0
let messages = 0
const broker = await createBroker({
  facility: 'js-03',
  clock: systemClock,
  dataDir: null,
  tcp: 0,
  limits: { rate: 1e9, burst: 1e9 },
  identities: {
    devices: Array.from({ length: Number(connections) }, (_, i) => ({
      id: `D${i}`,
      password: 'p',
      certificate: `D${i}`,
      children: [],
    })),
    subscribers: [],
  },
  onPublish: (batch) => {
    batches++
    messages += batch.length
    return new Promise((r) => setTimeout(r, COMMIT_MS))
  },
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
child.stdout.on('data', (d) => {
  out += d
})
await new Promise((r) => child.once('close', r))
const used = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    bench: 'broker',
    ...JSON.parse(out || '{}'),
    perBatch: Math.round(messages / batches),
    cpuUsPerMessage: Math.round((used.user + used.system) / messages),
    rssMB: Math.round(process.memoryUsage.rss() / 1048576),
    loadavg: (await import('node:os')).loadavg()[0],
  }),
)
await broker.close()
process.exit(0)
