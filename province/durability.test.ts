import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import mqtt from 'mqtt'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { alertMessage, healthMessage } from './sample-messages.ts'
import { openStore } from './store/open.ts'

const ROOT = join(import.meta.dirname, '..')
const COMMAND = `import { Command } from 'commander'; import { registerProvinceCommands } from '#province/cli.ts';
const program = new Command(); registerProvinceCommands(program); await program.parseAsync()`
const CONFIG = `province: { id: js }
broker: { tcp: 0, facilities: [{ id: js-03, password: "\${env:TEST_SECRET}" }] }
console: { port: 0 }
facilities: [{ id: js-03 }]
`

let folder: string
let child: ChildProcess | null = null

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-province-'))
  writeFileSync(join(folder, 'province.yaml'), CONFIG)
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

interface Ready {
  event: string
  urls: { mqtt: string }
  message?: string
}

function run(...more: string[]): ChildProcess {
  child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      COMMAND,
      '--',
      'province',
      '--json',
      '--config',
      join(folder, 'province.yaml'),
      '--data',
      join(folder, 'data'),
      ...more,
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, WARDWATCH_LOG: 'silent', TEST_SECRET: 'three' },
    },
  )
  return child
}

async function ready(process: ChildProcess): Promise<Ready> {
  for await (const line of createInterface({ input: process.stdout! })) return JSON.parse(line) as Ready
  throw new Error('the province ended without a word')
}

describe('the province as a process', () => {
  test('kill -9 in the middle of a stream loses nothing that was acknowledged and doubles nothing', async () => {
    const acknowledged = new Set<number>()
    let sent = 0
    for (const round of [0, 1]) {
      const province = run()
      const { urls } = await ready(province)
      const edge = await mqtt.connectAsync(
        urls.mqtt,
        { username: 'js-03', password: 'three', reconnectPeriod: 0 },
        false,
      )
      edge.on('error', () => {})
      const exited = once(province, 'exit')
      const enough = acknowledged.size + 200
      // In the second round the edge sends the last hundred again, as after a lost acknowledgement.
      if (round > 0) sent -= 100
      let settled = sent
      let killed = false
      while (province.exitCode === null && province.signalCode === null && sent - settled < 5_000) {
        if (sent - settled < 150 || killed) {
          const n = ++sent
          const m = alertMessage('js-03', n, { id: `a${n}` })
          edge.publish(m.topic, m.payload, { qos: 1 }, (error) => {
            settled++
            if (!error) acknowledged.add(n)
          })
        }
        // The kill comes while messages are on their way and in the middle of a commit as likely as not.
        if (!killed && acknowledged.size >= enough) killed = province.kill('SIGKILL')
        if (sent % 10 === 0 || sent - settled >= 150) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await exited
      edge.end(true)
    }
    const store = await openStore({ dataDir: join(folder, 'data') })
    const stored = await store.query<{ sequence: number }>('SELECT sequence FROM alert_changes ORDER BY sequence')
    const [facility] = await store.query<{ sequences: string }>('SELECT sequences FROM facilities')
    await store.close()
    const numbers = new Set(stored.map((row) => row.sequence))
    expect(acknowledged.size).toBeGreaterThan(400)
    expect([...acknowledged].filter((n) => !numbers.has(n))).toEqual([])
    expect(numbers.size).toBe(stored.length)
    // The sequence numbers in the store say exactly what the data says.
    const counted = facility!.sequences.split(',').reduce((sum, range) => {
      const [from, to] = range.split('-').map(Number) as [number, number]
      return sum + to - from + 1
    }, 0)
    expect(counted).toBe(stored.length)
  }, 60_000)

  test('SIGTERM ends it with exit code 0 within five seconds, also with a facility connected', async () => {
    const province = run()
    const { urls } = await ready(province)
    const edge = await mqtt.connectAsync(urls.mqtt, { username: 'js-03', password: 'three', reconnectPeriod: 0 }, false)
    const { topic, payload } = healthMessage('js-03', 1)
    await edge.publishAsync(topic, payload, { qos: 1 })
    const before = Date.now()
    province.kill('SIGTERM')
    const [code] = await once(province, 'exit')
    edge.end(true)
    expect(code).toBe(0)
    expect(Date.now() - before).toBeLessThan(5_000)
  }, 30_000)

  test('a wrong configuration ends it with file, line and field in the message and an exit code that is not 0', async () => {
    writeFileSync(join(folder, 'province.yaml'), `${CONFIG}colour: red\n`)
    const province = run()
    const exited = once(province, 'exit')
    const answer = await ready(province)
    expect(answer).toMatchObject({ event: 'error', code: 'config-invalid' })
    expect(answer.message).toMatch(/province\.yaml:5:1: colour: unknown key "colour"/)
    expect((await exited)[0]).toBe(2)
  }, 30_000)
})
