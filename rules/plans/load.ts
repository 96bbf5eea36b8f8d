/** The response plans RP1–RP14 as data: one file each, checked against a schema when they are read. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { WardwatchError } from '#model/errors.ts'
import type { Plan } from '#model/ports/facility.ts'

const text = {
  type: 'object',
  additionalProperties: false,
  required: ['zh', 'en'],
  properties: { zh: { type: 'string', minLength: 1 }, en: { type: 'string', minLength: 1 } },
}
const validate = new Ajv({ allErrors: false, allowUnionTypes: true }).compile({
  type: 'object',
  additionalProperties: false,
  required: ['id', 'version', 'name', 'steps'],
  properties: {
    id: { type: 'string', pattern: '^RP\\d+$' },
    version: { type: 'string' },
    name: text,
    steps: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'channel', 'required', 'targetS', 'text'],
        properties: {
          id: { type: 'string' },
          channel: { enum: ['people', 'physical', 'technical', 'joint', 'data'] },
          required: { type: 'boolean' },
          targetS: { type: ['number', 'null'] },
          text,
          answers: {
            type: 'array',
            minItems: 2,
            items: {
              type: 'object',
              additionalProperties: false,
              required: ['id', 'text'],
              properties: {
                id: { type: 'string', pattern: '^[a-z][a-z-]*$' },
                text,
                skips: { type: 'array', items: { type: 'string' } },
                plan: { type: 'string', pattern: '^RP\\d+$' },
              },
            },
          },
        },
      },
    },
  },
})

/** @throws WardwatchError `rule-invalid` naming file and field. */
export function loadPlans(dir = import.meta.dirname): Plan[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => {
      const plan: unknown = parse(readFileSync(join(dir, name), 'utf8'))
      if (!validate(plan))
        throw new WardwatchError(
          'rule-invalid',
          `${name}: ${validate.errors?.[0]?.instancePath} ${validate.errors?.[0]?.message}`,
        )
      return plan as unknown as Plan
    })
    .sort((a, b) => Number(a.id.slice(2)) - Number(b.id.slice(2)))
}
