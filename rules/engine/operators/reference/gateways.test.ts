/** Absence is judged only while the source could have spoken: bands behind a gateway, beside their reference. */
import fc from 'fast-check'
import { describe } from 'vitest'
import { catalogueRule, holdsAsReference, streamOf } from './bench.ts'
import { silentSteps } from './gateways.ts'

const BANDS = ['B1', 'B2', 'B3', 'B4', 'B5', 'B6']
const END = 600_000

describe('silence behind a gateway', () => {
  holdsAsReference('of bands', {
    least: { rise: 0.3 },
    // Limits that meet no beginning of a standstill: what holds at that very instant is left open.
    rules: [catalogueRule('band-offline', { blueAfter: 41, yellowAfter: 101 })],
    lines: streamOf(
      fc.oneof(
        {
          weight: 12,
          arbitrary: fc
            .constantFrom(...BANDS)
            .map((device) => ({ device, type: 'band.battery', value: { percent: 80 } })),
        },
        {
          weight: 1,
          arbitrary: fc.boolean().map((online) => ({ device: 'GW1', type: 'device.status', value: { online } })),
        },
      ),
      400_000,
      { min: 10, max: 60 },
      2_500,
    ),
    end: END,
    runs: 40,
    reference: (lines) => silentSteps(lines, 'GW1', BANDS, 41_000, 101_000, END),
  })
})
