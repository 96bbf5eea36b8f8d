/** Builds the browser console when it is missing or older than its source: a newcomer should see it, whatever was skipped. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const WEB = join(ROOT, 'dashboards/web')

function newestMs(dir: string): number {
  return Math.max(
    0,
    ...readdirSync(dir, { withFileTypes: true }).map((entry) =>
      entry.isDirectory() ? newestMs(join(dir, entry.name)) : statSync(join(dir, entry.name)).mtimeMs,
    ),
  )
}

export function isConsoleCurrent(): boolean {
  const page = join(WEB, 'dist/index.html')
  return existsSync(page) && statSync(page).mtimeMs >= newestMs(join(WEB, 'src'))
}

/** Resolves when the console is there; a failed build is told and harms nothing else. */
export function buildConsole(): Promise<void> {
  if (isConsoleCurrent()) return Promise.resolve()
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', WEB, '--logLevel', 'error'],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const done = (ok: boolean): void => {
      if (!ok)
        process.stderr.write('the console could not be built; the API works, and "npm run build:web" shows why\n')
      resolve()
    }
    child.once('error', () => done(false))
    child.once('exit', (code) => done(code === 0))
  })
}
