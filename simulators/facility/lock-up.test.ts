/** The demo site has what the night rules need: hours of lock-up that feed R64 and hide nothing from R26. */
import { describe, expect, it } from 'vitest'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { Engine } from '#rules/engine/engine.ts'
import { OPERATORS } from '#rules/engine/operators/index.ts'
import { buildFacility, type Size } from './facility.ts'

const START = Date.parse('2026-11-23T22:30:00+08:00')

function raised(size: Size, lines: { s: number; device: string; type: string; value: Record<string, unknown> }[]) {
  const { site } = buildFacility(size)
  const alerts: string[] = []
  const engine = new Engine({
    site,
    rules: loadRules(CATALOGUE_DIR, {}).filter((r) => ['R26', 'R64'].includes(r.code)),
    operators: OPERATORS,
    onChange: ({ at, change, alert }) => {
      if (change === 'raised') alerts.push(`${(at - START) / 1000} ${alert.code} ${alert.key} ${alert.level}`)
    },
  })
  for (const [i, { s, ...line }] of lines.entries()) {
    const time = START + s * 1000
    engine.line({ id: `r${i}`, ...line, time, received: time, quality: 'good', zone: null, subject: null })
  }
  engine.finish(START + 400_000)
  return alerts
}

describe.each(['demo', 'full'] as const)('the lock-up of the %s site', (size) => {
  it('makes a cell that is not locked yellow after two minutes, and leaves other doors alone', () => {
    const unlocked = { s: 10, type: 'door.lock', value: { state: 'unlocked' } }
    expect(
      raised(size, [
        { ...unlocked, device: 'D-C200' },
        { ...unlocked, device: 'D-W3' },
      ]),
    ).toEqual(['130 R64 D-C200 yellow'])
  })

  it('excuses nobody who stands in the corridor of his ward', () => {
    const { site, plan } = buildFacility(size)
    const band = site.devices?.find((d) => d.kind === 'band' && d.subject === 'P001')?.id as string
    const ward = site.people?.find((p) => p.id === 'P001')?.ward as string
    const corridor = plan.wards.find((w) => w.id === ward)?.corridor as string
    const spot = { ...(plan.middle.get(corridor) as { x_m: number; y_m: number; floor: number }), accuracy_m: 1 }
    const fixes = Array.from({ length: 100 }, (_, i) => ({
      s: 2 * i,
      device: band,
      type: 'band.position',
      value: { ...spot },
    }))
    expect(raised(size, fixes)).toEqual(['180 R26 P001 yellow'])
  })
})
