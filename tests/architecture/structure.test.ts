/**
 * The structure of the house, checked on every run and without exemptions: floors, banned calls, no junk drawers.
 * It reads the sources as text; each message names the law and what to do instead.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** Which folder may import which (`ARCHITECTURE.md`): only downward, never sideways. */
const LAW: Record<string, string[]> = {
  model: [],
  'device-drivers': ['model'],
  rules: ['model'],
  broker: ['model'],
  ingest: ['model'],
  'dashboards/server': ['model'],
  'dashboards/web': ['model'],
  'edge-agent': ['model', 'device-drivers', 'rules', 'broker', 'ingest', 'dashboards/server'],
  province: ['model', 'rules', 'broker', 'ingest', 'dashboards/server'],
  // The scenario checker replays with the production rules; twins themselves import only the model (next test).
  simulators: ['model', 'rules'],
  bin: ['edge-agent', 'province', 'simulators', 'model'],
}

const TWINS = ['simulators/onvif', 'simulators/opcua', 'simulators/mqtt', 'simulators/facility', 'simulators/life']

const ALIASES: Record<string, string> = {
  '#model': 'model',
  '#drivers': 'device-drivers',
  '#rules': 'rules',
  '#broker': 'broker',
  '#ingest': 'ingest',
  '#dashboards': 'dashboards/server',
  '#edge': 'edge-agent',
  '#province': 'province',
  '#simulators': 'simulators',
}

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path && existsSync(join(ROOT, path)))
const sources = tracked.filter((path) => /\.(ts|tsx)$/.test(path))

const folderOf = (path: string): string =>
  path.startsWith('dashboards/') ? path.split('/').slice(0, 2).join('/') : (path.split('/')[0] as string)
const isTest = (path: string): boolean => /\.test\.tsx?$/.test(path) || path.startsWith('tests/')
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1')

function importsOf(path: string): string[] {
  const text = withoutComments(readFileSync(join(ROOT, path), 'utf8'))
  const found = [...text.matchAll(/(?:from\s+|import\s+|import\(\s*|new URL\(\s*)['"]([^'"\n]+)['"]/g)].map(
    (m) => m[1] as string,
  )
  return found.flatMap((spec) => {
    if (spec.startsWith('#'))
      return [posix.join(ALIASES[spec.split('/')[0] as string] ?? spec, ...spec.split('/').slice(1))]
    if (spec.startsWith('.')) return [relative(ROOT, join(ROOT, dirname(path), spec))]
    return []
  })
}

describe('structure', () => {
  test('folders import only downward, never sideways', () => {
    const broken: string[] = []
    for (const path of sources.filter((p) => !isTest(p))) {
      const folder = folderOf(path)
      const allowed = LAW[folder]
      if (!allowed) continue
      for (const target of importsOf(path)) {
        const to = folderOf(target)
        if (to === folder || to === 'package.json') continue
        if (!allowed.includes(to))
          broken.push(`${path} imports ${target}: ${folder} may import ${allowed.join(', ') || 'nothing'}`)
      }
    }
    expect(broken).toEqual([])
  })

  test('a test stands in its own folder or in tests/, and imports nothing above its floor', () => {
    const broken: string[] = []
    for (const path of sources.filter((p) => isTest(p) && !p.startsWith('tests/'))) {
      const folder = folderOf(path)
      for (const target of importsOf(path)) {
        const to = folderOf(target)
        if (to === folder || to === 'simulators' || to === 'tests') continue
        if (!LAW[folder]?.includes(to)) broken.push(`${path} imports ${target}: move it to tests/`)
      }
    }
    expect(broken).toEqual([])
  })

  test('twins share no code with drivers or rules: an encoding mistake must not cancel out', () => {
    const broken = sources
      .filter((p) => TWINS.some((t) => p.startsWith(`${t}/`)) && !isTest(p))
      .flatMap((p) =>
        importsOf(p)
          .filter((t) => !['model', 'simulators'].includes(folderOf(t)))
          .map((t) => `${p} imports ${t}`),
      )
    expect(broken).toEqual([])
  })

  test('model and rules take time and chance through the door', () => {
    const banned: [RegExp, string][] = [
      [/\bDate\.now\(/, 'take a Clock (model/clock.ts) or the time of the reading'],
      [/\bnew Date\(\s*\)/, 'take a Clock (model/clock.ts) or the time of the reading'],
      [/\bset(?:Timeout|Interval|Immediate)\(/, 'ask the Clock or keep a deadline in the state'],
      [/\bMath\.random\(/, 'take a seeded source of chance'],
      [/\bperformance\.now\(/, 'take a Clock'],
    ]
    const broken = sources
      .filter((p) => /^(model|rules)\//.test(p) && !isTest(p) && p !== 'model/system-clock.ts')
      .flatMap((p) => {
        const text = withoutComments(readFileSync(join(ROOT, p), 'utf8'))
        return banned
          .filter(([call]) => call.test(text))
          .map(([call, instead]) => `${p} uses ${call.source}: ${instead}`)
      })
    expect(broken).toEqual([])
  })

  test('nothing evaluates text as code', () => {
    const broken = sources
      .filter((p) => !isTest(p))
      .filter((p) => /\beval\(|new Function\(/.test(withoutComments(readFileSync(join(ROOT, p), 'utf8'))))
    expect(broken, 'conditions are CEL, mappings are JSONata').toEqual([])
  })

  test('there are no junk drawers and names are kebab-case', () => {
    const junk = tracked.filter((p) =>
      p.split('/').some((part) => /^(utils?|helpers?|common|misc|shared|stuff)(\.|$)/i.test(part)),
    )
    expect(junk, 'name the file for the noun it holds').toEqual([])
    const odd = sources.filter((p) => !/^[a-z0-9]+(?:[.-][a-z0-9]+)*\.tsx?$/.test(basename(p)))
    expect(odd, 'file names are kebab-case').toEqual([])
  })

  test('each top-level folder is one of the house', () => {
    const known = new Set([...Object.keys(LAW).map((f) => f.split('/')[0]), 'tests', 'docs', '.ci'])
    const unknown = [...new Set(tracked.filter((p) => p.includes('/')).map((p) => p.split('/')[0]))].filter(
      (f) => !known.has(f),
    )
    expect(unknown, 'a new top-level folder needs a decision in docs/decisions').toEqual([])
  })
})
