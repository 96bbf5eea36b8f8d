/**
 * What the edge is compared with, each the least that does a part of its job. `aedes`: the broker alone, acknowledges at
 * once. `aedes+journal`: bare aedes, one Map rule, one stream, with the edge's own journal before the PUBACK; no
 * catalogue, no validation, no ledger, no store. `node-red`: bare aedes, and Node-RED subscribed to it (`node-red-flow.ts`).
 * Arguments: kind, then for Node-RED its folder and InfluxDB's URL. Ends with its standard input.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes, type AedesPublishPacket } from 'aedes'
import { type EdgeJournal, openJournal } from '#ingest/journal/journal.ts'
import type { JournalBody } from '#model/ports/journal.ts'
import { systemClock } from '#model/system-clock.ts'
import { nodeRedFlow } from './node-red-flow.ts'

const [kind, folder = '', influxUrl = ''] = process.argv.slice(2)
const dir = mkdtempSync(join(tmpdir(), 'ww-bench-peer-'))
const journal: EdgeJournal | null = kind === 'aedes+journal' ? await openJournal({ dir, clock: systemClock }) : null
const streams = new Set<ServerResponse>()
const known = new Set<string>()
let n = 0

function bodiesOf(packet: AedesPublishPacket): JournalBody[] {
  const [, , facility, , device, type] = packet.topic.split('/') as string[]
  const parsed = JSON.parse(packet.payload.toString()) as Record<string, unknown> | Record<string, unknown>[]
  const received = Date.now()
  return (Array.isArray(parsed) ? parsed : [parsed]).map((item) => {
    const { time, ...value } = item
    const reading = {
      id: `r${++n}`,
      facility: facility!,
      zone: null,
      device: device!,
      type: type!,
      time: Number(time),
      received,
      quality: 'good' as const,
      subject: null,
      value: value as never,
    }
    return { kind: 'reading', reading }
  })
}

function evaluate(bodies: JournalBody[]): void {
  for (const body of bodies) {
    if (body.kind !== 'reading' || body.reading.type !== 'tag.sos' || known.has(body.reading.device)) continue
    known.add(body.reading.device)
    const alert = { device: body.reading.device, code: 'R39', evidence: [body.reading.id] }
    for (const stream of streams) stream.write(`event: alert\ndata: ${JSON.stringify({ change: 'raised', alert })}\n\n`)
  }
}

const broker = await Aedes.createBroker({
  concurrency: 10_000,
  authorizePublish: (_client, packet, done) => {
    if (kind === 'node-red') {
      done(null)
      return
    }
    const bodies = bodiesOf(packet as AedesPublishPacket)
    if (!journal) {
      evaluate(bodies)
      done(null)
      return
    }
    journal.append(bodies).then(
      () => {
        evaluate(bodies)
        done(null)
      },
      (error) => done(error),
    )
  },
})
const tcp = createTcp({ noDelay: true }, (socket) => broker.handle(socket))
await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
const http = createServer((request, response) => {
  if (request.url === '/backlog') {
    response.end(String(journal?.stats().pending ?? 0))
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(':\n\n')
  streams.add(response)
})
await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
const mqttPort = (tcp.address() as AddressInfo).port
const ready = {
  event: 'ready',
  mqtt: mqttPort,
  stream: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
  pids: [process.pid],
}
const red = kind === 'node-red' ? await startNodeRed() : null
if (red) {
  ready.stream = red.stream
  ready.pids.push(red.child.pid as number)
}

/** Resolves when its stream answers. */
async function startNodeRed() {
  const probe = createTcp()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const flow = nodeRedFlow({ mqttPort, influxUrl: influxUrl || null })
  writeFileSync(join(dir, 'flows.json'), JSON.stringify(flow))
  writeFileSync(
    join(dir, 'settings.js'),
    `module.exports = { uiHost: '127.0.0.1', uiPort: ${port}, flowFile: 'flows.json', httpAdminRoot: false, logging: { console: { level: 'off' } } }`,
  )
  const child = spawn(
    process.execPath,
    [join(folder, 'node_modules/node-red/red.js'), '--userDir', dir, '--settings', join(dir, 'settings.js')],
    { stdio: 'ignore' },
  )
  const stream = `http://127.0.0.1:${port}/stream`
  for (let i = 0; i < 300; i++) {
    const answer = await fetch(stream).catch(() => null)
    void answer?.body?.cancel()
    if (answer?.ok) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { child, stream }
}

process.stdin.on('end', async () => {
  red?.child.kill('SIGKILL')
  await journal?.close()
  rmSync(dir, { recursive: true, force: true })
  process.exit(0)
})
process.stdin.resume()
process.stdout.write(
  `${JSON.stringify({ ...ready, backlog: `http://127.0.0.1:${(http.address() as AddressInfo).port}/backlog` })}\n`,
)
