/**
 * Context of the running edge: the site file, plus what was changed since by API. Changes stand in the journal in one
 * sequence with the readings; this keeps their result across restarts. An edited site file wins over earlier changes.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import { type ContextSnapshot, FacilityContext } from '#model/context/facility-context.ts'
import { CONTEXT_KINDS, type ContextChange, type ContextKind, contextItemId } from '#model/context/kinds.ts'
import { WardwatchError } from '#model/errors.ts'
import { canonicalJson } from '#model/ids.ts'
import type { Site } from '#model/site/load.ts'
import { CONTEXT_SCHEMAS } from '#model/site/schema.ts'
import { contextDifference } from './site-reload.ts'

const ajv = new Ajv({ allErrors: false, allowUnionTypes: true, strict: false })
const validators = new Map<ContextKind, ValidateFunction>(
  CONTEXT_KINDS.map((kind) => [kind, ajv.compile(CONTEXT_SCHEMAS[kind])]),
)

interface Kept {
  siteHash: string
  version: number
  snapshot: ContextSnapshot
}

export class ContextStore {
  readonly context: FacilityContext
  readonly #file: string
  readonly #siteHash: string
  version: number

  /** What an edited site file changed while the edge was down: the rules must hear it through the journal. */
  readonly sinceLastRun: ContextChange[] = []

  constructor(site: Site, file: string, now: number) {
    this.#file = file
    this.#siteHash = createHash('sha256').update(canonicalJson(site)).digest('hex')
    this.context = new FacilityContext(site)
    this.version = 1
    if (!existsSync(file)) return
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept
    this.version = kept.version
    if (kept.siteHash === this.#siteHash) this.context.restore(kept.snapshot)
    else {
      this.version++
      this.sinceLastRun = contextDifference({ facility: site.facility, ...kept.snapshot } as Site, site, now)
    }
  }

  /** @throws WardwatchError `field-missing` naming the item and the field. */
  check(change: ContextChange): void {
    if (!CONTEXT_KINDS.includes(change.context))
      throw new WardwatchError(
        'not-found',
        `there is no context "${change.context}"; the kinds are ${CONTEXT_KINDS.join(', ')}`,
      )
    if (change.op === 'delete') return
    const validate = validators.get(change.context) as ValidateFunction
    if (!validate(change.item)) {
      const error = validate.errors?.[0]
      throw new WardwatchError(
        'field-missing',
        `${change.context} ${change.id}: ${error?.instancePath.slice(1) || 'item'} ${error?.message ?? 'is not valid'}`,
        { field: error?.instancePath.slice(1) || error?.params },
      )
    }
    if (change.id === '' || contextItemId(change.context, change.item ?? {}) !== change.id)
      throw new WardwatchError('field-missing', `${change.context}: the item needs the id "${change.id}"`)
  }

  /** Takes a journaled change over and keeps the result. */
  apply(change: ContextChange): void {
    this.context.apply(change)
    this.version++
    this.#dirty = true
  }

  /** The file must stand from the first run on, or an edit made while the edge is down would go unnoticed. */
  #dirty = true

  /** Writes the context if it changed; a cut in the middle leaves the file before. */
  save(): void {
    if (!this.#dirty) return
    this.#dirty = false
    const kept: Kept = { siteHash: this.#siteHash, version: this.version, snapshot: this.context.snapshot() }
    writeFileSync(`${this.#file}.new`, JSON.stringify(kept))
    renameSync(`${this.#file}.new`, this.#file)
  }
}
