/**
 * `npm run faults -- [--kills N] [--only NAME,…] [--json] [--lose N]`: real processes, real faults, an independent publisher
 * that counts. Prints one line (or JSON object) per run and ends with 1 when anything acknowledged is lost or any alert is
 * lost or doubled. `--lose N` takes N acknowledged readings out of the journal before it is counted: then it must end with 1.
 */
import { parseArgs } from 'node:util'
import type { Account } from './account.ts'
import { type FaultPlan, faultRun } from './fault-run.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    lose: { type: 'string', default: '0' },
  },
})
const kills = Number(values.kills)
const lose = Number(values.lose)
const PLANS: Record<string, FaultPlan> = {
  kills: { kills },
  influx: { kills: 2, influxOutages: 3 },
  province: { kills: 2, provinceKills: 3 },
  restart: { restarts: 4 },
  broker: { brokerRestarts: 3 },
  clock: { kills: 1, wrongClock: true },
  subscriber: { kills: 1, frozenSubscriber: true },
  'disk-full': { smallDisk: true },
  'read-only': { readOnlyRemounts: 2 },
  field: { kills: 1, fieldOutages: 2 },
}
const names = values.only ? values.only.split(',') : Object.keys(PLANS)
const unknown = names.filter((name) => !(name in PLANS))
if (unknown.length > 0 || !Number.isSafeInteger(kills) || kills < 0) {
  process.stderr.write(`faults: --only takes ${Object.keys(PLANS).join(', ')}; --kills a whole number\n`)
  process.exit(2)
}
let bad = 0
for (const name of names) {
  const account: Account = await faultRun(name, { ...PLANS[name]!, ...(lose > 0 ? { lose } : {}) })
  if (!account.ok) bad++
  if (values.json) process.stdout.write(`${JSON.stringify(account)}\n`)
  else
    process.stdout.write(
      `${account.ok ? 'ok  ' : 'BAD '} ${name}: ${account.skipped ?? `${account.kills} kills, ${account.published} published, ${account.acknowledged} acknowledged, ${account.journaled} in the journal, ${account.influx ?? '–'} in InfluxDB, ${account.provinceAlerts ?? '–'} alerts at the province; lost ${account.lost}, doubled ${account.doubled}; alerts lost ${account.alertsLost}, doubled ${account.alertsDoubled} ${account.detail.join('; ')}`}\n`,
    )
}
process.exit(bad === 0 ? 0 : 1)
