import { describe, expect, test } from 'vitest'
import { WardwatchError } from '../errors.ts'
import { parseSite, parseSiteOrThrow, resolveSecrets } from './load.ts'

const MINIMAL = 'facility: { id: js-03 }\n'

describe('the site file', () => {
  test('needs nothing but the facility', () => {
    expect(parseSite(MINIMAL).site?.facility.id).toBe('js-03')
    expect(parseSite('zones: []\n').faults[0]?.message).toContain('"facility" is missing')
  })

  test('an unknown key is refused with its line and column', () => {
    const { faults } = parseSite(`${MINIMAL}devices:\n  - { id: K31, driver: onvif, kind: camera, zonne: Y }\n`)
    expect(faults).toEqual([
      {
        line: 3,
        column: 45,
        field: 'devices.0.zonne',
        message: 'unknown key "zonne"; remove it or correct its spelling',
      },
    ])
  })

  test('a wrong value names the field and the legal values', () => {
    const { faults } = parseSite(`${MINIMAL}zones:\n  - id: A\n    kind: cave\n`)
    expect(faults[0]).toMatchObject({ line: 4, field: 'zones.0.kind' })
    expect(faults[0]?.message).toContain('building, ward, cell')
  })

  test('all faults are told at once, in order of line', () => {
    const { faults } = parseSite(
      'facility: { id: "a b" }\nzones:\n  - { id: 5 }\n  - { id: A }\n  - { id: B, classs: red }\n',
    )
    expect(faults.map((f) => f.line)).toEqual([1, 3, 5])
  })

  test('an id that stands twice and a zone that contains itself are faults', () => {
    const { faults } = parseSite(
      `${MINIMAL}zones:\n  - { id: A, parent: B }\n  - { id: B, parent: A }\n  - { id: C }\n  - { id: C }\n`,
    )
    expect(faults.map((f) => f.message).join()).toContain('"C" stands twice in zones')
    expect(faults.map((f) => f.message).join()).toContain('its own ancestor')
  })

  test('a name that leads nowhere is a warning with its line, not a fault', () => {
    const { site, warnings } = parseSite(
      `${MINIMAL}zones:\n  - { id: A }\ndevices:\n  - { id: D1, kind: door, zone: NOWHERE }\n`,
    )
    expect(site).not.toBeNull()
    expect(warnings).toEqual([
      { line: 5, column: 33, field: 'devices.0.zone', message: '"NOWHERE" is not one of zones' },
    ])
  })

  test('viewing rights that protect nobody are a warning: a zone misspelt, a ward of women that no entry names', () => {
    const facility = (viewing: string, sex = 'f') =>
      parseSite(
        `${MINIMAL}zones:\n  - { id: B1, kind: building }\n  - { id: W4, kind: ward, parent: B1 }\n  - { id: W4-C1, kind: cell, parent: W4 }\npeople:\n  - { id: P1, ward: W4, sex: f }\n  - { id: P2, cell: W4-C1, sex: ${sex} }\nconsole: { viewing: [${viewing}] }\n`,
      ).warnings.map(({ line, field, message }) => `${line} ${field} ${message.slice(0, 24)}`)
    expect(facility('')).toEqual(['4 zones.1 "W4" lodges women alone '])
    expect(facility('{ zones: [W4], roles: [chief] }')).toEqual([])
    expect(facility('{ zones: [B1], roles: [chief] }')).toEqual([])
    expect(facility('', 'm')).toEqual([])
    expect(facility('{ zones: [W4, W5], roles: [chief] }')).toEqual([
      '9 console.viewing.0.zones "W5" is not one of zones',
    ])
  })

  test('broken YAML and an unknown time zone are faults with a line', () => {
    expect(parseSite('facility: { id: x\n').faults[0]?.line).toBeGreaterThan(0)
    expect(parseSite('facility: { id: x, timezone: Mars/Base }\n').faults[0]?.message).toContain('IANA')
  })

  test('the thrown error names file, line and field', () => {
    expect(() => parseSiteOrThrow('facility: { id: x, colour: red }\n', 'site.yaml')).toThrow(
      /^site\.yaml:1:20: facility\.colour: unknown key "colour"/,
    )
    expect(() => parseSiteOrThrow('', 'site.yaml')).toThrow(WardwatchError)
  })

  test('secrets are read where they are named and a missing one is named', () => {
    const read = (kind: string, name: string) => (kind === 'env' && name === 'TV' ? 's3cret\n' : null)
    expect(resolveSecrets({ a: ['${env:TV}', 5] }, read)).toEqual({ a: ['s3cret', 5] })
    expect(() => resolveSecrets('${file:secrets/k31}', read)).toThrow(/\$\{file:secrets\/k31\}/)
  })
})
