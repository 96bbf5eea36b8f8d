/** docs/asyncapi.yaml says what the code says: the same topics, the same fields, and no reference that leads nowhere. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ALERT_FIELDS, ALERT_STATES, CHANGES, LEVELS } from '#model/alert/alert.ts'
import { topics, UPLINK_KINDS } from '#model/topics.ts'
import { SHARED_ALERT_FIELDS } from '#model/uplink.ts'

interface Page {
  asyncapi: string
  channels: Record<string, { address: string; parameters?: Record<string, unknown>; messages: object }>
  operations: Record<string, { action: string; channel: { $ref: string } }>
  components: {
    parameters: Record<string, { enum?: string[] }>
    schemas: Record<string, { properties: Record<string, { enum?: string[]; properties?: object }> }>
  }
}

const page = parse(readFileSync(join(import.meta.dirname, '../../docs/asyncapi.yaml'), 'utf8')) as Page
const addresses = Object.values(page.channels).map((channel) => channel.address)
const schema = (name: string) => page.components.schemas[name]!.properties

function references(node: unknown): string[] {
  if (node === null || typeof node !== 'object') return []
  return Object.entries(node).flatMap(([key, value]) =>
    key === '$ref' && typeof value === 'string' ? [value] : references(value),
  )
}

const resolved = (reference: string): unknown =>
  reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((node, step) => (node as Record<string, unknown> | undefined)?.[step], page)

describe('docs/asyncapi.yaml', () => {
  test('its topics are exactly those of model/topics.ts', () => {
    const said = [
      topics.device('{facility}', '{device}', '{type}'),
      topics.status('{facility}', '{device}'),
      topics.reading('{facility}', '{type}'),
      topics.alert('{facility}', '{level}'),
      ...UPLINK_KINDS.map((kind) => topics.up('{facility}', kind)),
      topics.downActs('{facility}'),
    ]
    expect([...addresses].sort()).toEqual([...said].sort())
  })

  test('each parameter of a topic is described, and no other', () => {
    for (const { address, parameters } of Object.values(page.channels))
      expect(Object.keys(parameters ?? {}).sort()).toEqual([...address.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort())
  })

  test('each channel is sent to or received from, and every reference leads somewhere', () => {
    expect(page.asyncapi).toBe('3.0.0')
    const used = Object.values(page.operations).map((operation) => operation.channel.$ref)
    expect(used.sort()).toEqual(
      Object.keys(page.channels)
        .map((name) => `#/channels/${name}`)
        .sort(),
    )
    expect(references(page).filter((reference) => resolved(reference) === undefined)).toEqual([])
  })

  test('an alert has the fields, levels, states and changes of the model', () => {
    expect(Object.keys(schema('alert'))).toEqual([...ALERT_FIELDS])
    expect(schema('alert').level?.enum).toEqual([...LEVELS])
    expect(schema('alert').state?.enum).toEqual([...ALERT_STATES])
    expect(schema('alertChange').change?.enum).toEqual([...CHANGES])
    expect(page.components.parameters.level?.enum).toEqual([...LEVELS])
  })

  test('what crosses to the province is the sharing catalogue and nothing else', () => {
    expect(Object.keys(schema('alertUp').alert?.properties ?? {})).toEqual([
      ...SHARED_ALERT_FIELDS,
      'subjects',
      'reasonCodes',
    ])
  })
})
