/** `node dashboards/web/test-server/main.ts [port]`: the fake facility on port, the fake province on port + 1. */
import { join } from 'node:path'
import { startFakeServer } from './server.ts'

const port = Number(process.argv[2] ?? 8090)
const root = join(import.meta.dirname, '../dist')
const facility = await startFakeServer({ root, tier: 'facility', port })
const province = await startFakeServer({ root, tier: 'province', port: port + 1 })
console.log(`facility ${facility.url} · province ${province.url} · officer1, chief1, engineer1, province1 / duty-2026`)
