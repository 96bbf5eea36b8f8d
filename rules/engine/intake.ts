/**
 * The front door: one parsed line (reading, context change or act) is checked, completed with defaults from the site,
 * recognised when it came before, or refused with one sentence. Nothing behind it sees an unchecked line.
 */
import { Ajv, type ValidateFunction } from 'ajv'
import type { Act } from '#model/alert/acts.ts'
import { VERBS } from '#model/alert/acts.ts'
import { isTime, READING_TYPES, readingFault } from '#model/catalogue/index.ts'
import { itemFaults } from '#model/context/checks.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import { CONTEXT_KINDS, type ContextChange, type ContextKind, contextItemId } from '#model/context/kinds.ts'
import { canonicalJson, derivedReadingId } from '#model/ids.ts'
import type { Quality, RawReading, ReadingValue } from '#model/reading.ts'
import { CONTEXT_SCHEMAS } from '#model/site/schema.ts'

/** A reading on its way to the ordered run. `time` is still the device's own. */
export interface TakenReading {
  id: string
  device: string
  type: string
  time: number
  received: number
  quality: Quality
  zone: string | null
  subject: string | null
  value: ReadingValue
  /** Number of the line it came on: whether its device is registered is decided at its turn. */
  origin?: number
}

export type Taken =
  | { kind: 'reading'; reading: TakenReading; adopt: boolean }
  | { kind: 'context'; change: ContextChange; id: string }
  | { kind: 'act'; act: Act; id: string }
  | { kind: 'refused'; cause: string; detail: string; device: string | null }

const ajv = new Ajv({ strict: false, allowUnionTypes: true })
const itemValidators = new Map<ContextKind, ValidateFunction>()
function itemFault(kind: ContextKind, item: unknown): string | null {
  let validate = itemValidators.get(kind)
  if (!validate) {
    validate = ajv.compile(CONTEXT_SCHEMAS[kind])
    itemValidators.set(kind, validate)
  }
  if (validate(item)) {
    const [fault] = itemFaults(kind, item as Record<string, unknown>)
    return fault ? `${kind}/${fault.field}: ${fault.message}` : null
  }
  const error = validate.errors?.[0]
  const extra = (error?.params as { additionalProperty?: string })?.additionalProperty
  return `${kind}${error?.instancePath ?? ''} ${error?.message ?? 'is not valid'}${extra ? ` ("${extra}")` : ''}`
}

export class Intake {
  readonly #site: FacilityContext
  readonly #adopt: boolean

  readonly #trusted: boolean

  /** @param trusted complete readings come out of the journal, and were checked before they went in. */
  constructor(site: FacilityContext, adopt: boolean, trusted = false) {
    this.#site = site
    this.#adopt = adopt
    this.#trusted = trusted
  }

  /** @param origin number of the line, for what is refused later. */
  take(line: unknown, origin = 0): Taken {
    if (line === null || typeof line !== 'object' || Array.isArray(line))
      return refused('bad-reading', 'the line is not a JSON object; write one reading, context change or act a line')
    if ('context' in line) return this.#context(line as Record<string, unknown>)
    if ('act' in line) return this.#act(line as Record<string, unknown>)
    if (this.#trusted && isComplete(line as RawReading)) {
      const reading = line as TakenReading
      return { kind: 'reading', adopt: this.#adopt && !this.#site.device(reading.device), reading }
    }
    return this.#reading(line as RawReading, origin)
  }

  #reading(raw: RawReading, origin: number): Taken {
    const fault = readingFault(raw)
    const device = typeof raw.device === 'string' ? raw.device : null
    if (fault) return refused(fault.cause, fault.detail, device)
    const time = raw.time ?? raw.received
    if (time === undefined) return refused('bad-reading', '"time" is missing; give ms since 1970 UTC', device)
    const known = this.#site.device(raw.device)
    const isStranger = !known && raw.device !== ownDevice(this.#site)
    const adopt = isStranger && this.#adopt
    // The site's and the catalogue's own texts: looking them up again is then a matter of a pointer.
    const type = READING_TYPES.get(raw.type)?.type ?? raw.type
    if (isComplete(raw)) {
      // Thousands wait for their turn: a reading that lacks nothing waits itself, not a copy of it.
      const reading: TakenReading = raw
      reading.device = known?.id ?? raw.device
      reading.type = type
      reading.origin = origin
      return { kind: 'reading', adopt, reading }
    }
    return {
      kind: 'reading',
      adopt,
      reading: {
        id: raw.id ?? derivedReadingId(raw.device, raw.type, time, raw.value),
        device: known?.id ?? raw.device,
        type,
        time,
        received: raw.received ?? time,
        quality: raw.quality ?? (raw.time === undefined ? 'uncertain' : 'good'),
        zone: raw.zone ?? null,
        subject: raw.subject ?? null,
        value: raw.value,
        origin,
      },
    }
  }

  #context(line: Record<string, unknown>): Taken {
    const kind = line.context as ContextKind
    if (!CONTEXT_KINDS.includes(kind))
      return refused('bad-value', `"context" must be one of ${CONTEXT_KINDS.join(', ')}`)
    if (line.op !== 'put' && line.op !== 'delete') return refused('bad-value', '"op" must be put or delete')
    if (!isTime(line.time))
      return refused('bad-value', '"time" must be ms since 1970 UTC between the years 2000 and 2200')
    const item = line.item as Record<string, unknown> | undefined
    const id = typeof line.id === 'string' ? line.id : typeof item?.id === 'string' ? item.id : null
    if (id === null) return refused('bad-value', '"id" of the item is missing')
    if (line.op === 'put') {
      // An item without an id of its own goes by what makes it one ("YARD|1-7|15:00"): that is its name, no field of it.
      const named = item?.id !== undefined || (item !== undefined && contextItemId(kind, item) === id)
      const full = { ...item, ...(!named && hasId(kind) ? { id } : {}) }
      const fault = item === undefined ? '"item" is missing' : itemFault(kind, full)
      if (fault) return refused('bad-value', fault)
      const change: ContextChange = { context: kind, op: 'put', id, item: full, time: line.time }
      return { kind: 'context', change, id: `c${canonicalJson(change)}` }
    }
    const change: ContextChange = { context: kind, op: 'delete', id, time: line.time }
    return { kind: 'context', change, id: `c${canonicalJson(change)}` }
  }

  #act(line: Record<string, unknown>): Taken {
    if (!VERBS.includes(line.act as never)) return refused('bad-value', `"act" must be one of ${VERBS.join(', ')}`)
    if (!isTime(line.time))
      return refused('bad-value', '"time" must be ms since 1970 UTC between the years 2000 and 2200')
    if (typeof line.by !== 'string') return refused('bad-value', '"by" must be an account')
    if (typeof line.alert !== 'string' && !(typeof line.rule === 'string' && typeof line.key === 'string'))
      return refused('bad-value', 'name the alert by "alert", or by "rule" and "key"')
    return { kind: 'act', act: line as unknown as Act, id: `a${canonicalJson(line)}` }
  }
}

/** Does it say all that the edge fills in at its door? */
function isComplete(raw: RawReading): raw is RawReading & TakenReading {
  return (
    raw.id !== undefined &&
    raw.received !== undefined &&
    raw.time !== undefined &&
    raw.quality !== undefined &&
    raw.zone !== undefined &&
    raw.subject !== undefined
  )
}

function hasId(kind: ContextKind): boolean {
  const schema = CONTEXT_SCHEMAS[kind] as { properties?: Record<string, unknown> }
  return schema.properties?.id !== undefined
}

function refused(cause: string, detail: string, device: string | null = null): Taken {
  return { kind: 'refused', cause, detail, device }
}

/** What the edge says of itself stands in its journal too; no site file needs to name it. */
export const ownDevice = (site: FacilityContext): string => `${site.facility}-edge`
