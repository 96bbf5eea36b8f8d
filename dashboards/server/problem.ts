/**
 * Problem details (RFC 9457): the one shape of every error answer. Codes, meanings and remedies come from the error
 * catalogue; nothing here may leak a stack, a path or a value that the caller did not send.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ERRORS, type ErrorCode, WardwatchError } from '#model/errors.ts'

export interface ProblemBody {
  type: string
  title: string
  status: number
  code?: string
  detail?: string
  [extension: string]: unknown
}

export const PROBLEM_TYPE = 'application/problem+json'

const CODE_OF_STATUS: Record<number, ErrorCode> = {
  401: 'not-logged-in',
  403: 'not-allowed',
  404: 'not-found',
  409: 'conflict',
  422: 'field-missing',
  500: 'internal',
}

const TITLES: Record<number, string> = {
  400: 'The request cannot be read',
  401: 'Not logged in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  406: 'Not acceptable',
  409: 'Conflict',
  413: 'The body is too large',
  415: 'Unsupported media type',
  422: 'A field is missing or wrong',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not computed yet',
  503: 'Not available now',
}

/** Throw it anywhere in a route: it becomes the answer. */
export class ProblemError extends Error {
  readonly body: ProblemBody

  constructor(status: number, detail: string, extensions: Record<string, unknown> = {}) {
    super(detail)
    this.name = 'ProblemError'
    this.body = problemBody(status, detail, extensions)
  }
}

export function problemBody(status: number, detail?: string, extensions: Record<string, unknown> = {}): ProblemBody {
  const code = (extensions.code as string | undefined) ?? CODE_OF_STATUS[status]
  return {
    type: code ? `urn:wardwatch:problem:${code}` : 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    ...(code ? { code } : {}),
    ...(detail ? { detail } : {}),
    ...extensions,
  }
}

/** Shorthand to throw: `throw problem(404, 'There is no alert "x".')`. */
export const problem = (status: number, detail: string, extensions?: Record<string, unknown>): ProblemError =>
  new ProblemError(status, detail, extensions)

/** 422 that names the field. */
export const fieldProblem = (field: string, detail: string): ProblemError => problem(422, detail, { field })

export const notFound = (what: string, id: string): ProblemError => problem(404, `There is no ${what} "${id}".`)

const STATUS_OF_CODE: Partial<Record<ErrorCode, number>> = {
  'not-found': 404,
  'not-allowed': 403,
  'not-logged-in': 401,
  conflict: 409,
  'field-missing': 422,
  'bad-json': 400,
  'bad-value': 422,
  'bad-reading': 422,
  'unknown-type': 422,
  'unknown-device': 422,
  'site-invalid': 422,
  'sink-unreachable': 503,
  'disk-full': 503,
  'too-busy': 503,
  'device-unreachable': 503,
}

export function sendProblem(reply: FastifyReply, body: ProblemBody): FastifyReply {
  return reply.code(body.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(body)
}

function validationField(error: FastifyError): { field: string; detail: string } {
  const first = error.validation?.[0]
  const missing = (first?.params as { missingProperty?: string; additionalProperty?: string } | undefined) ?? {}
  const path = (first?.instancePath ?? '').split('/').slice(1)
  const named = missing.missingProperty ?? missing.additionalProperty
  if (named) path.push(named)
  const field = path.join('.') || (error.validationContext ?? 'body')
  const words = missing.missingProperty ? 'is missing' : missing.additionalProperty ? 'is not known' : first?.message
  return { field, detail: `${error.validationContext ?? 'body'}: "${field}" ${words ?? 'is not valid'}.` }
}

/** What any thrown thing means to the caller. */
export function problemOf(thrown: unknown, incident: string): ProblemBody {
  if (thrown instanceof ProblemError) return thrown.body
  if (thrown instanceof WardwatchError) {
    const status = STATUS_OF_CODE[thrown.code] ?? 500
    const remedy = ERRORS[thrown.code].remedy
    const field = typeof thrown.fields.field === 'string' ? { field: thrown.fields.field } : {}
    if (status === 500)
      return problemBody(500, 'A defect of wardwatch itself.', { code: thrown.code, remedy, incident })
    return problemBody(status, thrown.message, { code: thrown.code, remedy, ...field })
  }
  const error = thrown as FastifyError
  if (error?.validation) {
    const { field, detail } = validationField(error)
    return problemBody(422, detail, { field })
  }
  const status = error?.statusCode ?? 500
  if (status === 400) return problemBody(400, 'The body is not JSON.', { code: 'bad-json' })
  if (status === 413) return problemBody(413, 'The body is larger than this route takes; send it in parts.')
  if (status === 415) return problemBody(415, 'Send application/json (application/x-ndjson for readings).')
  if (status === 429) return problemBody(429, 'Too many attempts from this address; wait a minute.')
  if (status >= 400 && status < 500) return problemBody(status, 'The request cannot be read.')
  return problemBody(500, 'A defect of wardwatch itself.', { incident, remedy: ERRORS.internal.remedy })
}

const METHODS = new WeakMap<FastifyInstance['server'], { path: RegExp; method: string }[]>()

/** What an address without a route is: wrong altogether, or right with another method (405, `Allow`). */
export function sendMissing(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?')[0] ?? '/'
  const known = METHODS.get(app.server)?.filter((route) => route.path.test(path)) ?? []
  const allowed = [...new Set(known.map((route) => route.method))].sort()
  if (allowed.length === 0 || allowed.includes(request.method))
    return sendProblem(reply, problemBody(404, `There is no ${request.method} ${path} here.`))
  reply.header('allow', allowed.join(', '))
  return sendProblem(
    reply,
    problemBody(405, `${path} takes ${allowed.join(', ')}, not ${request.method}.`, { allow: allowed }),
  )
}

/** An address of which the router can make nothing: half an escape, or a part longer than any id. */
export function sendUnroutable(error: FastifyError, reply: FastifyReply): FastifyReply {
  const detail =
    error.code === 'FST_ERR_MAX_PARAM_LENGTH'
      ? 'A part of the address is longer than any id here.'
      : 'The address cannot be read: it holds an escape (%..) that is none.'
  return sendProblem(reply, problemBody(400, detail))
}

/** Installs the error handler, and remembers the routes that come after it. */
export function registerProblems(app: FastifyInstance): void {
  const routes: { path: RegExp; method: string }[] = []
  METHODS.set(app.server, routes)
  app.addHook('onRoute', ({ url, method }) => {
    // A route for everything ("/*": the files of the console) says nothing about one address.
    if (url.includes('*')) return
    const pattern = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')
    for (const one of [method].flat()) routes.push({ path: new RegExp(`^${pattern}$`), method: one })
  })
  app.setErrorHandler((error, request, reply) => {
    const body = problemOf(error, request.id)
    if (body.status >= 500)
      request.log.error({ err: error, incident: request.id, route: request.routeOptions.url }, 'request failed')
    if (body.status === 401) reply.header('www-authenticate', 'Bearer realm="wardwatch"')
    if (typeof body.retryAfterS === 'number') reply.header('retry-after', String(body.retryAfterS))
    return sendProblem(reply, body)
  })
}

/** For a server without a console; with one, unknown pages go to it (`static-console.ts`). */
export function registerNotFound(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => sendMissing(app, request, reply))
}
