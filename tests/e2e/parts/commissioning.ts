/** Part of the demo test: the commands of an engineer against a running facility. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { temporaryFolder, wardwatch } from '../processes.ts'
import type { Stage } from '../stage.ts'

export function describeCommissioning(stage: Stage): void {
  describe('commands against a running facility', () => {
    const folder = temporaryFolder('commands')
    afterAll(() => folder.remove())

    test('discover onvif finds the cameras on the loopback interface and writes their entries', async () => {
      const ran = await wardwatch(['discover', 'onvif', '--interface', 'lo', '--seconds', '3'])
      expect(ran, ran.stderr).toMatchObject({ code: 0 })
      const { devices } = parse(ran.stdout) as {
        devices: { id: string; driver: string; url: string; password: string }[]
      }
      const port = new URL(stage.demo.facility.onvif).port
      const mine = devices.filter((d) => new URL(d.url).port === port)
      expect(mine.length).toBe(60)
      expect(mine[0]).toMatchObject({ driver: 'onvif', password: expect.stringContaining('${file:') })
    })

    test('browse opcua refuses an unknown certificate in one sentence, and shows the nodes once it is trusted', async () => {
      const { demo } = stage
      const browse = () =>
        wardwatch([
          ...['browse', 'opcua', `${demo.facility.opcua}/wardwatch`],
          ...['--user', 'ww', '--password', demo.secret('opcua'), '--policy', 'Basic256Sha256'],
          ...['--data', join(folder.path, 'browse'), '--depth', '3'],
        ])
      const first = await browse()
      expect(first.code).toBe(1)
      expect(first.stderr.trim().split('\n')).toHaveLength(1)
      const [, rejected, trusted] = /from (\S+) to (\S+),/.exec(first.stderr) ?? []
      expect(existsSync(rejected as string), first.stderr).toBe(true)
      mkdirSync(trusted as string, { recursive: true })
      for (const name of readdirSync(rejected as string))
        renameSync(join(rejected as string, name), join(trusted as string, name))
      const second = await browse()
      expect(second, second.stderr).toMatchObject({ code: 0 })
      expect(second.stdout).toContain('ns=2;s=Doors')
    })

    test('doctor finds every device well but the camera that is cut off, and says what to do', async () => {
      const { facility } = stage.demo
      await stage.demo.post('/sim/device/K05', { fault: 'gone' }, 'engineer')
      try {
        const ran = await wardwatch(['doctor', '--site', facility.site, '--data', facility.data, '--json'])
        const { faults, findings } = JSON.parse(ran.stdout) as {
          faults: number
          findings: { level: string; what: string; message: string }[]
        }
        expect(findings.filter((f) => f.level === 'fault').map((f) => f.what)).toEqual(['K05'])
        expect({ code: ran.code, faults }).toEqual({ code: 1, faults: 1 })
        const levels = new Map(findings.map((f) => [f.what, f.level]))
        for (const id of ['K01', 'D-C204', 'W001', 'GW-07', 'disk', 'uplink']) expect(levels.get(id), id).toBe('ok')
      } finally {
        await stage.demo.post('/sim/device/K05', { fault: 'gone', on: false }, 'engineer')
      }
    })

    test('ledger verify finds the chain whole, and a changed byte in a copy by its number', async () => {
      const { facility } = stage.demo
      const whole = await wardwatch(['ledger', 'verify', '--data', facility.data, '--json'])
      expect(whole, whole.stderr).toMatchObject({ code: 0 })
      const { entries } = JSON.parse(whole.stdout) as { entries: number }
      expect(entries).toBeGreaterThan(2)
      const copy = join(folder.path, 'copy')
      copyLedger(join(facility.data, 'ledger'), join(copy, 'ledger'))
      const bad = changeOneLetter(join(copy, 'ledger/ledger.db'))
      const verdict = await wardwatch(['ledger', 'verify', '--data', copy])
      expect(verdict.code).toBe(1)
      expect(verdict.stdout).toContain(`entry ${bad} `)
    })

    test('export writes the journal as a replay file, and two replays of it give the same bytes', async () => {
      const { facility } = stage.demo
      const file = join(folder.path, 'export.ndjson')
      const from = String(Date.now() - 600_000)
      const exported = await wardwatch([
        'export',
        '--from',
        from,
        '--to',
        String(Date.now()),
        '--data',
        facility.data,
        '--out',
        file,
        '--json',
      ])
      expect(exported, exported.stderr).toMatchObject({ code: 0 })
      const { readings } = JSON.parse(exported.stdout) as { readings: number }
      expect(readings).toBeGreaterThan(1000)
      const texts: string[] = []
      for (const n of [1, 2]) {
        const out = join(folder.path, `out-${n}.ndjson`)
        const ran = await wardwatch(['replay', '--site', facility.site, '--readings', file, '--out', out, '--json'])
        expect(ran, ran.stderr).toMatchObject({ code: 0 })
        expect(JSON.parse(ran.stdout)).toMatchObject({ readings, quarantined: 0 })
        texts.push(readFileSync(out, 'utf8'))
      }
      expect(texts[1]).toBe(texts[0])
      const codes = (texts[0] as string)
        .split('\n')
        .filter(Boolean)
        .map((l) => (JSON.parse(l) as { alert: { code: string; key: string } }).alert)
      expect(codes).toContainEqual(expect.objectContaining({ code: 'R07', key: 'D-C204' }))
    })
  })
}

/** A consistent copy of a ledger in use. */
function copyLedger(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) if (name.endsWith('.pem')) copyFileSync(join(from, name), join(to, name))
  const db = new DatabaseSync(join(from, 'ledger.db'), { readOnly: true })
  db.prepare('VACUUM INTO ?').run(join(to, 'ledger.db'))
  db.close()
}

/** Changes one letter in the payload of an entry. @returns the number of the entry. */
function changeOneLetter(file: string): number {
  const db = new DatabaseSync(file)
  try {
    const row = db.prepare('SELECT seq, body FROM payload ORDER BY seq LIMIT 1 OFFSET 1').get() as {
      seq: number
      body: string
    }
    const changed = row.body.replace(/\d/, (digit) => String((Number(digit) + 1) % 10))
    expect(changed).not.toBe(row.body)
    db.prepare('UPDATE payload SET body = ? WHERE seq = ?').run(changed, row.seq)
    return row.seq
  } finally {
    db.close()
  }
}
