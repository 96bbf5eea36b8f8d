#!/usr/bin/env node
// The door of the executable on any Node: hands over to the pinned runtime when the host's own is older, and gives what
// runs for months its limits of memory. Plain JavaScript on purpose: an old Node must be able to read it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const main = join(here, 'main.ts')
const pinned = join(here, '../node_modules/node/bin/node')

// Left alone, V8 keeps up to 128 MB for young objects and glibc an arena for each thread: together some 80 MB for nothing.
// And it clears young objects on several threads, for which the first must wait: where others work on the same processors
// that takes several times as long as one thread needs alone.
// The same stand in troupe.ts, for the processes of a demo.
const lasting = ['edge', 'province'].includes(process.argv[2])
const limits = ['--max-semi-space-size=16', '--no-parallel-scavenge']
const flags = lasting && !process.execArgv.some((f) => f.startsWith('--max-semi-space-size')) ? limits : []
const env = lasting ? { MALLOC_ARENA_MAX: '2', ...process.env } : process.env

if (Number(process.versions.node.split('.')[0]) >= 24) {
  // The same process begins anew; where that is not possible (Windows, a parent that speaks to it) it goes on as it is.
  if (flags.length > 0 && process.execve && process.platform !== 'win32' && !process.send)
    process.execve(process.execPath, [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)], env)
  await import('./main.ts')
} else if (existsSync(pinned)) {
  const child = spawn(pinned, [...flags, main, ...process.argv.slice(2)], { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
} else {
  process.stderr.write('wardwatch needs Node 24; run "npm ci" in the checkout, which brings it along.\n')
  process.exit(1)
}
