/**
 * The empty console server of either tier: security headers, parsers, problem details, accounts, OpenAPI, static
 * console. It knows no alert and no device; the tiers add their routes. Built without a socket, so tests inject.
 */
import helmet from '@fastify/helmet'
import { Ajv } from 'ajv'
import ajvFormats from 'ajv-formats'
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { type Logger, pino } from 'pino'
import type { Clock } from '#model/clock.ts'
import type { Accounts } from './accounts.ts'
import {
  type AccountsPlugin,
  type AuditEvent,
  cookieName,
  registerAccounts,
  type SessionLimits,
} from './authentication.ts'
import { registerIdempotency } from './idempotency.ts'
import { registerOpenApi } from './openapi.ts'
import { registerNotFound, registerProblems, sendUnroutable } from './problem.ts'
import { DEFAULT_WEB_ROOT, registerConsole } from './static-console.ts'

export interface ConsoleAppOptions {
  clock: Clock
  /** Facility id or "province". */
  id: string
  title?: { zh: string; en: string }
  accounts: Accounts
  audit?: (event: AuditEvent) => Promise<void>
  logger?: Logger
  /** PEM texts; with them the server speaks HTTPS only. */
  tls?: { cert: string | Buffer; key: string | Buffer; ca?: string | Buffer; requestCert?: boolean }
  /** Behind a proxy that ends TLS: cookies are `Secure` although the server itself speaks HTTP. */
  secure?: boolean
  origins?: string[]
  session?: SessionLimits
  place?: AccountsPlugin['place']
  loginsPerMinute?: number
  /** Folder of the built console; null = serve none. */
  webRoot?: string | null
}

export const BODY_LIMIT = 1024 * 1024

/** Logs go to stderr; `WARDWATCH_LOG` sets the level, "silent" turns them off. */
export function defaultLogger(): Logger {
  return pino(
    { level: process.env.WARDWATCH_LOG ?? 'info', name: 'console' },
    pino.destination({ dest: 2, sync: false }),
  )
}

export async function createConsoleApp(options: ConsoleAppOptions): Promise<FastifyInstance> {
  const secure = options.secure ?? options.tls !== undefined
  const server = {
    loggerInstance: options.logger ?? defaultLogger(),
    logController: new LogController({ disableRequestLogging: true }),
    // Open streams would hold close() for ever.
    forceCloseConnections: true,
    bodyLimit: BODY_LIMIT,
    requestTimeout: 60_000,
    routerOptions: { maxParamLength: 256 },
    // An address that the router itself refuses never comes to the error handler.
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) =>
      sendUnroutable(error, reply),
    ...(options.tls ? { https: { ...options.tls, minVersion: 'TLSv1.2' as const } } : {}),
  }
  const app = fastify(server) as unknown as FastifyInstance

  // Bodies are checked as they are: "1" is no number. Queries are text and read by `query.ts`, which names the field.
  const ajv = new Ajv({
    allErrors: false,
    coerceTypes: false,
    useDefaults: false,
    removeAdditional: false,
    strict: false,
  })
  ajvFormats.default(ajv)
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? ajv.compile(schema as object) : () => true))
  // Response shapes are documentation; an answer is never cut to them.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))

  const strictJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, text, done) => {
    // Acts without a body are legal: an acknowledgement says all by itself.
    if (text.trim() === '') done(null, {})
    else strictJson(request, text, done)
  })
  app.addHook('preValidation', async (request) => {
    if (request.body === undefined && request.method !== 'GET') request.body = {}
  })

  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        mediaSrc: ["'self'", 'blob:'],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: secure ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'same-origin' },
    crossOriginOpenerPolicy: secure,
    originAgentCluster: secure,
  })
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.url.startsWith('/api/v1/') && !reply.hasHeader('cache-control'))
      reply.header('cache-control', 'no-store')
    return payload
  })

  registerProblems(app)
  await registerOpenApi(app, options.title ?? { zh: '控制台', en: 'console' }, cookieName({ id: options.id, secure }))
  await registerAccounts(app, {
    accounts: options.accounts,
    clock: options.clock,
    id: options.id,
    secure,
    audit: options.audit ?? (async () => {}),
    origins: options.origins,
    session: options.session,
    place: options.place,
    loginsPerMinute: options.loginsPerMinute,
  })
  registerIdempotency(app, { clock: options.clock })
  if (options.webRoot === null) registerNotFound(app)
  else await registerConsole(app, options.webRoot ?? DEFAULT_WEB_ROOT)
  return app
}
