/**
 * A scenario as data: `scenarios/<ID>/scenario.yaml` tells the timeline in seconds from the start, in the notation of
 * the design ("165" = once or held, "60-65" = every second and back to normal). This file reads and checks it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import type { ContextChange } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'

export const SCENARIO_ROOT = join(import.meta.dirname, '../scenarios')

/** One line of the timeline. Seconds from the start; exactly one of the doing words. */
export interface Beat {
  at?: number
  from?: number
  to?: number
  /** Period in seconds; default 1 in a range, the catalogue's period for samples that are held. */
  every?: number
  /** A reading of a device. `ramp` moves a field from a value to a value over the range. */
  device?: string
  type?: string
  value?: Record<string, unknown>
  ramp?: Record<string, [number, number]>
  /** What the device says after a range; absent = what ordinary life says. */
  after?: Record<string, unknown>
  /** The person whom a reading of a shared device is about. */
  subject?: string
  /** Default good. */
  quality?: 'good' | 'uncertain' | 'bad'
  /** Bands or tags walk to a zone and are there at `to`, or stay from `from` to `to`; several stand in rows. */
  walk?: string | string[]
  stay?: string | string[]
  zone?: string
  /** Metres from the middle of the zone. */
  offset?: [number, number]
  /** Metres between several who stay together; default 1. */
  gap?: number
  /** Only the fields given replace the vitals of ordinary life. */
  vitals?: string | string[]
  set?: Record<string, unknown>
  /** Devices that say nothing; with `buffered`, what they would have said arrives when it ends. */
  silent?: string[]
  via?: string
  buffered?: boolean
  /** A change of context. */
  context?: ContextChange['context']
  op?: 'put' | 'delete'
  id?: string
  item?: Record<string, unknown>
}

export interface Story {
  id: string
  title: { zh: string; en: string }
  /** Start, RFC 3339 with offset. */
  start: string
  /** Seconds after the start until which ordinary life goes on. */
  length: number
  /** Seconds of ordinary life before the start; default 600. */
  background?: number
  /** Which facility of the make-believe province; default 0, a prison. Every third is a detox centre. */
  facility?: number
  /** Seconds between positions and between vital signs of ordinary life in the recording; default 5 and 5. */
  periods?: { positions?: number; vitals?: number }
  /** Cut of the facility for the recording: these persons and devices, with the gateways and zones they need. */
  cast: { persons: string[]; devices: string[] }
  /** Fields laid over the site: sections replace or add items by id. */
  site?: Record<string, Record<string, unknown>[]>
  timeline: Beat[]
  /** What the transport does to the recording. */
  transport?: { duplicateEvery?: number; disorderS?: number; clocks?: Record<string, number> }
}

export interface ExpectedAlert {
  code: string
  key?: string
  level: 'red' | 'orange' | 'yellow' | 'blue'
  /** Latest raise or escalation to the level, seconds from the start. */
  by: number
  /** Latest second at which the condition is cleared. */
  clearedBy?: number
  folded?: boolean
  /** Codes of advice that the alert must carry at some time. */
  advice?: string[]
}

export interface Expected {
  alerts: ExpectedAlert[]
  /** Codes that must not appear at all. */
  silent?: string[]
  /** Highest level of anything that is not in `alerts`; default none at all may be red or orange. */
  otherwise?: 'none' | 'blue' | 'yellow'
  incidents?: number
  annunciations?: number
}

const oneOrMore = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1 }] }
const beat = {
  type: 'object',
  additionalProperties: false,
  properties: {
    at: { type: 'number' },
    from: { type: 'number' },
    to: { type: 'number' },
    every: { type: 'number', exclusiveMinimum: 0 },
    device: { type: 'string' },
    type: { type: 'string' },
    value: { type: 'object' },
    ramp: { type: 'object' },
    after: { type: 'object' },
    subject: { type: 'string' },
    quality: { enum: ['good', 'uncertain', 'bad'] },
    walk: oneOrMore,
    stay: oneOrMore,
    gap: { type: 'number' },
    zone: { type: 'string' },
    offset: { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 },
    vitals: oneOrMore,
    set: { type: 'object' },
    silent: { type: 'array', items: { type: 'string' } },
    via: { type: 'string' },
    buffered: { type: 'boolean' },
    context: { type: 'string' },
    op: { enum: ['put', 'delete'] },
    id: { type: 'string' },
    item: { type: 'object' },
  },
}
const names = {
  type: 'object',
  required: ['zh', 'en'],
  additionalProperties: false,
  properties: { zh: { type: 'string' }, en: { type: 'string' } },
}
const ajv = new Ajv({ allErrors: false })
const validateStory = ajv.compile({
  type: 'object',
  additionalProperties: false,
  required: ['id', 'title', 'start', 'length', 'cast', 'timeline'],
  properties: {
    id: { type: 'string' },
    title: names,
    start: { type: 'string' },
    length: { type: 'number' },
    background: { type: 'integer', minimum: 0 },
    facility: { type: 'integer', minimum: 0 },
    periods: {
      type: 'object',
      additionalProperties: false,
      properties: { positions: { type: 'integer', minimum: 1 }, vitals: { type: 'integer', minimum: 1 } },
    },
    cast: {
      type: 'object',
      additionalProperties: false,
      required: ['persons', 'devices'],
      properties: {
        persons: { type: 'array', items: { type: 'string' } },
        devices: { type: 'array', items: { type: 'string' } },
      },
    },
    site: { type: 'object' },
    timeline: { type: 'array', items: beat },
    transport: {
      type: 'object',
      additionalProperties: false,
      properties: { duplicateEvery: { type: 'integer' }, disorderS: { type: 'number' }, clocks: { type: 'object' } },
    },
  },
})
const level = { enum: ['red', 'orange', 'yellow', 'blue'] }
const validateExpected = ajv.compile({
  type: 'object',
  additionalProperties: false,
  required: ['alerts'],
  properties: {
    alerts: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['code', 'level', 'by'],
        properties: {
          code: { type: 'string' },
          key: { type: 'string' },
          level,
          by: { type: 'number' },
          clearedBy: { type: 'number' },
          folded: { type: 'boolean' },
          advice: { type: 'array', items: { type: 'string' } },
        },
      },
    },
    silent: { type: 'array', items: { type: 'string' } },
    otherwise: { enum: ['none', 'blue', 'yellow'] },
    incidents: { type: 'integer' },
    annunciations: { type: 'integer' },
  },
})

export function scenarioIds(root = SCENARIO_ROOT): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

export function readStory(id: string, root = SCENARIO_ROOT): { story: Story; expected: Expected } {
  if (!scenarioIds(root).includes(id))
    throw new WardwatchError('usage', `there is no scenario "${id}"; wardwatch scenario list shows them`)
  const read = (name: string): unknown => parse(readFileSync(join(root, id, name), 'utf8'))
  const story = read('scenario.yaml')
  if (!validateStory(story))
    throw new WardwatchError(
      'usage',
      `${id}/scenario.yaml: ${validateStory.errors?.[0]?.instancePath} ${validateStory.errors?.[0]?.message}`,
    )
  const expected = read('expected.yaml')
  if (!validateExpected(expected))
    throw new WardwatchError(
      'usage',
      `${id}/expected.yaml: ${validateExpected.errors?.[0]?.instancePath} ${validateExpected.errors?.[0]?.message}`,
    )
  return { story: story as unknown as Story, expected: expected as unknown as Expected }
}
