/** Byte budgets of console.md section 10, measured on the real production build. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildConsole } from './built.ts'

const KB = 1024
/** The list of alerts with the plan below it, in either language. The hard limit of the design is 180. */
const FIRST_LOAD_LIMIT = 160 * KB
/** The same with an alert opened: panel, pictures, why, response plan. */
const OPENED_LIMIT = 180 * KB
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
  const partOf = (end: string): Set<string> => {
    const key = Object.keys(manifest).find((k) => k.endsWith(end))
    expect(key, `no chunk of its own for ${end}`).toBeDefined()
    return filesOf(key!)
  }
  test.each(['zh', 'en'])(
    'loads the duty page in %s, plan included, within 160 KB; an alert opened, within 180',
    (language) => {
      const entry = Object.keys(manifest).find((k) => manifest[k]!.isEntry)!
      const dictionary = partOf(`i18n/${language}.ts`)
      const first = new Set([...filesOf(entry), ...dictionary, ...partOf('plan/plan-strip.tsx')])
      const opened = new Set([...first, ...partOf('duty/panel.tsx')])
      const kb = (files: Set<string>) => (total(files) / KB).toFixed(1)
      console.info(`first load of /duty/alerts in ${language}: ${kb(first)} KB gzip, an alert opened: ${kb(opened)} KB`)
      expect(total(first)).toBeLessThanOrEqual(FIRST_LOAD_LIMIT)
      expect(total(opened)).toBeLessThanOrEqual(OPENED_LIMIT)
    },
  )
  test('loads neither a second language nor panel nor dialogs before the first alert', () => {
    const first = filesOf(Object.keys(manifest).find((k) => manifest[k]!.isEntry)!)
    for (const later of ['i18n/zh.ts', 'i18n/en.ts', 'duty/panel.tsx', 'duty/act-dialogs.tsx', 'frame/palette.tsx']) {
      const key = Object.keys(manifest).find((k) => k.endsWith(later))
      expect(key, `no chunk of its own for ${later}`).toBeDefined()
      expect(first.has(manifest[key!]!.file), later).toBe(false)
    }
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
