/** What is printed from the code equals the code, the example site loads, and no page names a file that is not there. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { productsTable, withProducts } from '#drivers/print-products.ts'
import { ERRORS } from '#model/errors.ts'
import { errorsText } from '#model/print-errors.ts'
import { parseSite, resolveSecrets } from '#model/site/load.ts'
import { siteSchemaText } from '#model/site/print-schema.ts'
import { ruleSchemaText } from '#rules/print-schema.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const EXAMPLE = 'docs/examples/small-site/site.yaml'
const RERUN = 'run "npm run schemas" and commit what it prints'

describe('what is printed from the code', () => {
  test('model/site/site.schema.json is the schema that the loader uses', () => {
    expect(read('model/site/site.schema.json') === siteSchemaText(), RERUN).toBe(true)
  })

  test('rules/rule.schema.json is the schema that the rule loader uses', () => {
    expect(read('rules/rule.schema.json') === ruleSchemaText(), RERUN).toBe(true)
  })

  test('docs/errors.md has every error of the catalogue and no other', () => {
    const page = read('docs/errors.md')
    const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map((m) => m[1])
    expect(documented).toEqual(Object.keys(ERRORS))
    expect(page === errorsText(), RERUN).toBe(true)
  })

  test('docs/drivers.md shows every model file with the maturity that the file states', () => {
    const page = read('docs/drivers.md')
    expect(page === withProducts(page), RERUN).toBe(true)
    expect(productsTable()).not.toContain('undefined')
    const states = [...productsTable().matchAll(/\| ([^|]*) \|$/gm)].map((m) => m[1]).slice(1)
    for (const state of states.filter((s) => s !== '---'))
      expect(['simulated', 'bench-tested', 'field-proven']).toContain(state)
  })
})

describe('the example site', () => {
  test('loads without a fault or a warning, and an editor finds its schema', () => {
    const text = read(EXAMPLE)
    const { site, faults, warnings } = parseSite(text)
    expect(faults).toEqual([])
    expect(warnings).toEqual([])
    expect(site?.devices?.map((device) => device.driver).sort()).toEqual(
      expect.arrayContaining(['mqtt', 'onvif', 'opcua']),
    )
    const schema = text.match(/^# yaml-language-server: \$schema=(\S+)$/m)?.[1] ?? 'no schema line'
    const path = join(ROOT, dirname(EXAMPLE), schema)
    expect(existsSync(path), `${path} is the schema of the example`).toBe(true)
    const validate = new Ajv({ strict: false, allowUnionTypes: true }).compile(JSON.parse(readFileSync(path, 'utf8')))
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true)
  })

  test('holds secrets as references only, each of them named in its folder’s README', () => {
    const readme = read(`${dirname(EXAMPLE)}/README.md`)
    const named: string[] = []
    const { site } = parseSite(read(EXAMPLE))
    const resolved = resolveSecrets(site, (_, name) => {
      named.push(name)
      return 'SECRET'
    })
    expect(named.length).toBeGreaterThan(0)
    for (const name of named) expect(readme).toContain(name)
    const secrets = JSON.stringify(resolved).match(/"password":"[^"]*"/g) ?? []
    expect(new Set(secrets)).toEqual(new Set(['"password":"SECRET"']))
  })
})

describe('what the pages show of a site file', () => {
  const fences = ['docs/site-file.md', 'docs/deployment.md'].flatMap((page) =>
    [...read(page).matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map((m) => ({
      page,
      text: (m[2] as string).replaceAll(new RegExp(`^${m[1]}`, 'gm'), ''),
    })),
  )

  test('follows the schema, piece by piece', () => {
    expect(fences.length).toBeGreaterThan(6)
    for (const { page, text } of fences) {
      const whole = /^facility:/m.test(text) ? text : `facility: { id: demo-01 }\n${text}`
      expect(parseSite(whole).faults, `${page}\n${text}`).toEqual([])
    }
  })
})

describe('the pages', () => {
  const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((path) => path && existsSync(join(ROOT, path)))
  const pages = tracked.filter((path) => path.endsWith('.md'))
  // The design speaks of plans and of other projects' files; it is not a description of what stands.
  const described = pages.filter((page) => !page.startsWith('docs/design/'))

  test('link only to files that are there', () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((m) => m[1] as string)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
        .map((target) => `${page} → ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('name only files and folders of the house that are there', () => {
    const tops = new Set(tracked.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
    const broken = described.flatMap((page) =>
      [...read(page).matchAll(/(?<![\w./#-])[\w.-]+\/[\w./-]*(?:\.[a-z]+|\/(?=`))/g)]
        .map((m) => m[0])
        .filter((path) => tops.has(path.split('/')[0] as string))
        .filter((path) => !existsSync(join(ROOT, path)) && !existsSync(join(ROOT, dirname(page), path)))
        .map((path) => `${page}: ${path}`),
    )
    expect(broken).toEqual([])
  })

  test('name only npm scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const broken = described.flatMap((page) =>
      [...read(page).matchAll(/npm run (?:-s )?([a-z][a-z:]*)/g)]
        .filter((m) => !(m[1]! in scripts))
        .map((m) => `${page}: npm run ${m[1]}`),
    )
    expect(broken).toEqual([])
  })

  test('hold no path of somebody’s machine and no real address', () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/(?:\/home\/|\/work\/|\/Users\/)\S+|\b(?:10\.\d+|192\.168)\.\d+\.\d+/g)].map(
        (m) => `${page}: ${m[0]}`,
      ),
    )
    expect(broken).toEqual([])
  })

  test('decisions are numbered without a gap and each has its three parts', () => {
    const decisions = pages.filter((page) => /^docs\/decisions\/\d/.test(page)).sort()
    decisions.forEach((page, index) => {
      expect(page).toMatch(new RegExp(`/${String(index + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`))
    })
    for (const page of decisions.filter((p) => !p.includes('/0002-')))
      for (const part of ['## Context', '## Decision', '## Consequences']) expect(read(page), page).toContain(part)
  })
})
