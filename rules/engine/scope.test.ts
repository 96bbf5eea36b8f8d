import { expect, it } from 'vitest'
import type { Site } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { Engine } from './engine.ts'
import { OPERATORS } from './operators/index.ts'

const AT = Date.parse('2026-11-22T10:00:00+08:00')

function raised(kind: 'prison' | 'detox' | undefined): string[] {
  const codes: string[] = []
  const site = {
    facility: { id: 'js-09', ...(kind ? { kind } : {}) },
    people: [{ id: 'P08', detox: { phase: 'physical', since: '2026-11-19' } }],
    devices: [{ id: 'NUR', driver: 'mqtt', kind: 'clinic-terminal' }],
  } as unknown as Site
  const engine = new Engine({
    site,
    rules: loadRules(CATALOGUE_DIR, {}),
    operators: OPERATORS,
    onChange: ({ change, alert }) => {
      if (change === 'raised') codes.push(`${alert.code} ${alert.key} ${alert.level}`)
    },
  })
  engine.line({
    id: 'r1',
    device: 'NUR',
    type: 'clinical.score',
    time: AT,
    received: AT,
    quality: 'good',
    zone: null,
    subject: 'P08',
    value: { scale: 'COWS', score: 15, by: 'N1' },
  })
  engine.finish(AT + 60_000)
  return codes
}

it('runs a rule for detox centres there and where the site file does not say what it is, not in a prison', () => {
  expect(raised('detox')).toEqual(['R32 P08 orange'])
  expect(raised(undefined)).toEqual(['R32 P08 orange'])
  expect(raised('prison')).toEqual([])
})
