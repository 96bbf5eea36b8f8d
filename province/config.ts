/**
 * The configuration of the province: one YAML file, checked against a schema, every fault with line and column. Secrets
 * are references and are read here; a file with a fault starts nothing.
 */
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { Ajv, type ErrorObject } from 'ajv'
import { type Static, Type } from 'typebox'
import { type Document, LineCounter, parseDocument } from 'yaml'
import { WardwatchError } from '#model/errors.ts'
import { durationMs } from '#model/local-time.ts'
import { resolveSecrets } from '#model/site/load.ts'
import { DEFAULT_KEEP_MS, KEEPS, type Keep } from './retention.ts'

const closed = { additionalProperties: false }
const optional = Type.Optional
const Id = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  description: 'identifier',
})
const Names = Type.Object(
  { zh: Type.String(), en: Type.String() },
  { ...closed, description: 'name in both languages' },
)
const Port = Type.Union([Type.Integer({ minimum: 0, maximum: 65535 }), Type.Null()], {
  description: 'TCP port; 0 = any free one; null = off',
})
const Text = Type.String({ minLength: 1 })
const Age = Type.String({ pattern: '^\\d+(\\.\\d+)?(h|d|y)$', description: 'how long, e.g. 90d or 3y' })
const oneOf = <T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>(Type.String({ enum: [...values], description }))

export const LINES = ['prison', 'detox'] as const
export type Line = (typeof LINES)[number]

export const ProvinceSchema = Type.Object(
  {
    province: Type.Object({ id: Id, name: optional(Names) }, closed),
    broker: optional(
      Type.Object(
        {
          host: optional(Type.String({ description: 'address to listen on; default 127.0.0.1' })),
          tcp: optional(Port),
          tls: optional(Port),
          cert: optional(Text),
          key: optional(Text),
          ca: optional(Text),
          url: optional(
            Type.Union([Text, Type.Null()], { description: 'use this MQTT broker instead of the own one' }),
          ),
          user: optional(Text),
          password: optional(Text),
          facilities: optional(
            Type.Array(
              Type.Object(
                {
                  id: Id,
                  user: optional(Text),
                  password: optional(Type.String({ minLength: 1, description: 'a reference: ${file:…} or ${env:…}' })),
                  certificate: optional(Type.String({ minLength: 1, description: 'CN of the client certificate' })),
                },
                { ...closed, description: 'how a facility proves to be itself' },
              ),
            ),
          ),
        },
        closed,
      ),
    ),
    url: optional(Type.Union([Text, Type.Null()], { description: 'the same as broker.url' })),
    store: optional(
      Type.Object(
        {
          url: optional(
            Type.Union([Text, Type.Null()], { description: 'PostgreSQL; default: embedded in the data folder' }),
          ),
        },
        closed,
      ),
    ),
    retention: optional(
      Type.Object(
        {
          alerts: optional(Age),
          indicators: optional(Age),
          health: optional(Age),
          envelopes: optional(Age),
          quarantine: optional(Age),
        },
        { ...closed, description: 'how long the province keeps what; open alerts and anchors always' },
      ),
    ),
    console: optional(
      Type.Object(
        {
          host: optional(Type.String()),
          port: optional(Type.Integer({ minimum: 0, maximum: 65535, description: 'TCP port; 0 = any free one' })),
          cert: optional(Text),
          key: optional(Text),
          lines: optional(
            Type.Record(Type.String(), oneOf(LINES, 'bureau'), {
              description: 'account: the one bureau whose facilities it sees; accounts not named here see both',
            }),
          ),
        },
        closed,
      ),
    ),
    facilities: Type.Array(
      Type.Object(
        {
          id: Id,
          name: optional(Names),
          kind: optional(oneOf(['prison', 'detox'] as const, 'kind of facility')),
          city: optional(Type.String()),
          line: optional(oneOf(LINES, 'bureau that supervises it; default = kind')),
        },
        closed,
      ),
      { minItems: 1 },
    ),
  },
  { ...closed, $id: 'https://wardwatch.invalid/schema/province.schema.json', title: 'wardwatch province file' },
)

export interface FacilityConfig {
  id: string
  name: { zh: string; en: string }
  kind: 'prison' | 'detox'
  city: string | null
  line: Line
}

export interface FacilityCredential {
  id: string
  user: string
  password: string | null
  /** CN of its client certificate; null = a certificate does not identify it. */
  certificate: string | null
}

export interface ProvinceConfig {
  province: { id: string; name: { zh: string; en: string } }
  broker: {
    host: string
    tcp: number | null
    tls: { port: number; cert: string; key: string; ca: string | null } | null
    facilities: FacilityCredential[]
  } | null
  /** An MQTT broker of somebody else; then `broker` is null. It must check who publishes where. */
  external: {
    url: string
    user: string | null
    password: string | null
    ca: string | null
    cert: string | null
    key: string | null
  } | null
  store: { url: string | null }
  keepMs: Record<Keep, number>
  console: {
    host: string
    port: number
    tls: { cert: string; key: string } | null
    /** Accounts of one bureau; all others see both. */
    lines: Record<string, Line>
  }
  facilities: FacilityConfig[]
}

export interface ConfigFault {
  line: number
  column: number
  field: string
  message: string
}

type File = Static<typeof ProvinceSchema>
type Locate = (path: (string | number)[], key?: string) => Omit<ConfigFault, 'message'>

const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false }).compile(ProvinceSchema)

function locator(document: Document, lines: LineCounter): Locate {
  return (path, key) => {
    let node: unknown = document.contents
    for (const step of path)
      node = (node as { get?: (k: unknown, keep: boolean) => unknown })?.get?.(step, true) ?? node
    const pair = (node as { items?: { key?: { value?: unknown; range?: number[] } }[] })?.items?.find(
      (item) => key !== undefined && item.key?.value === key,
    )
    const offset = ((pair?.key ?? node) as { range?: number[] } | null)?.range?.[0] ?? 0
    const { line, col } = lines.linePos(offset)
    return { line, column: col, field: [...path, ...(key === undefined ? [] : [key])].join('.') }
  }
}

function schemaFault(error: ErrorObject, at: Locate): ConfigFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  const params = error.params as Record<string, unknown>
  if (error.keyword === 'additionalProperties') {
    const key = String(params.additionalProperty)
    return { ...at(path, key), message: `unknown key "${key}"; remove it or correct its spelling` }
  }
  if (error.keyword === 'required') return { ...at(path), message: `"${params.missingProperty}" is missing` }
  if (error.keyword === 'enum')
    return { ...at(path), message: `must be one of ${(params.allowedValues as string[]).join(', ')}` }
  return { ...at(path), message: error.message ?? 'is not valid' }
}

function doubled(ids: string[], section: (string | number)[], at: Locate): ConfigFault[] {
  return ids.flatMap((id, index) =>
    ids.indexOf(id) < index
      ? [{ ...at([...section, index]), message: `"${id}" stands twice; ids must be unique` }]
      : [],
  )
}

/** What the schema cannot say: references, and that there is a way for messages to come in. */
function meaningFaults(file: File, at: Locate): ConfigFault[] {
  const faults: ConfigFault[] = doubled(
    file.facilities.map((f) => f.id),
    ['facilities'],
    at,
  )
  const { broker } = file
  const external = broker?.url ?? file.url ?? null
  const credentials = broker?.facilities ?? []
  faults.push(
    ...doubled(
      credentials.map((c) => c.id),
      ['broker', 'facilities'],
      at,
    ),
  )
  if (external && !/^mqtts?:\/\/|^wss?:\/\//.test(external))
    faults.push({ ...at(broker?.url ? ['broker', 'url'] : ['url']), message: 'must be an mqtt:// or mqtts:// address' })
  if (external) return faults
  const own = broker ?? {}
  if (own.tls !== undefined && own.tls !== null && !(own.cert && own.key))
    faults.push({ ...at(['broker', 'tls']), message: 'TLS needs "cert" and "key" beside it' })
  if ((own.tcp ?? null) === null && !(own.cert && own.key))
    faults.push({
      ...at(broker ? ['broker'] : []),
      message:
        'facilities have no way in; give broker.tls with cert and key, broker.tcp for a closed network, or broker.url',
    })
  if (credentials.length === 0)
    faults.push({
      ...at(broker ? ['broker'] : []),
      message: '"facilities" is missing: who may publish, each with password or certificate',
    })
  for (const [index, credential] of credentials.entries()) {
    if (!file.facilities.some((f) => f.id === credential.id))
      faults.push({
        ...at(['broker', 'facilities', index, 'id']),
        message: `"${credential.id}" is not one of facilities`,
      })
    if (!credential.password && !credential.certificate)
      faults.push({
        ...at(['broker', 'facilities', index]),
        message: `"${credential.id}" needs a password or a certificate`,
      })
    if (credential.certificate && !own.ca)
      faults.push({
        ...at(['broker', 'facilities', index, 'certificate']),
        message: 'a client certificate needs broker.ca to check it',
      })
  }
  return faults
}

/** Faults in order of line, or the file's content. */
export function checkProvinceFile(text: string): { file: File; faults: [] } | { file: null; faults: ConfigFault[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  if (document.errors.length > 0)
    return {
      file: null,
      faults: document.errors.map((e) => ({
        line: e.linePos?.[0].line ?? 1,
        column: e.linePos?.[0].col ?? 1,
        field: '',
        message: e.message.split('\n')[0] ?? 'is not YAML',
      })),
    }
  const content: unknown = document.toJS()
  const at = locator(document, lines)
  const faults = validate(content)
    ? meaningFaults(content as File, at)
    : (validate.errors ?? []).filter((e) => e.keyword !== 'anyOf').map((e) => schemaFault(e, at))
  if (faults.length === 0) return { file: content as File, faults: [] }
  return { file: null, faults: faults.sort((a, b) => a.line - b.line || a.column - b.column) }
}

/** Text of a PEM: the value itself, or the file that it names, relative to the configuration. */
function pem(value: string | undefined, folder: string, field: string): string | null {
  if (value === undefined) return null
  if (value.includes('-----BEGIN ')) return value
  const path = isAbsolute(value) ? value : join(folder, value)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new WardwatchError(
      'config-invalid',
      `The file ${path} of ${field} cannot be read (${(error as NodeJS.ErrnoException).code}); create it or correct the path.`,
    )
  }
}

function readSecret(folder: string): (kind: 'file' | 'env', name: string) => string | null {
  return (kind, name) => {
    if (kind === 'env') return process.env[name] ?? null
    try {
      return readFileSync(isAbsolute(name) ? name : join(folder, name), 'utf8')
    } catch {
      return null
    }
  }
}

/** Reads and checks the file; throws one WardwatchError that names file, line, field and what to do. */
export function loadProvinceConfig(path: string): ProvinceConfig {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new WardwatchError(
      'config-invalid',
      `The configuration ${path} cannot be read (${(error as NodeJS.ErrnoException).code}); name a readable file with --config.`,
    )
  }
  return parseProvinceConfig(text, path)
}

/** As `loadProvinceConfig`, for a text that is already here; `path` names it in messages and anchors relative paths. */
export function parseProvinceConfig(text: string, path: string): ProvinceConfig {
  const checked = checkProvinceFile(text)
  if (!checked.file) {
    const shown = checked.faults
      .slice(0, 10)
      .map((f) => `${path}:${f.line}:${f.column}: ${f.field ? `${f.field}: ` : ''}${f.message}`)
    const more = checked.faults.length > shown.length ? `\n… and ${checked.faults.length - shown.length} more` : ''
    throw new WardwatchError('config-invalid', `${shown.join('\n')}${more}`, { faults: checked.faults })
  }
  const folder = dirname(path)
  const file = resolveSecrets(checked.file, readSecret(folder))
  const { broker } = file
  const externalUrl = broker?.url ?? file.url ?? null
  const cert = pem(broker?.cert, folder, 'broker.cert')
  const key = pem(broker?.key, folder, 'broker.key')
  const ca = pem(broker?.ca, folder, 'broker.ca')
  const consoleCert = pem(file.console?.cert, folder, 'console.cert')
  const consoleKey = pem(file.console?.key, folder, 'console.key')
  return {
    province: { id: file.province.id, name: file.province.name ?? { zh: file.province.id, en: file.province.id } },
    broker: externalUrl
      ? null
      : {
          host: broker?.host ?? '127.0.0.1',
          tcp: broker?.tcp ?? null,
          tls: cert && key && broker?.tls !== null ? { port: broker?.tls ?? 8883, cert, key, ca } : null,
          facilities: (broker?.facilities ?? []).map((f) => ({
            id: f.id,
            user: f.user ?? f.id,
            password: f.password ?? null,
            certificate: f.certificate ?? null,
          })),
        },
    external: externalUrl
      ? { url: externalUrl, user: broker?.user ?? null, password: broker?.password ?? null, ca, cert, key }
      : null,
    store: { url: file.store?.url ?? null },
    keepMs: Object.fromEntries(
      KEEPS.map((name) => [name, durationMs(file.retention?.[name] ?? '') ?? DEFAULT_KEEP_MS[name]]),
    ) as Record<Keep, number>,
    console: {
      host: file.console?.host ?? '127.0.0.1',
      port: file.console?.port ?? 8090,
      tls: consoleCert && consoleKey ? { cert: consoleCert, key: consoleKey } : null,
      lines: file.console?.lines ?? {},
    },
    facilities: file.facilities.map((f) => ({
      id: f.id,
      name: f.name ?? { zh: f.id, en: f.id },
      kind: f.kind ?? 'prison',
      city: f.city ?? null,
      line: f.line ?? f.kind ?? 'prison',
    })),
  }
}
