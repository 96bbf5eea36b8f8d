import { expect, test } from 'vitest'
import { BORDERS, fuzzBorder } from './fuzz.ts'

/** Here a few; a million by `npm run fuzz:borders -- --inputs 1000000`. */
const INPUTS: Record<string, number> = { packets: 1500, http: 400, site: 300, models: 300 }

test.each(Object.keys(BORDERS))(
  'hostile inputs at the border %s: no crash, no hang, nothing lost in silence',
  { timeout: 180_000 },
  async (name) => {
    const report = await fuzzBorder(name, { seed: 7, from: 0, to: INPUTS[name] ?? 2000 })
    expect(report.faults).toEqual([])
    expect(report.accepted).toBeGreaterThan(0)
    expect(report.quarantined + report.refused).toBeGreaterThan(0)
  },
)

test('a border that loses an input, takes too long or throws is found', async () => {
  BORDERS.forgetful = async () => ({
    feed: (chance) => {
      if (chance.maybe(0.2)) throw new Error('boom')
      return chance.maybe(0.2) ? {} : { accepted: 1 }
    },
  })
  const { faults } = await fuzzBorder('forgetful', { seed: 1, from: 0, to: 100 })
  delete BORDERS.forgetful
  expect(faults.join('\n')).toMatch(/is not accounted for/)
  expect(faults.join('\n')).toMatch(/boom/)
})
