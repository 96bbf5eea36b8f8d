#!/usr/bin/env node
// The door of the executable on any Node: hands over to the pinned runtime when the host's own is older.
// Plain JavaScript on purpose: an old Node must be able to read it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const main = join(here, 'main.ts')
const pinned = join(here, '../node_modules/node/bin/node')

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import('./main.ts')
} else if (existsSync(pinned)) {
  const child = spawn(pinned, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
} else {
  process.stderr.write('wardwatch needs Node 24; run "npm ci" in the checkout, which brings it along.\n')
  process.exit(1)
}
