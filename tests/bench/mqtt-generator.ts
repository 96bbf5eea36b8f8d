/**
 * Load for the broker, in a process of its own: CONNECTIONS clients, each with at most WINDOW unacknowledged QoS 1
 * messages, for SECONDS. Prints one JSON line. Arguments: port facility connections window seconds [rate per second, 0 = as fast as acknowledged].
 */
import { connect } from 'node:net'
import mqttPacket from 'mqtt-packet'

const [port, facility, connections, window, seconds, rate = 0] = process.argv
  .slice(2)
  .map((a, i) => (i === 1 ? a : Number(a))) as [number, string, number, number, number, number]
let acknowledged = 0
const delays: number[] = []
let running = true

function client(index: number): Promise<void> {
  return new Promise((ready, failed) => {
    const id = `D${index}`
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const parser = mqttPacket.parser()
    const sent = new Map<number, number>()
    let next = 1
    const publish = () => {
      const messageId = next
      next = next === 65535 ? 1 : next + 1
      sent.set(messageId, performance.now())
      socket.write(
        mqttPacket.generate({
          cmd: 'publish',
          qos: 1,
          dup: false,
          retain: false,
          messageId,
          topic: `ww/v1/${facility}/dev/${id}/band.vitals`,
          payload: `{"time":${Date.now()},"hr":${70 + (next % 20)},"spo2":97,"skin_celsius":33.1,"resp":16,"activity":0.2,"confidence":0.95}`,
        }),
      )
    }
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connack') {
        if (packet.returnCode) failed(new Error(`refused ${packet.returnCode}`))
        ready()
        if (rate > 0) {
          const everyMs = (1000 * connections) / rate
          const tick = () => {
            if (!running) return
            if (sent.size < window) publish()
            setTimeout(tick, everyMs)
          }
          setTimeout(tick, Math.random() * everyMs)
        } else
          setTimeout(() => {
            for (let i = 0; i < window; i++) publish()
          }, 500)
      } else if (packet.cmd === 'puback') {
        const at = sent.get(packet.messageId as number)
        sent.delete(packet.messageId as number)
        if (!running) return
        acknowledged++
        if (at !== undefined && acknowledged % 10 === 0) delays.push(performance.now() - at)
        if (rate === 0) publish()
      }
    })
    socket.on('data', (chunk) => parser.parse(chunk))
    socket.on('error', failed)
    socket.write(
      mqttPacket.generate({
        cmd: 'connect',
        clientId: 'bench',
        clean: true,
        keepalive: 60,
        protocolId: 'MQTT',
        protocolVersion: 4,
        username: id,
        password: Buffer.from('p'),
      }),
    )
  })
}

await Promise.all(Array.from({ length: connections }, (_, i) => client(i)))
await new Promise((r) => setTimeout(r, 1500))
const before = acknowledged
delays.length = 0
const start = performance.now()
await new Promise((r) => setTimeout(r, seconds * 1000))
const ms = performance.now() - start
running = false
delays.sort((a, b) => a - b)
const q = (p: number) => Number((delays[Math.floor(delays.length * p)] ?? 0).toFixed(1))
console.log(
  JSON.stringify({
    connections,
    window,
    acknowledgedPerS: Math.round(((acknowledged - before) * 1000) / ms),
    p50Ms: q(0.5),
    p99Ms: q(0.99),
  }),
)
process.exit(0)
