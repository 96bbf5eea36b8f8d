/**
 * What the edge is compared with, each the least that does a part of its job. `aedes`: the broker alone, acknowledges at
 * once. `aedes+journal`: bare aedes, one Map rule, one stream, with the edge's own journal before the PUBACK; no
 * catalogue, no validation, no ledger, no store. Ends with its standard input.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes, type AedesPublishPacket } from 'aedes'
import { type EdgeJournal, openJournal } from '#ingest/journal/journal.ts'
import type { JournalBody } from '#model/ports/journal.ts'
import { systemClock } from '#model/system-clock.ts'

const kind = process.argv[2]
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
process.stdin.on('end', async () => {
  await journal?.close()
  rmSync(dir, { recursive: true, force: true })
  process.exit(0)
})
process.stdin.resume()
process.stdout.write(
  `${JSON.stringify({ event: 'ready', mqtt: (tcp.address() as AddressInfo).port, http: (http.address() as AddressInfo).port })}\n`,
)
