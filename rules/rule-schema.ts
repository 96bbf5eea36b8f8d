/** JSON Schema of a rule file (`rules/catalogue/<slug>.yaml`): checks it and completes it in editors. Words and units belong here. */
import { DURATION } from './durations.ts'

const bilingual = {
  type: 'object',
  additionalProperties: false,
  required: ['zh', 'en'],
  properties: { zh: { type: 'string', minLength: 1 }, en: { type: 'string', minLength: 1 } },
}
const level = { enum: ['red', 'orange', 'yellow', 'blue'] }
const duration = { type: 'string', pattern: DURATION, description: 'duration: 500ms, 10s, 5m, 8h' }

export const RULE_SCHEMA = {
  $id: 'https://wardwatch.invalid/schema/rule.schema.json',
  title: 'wardwatch rule file',
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'code',
    'name',
    'domain',
    'levels',
    'key',
    'inputs',
    'operator',
    'pattern',
    'clear',
    'reasons',
    'false-positives',
  ],
  properties: {
    id: {
      type: 'string',
      pattern: '^[a-z0-9]+(-[a-z0-9]+)*$',
      description: 'the name of the file: lower case words joined by "-"',
    },
    code: {
      type: 'string',
      pattern: '^[RS][0-9]{2}$',
      description: 'R and two digits; R01 to R68 are the catalogue, R70 to R99 are free',
    },
    name: bilingual,
    description: bilingual,
    scope: { enum: ['both', 'prison', 'detox'], description: 'kind of facility' },
    tier: {
      enum: ['facility', 'province'],
      description: 'province: raised there, and in a replay; a live edge does not raise it about itself',
    },
    domain: { enum: ['behaviour', 'duty', 'equipment'] },
    mandatory: { type: 'boolean', description: 'protected: R61 watches that nobody weakens it' },
    levels: { type: 'array', minItems: 1, uniqueItems: true, items: level, description: 'levels it can raise' },
    plan: { type: ['string', 'null'], description: 'response plan, e.g. RP1' },
    'plan-at': {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      properties: Object.fromEntries(level.enum.map((name) => [name, { type: 'string', pattern: '^RP\\d+$' }])),
      description: 'another plan from this level on: { red: RP7 }',
    },
    'plan-also': {
      type: 'array',
      uniqueItems: true,
      items: { type: 'string', pattern: '^RP\\d+$' },
      description: 'plans to be worked beside it',
    },
    key: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'parts of the alert key' },
    inputs: { type: 'array', items: { type: 'string' }, description: 'reading types; "*" = all' },
    watches: {
      type: 'array',
      items: { type: 'string' },
      description: 'codes of rules whose alerts it looks at; "*" = of every other rule',
    },
    eager: { type: 'boolean', description: 'positive evidence: may be run ahead on arrival' },
    shelvable: { type: 'boolean' },
    incident: { enum: ['joins', 'never'], description: 'does its alert join or open incidents' },
    parameters: {
      type: 'object',
      propertyNames: { pattern: '^[a-z][a-zA-Z0-9]*$' },
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['default', 'zh', 'en'],
        properties: {
          unit: { type: ['string', 'null'], description: 's, m, %, /min, ppm …; s accepts durations in the site file' },
          default: { type: ['number', 'string', 'boolean'] },
          min: { type: 'number' },
          max: { type: 'number' },
          zh: { type: 'string' },
          en: { type: 'string' },
        },
      },
    },
    operator: { type: 'string', description: 'file of rules/engine/operators' },
    pattern: { type: 'object', description: 'what the operator needs; its own schema checks it' },
    clear: {
      oneOf: [
        { const: 'operator', description: 'the operator says when the condition ended' },
        { const: 'person', description: 'never by itself' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['quiet'],
          properties: { quiet: { ...duration, description: 'ends so long after the last evidence' } },
        },
      ],
    },
    'cool-down': duration,
    reasons: { type: 'object', minProperties: 1, additionalProperties: bilingual },
    'false-positives': {
      type: 'array',
      minItems: 1,
      items: { type: 'string' },
      description: 'what looks like it and is not',
    },
  },
} as const
