/** Builds the console once per test file into a folder of its own, so that tests never meet a stale or half-written build. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'

export async function buildConsole(options: { minify?: boolean } = {}): Promise<{ root: string; remove(): void }> {
  const root = mkdtempSync(join(tmpdir(), 'wardwatch-web-'))
  const web = join(import.meta.dirname, '..')
  const env = process.env.NODE_ENV
  // Vitest runs in mode "test"; the budget is about what people load.
  process.env.NODE_ENV = 'production'
  try {
    await build({
      root: web,
      configFile: join(web, 'vite.config.ts'),
      mode: 'production',
      logLevel: 'error',
      build: { outDir: root, manifest: true, ...(options.minify === false ? { minify: false } : {}) },
    })
  } finally {
    process.env.NODE_ENV = env
  }
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) }
}
