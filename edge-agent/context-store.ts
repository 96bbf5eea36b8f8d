/**
 * Context of the running edge: the site file, plus what was changed since by API. Changes stand in the journal in one
 * sequence with the readings; this keeps their result across restarts. An edited site file wins over earlier changes.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
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
  /** The last change of the journal that is in it; absent in files of earlier releases. */
  seq?: number
  snapshot: ContextSnapshot
}

const PAGE = 1000

export class ContextStore {
  context: FacilityContext
  readonly #file: string
  readonly #site: Site
  readonly #siteHash: string
  readonly #now: number
  #kept: Kept | null = null
  #seq: number | null = null
  version: number
  /** Where a file that could not be read now lies. */
  readonly setAside: string | null = null

  /** What an edited site file changed while the edge was down: the rules must hear it through the journal. */
  sinceLastRun: ContextChange[] = []

  constructor(site: Site, file: string, now: number) {
    this.#site = site
    this.#file = file
    this.#now = now
    this.#siteHash = createHash('sha256').update(canonicalJson(site)).digest('hex')
    this.context = new FacilityContext(site)
    this.version = 1
    if (!existsSync(file)) return
    let kept: Kept
    try {
      kept = JSON.parse(readFileSync(file, 'utf8')) as Kept
      if (kept.siteHash === this.#siteHash) this.context.restore(kept.snapshot)
    } catch {
      this.setAside = `${file}.corrupt-${now}`
      renameSync(file, this.setAside)
      this.context = new FacilityContext(site)
      return
    }
    this.#kept = kept
    this.#seq = kept.seq ?? null
    this.version = kept.version
    if (kept.siteHash === this.#siteHash) return
    this.version++
    this.#differ(kept.snapshot)
  }

  /** Takes over what was journaled after the file was last written: a process that was killed has answered for it. */
  async catchUp(journal: Pick<EdgeJournal, 'newest' | 'stats'>): Promise<void> {
    const { lastSeq } = journal.stats()
    const missed = await this.#missed(journal)
    this.#seq = lastSeq
    if (this.#kept === null || this.#kept.siteHash === this.#siteHash) {
      for (const { seq, change } of missed) this.apply(change, seq)
      return
    }
    const before = new FacilityContext(this.#site)
    before.restore(this.#kept.snapshot)
    for (const { change } of missed) before.apply(change)
    this.#differ(before.snapshot())
  }

  async #missed(journal: Pick<EdgeJournal, 'newest'>): Promise<{ seq: number; change: ContextChange }[]> {
    // No file: the first run, and the site file is all there is. One that could not be read: the journal has it all.
    if (this.#kept === null && this.setAside === null) return []
    const after = this.#kept === null ? 0 : this.#seq
    if (after === null) return []
    const missed: { seq: number; change: ContextChange }[] = []
    for (let before = Number.MAX_SAFE_INTEGER; ; before = missed.at(-1)!.seq) {
      const page = (await journal.newest('context', PAGE, before)).filter(({ seq }) => seq > after)
      for (const { seq, body } of page) if (body.kind === 'context') missed.push({ seq, change: body.change })
      if (page.length < PAGE) return missed.reverse()
    }
  }

  /** The edited file wins as a whole; what that changes is told to the rules. */
  #differ(before: ContextSnapshot): void {
    const known = { facility: this.#site.facility, ...before } as Site
    this.sinceLastRun = contextDifference(known, this.#site, this.#now)
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
  apply(change: ContextChange, seq = 0): void {
    this.#seq = Math.max(this.#seq ?? 0, seq)
    this.context.apply(change)
    this.version++
    this.#dirty = true
  }

  /** The file must stand from the first run on, or an edit made while the edge is down would go unnoticed. */
  #dirty = true

  /** Writes the context if it changed; a cut or a full disk in the middle leaves the file before, and it is tried again. */
  save(): void {
    if (!this.#dirty) return
    const kept: Kept = {
      siteHash: this.#siteHash,
      version: this.version,
      seq: this.#seq ?? 0,
      snapshot: this.context.snapshot(),
    }
    writeFileSync(`${this.#file}.new`, JSON.stringify(kept), { flush: true })
    renameSync(`${this.#file}.new`, this.#file)
    this.#dirty = false
  }
}
