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

  test.each([
    ['passes: [{ id: S1, person: P1, zones: [A], from: yesterday }]', 'passes.0.from', 'not a time'],
    ['passes: [{ id: S1, person: P1, zones: [A], from: 2000, to: 1000 }]', 'passes.0.to', 'after "from"'],
    ['posts: [{ id: S1, zone: A, hours: "25:00-99:00" }]', 'posts.0.hours', 'pattern'],
    ['shifts: [{ id: A, from: "08:00", to: "26:00" }]', 'shifts.0.to', 'pattern'],
    ['manning: [{ zone: A, officers: "inmates +* (" }]', 'manning.0.officers', 'cannot be computed'],
    ['keep-apart: [{ id: K, persons: [P1, P1] }]', 'keep-apart.0.persons', 'two persons'],
    ['uplink: { url: "ftp://province.example" }', 'uplink.url', 'pattern'],
    ['sinks: { influx: { url: "192.0.2.12:8086" } }', 'sinks.influx.url', 'pattern'],
    ['broker: { url: "http://192.0.2.12" }', 'broker.url', 'pattern'],
    ['console: { desks: [{ id: c, zones: [] }, { id: c, zones: [] }] }', 'console.desks.1', 'stands twice'],
  ])('a value that can mean nothing is a fault: %s', (section, field, words) => {
    const { faults } = parseSite(`${MINIMAL}${section}\n`)
    expect(faults[0]).toMatchObject({ line: 2, field })
    expect(faults[0]?.message).toContain(words)
  })

  test.each([
    'passes: [{ id: S1, person: P1, zones: [A], from: 2026-11-22T10:00:00+08:00, to: 1795300352000000 }]',
    'passes: [{ id: S1, person: P1, zones: [A], from: 2026-11-22 }]',
    'posts: [{ id: S1, zone: A, hours: "00:00-24:00" }]',
    'uplink: { url: "mqtts://province.example:8883", backup: "wss://192.0.2.3/mqtt" }',
    'sinks: { influx: { url: "${env:INFLUX}" } }',
    'broker: { url: null }',
    'manning: [{ zone: A, officers: "max(1, ceil(inmates/20) + 1)" }, { zone: B, officers: 2 }]',
  ])('a value that can mean something is none: %s', (section) => {
    expect(parseSite(`${MINIMAL}${section}\n`).faults).toEqual([])
  })

  test('a gateway, a door and an officer that nobody knows are told like any other name', () => {
    const { warnings } = parseSite(`${MINIMAL}devices:
  - { id: W1, driver: mqtt, kind: band, via: GW-9 }
  - { id: R1, driver: mqtt, kind: reader, door: D9 }
staff: [{ id: S1, tag: T9 }]
`)
    expect(warnings.map((w) => `${w.line} ${w.field} ${w.message}`)).toEqual([
      '3 devices.0.via "GW-9" is not one of devices',
      '4 devices.1.door "D9" is not one of devices',
      '5 staff.0.tag "T9" is not one of devices',
    ])
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

  test('a ward that says whom it lodges needs no entry, and must agree with who lives there', () => {
    const facility = (lodges: string, sex: string, more = '') =>
      parseSite(
        `${MINIMAL}zones:\n  - { id: B1, kind: building${more} }\n  - { id: W4, kind: ward, parent: B1${lodges} }\npeople: [{ id: P1, ward: W4, sex: ${sex} }]\n`,
      )
    const words = (...of: Parameters<typeof facility>) => facility(...of).warnings.map((w) => `${w.line} ${w.message}`)
    expect(words('', 'f')[0]).toMatch(/^4 .* write "lodges: women" at the zone to close it$/)
    expect(words(', lodges: women', 'f')).toEqual([])
    expect(words('', 'f', ', lodges: women'), 'said of the whole building').toEqual([])
    expect(words(', lodges: men', 'm')).toEqual([])
    expect(words(', lodges: men', 'f')[0]).toBe('4 "W4" lodges men by the file, but women live there')
    const [fault] = facility(', lodges: ladies', 'f').faults
    expect([fault?.line, fault?.field, fault?.message]).toEqual([4, 'zones.1.lodges', 'must be one of women, men'])
  })

  test('telephone numbers: duplicates and nonsense are faults with their line, a zone that is not there is a warning', () => {
    const phones = (lines: string[]) =>
      parseSite(
        `${MINIMAL}zones: [{ id: W1, kind: ward }]\nconsole:\n  phones:\n${lines.map((l) => `    - ${l}\n`).join('')}`,
      )
    const name = 'name: { zh: 值班长, en: Chief }'
    const good = phones([
      `{ ${name}, number: "8001", role: chief }`,
      `{ ${name}, number: "+86 25 8888-0000", zones: [W1, W9] }`,
      `{ ${name}, number: "*21#8002" }`,
    ])
    expect(good.warnings.map((w) => `${w.line} ${w.field} ${w.message}`)).toEqual([
      '6 console.phones.1.zones "W9" is not one of zones',
    ])
    expect(good.site?.console?.phones).toHaveLength(3)
    const wrong = (...lines: string[]) => phones(lines).faults.map((f) => `${f.line} ${f.field} ${f.message}`)
    expect(wrong(`{ ${name}, number: "8001" }`, `{ ${name}, number: "80-01" }`)).toEqual([
      '6 console.phones.1.number "80-01" stands twice in console.phones; name all its zones in one entry',
    ])
    expect(wrong(`{ ${name}, number: "ask Li" }`)[0]).toMatch(
      /^5 console.phones.0.number must match .*: telephone number: digits/,
    )
    expect(wrong(`{ ${name}, number: 8001 }`)[0]).toBe('5 console.phones.0.number must be string')
    expect(wrong(`{ ${name}, number: "*#" }`)[0]).toContain('too short')
    expect(wrong(`{ name: { zh: " ", en: Chief }, number: "8001" }`)[0]).toMatch(
      /^5 console.phones.0.name.zh says nothing/,
    )
    expect(wrong(`{ name: { zh: 值班长 }, number: "8001" }`)[0]).toContain('"en" is missing')
    expect(wrong(`{ ${name}, number: "8001", role: boss }`)[0]).toContain('must be one of command, chief')
    expect(wrong(`{ ${name}, number: "8001", colour: red }`)[0]).toContain('unknown key "colour"')
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

  test('a reference of an unknown kind is refused: taken as it stands it would be the password', () => {
    expect(() => resolveSecrets({ password: '${vault:x}' }, () => 'y')).toThrow('${vault:x} is no reference')
    expect(resolveSecrets({ root: 'ns=2;s=$A' }, () => 'y')).toEqual({ root: 'ns=2;s=$A' })
  })
})
