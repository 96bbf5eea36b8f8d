/**
 * Reads one uplink message: a CloudEvents envelope whose data holds what the sharing catalogue lets cross, and nothing
 * else. A message with any other field is refused whole, and what is kept of it has every such value withheld.
 */
import { createHash } from 'node:crypto'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { Type } from 'typebox'
import { ALERT_STATES, CHANGES, LEVELS } from '#model/alert/alert.ts'
import { canonicalJson, sha256Hex } from '#model/ids.ts'
import { parseUplinkTopic, type UplinkKind } from '#model/topics.ts'
import type { AlertUp, AnchorUp, HealthUp, IndicatorUp, UplinkEnvelope } from '#model/uplink.ts'

const closed = { additionalProperties: false }
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])
const oneOf = (values: readonly string[]) => Type.String({ enum: [...values] })
const Word = (max = 80) => Type.String({ pattern: `^[A-Za-z0-9][A-Za-z0-9._:|-]{0,${max - 1}}$` })
const Ms = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 })
const Count = Type.Integer({ minimum: 0, maximum: 1e12 })
const Pseudonym = Type.String({ pattern: '^p[A-Z2-7]{16}$' })
/** Texts for people: no control characters and no halves of characters, which no database keeps. */
const Label = Type.String({ maxLength: 100, pattern: '^[^\\p{Cc}\\p{Cs}]*$' })
const optional = <T extends Parameters<typeof Type.Optional>[0]>(schema: T) => Type.Optional(schema)

const AlertData = Type.Object(
  {
    at: Ms,
    change: oneOf(CHANGES),
    by: optional(nullable(Type.String({ pattern: '^(system|p[A-Z2-7]{16})$' }))),
    alert: Type.Object(
      {
        id: Word(),
        rule: Word(),
        code: Word(16),
        ruleVersion: optional(nullable(Word())),
        domain: oneOf(['behaviour', 'duty', 'equipment']),
        level: oneOf(LEVELS),
        facility: Word(64),
        zone: optional(nullable(Word(64))),
        incident: optional(nullable(Word())),
        raisedAt: Ms,
        eventTime: optional(nullable(Ms)),
        delayed: optional(nullable(Type.Boolean())),
        drill: optional(nullable(Type.Boolean())),
        test: optional(nullable(Type.Boolean())),
        state: oneOf(ALERT_STATES),
        handling: optional(nullable(oneOf(['none', 'dispatched', 'pending-review', 'closed']))),
        result: optional(nullable(oneOf(['confirmed', 'false', 'nuisance', 'drill', 'test', 'returned']))),
        plan: optional(nullable(Word(40))),
        activations: optional(nullable(Count)),
        conditionActive: optional(nullable(Type.Boolean())),
        annunciated: optional(nullable(Type.Boolean())),
        confirmed: optional(nullable(Type.Boolean())),
        ackAt: optional(nullable(Ms)),
        clearedAt: optional(nullable(Ms)),
        dispatchedAt: optional(nullable(Ms)),
        arrivedAt: optional(nullable(Ms)),
        resolvedAt: optional(nullable(Ms)),
        closedAt: optional(nullable(Ms)),
        escalationStep: optional(nullable(Count)),
        number: optional(nullable(Type.String({ pattern: '^\\d{4}-\\d{1,8}$' }))),
        subjects: optional(Type.Array(Pseudonym, { maxItems: 20 })),
        reasonCodes: optional(Type.Array(Word(), { maxItems: 50 })),
      },
      closed,
    ),
  },
  closed,
)

const IndicatorData = Type.Object(
  { indicator: Word(64), from: Ms, to: Ms, value: nullable(Type.Number()), n: Type.Number({ minimum: 0 }) },
  closed,
)

const HealthData = Type.Object(
  {
    at: Ms,
    queueDepth: Count,
    openAlerts: Type.Object({ red: Count, orange: Count, yellow: Count, blue: Count }, closed),
    devices: Type.Object({ total: Count, online: Count }, closed),
    name: Type.Object({ zh: Label, en: Label }, closed),
    kind: oneOf(['prison', 'detox']),
    version: Type.String({ maxLength: 40, pattern: '^[A-Za-z0-9.+_-]*$' }),
  },
  closed,
)

const AnchorData = Type.Object(
  { at: Ms, ledgerSeq: Count, ledgerHash: Type.String({ pattern: '^[0-9a-f]{0,128}$' }) },
  closed,
)

const TYPES: Record<UplinkKind, string> = {
  alert: 'wardwatch.alert.change.v1',
  indicator: 'wardwatch.indicator.v1',
  health: 'wardwatch.health.v1',
  anchor: 'wardwatch.anchor.v1',
}

const envelopeOf = (kind: UplinkKind, data: Parameters<typeof Type.Object>[0][string]) =>
  Type.Object(
    {
      specversion: Type.Literal('1.0'),
      id: Word(128),
      source: Type.String({ maxLength: 128 }),
      type: Type.Literal(TYPES[kind]),
      subject: optional(Word(128)),
      time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)$' }),
      datacontenttype: optional(Type.Literal('application/json')),
      dataschema: optional(Type.String({ maxLength: 256, pattern: '^[!-~]*$' })),
      sequence: Type.String({ pattern: '^\\d{20}$' }),
      ledgerhash: Type.String({ pattern: '^[0-9a-f]{0,128}$' }),
      backlog: Type.Boolean(),
      data,
    },
    closed,
  )

/** The schemas of what may cross: also the sharing catalogue that the province publishes. */
export const UPLINK_SCHEMAS = {
  alert: envelopeOf('alert', AlertData),
  indicator: envelopeOf('indicator', IndicatorData),
  health: envelopeOf('health', HealthData),
  anchor: envelopeOf('anchor', AnchorData),
}

const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true })
const validators = Object.fromEntries(
  Object.entries(UPLINK_SCHEMAS).map(([kind, schema]) => [kind, ajv.compile(schema)]),
) as Record<UplinkKind, ValidateFunction>

export type UplinkData = AlertUp | IndicatorUp | HealthUp | AnchorUp

export interface ReadEnvelope {
  ok: true
  facility: string
  kind: UplinkKind
  sequence: number
  time: number
  /** What is compared to tell a repetition from another message under the same number. */
  contentHash: string
  envelope: UplinkEnvelope<UplinkData>
}

export type RefusalCause = 'bad-json' | 'bad-payload' | 'not-shareable' | 'topic-denied'

export interface Refusal {
  ok: false
  facility: string | null
  cause: RefusalCause
  /** One sentence. It never repeats a value of the message. */
  detail: string
  /** The number that the message takes up, when it can be read: it is then no gap. */
  sequence: number | null
  bytes: number
  sha256: string
  payload: string | null
}

const MAX_KEPT = 65_536
const MAX_DEPTH = 12

/** Names of fields that are in a schema; values below any other name are withheld. */
function knownNames(schema: unknown, names = new Set<string>()): Set<string> {
  if (schema && typeof schema === 'object') {
    const { properties } = schema as { properties?: Record<string, unknown> }
    for (const name of Object.keys(properties ?? {})) names.add(name)
    for (const part of Object.values(schema)) knownNames(part, names)
  }
  return names
}
const NAMES = knownNames(UPLINK_SCHEMAS)
/** Fields whose texts are numbers and words of the protocol: they help an engineer and say nothing about a person. */
const PLAIN = new Set(
  'specversion id source type time dataschema sequence change level state code rule domain facility indicator'.split(
    ' ',
  ),
)

/** A copy in which every value that the catalogue does not know, and every text that could be prose, is withheld. */
function withheld(value: unknown, name = '', depth = 0): unknown {
  if (depth > MAX_DEPTH) return '[withheld]'
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => withheld(item, name, depth + 1))
  if (value && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value)
        .slice(0, 100)
        .map(([key, item]) => (NAMES.has(key) ? [key, withheld(item, key, depth + 1)] : ['[withheld]', '[withheld]'])),
    )
  if (typeof value === 'string')
    return PLAIN.has(name) && /^[A-Za-z0-9/._:+-]{0,128}$/.test(value) ? value : '[withheld]'
  return value
}

function sentence(error: ErrorObject): { cause: RefusalCause; detail: string } {
  const at = error.instancePath.replaceAll('/', '.').replace(/^\./, '') || 'envelope'
  if (error.keyword === 'additionalProperties') {
    // The name itself may be personal (a key made of a name), so only plain words are repeated.
    const name = String(error.params.additionalProperty)
    const shown = /^[A-Za-z][A-Za-z0-9_-]{0,40}$/.test(name) ? name : 'with an unusual name'
    return {
      cause: 'not-shareable',
      detail: `The field ${shown} of ${at} is not in the sharing catalogue; the facility must not send it.`,
    }
  }
  if (error.keyword === 'required')
    return { cause: 'bad-payload', detail: `The field ${error.params.missingProperty} of ${at} is missing.` }
  return { cause: 'bad-payload', detail: `The field ${at} is wrong: it ${error.message}.` }
}

function sequenceOf(value: unknown): number | null {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) return null
  const number = Number(value)
  return Number.isSafeInteger(number) && number > 0 ? number : null
}

/** No database keeps NUL or half a character: what cannot be kept would come again for ever. The schema has bounded the depth. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (value === null || typeof value !== 'object') return true
  return Object.entries(value).every(([key, item]) => isStorable(key) && isStorable(item))
}

/** `identity` is the facility that the connection has proved to be; null when another broker has checked it. */
export function readEnvelope(topic: string, payload: Uint8Array, identity: string | null): ReadEnvelope | Refusal {
  const where = parseUplinkTopic(topic)
  let parsed: unknown
  const refuse = (cause: RefusalCause, detail: string): Refusal => {
    const isObject = typeof parsed === 'object' && parsed !== null
    const kept = parsed === undefined ? null : JSON.stringify(withheld(parsed))
    return {
      ok: false,
      facility: identity ?? where?.facility ?? null,
      cause,
      detail,
      sequence: isObject ? sequenceOf((parsed as { sequence?: unknown }).sequence) : null,
      bytes: payload.length,
      sha256: createHash('sha256').update(payload).digest('hex'),
      payload: kept !== null && kept.length <= MAX_KEPT ? kept : null,
    }
  }
  if (!where)
    return refuse('topic-denied', 'The topic is not one of ww/v1/{facility}/up/{alert,indicator,health,anchor}.')
  if (identity !== null && where.facility !== identity)
    return refuse('topic-denied', `The facility ${identity} may publish below ww/v1/${identity}/up/ only.`)
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch {
    return refuse('bad-json', 'The message is not JSON in UTF-8.')
  }
  const validate = validators[where.kind]
  if (!validate(parsed)) {
    const errors = validate.errors as ErrorObject[]
    const worst = errors.find((e) => e.keyword === 'additionalProperties') ?? errors[0]!
    const { cause, detail } = sentence(worst)
    return refuse(cause, detail)
  }
  if (!isStorable(parsed))
    return refuse('bad-payload', 'A text of the message holds what no text may: NUL, or half a character.')
  const envelope = parsed as UplinkEnvelope<UplinkData>
  const { facility } = where
  if (envelope.source !== `/wardwatch/${facility}`)
    return refuse('topic-denied', `The source must be /wardwatch/${facility}, as the topic says.`)
  const sequence = sequenceOf(envelope.sequence)
  if (sequence === null) return refuse('bad-payload', 'The field sequence is 0 or too large.')
  const time = Date.parse(envelope.time)
  if (!Number.isFinite(time)) return refuse('bad-payload', 'The field time is not a time.')
  if (where.kind === 'alert') {
    const { alert } = envelope.data as AlertUp
    if (alert.facility !== facility)
      return refuse('topic-denied', `The alert must be of the facility ${facility}, as the topic says.`)
    alert.subjects ??= []
    alert.reasonCodes ??= []
  }
  const contentHash = sha256Hex(canonicalJson([envelope.type, envelope.data]))
  return { ok: true, facility, kind: where.kind, sequence, time: Math.max(0, time), contentHash, envelope }
}
