/** No kind of operator without a reference: a bench of this folder whose rule under test runs by it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OPERATORS } from '../index.ts'
import { catalogueRule } from './bench.ts'

/** Where the reference of each operator is compared. */
const REFERENCES: Record<string, string> = {
  'abnormal-sound': 'noise',
  absence: 'waits',
  'alarm-flood': 'alerts',
  'anti-passback': 'access',
  'band-offline': 'gateways',
  'band-removed': 'bodies',
  'belt-presence': 'stays',
  'camera-tamper': 'cameras',
  'card-away': 'access',
  'co-occurrence': 'pulses',
  count: 'pulses',
  detection: 'waits',
  deviation: 'deviation',
  'door-forced': 'alerts',
  'door-held': 'stays',
  event: 'cameras',
  'face-and-card': 'access',
  fall: 'bodies',
  fight: 'health',
  'fire-confirmed': 'cameras',
  gathering: 'places',
  geofence: 'places',
  habits: 'habits',
  held: 'held',
  'inmate-face': 'access',
  interlock: 'held',
  'keep-apart': 'places',
  'life-signs': 'bodies',
  'lock-up': 'stays',
  'lone-officer': 'stays',
  'mass-offline': 'equipment',
  'officer-down': 'bodies',
  'out-of-cell': 'stays',
  overstay: 'stays',
  'partial-news2': 'health',
  'patrol-missed': 'alerts',
  'perimeter-single': 'cameras',
  'person-lost': 'presence',
  'post-vacant': 'presence',
  rate: 'pulses',
  'regular-patrol': 'duty',
  'riot-build-up': 'presence',
  'roll-call': 'duty',
  'rule-weakened': 'equipment',
  'sally-port-cycle': 'gates',
  'self-harm': 'harm',
  separation: 'presence',
  sequence: 'pulses',
  'stuck-sensor': 'held',
  'suspected-escape': 'alerts',
  tailgating: 'access',
  'tool-overdue': 'duty',
  'under-manned': 'presence',
  'video-lost': 'cameras',
  'watch-check': 'duty',
  withdrawal: 'health',
}

test('every operator of the registry stands in the table, and nothing else does', () => {
  expect(Object.keys(REFERENCES).sort()).toEqual([...OPERATORS.keys()].sort())
})

test('each named file puts a rule of that operator beside its reference', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
  const operatorsOf = (file: string): Set<string> => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8')
    const direct = [...text.matchAll(/operator: '([a-z0-9-]+)'/g)].map((m) => m[1] as string)
    // The first rule of a bench, and names in a list of benches.
    const slugs = [...text.matchAll(/'([a-z0-9]+(?:-[a-z0-9]+)*)'/g)].map((m) => m[1] as string)
    const known = slugs.filter((slug) => RULES.has(slug)).map((slug) => catalogueRule(slug).file.operator)
    return new Set([...direct, ...known])
  }
  for (const [operator, name] of Object.entries(REFERENCES)) {
    expect(files, operator).toContain(`${name}.test.ts`)
    expect([...operatorsOf(`${name}.test.ts`)], `${name}.test.ts, ${operator}`).toContain(operator)
  }
})

const RULES = new Set(
  readdirSync(join(import.meta.dirname, '../../../catalogue'))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.replace(/\.yaml$/, '')),
)
