/** The account of a fault run: what was acknowledged against what lies on each disk, once. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { RunningStore } from '#ingest/series/store-processes.ts'
import { openStore } from '#province/store/open.ts'
import { wardwatch } from '../e2e/processes.ts'

export interface Account {
  run: string
  ok: boolean
  skipped: string | null
  kills: number
  published: number
  acknowledged: number
  journaled: number
  /** Samples that the edge said it shed, or removed for want of space. */
  shed: number
  influx: number | null
  alerts: number
  provinceAlerts: number | null
  lost: number
  doubled: number
  alertsLost: number
  alertsDoubled: number
  rssMb: number | null
  detail: string[]
}

export const FACILITY = 'fault-01'

/** Readings that retention said it removed for want of space. */
export function removed(log: string): number {
  let sum = 0
  for (const line of readFileSync(log, 'utf8').split('\n'))
    if (line.includes('journal-removed') && line.includes('"size"'))
      sum += Number(/"removed":(\d+)/.exec(line)?.[1] ?? 0)
  return sum
}

export async function count(
  account: Account,
  at: { data: string; folder: string; influx: RunningStore | null; acknowledged: string[] },
): Promise<void> {
  const db = new DatabaseSync(join(at.data, 'journal/journal.db'), { readOnly: true })
  const seen = new Map<string, number>()
  const raised = new Map<string, string[]>()
  let noise = 0
  for (const row of db.prepare('SELECT tag, body FROM log ORDER BY seq').iterate() as Iterable<{
    tag: number
    body: string
  }>) {
    const kind = row.tag >> 4
    if (kind === 1) {
      const [id, , , , type] = JSON.parse(row.body) as string[]
      seen.set(id!, (seen.get(id!) ?? 0) + 1)
      if (type === 'env.noise') noise++
    } else if (kind === 4) {
      const { change, alert } = JSON.parse(row.body) as {
        change: string
        alert: { id: string; code: string; device: string }
      }
      if (change === 'raised' && alert.code === 'R39')
        raised.set(alert.device, [...(raised.get(alert.device) ?? []), alert.id])
    }
  }
  db.close()
  account.journaled = noise + [...seen.keys()].filter((id) => id.startsWith('press-')).length
  const lost = at.acknowledged.filter((id) => !seen.has(id))
  // Samples may be shed on a full disk, and are counted then; a pressed button never.
  const pressesLost = lost.filter((id) => id.startsWith('press-')).length
  account.lost = pressesLost + Math.max(0, lost.length - pressesLost - account.shed)
  account.doubled = [...seen.values()].filter((n) => n > 1).length
  const pressed = at.acknowledged.filter((id) => id.startsWith('press-')).map((id) => id.slice(6))
  const silent = pressed.filter((button) => !raised.has(button))
  account.alerts = raised.size
  account.alertsLost = silent.length
  account.alertsDoubled = [...raised.values()].filter((ids) => ids.length > 1).length
  if (silent.length > 0) account.detail.push(`no alert for ${silent.slice(0, 3).join(', ')}`)

  const verify = await wardwatch(['ledger', 'verify', '--data', at.data])
  if (verify.code !== 0) account.detail.push(`ledger: ${verify.stdout.trim() || verify.stderr.trim()}`)
  const ledger = new DatabaseSync(join(at.data, 'ledger/ledger.db'), { readOnly: true })
  const inLedger = (
    ledger
      .prepare(
        'SELECT count(*) AS n FROM payload JOIN entry USING (seq) WHERE kind = \'alert\' AND body LIKE \'%"change":"raised"%\' AND body LIKE \'%"code":"R39"%\'',
      )
      .get() as { n: number }
  ).n
  ledger.close()
  if (inLedger !== raised.size) account.detail.push(`${raised.size} alerts raised, ${inLedger} in the ledger`)

  if (existsSync(join(at.folder, 'province'))) {
    const store = await openStore({ dataDir: join(at.folder, 'province') })
    const rows = await store.query<{ alert: string; n: number }>(
      "SELECT alert, count(*)::int AS n FROM alert_changes WHERE change = 'raised' AND snapshot ->> 'code' = 'R39' GROUP BY alert",
    )
    const [facility] = await store.query<{ sequences: string }>('SELECT sequences FROM facilities WHERE id = $1', [
      FACILITY,
    ])
    await store.close()
    account.provinceAlerts = rows.length
    const there = new Set(rows.map((r) => r.alert))
    const absent = [...raised.values()].flat().filter((id) => !there.has(id))
    account.alertsLost += absent.length
    account.alertsDoubled += rows.filter((r) => r.n > 1).length
    if (absent.length > 0) account.detail.push(`${absent.length} alerts did not come to the province`)
    if (facility && !/^1-\d+$/.test(facility.sequences))
      account.detail.push(`holes at the province: ${facility.sequences}`)
  }
  if (at.influx) {
    const answer = await fetch(
      `${at.influx.url}/query?db=faults&q=${encodeURIComponent('SELECT count("db") FROM "env_noise"')}`,
    )
    const { results } = (await answer.json()) as { results: { series?: { values: [string, number][] }[] }[] }
    account.influx = results[0]?.series?.[0]?.values[0]?.[1] ?? 0
    const short = noise - account.influx
    if (short > 0) {
      account.lost += short
      account.detail.push(`${short} readings of the journal are not in InfluxDB`)
    }
    if (account.influx > noise + account.shed)
      account.detail.push(`${account.influx - noise} readings too many in InfluxDB`)
  }
}
