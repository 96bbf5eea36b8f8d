/** The published description of the API (OpenAPI 3.1 at /api/openapi.json, for people at /api/docs), made from the routes. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { type TSchema, Type } from 'typebox'
import { ALERT_FIELDS, ALERT_STATES, CHANGES, LEVELS } from '#model/alert/alert.ts'

const Problem = {
  $id: 'Problem',
  type: 'object',
  description: 'Problem details (RFC 9457)',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'code of the error catalogue' },
    field: { type: 'string', description: '422: the field that is missing or wrong' },
    by: { type: ['string', 'null'], description: '409: who was first' },
    at: { type: ['integer', 'null'], description: '409: when, ms' },
    state: { type: 'string', description: '409: the state now' },
  },
  required: ['type', 'title', 'status'],
}

const alertTypes: Record<string, object> = {
  level: { type: 'string', enum: [...LEVELS] },
  state: { type: 'string', enum: [...ALERT_STATES] },
  explanation: { type: 'object', properties: { zh: { type: 'string' }, en: { type: 'string' } } },
  reasons: {
    type: 'array',
    items: {
      type: 'object',
      properties: { code: { type: 'string' }, params: { type: 'object' }, class: { type: 'string' } },
    },
  },
  subjects: { type: 'array', items: { type: 'string' } },
  evidence: { type: 'array', items: {} },
  advice: { type: 'array', items: { type: 'string' } },
}
for (const f of ['raisedAt', 'eventTime', 'activations', 'evidenceCount', 'escalationStep'])
  alertTypes[f] = { type: 'integer' }
for (const f of ['ackAt', 'clearedAt', 'dispatchedAt', 'arrivedAt', 'resolvedAt', 'closedAt'])
  alertTypes[f] = { type: ['integer', 'null'] }
for (const f of ['delayed', 'drill', 'test', 'conditionActive', 'annunciated', 'stale'])
  alertTypes[f] = { type: 'boolean' }

const AlertShape = {
  $id: 'Alert',
  type: 'object',
  properties: {
    ...Object.fromEntries(ALERT_FIELDS.map((f) => [f, alertTypes[f] ?? { type: ['string', 'boolean', 'null'] }])),
    allowedActions: { type: 'array', items: { type: 'string' }, description: 'verbs that this account may do now' },
  },
  required: [...ALERT_FIELDS],
}
const ChangeShape = {
  $id: 'AlertChange',
  type: 'object',
  properties: {
    at: { type: 'integer' },
    change: { type: 'string', enum: [...CHANGES] },
    alert: { $ref: 'Alert#' },
    by: { type: ['string', 'null'] },
    note: { type: ['string', 'null'] },
  },
  required: ['at', 'change', 'alert', 'by', 'note'],
}

export const listShape = (item: object = { type: 'object' }): object => ({
  type: 'object',
  properties: {
    items: { type: 'array', items: item },
    next: { type: ['string', 'null'] },
    total: { type: ['integer', 'null'] },
  },
  required: ['items', 'next', 'total'],
})

export interface RouteWords {
  body?: TSchema
  /** Query parameters with one phrase each. */
  query?: Record<string, string>
  /** Answer; shapes are documentation, answers are never cut to them. */
  ok?: object
  status?: number
  /** Media type when it is not JSON. */
  media?: string
  consumes?: string[]
  errors?: number[]
  /** True when no log-in is needed. */
  open?: boolean
}

const WORDS: Record<number, string> = {
  400: 'cannot be read',
  401: 'not logged in',
  403: 'the role may not',
  404: 'no such thing',
  409: 'somebody was first',
  413: 'too large',
  415: 'media type',
  422: 'a field is missing or wrong',
  429: 'too many',
  501: 'not computed',
  503: 'not available now',
}

/** Schema of a route for Fastify and for OpenAPI. */
export function describeRoute(summary: string, tag: string, words: RouteWords = {}): FastifySchema {
  const status = words.status ?? 200
  const errors = new Set([
    ...(words.open ? [] : [401, 403]),
    ...(words.body ? [400, 413, 415] : []),
    ...(words.query && 'cursor' in words.query ? [400] : []),
    ...(words.errors ?? []),
  ])
  const answer =
    status === 204
      ? { type: 'null', description: 'done' }
      : words.media
        ? { description: summary, content: { [words.media]: { schema: { type: 'string' } } } }
        : { description: summary, ...(words.ok ?? { type: 'object' }) }
  const response: Record<string, object> = { [status]: answer }
  for (const code of errors)
    response[code] = {
      description: WORDS[code] ?? 'error',
      content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
    }
  return {
    summary,
    tags: [tag],
    ...(words.open ? { security: [] } : {}),
    ...(words.body ? { body: words.body } : {}),
    ...(words.consumes ? { consumes: words.consumes } : {}),
    ...(words.query
      ? {
          querystring: Type.Object(
            Object.fromEntries(
              Object.entries(words.query).map(([k, d]) => [k, Type.Optional(Type.String({ description: d }))]),
            ),
          ),
        }
      : {}),
    response,
  } as FastifySchema
}

/** A name for generated clients: "getAlertsById", "postAlertsByIdAcknowledge". */
export function operationId(method: string, url: string): string {
  const words = url
    .replace(/^\/api\/v1/, '')
    .split(/[/.-]/)
    .filter((word) => word !== '')
    .map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word)))
  return method.toLowerCase() + words.join('')
}
const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

export async function registerOpenApi(
  app: FastifyInstance,
  title: { zh: string; en: string },
  cookieName: string,
): Promise<void> {
  for (const shape of [Problem, AlertShape, ChangeShape]) app.addSchema(shape)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: `wardwatch · ${title.zh} · ${title.en}`,
        version: '1',
        description: '时间为毫秒或 RFC 3339；列表用逗号分隔。Times are ms or RFC 3339; lists are comma-separated.',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      servers: [{ url: '/' }],
      security: [{ cookie: [] }, { bearer: [] }],
      components: {
        securitySchemes: {
          cookie: { type: 'apiKey', in: 'cookie', name: cookieName },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
    },
    transform: ({ schema, url, route }) => ({
      schema: { operationId: operationId([route.method].flat()[0] ?? 'GET', url), ...schema },
      url,
    }),
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => (json.$id as string) ?? `schema-${i}` },
  })
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    uiConfig: { docExpansion: 'none', deepLinking: true },
    staticCSP: false,
  })
  app.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
