import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkProvinceFile, loadProvinceConfig, parseProvinceConfig } from './config.ts'

const faultsOf = (text: string): string[] =>
  checkProvinceFile(text).faults.map((f) => `${f.line}:${f.column} ${f.field}: ${f.message}`)

describe('the configuration of the province', () => {
  test('a small file gets its defaults', () => {
    const config = parseProvinceConfig(
      'province: { id: js }\nbroker: { tcp: 1883, facilities: [{ id: js-03, password: x }] }\nfacilities: [{ id: js-03, kind: detox }]\n',
      '/x/p.yaml',
    )
    expect(config.broker).toMatchObject({ host: '127.0.0.1', tcp: 1883, tls: null, facilities: [{ user: 'js-03' }] })
    expect(config.facilities[0]).toMatchObject({ line: 'detox', city: null, name: { zh: 'js-03' } })
    expect(config.console).toMatchObject({ host: '127.0.0.1', port: 8090 })
    expect(config.store.url).toBeNull()
  })

  test('an address of another broker takes the place of the own one, here or there', () => {
    for (const text of ['url: mqtts://broker.example:8883', 'broker: { url: mqtts://broker.example:8883 }'])
      expect(
        parseProvinceConfig(`province: { id: js }\n${text}\nfacilities: [{ id: js-03 }]\n`, 'p').external?.url,
      ).toBe('mqtts://broker.example:8883')
  })

  test.each([
    ['province: { id: js }\nfacilities: []\n', /^2:13 facilities: must NOT have fewer than 1 items/],
    ['province: { id: js }\nfacilities: [{ id: a }]\n', /facilities have no way in/],
    [
      'province: { id: js }\nbroker: { tcp: 1, facilities: [{ id: b, password: x }] }\nfacilities: [{ id: a }]\n',
      /^2:\d+ broker\.facilities\.0\.id: "b" is not one of facilities/,
    ],
    [
      'province: { id: js }\nbroker: { tcp: 1, facilities: [{ id: a }] }\nfacilities: [{ id: a }]\n',
      /"a" needs a password or a certificate/,
    ],
    [
      'province: { id: js }\nbroker: { tls: 1, facilities: [{ id: a, password: x }] }\nfacilities: [{ id: a }]\n',
      /TLS needs "cert" and "key"/,
    ],
    [
      'province: { id: js }\nbroker: { tcp: 1, facilities: [{ id: a, certificate: a }] }\nfacilities: [{ id: a }]\n',
      /needs broker\.ca/,
    ],
    [
      'province: { id: js }\nfacilities:\n  - { id: a }\n  - { id: a, colour: red }\n',
      /^4:14 facilities\.1\.colour: unknown key "colour"/,
    ],
    ['province: [\n', /^\d+:\d+ /],
  ])('%j is refused with line and column', (text, expected) => {
    expect(faultsOf(text).join('\n')).toMatch(expected)
  })

  test('a missing secret and a missing file are named', () => {
    const text = (password: string, extra = '') =>
      `province: { id: js }\nbroker: { tcp: 1${extra}, facilities: [{ id: a, password: "${password}" }] }\nfacilities: [{ id: a }]\n`
    expect(() => parseProvinceConfig(text('${env:WW_NO_SUCH_SECRET}'), '/x/p.yaml')).toThrow(/WW_NO_SUCH_SECRET/)
    expect(() => parseProvinceConfig(text('x', ', cert: none.pem, key: none.pem'), '/x/p.yaml')).toThrow(
      /\/x\/none\.pem of broker\.cert cannot be read \(ENOENT\)/,
    )
    expect(() => loadProvinceConfig('/nowhere/p.yaml')).toThrow(/\/nowhere\/p\.yaml cannot be read/)
  })
})

test('the sample configuration is right but for the files that it names', () => {
  const sample = readFileSync(join(import.meta.dirname, 'province.sample.yaml'), 'utf8')
  expect(checkProvinceFile(sample).faults).toEqual([])
})
