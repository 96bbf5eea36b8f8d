/**
 * Reads a site file: YAML → checked object, or every fault with line and column. Checks the schema, unknown keys, ids
 * used twice and references that lead nowhere. Secrets stay references until `resolveSecrets`; reading files is the
 * caller's business, so that this stays pure.
 */
import { Ajv, type ErrorObject } from 'ajv'
import { type Document, LineCounter, parseDocument } from 'yaml'
import { danglingNames, itemFaults, zonesInThemselves } from '../context/checks.ts'
import { CONTEXT_KINDS, type ContextItems, type ContextKind, contextItemId } from '../context/kinds.ts'
import { WardwatchError } from '../errors.ts'
import { localTime } from '../local-time.ts'
import {
  type BrokerSection,
  type ConsoleSection,
  type FacilityInfo,
  type LedgerSection,
  type RetentionSection,
  type SinksSection,
  SiteSchema,
  type UplinkSection,
  type VideoSection,
} from './schema.ts'

export type Site = { facility: FacilityInfo } & { [K in ContextKind]?: ContextItems[K][] } & {
  broker?: BrokerSection
  rules?: Record<string, Record<string, unknown>>
  sinks?: SinksSection
  uplink?: UplinkSection
  console?: ConsoleSection
  video?: VideoSection
  retention?: RetentionSection
  ledger?: LedgerSection
}

export interface SiteFault {
  line: number
  column: number
  /** Dotted path of the field, e.g. `devices.3.zone`. */
  field: string
  message: string
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false, verbose: true })
const validate = ajv.compile(SiteSchema)

/**
 * @returns the site with its warnings, or the faults in order of line; never both. A name that leads nowhere is a
 * warning: what is absent switches the rules that need it off, visibly, and must not keep a facility from starting.
 */
export function parseSite(
  text: string,
): { site: Site; faults: []; warnings: SiteFault[] } | { site: null; faults: SiteFault[]; warnings: [] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  if (document.errors.length > 0) {
    const faults = document.errors.map((e) => ({
      line: e.linePos?.[0].line ?? 1,
      column: e.linePos?.[0].col ?? 1,
      field: '',
      message: e.message.split('\n')[0] ?? 'not YAML',
    }))
    return { site: null, faults, warnings: [] }
  }
  let content: unknown
  try {
    content = document.toJS()
  } catch (error) {
    // Names that lead nowhere, or aliases that grow without end.
    const message = `${(error as Error).message.split('\n')[0]}; write it out`
    return { site: null, faults: [{ line: 1, column: 1, field: '', message }], warnings: [] }
  }
  const at = (path: (string | number)[], key?: string): SiteFault => locate(document, lines, path, key)
  if (!validate(content)) {
    const faults = distinct((validate.errors ?? []).filter((e) => e.keyword !== 'anyOf').map((e) => schemaFault(e, at)))
    return {
      site: null,
      faults: faults.length > 0 ? faults : [{ ...at([]), message: 'the file does not follow the schema' }],
      warnings: [],
    }
  }
  const site = content as Site
  const faults = [...doubledIds(site, at), ...badValues(site, at), ...badTimezone(site, at)]
  faults.sort((a, b) => a.line - b.line || a.column - b.column)
  return faults.length > 0
    ? { site: null, faults, warnings: [] }
    : {
        site,
        faults: [],
        warnings: [...danglingReferences(site, at), ...viewingGaps(site, at), ...phonesOfNowhere(site, at)],
      }
}

/** As `parseSite`, but throws one WardwatchError that names file, line, field and what to do. */
export function parseSiteOrThrow(text: string, file: string): Site {
  const { site, faults } = parseSite(text)
  if (site) return site
  const shown = faults
    .slice(0, 10)
    .map((f) => `${file}:${f.line}:${f.column}: ${f.field ? `${f.field}: ` : ''}${f.message}`)
  const more = faults.length > shown.length ? `\n… and ${faults.length - shown.length} more` : ''
  throw new WardwatchError('site-invalid', `${shown.join('\n')}${more}`, { faults })
}

type Locate = (path: (string | number)[], key?: string) => SiteFault

function locate(document: Document, lines: LineCounter, path: (string | number)[], key?: string): SiteFault {
  let node: unknown = document.contents
  for (const step of path) node = (node as { get?: (k: unknown, keep: boolean) => unknown })?.get?.(step, true) ?? node
  if (key !== undefined) {
    const pair = (node as { items?: { key: { value?: unknown; range?: number[] } }[] })?.items?.find(
      (item) => item.key?.value === key,
    )
    if (pair) node = pair.key
  }
  const offset = (node as { range?: number[] } | null)?.range?.[0] ?? 0
  const { line, col } = lines.linePos(offset)
  return { line, column: col, field: [...path, ...(key === undefined ? [] : [key])].join('.'), message: '' }
}

function schemaFault(error: ErrorObject, at: Locate): SiteFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((p) => p.replace(/~1/g, '/').replace(/~0/g, '~'))
    .map((p) => (/^\d+$/.test(p) ? Number(p) : p))
  if (error.keyword === 'additionalProperties') {
    const key = String((error.params as { additionalProperty: string }).additionalProperty)
    return { ...at(path, key), message: `unknown key "${key}"; remove it or correct its spelling` }
  }
  if (error.keyword === 'required')
    return { ...at(path), message: `"${(error.params as { missingProperty: string }).missingProperty}" is missing` }
  if (error.keyword === 'enum')
    return {
      ...at(path),
      message: `must be one of ${((error.params as { allowedValues: string[] }).allowedValues ?? []).join(', ')}`,
    }
  const meant = (error.parentSchema as { description?: string } | undefined)?.description
  if (error.keyword === 'pattern' && meant) return { ...at(path), message: `${error.message}: ${meant}` }
  return { ...at(path), message: error.message ?? 'is not valid' }
}

function distinct(faults: SiteFault[]): SiteFault[] {
  const seen = new Set<string>()
  return faults
    .filter((f) => {
      const key = `${f.line}:${f.field}:${f.message}`
      if (seen.has(key)) return false
      seen.add(key)
      return true
    })
    .sort((a, b) => a.line - b.line || a.column - b.column)
}

function doubledIds(site: Site, at: Locate): SiteFault[] {
  const faults: SiteFault[] = []
  for (const kind of CONTEXT_KINDS) {
    const seen = new Set<string>()
    for (const [index, item] of (site[kind] ?? []).entries()) {
      const id = contextItemId(kind, item as Record<string, unknown>)
      if (seen.has(id))
        faults.push({ ...at([kind, index]), message: `"${id}" stands twice in ${kind}; ids must be unique` })
      seen.add(id)
    }
  }
  return faults
}

function badValues(site: Site, at: Locate): SiteFault[] {
  const loops = new Set(zonesInThemselves(site.zones ?? []))
  return [
    ...eachItem(site).flatMap(({ kind, index, item }) =>
      itemFaults(kind, item).map(({ field, message }) => ({ ...at([kind, index, ...field.split('.')]), message })),
    ),
    ...(site.zones ?? []).flatMap((zone, index) =>
      loops.has(zone.id)
        ? [{ ...at(['zones', index, 'parent']), message: `zone "${zone.id}" is its own ancestor` }]
        : [],
    ),
    ...doubled((site.console?.desks ?? []).map((d) => d.id)).map((index) => ({
      ...at(['console', 'desks', index]),
      message: `"${site.console?.desks?.[index]?.id}" stands twice in console.desks; ids must be unique`,
    })),
    ...doubled((site.console?.phones ?? []).map((p) => p.number.replace(/[^0-9+*#]/g, ''))).map((index) => ({
      ...at(['console', 'phones', index, 'number']),
      message: `"${site.console?.phones?.[index]?.number}" stands twice in console.phones; name all its zones in one entry`,
    })),
    ...(site.console?.phones ?? []).flatMap(({ name, number }, index) => [
      ...(number.replace(/[^0-9]/g, '').length < 2
        ? [
            {
              ...at(['console', 'phones', index, 'number']),
              message: `"${number}" is too short for a telephone number; write at least two digits`,
            },
          ]
        : []),
      ...(['zh', 'en'] as const).flatMap((language) =>
        name[language].trim() === ''
          ? [{ ...at(['console', 'phones', index, 'name', language]), message: 'says nothing; name who answers' }]
          : [],
      ),
    ]),
  ]
}

/** Places of what stands there for the second time. */
function doubled(ids: string[]): number[] {
  return ids.flatMap((id, index) => (ids.indexOf(id) < index ? [index] : []))
}

function eachItem(site: Site): { kind: ContextKind; index: number; item: Record<string, unknown> }[] {
  return CONTEXT_KINDS.flatMap((kind) =>
    (site[kind] ?? []).map((item, index) => ({ kind, index, item: item as Record<string, unknown> })),
  )
}

function danglingReferences(site: Site, at: Locate): SiteFault[] {
  const ids = new Map<ContextKind, Set<string> | null>()
  const idsOf = (kind: ContextKind): Set<string> | null => {
    let set = ids.get(kind)
    if (set === undefined) {
      // A section that is absent altogether is a choice (its rules are off), not a slip of the pen.
      const items = site[kind] as Record<string, unknown>[] | undefined
      set = items === undefined ? null : new Set(items.map((item) => contextItemId(kind, item)))
      ids.set(kind, set)
    }
    return set
  }
  return eachItem(site).flatMap(({ kind, index, item }) =>
    danglingNames(kind, item, idsOf).map(({ field, message }) => ({ ...at([kind, index, field]), message })),
  )
}

function badTimezone(site: Site, at: Locate): SiteFault[] {
  const timezone = site.facility.timezone
  if (timezone === undefined) return []
  try {
    localTime(timezone, 0)
    return []
  } catch {
    return [
      {
        ...at(['facility', 'timezone']),
        message: `"${timezone}" is not a time zone of the IANA list, e.g. Asia/Shanghai`,
      },
    ]
  }
}

const REFERENCE = /\$\{(file|env):([^}]+)\}/g
const STRANGE = /\$\{(?!(?:file|env):[^}])[^}]*\}/

/** Replaces `${file:…}` and `${env:…}` in every text of a value. `read` gives the secret or null when there is none. */
export function resolveSecrets<T>(value: T, read: (kind: 'file' | 'env', name: string) => string | null): T {
  if (typeof value === 'string') {
    // Taken as it stands it would be the password itself.
    const strange = STRANGE.exec(value)?.[0]
    if (strange !== undefined)
      throw new WardwatchError(
        'secret-missing',
        `${strange} is no reference that can be read; write \${file:NAME} or \${env:NAME}`,
      )
    return value.replace(REFERENCE, (_, kind: 'file' | 'env', name: string) => {
      const secret = read(kind, name)
      if (secret === null)
        throw new WardwatchError(
          'secret-missing',
          `the secret \${${kind}:${name}} cannot be read; create the ${kind === 'file' ? 'file' : 'variable'} or correct the reference`,
        )
      return secret.trim()
    }) as T
  }
  if (Array.isArray(value)) return value.map((item) => resolveSecrets(item, read)) as T
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolveSecrets(v, read)])) as T
  return value
}

/** A number of a zone that is not there comes last on the screen when it should come first. */
function phonesOfNowhere(site: Site, at: Locate): SiteFault[] {
  if (!site.zones) return []
  const known = new Set(site.zones.map((zone) => zone.id))
  return (site.console?.phones ?? []).flatMap((phone, index) =>
    (phone.zones ?? [])
      .filter((zone) => !known.has(zone))
      .map((zone) => ({ ...at(['console', 'phones', index, 'zones']), message: `"${zone}" is not one of zones` })),
  )
}

/**
 * Who may look where is a promise to people: a zone that `console.viewing` misspells protects nobody, and a ward that lodges
 * women alone is closed only where `lodges` or an entry says so. What `lodges` says must agree with who is lodged.
 */
function viewingGaps(site: Site, at: Locate): SiteFault[] {
  const faults: SiteFault[] = []
  const zones = new Map((site.zones ?? []).map((zone) => [zone.id, zone]))
  const named = new Set<string>()
  for (const [index, rule] of (site.console?.viewing ?? []).entries())
    for (const zone of rule.zones) {
      named.add(zone)
      if (site.zones && !zones.has(zone))
        faults.push({ ...at(['console', 'viewing', index, 'zones']), message: `"${zone}" is not one of zones` })
    }
  /** A zone with all that it lies in, from the inside out. */
  const around = (id: string | undefined): string[] => {
    const found: string[] = []
    for (let zone = id; zone !== undefined && !found.includes(zone); zone = zones.get(zone)?.parent ?? undefined)
      found.push(zone)
    return found
  }
  const lodged = new Map<string, Set<string>>()
  for (const { ward, cell, sex } of site.people ?? []) {
    const home = ward ?? around(cell).find((zone) => zones.get(zone)?.kind === 'ward')
    if (home === undefined) continue
    lodged.set(home, (lodged.get(home) ?? new Set()).add(sex ?? 'unknown'))
  }
  for (const [ward, sexes] of lodged) {
    const index = (site.zones ?? []).findIndex((zone) => zone.id === ward)
    const said = around(ward).flatMap((zone) => zones.get(zone)?.lodges ?? [])
    if (index < 0 || said.includes('women')) continue
    if (said[0] === 'men' && sexes.has('f'))
      faults.push({ ...at(['zones', index]), message: `"${ward}" lodges men by the file, but women live there` })
    if (sexes.size !== 1 || !sexes.has('f') || around(ward).some((zone) => named.has(zone))) continue
    faults.push({
      ...at(['zones', index]),
      message: `"${ward}" lodges women alone and no entry of console.viewing names it: everybody with the right to video may look in; write "lodges: women" at the zone to close it`,
    })
  }
  return faults
}
