/** Requests to the console's server: every published route, with hostile paths, queries, heads and bodies, as every role. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { openAccounts } from '#dashboards/accounts.ts'
import { SampleDesk, SampleFacility, SampleLedger, SampleSeries, sampleAlert, T0 } from '#dashboards/sample-facility.ts'
import { type ConsoleServer, createConsoleServer } from '#dashboards/server.ts'
import { VirtualClock } from '#model/clock.ts'
import { ROLES } from '#model/permissions.ts'
import { type Border, demand, type Fate } from '../border.ts'
import type { Chance } from '../chance.ts'
import { HOSTILE_VALUES, hostileBytes, hostileJson, hostileText } from '../hostile.ts'
import { countingIntake } from '../memory-journal.ts'

interface Route {
  method: string
  path: string
  parameters: { name: string; in: string }[]
}

const IDS = ['a1', 'a2', 'K31', 'W3', 'P017', 'R29', 'RP7', 'I04', 'band.vitals', 'people', 'r1', '2026-11-22']
const BODIES: unknown[] = [
  { account: 'a-chief', password: 'Geheim-1234' },
  { act: 'acknowledge', note: '看到了', time: T0 },
  {
    act: 'resolve',
    result: 'confirmed',
    confirmed: true,
    cause: 'nuisance',
    minutes: 10,
    until: T0 + 60_000,
    to: 'a-chief',
  },
  { level: 'red', zone: 'W3', kind: 'fight', note: 'x' },
  [{ id: 'P017', ward: 'W3', cell: 'W3', allowed: ['W3'] }],
  { id: 'night', mode: 'lock-down', active: true, from: T0, to: T0 + 1 },
  { ids: ['q1', 'q2'], note: 'x' },
  { id: 'new-account', role: 'officer', password: 'Geheim-12345' },
  {},
]
const READINGS = [
  { device: 'W017', type: 'band.vitals', time: T0, value: { hr: 72, spo2: 97, confidence: 1 } },
  { device: 'E1', type: 'env.temperature', time: T0 + 1, value: { celsius: 21.5 } },
]
/** A new house now and then: what people do in it piles up. */
const HOUSE = 4000

export async function open(): Promise<Border> {
  let house = await build()
  let n = 0
  return {
    async feed(chance): Promise<Fate> {
      if (++n % HOUSE === 0) {
        await house.close()
        house = await build()
      }
      return chance.maybe(0.1) ? importReadings(chance, house) : request(chance, house)
    },
    async after() {
      const { statusCode } = await house.server.inject({
        method: 'GET',
        url: '/api/v1/me',
        headers: { authorization: `Bearer ${house.tokens[0]}` },
      })
      return statusCode === 200 ? [] : [`an honest request is answered with ${statusCode}`]
    },
    close: () => house.close(),
  }
}

type House = Awaited<ReturnType<typeof build>>

async function build() {
  const dir = mkdtempSync(join(tmpdir(), 'ww-fuzz-http-'))
  mkdirSync(join(dir, 'web'))
  writeFileSync(join(dir, 'web/index.html'), '<!doctype html>')
  const clock = new VirtualClock(T0)
  const accounts = openAccounts({ dir, clock, scryptLog2: 4 })
  const tokens: string[] = []
  for (const role of ROLES) {
    await accounts.add({ id: `a-${role}`, role, password: 'Geheim-1234' })
    tokens.push(accounts.token(`a-${role}`).token)
  }
  const desk = new SampleDesk(clock)
  for (const id of ['a1', 'a2', 'a3']) desk.publish(sampleAlert(id))
  const facility = new SampleFacility()
  const { counts, intake } = countingIntake('js-03', clock, () => true)
  facility.importReadings = (readings) => intake.accept(readings, 'http')
  const server: ConsoleServer = await createConsoleServer({
    id: 'js-03',
    clock,
    accounts,
    alerts: desk,
    facility,
    ledger: new SampleLedger(),
    series: new SampleSeries(),
    logger: pino({ level: 'silent' }),
    history: desk.history(),
    webRoot: join(dir, 'web'),
  })
  const { paths } = (await server.inject({ method: 'GET', url: '/api/openapi.json' })).json() as {
    paths: Record<string, Record<string, { parameters?: Route['parameters'] }>>
  }
  const routes: Route[] = Object.entries(paths)
    // Streams have no end to wait for.
    .filter(([path]) => !/stream|live|video/.test(path))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => ({
        method: method.toUpperCase(),
        path,
        parameters,
      })),
    )
  return {
    server,
    counts,
    tokens,
    routes,
    close: async () => {
      await server.close()
      accounts.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const text = (chance: Chance): string => {
  const value = chance.maybe(0.5) ? chance.pick(IDS) : chance.pick(HOSTILE_VALUES)
  return String(typeof value === 'object' ? JSON.stringify(value) : value)
    .slice(0, 3000)
    .toWellFormed()
}

async function request(chance: Chance, { server, routes, tokens }: House): Promise<Fate> {
  const route = chance.pick(routes)
  const path = route.path.replace(/\{[^}]+\}/g, () =>
    encodeURIComponent(chance.maybe(0.6) ? chance.pick(IDS) : text(chance)),
  )
  const query = route.parameters
    .filter((p) => p.in === 'query' && chance.maybe(0.6))
    .map((p) => `${encodeURIComponent(p.name)}=${encodeURIComponent(text(chance))}`)
  if (chance.maybe(0.1)) query.push(`${encodeURIComponent(text(chance))}=1`)
  const url = chance.maybe(0.05) ? hostileUrl(chance, path) : `${path}${query.length > 0 ? `?${query.join('&')}` : ''}`
  const headers: Record<string, string> = {}
  if (chance.maybe(0.9)) headers.authorization = `Bearer ${chance.maybe(0.95) ? chance.pick(tokens) : 'no-such-token'}`
  let payload: Buffer | undefined
  if (route.method !== 'GET' && chance.maybe(0.9)) {
    const body = JSON.stringify(hostileJson(chance, chance.pick(BODIES))) ?? ''
    payload = chance.maybe(0.2) ? hostileBytes(chance, [Buffer.from(body)]) : Buffer.from(body)
    headers['content-type'] = chance.pick([
      'application/json',
      'application/json',
      'application/json',
      'application/x-ndjson',
      'text/plain',
      'x/y',
    ])
  }
  const answer = await server.inject({
    method: (chance.maybe(0.03) ? chance.pick(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']) : route.method) as 'GET',
    url,
    headers,
    ...(payload ? { payload } : {}),
  })
  const asked = `${route.method} ${url.slice(0, 200)}`
  demand(
    answer.statusCode < 500 || answer.statusCode === 501,
    `${asked} was answered with ${answer.statusCode}: ${answer.body.slice(0, 300)} to ${payload?.toString().slice(0, 300)}`,
  )
  if (answer.statusCode < 400) return { accepted: 1 }
  if (answer.body !== '') {
    const said = JSON.parse(answer.body) as { detail?: unknown; title?: unknown }
    demand(
      typeof said.detail === 'string' || typeof said.title === 'string',
      `${asked}: a refusal without a sentence: ${answer.body.slice(0, 200)}`,
    )
  }
  return { refused: 1 }
}

/** Some bytes of a path cannot be sent at all: those are the client's. */
function hostileUrl(chance: Chance, path: string): string {
  const url = hostileText(chance, [path, `${path}?limit=1`]).replace(/[^\x21-\x7e]/g, '%00')
  return url.startsWith('/') && !url.startsWith('//') ? url : `/${url.replace(/^\/+/, '')}`
}

async function importReadings(chance: Chance, { server, counts, tokens }: House): Promise<Fate> {
  const lines = Array.from({ length: 1 + chance.below(4) }, () => {
    const line = JSON.stringify(hostileJson(chance, chance.pick(READINGS))) ?? 'null'
    return (chance.maybe(0.2) ? hostileBytes(chance, [Buffer.from(line)]).toString() : line).replaceAll('\n', ' ')
  })
  const wanted = lines.filter((line) => line.trim() !== '').length
  const before = { ...counts }
  const answer = await server.inject({
    method: 'POST',
    url: '/api/v1/readings',
    headers: { authorization: `Bearer ${chance.pick(tokens)}`, 'content-type': 'application/x-ndjson' },
    payload: lines.join('\n'),
  })
  demand(
    answer.statusCode < 500,
    `POST /api/v1/readings was answered with ${answer.statusCode}: ${answer.body.slice(0, 300)} to ${lines.join('\n').slice(0, 500)}`,
  )
  if (answer.statusCode !== 200) return { refused: wanted || 1 }
  const { accepted, duplicates, quarantined } = answer.json() as {
    accepted: number
    duplicates: number
    quarantined: unknown[]
  }
  const kept = counts.readings - before.readings + counts.quarantined - before.quarantined
  demand(
    accepted + duplicates + quarantined.length === wanted && kept === wanted,
    `${wanted} lines came, ${accepted} + ${duplicates} + ${quarantined.length} were answered, ${kept} kept: ${lines.join('\n').slice(0, 500)}`,
  )
  return { accepted: accepted + duplicates, quarantined: quarantined.length, empty: wanted === 0 ? 1 : 0 }
}
