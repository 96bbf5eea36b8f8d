import { describe, expect, test } from 'vitest'
import { CATALOGUE_DIR, readRuleFiles } from '../catalogue/load.ts'
import { runCasesOf } from './run.ts'

const { files, faults } = readRuleFiles(CATALOGUE_DIR)

test('every rule file of the catalogue is right', () => {
  expect(faults.map((f) => `${f.file}:${f.line}: ${f.message}`)).toEqual([])
})

describe('cases beside the rules', () => {
  test.each(files.map((f) => [f.code, f] as const))(
    '%s does what its cases say, and has enough of them',
    (_code, file) => {
      const { results, faults: own } = runCasesOf(file, files)
      expect([...own, ...results.flatMap((r) => r.problems)]).toEqual([])
    },
  )
})

test('alerts that never join an incident are those of the semantics', () => {
  const never = ['R44', 'R50', 'R55', 'R57', 'R58', 'R60', 'R61', 'R63']
  for (const file of files) expect(file.incident, file.code).toBe(!never.includes(file.code))
})

test('the mandatory rules are those with a star in the domain', () => {
  const starred = [
    ...['R01', 'R03', 'R04', 'R07', 'R09', 'R14', 'R17', 'R18', 'R23', 'R24', 'R25', 'R28', 'R30', 'R33', 'R34', 'R37'],
    ...['R39', 'R40', 'R46', 'R54', 'R55', 'R61', 'R62', 'R64', 'R68'],
  ]
  for (const file of files) expect(file.mandatory, file.code).toBe(starred.includes(file.code))
})

test('a rule cannot be shelved only where the semantics says so', () => {
  for (const file of files) expect(file.shelvable, file.code).toBe(file.code !== 'R14' && file.code !== 'R39')
})

test('the id of a rule is the slug of its English name in the domain', () => {
  for (const file of files) expect(file.id, file.code).toBe(SLUGS[file.code])
})

test('every reason of a rule file has both languages and no machine text', () => {
  for (const file of files)
    for (const [code, text] of Object.entries(file.reasons)) {
      expect(text.zh, `${file.code} ${code}`).toMatch(/[\u4e00-\u9fff]/)
      expect(text.en, `${file.code} ${code}`).not.toMatch(/[\u4e00-\u9fff]/)
    }
})

const SLUGS: Record<string, string> = {
  R01: 'perimeter-intrusion-confirmed',
  R02: 'perimeter-single-source',
  R03: 'electric-fence-down',
  R04: 'climbing',
  R05: 'warning-belt-presence',
  R06: 'drone',
  R07: 'door-forced',
  R08: 'door-held-open',
  R09: 'interlock-violated',
  R10: 'anti-passback',
  R11: 'credential-tag-mismatch',
  R12: 'tailgating',
  R13: 'repeated-denial',
  R14: 'duress-credential',
  R15: 'inmate-face-in-outer-zone',
  R16: 'person-credential-mismatch',
  R17: 'vehicle-sally-port-violation',
  R18: 'geofence-breach',
  R19: 'buddy-group-separation',
  R20: 'keep-apart-proximity',
  R21: 'escort-separation',
  R22: 'abnormal-gathering',
  R23: 'roll-call-mismatch',
  R24: 'person-lost',
  R25: 'suspected-escape',
  R26: 'out-of-cell-at-night',
  R27: 'toilet-blind-zone-overstay',
  R28: 'band-removed-cut',
  R29: 'band-offline',
  R30: 'critical-vital-sign',
  R31: 'partial-news2',
  R32: 'withdrawal-risk',
  R33: 'respiratory-depression-overdose',
  R34: 'no-life-signs',
  R35: 'fall-then-immobile',
  R36: 'fight',
  R37: 'self-harm-risk',
  R38: 'sos-by-inmate',
  R39: 'officer-panic',
  R40: 'officer-down',
  R41: 'patrol-missed-late',
  R42: 'post-vacant',
  R43: 'under-manned',
  R44: 'predictable-patrol',
  R45: 'lone-officer-in-cell',
  R46: 'fire-confirmed',
  R47: 'smoke-single',
  R48: 'gas',
  R49: 'abnormal-sound',
  R50: 'climate-limit',
  R51: 'power-ups',
  R52: 'water-leak',
  R53: 'camera-tamper',
  R54: 'zone-mass-offline',
  R55: 'edge-agent-uplink-lost',
  R56: 'stuck-sensor',
  R57: 'clock-skew',
  R58: 'alarm-flood',
  R59: 'tool-not-returned',
  R60: 'unknown-device-client',
  R61: 'protective-rule-weakened',
  R62: 'riot-build-up',
  R63: 'behaviour-baseline-deviation',
  R64: 'cell-not-locked-after-lock-up',
  R65: 'video-lost-or-not-recorded',
  R66: 'cell-call-unanswered',
  R67: 'wearable-battery-low',
  R68: 'watch-check-missed',
}
