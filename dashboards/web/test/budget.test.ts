/** Byte budgets of console.md section 10, measured on the real production build. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildConsole } from './built.ts'

const KB = 1024
const FIRST_LOAD_LIMIT = 180 * KB
const LAZY_LIMIT = 230 * KB

interface Chunk {
  file: string
  css?: string[]
  imports?: string[]
  isEntry?: boolean
  isDynamicEntry?: boolean
  src?: string
}

let built: Awaited<ReturnType<typeof buildConsole>>
let manifest: Record<string, Chunk>

beforeAll(async () => {
  built = await buildConsole()
  manifest = JSON.parse(readFileSync(join(built.root, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>
})
afterAll(() => built?.remove())

const gzipped = (file: string): number => gzipSync(readFileSync(join(built.root, file)), { level: 9 }).length

/** Files of a chunk and of everything it imports statically. */
function filesOf(key: string, found = new Set<string>()): Set<string> {
  const chunk = manifest[key]!
  if (found.has(chunk.file)) return found
  found.add(chunk.file)
  for (const css of chunk.css ?? []) found.add(css)
  for (const other of chunk.imports ?? []) filesOf(other, found)
  return found
}
const total = (files: Iterable<string>): number => [...files].reduce((sum, file) => sum + gzipped(file), 0)

describe('the built console', () => {
  test('loads the duty page, plan included, within 180 KB of JavaScript and CSS', () => {
    const entry = Object.keys(manifest).find((k) => manifest[k]!.isEntry)!
    const strip = Object.keys(manifest).find((k) => k.endsWith('plan/plan-strip.tsx'))!
    expect(strip).toBeDefined()
    const bytes = total(new Set([...filesOf(entry), ...filesOf(strip)]))
    console.info(`first load of /duty/alerts: ${(bytes / KB).toFixed(1)} KB gzip`)
    expect(bytes).toBeLessThanOrEqual(FIRST_LOAD_LIMIT)
  })
  test('keeps every lazy page within 230 KB and out of the first load', () => {
    const entry = Object.keys(manifest).find((k) => manifest[k]!.isEntry)!
    const first = filesOf(entry)
    const lazy = Object.keys(manifest).filter((k) => manifest[k]!.isDynamicEntry)
    expect(lazy.length).toBeGreaterThanOrEqual(6)
    for (const key of lazy) {
      expect(first.has(manifest[key]!.file), key).toBe(false)
      expect(total([...filesOf(key)].filter((f) => !first.has(f))), key).toBeLessThanOrEqual(LAZY_LIMIT)
    }
  })
  test('ships no font and no image, and names no other host', () => {
    for (const file of readdirSync(join(built.root, 'assets'))) {
      expect(file).toMatch(/\.(js|css)$/)
      const text = readFileSync(join(built.root, 'assets', file), 'utf8')
      const hosts = [...text.matchAll(/https?:\/\/([a-z0-9.-]+)/gi)].map((m) => m[1])
      const harmless = new Set([
        'www.w3.org',
        'react.dev',
        'reactjs.org',
        'radix-ui.com',
        'reactrouter.com',
        'localhost',
        'github.com',
      ])
      expect(
        hosts.filter((h) => !harmless.has(h!)),
        file,
      ).toEqual([])
    }
  })
})
