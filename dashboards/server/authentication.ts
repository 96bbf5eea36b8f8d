/**
 * Who is calling: session cookie for browsers, bearer token for programs; log-in, log-out and account management.
 * A cookie request that changes something must come from our own pages (Origin). Every log-in, refusal and account
 * change goes to the audit; account changes are not made when the audit cannot take them.
 */
import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '#model/clock.ts'
import { may, type Permission, permissionsOf, ROLE_NAMES, ROLES, type Role, rolesWith } from '#model/permissions.ts'
import type { Account, Accounts } from './accounts.ts'
import { describeRoute } from './openapi.ts'
import { notFound, problem } from './problem.ts'

declare module 'fastify' {
  interface FastifyRequest {
    account: Account | null
    credential: 'cookie' | 'bearer' | null
    session: string | null
  }
}

/** What people did to get in, or to accounts; goes to the ledger. */
export interface AuditEvent {
  at: number
  by: string | null
  what:
    | 'login'
    | 'login-failed'
    | 'account-locked'
    | 'logout'
    | 'account-added'
    | 'account-changed'
    | 'token-issued'
    | 'token-revoked'
    | 'context-changed'
    | 'readings-imported'
  ref: string | null
  success: boolean
  detail?: Record<string, unknown>
}

export interface AccountsPlugin {
  accounts: Accounts
  clock: Clock
  /** Facility id or "province": two servers on one host must not share a cookie. */
  id: string
  /** True behind TLS: the cookie is `Secure` with the `__Host-` prefix. */
  secure: boolean
  audit: (event: AuditEvent) => Promise<void>
  /** Origins besides the server's own, e.g. of a reverse proxy: `https://ww.example`. */
  origins?: string[]
  session?: SessionLimits
  /** What the console must know about where it is: `GET /api/v1/me`. */
  place?: {
    tier: 'facility' | 'province'
    facility: { id: string; name?: { zh: string; en: string }; timezone?: string } | null
  }
  /** Log-in attempts per minute and address. */
  loginsPerMinute?: number
}

export interface SessionLimits {
  /** Without a request for so long the session ends; 15 minutes (GB/T 22239). */
  idleMs?: number
  /** The same for officer, chief and wall: a command centre must not go blank in mid-shift; 12 hours. */
  dutyIdleMs?: number
  /** However active, a session ends after this; 24 hours. */
  maxAgeMs?: number
}

const DUTY: readonly Role[] = ['officer', 'chief', 'wall']
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

export function accountOf(request: FastifyRequest): Account {
  if (!request.account) throw problem(401, 'Log in, or send a bearer token.')
  return request.account
}

/** `onRequest` hook of a route: the account must have the permission. Runs before any body is read. */
export function allow(...permissions: Permission[]): onRequestHookHandler {
  return async (request) => {
    const account = accountOf(request)
    const missing = permissions.find((p) => !may(account.role, p))
    if (missing) {
      const roles = rolesWith(missing)
      throw problem(403, `The role ${account.role} may not do this; ask: ${roles.join(', ')}.`, {
        permission: missing,
        roles,
      })
    }
  }
}

/** Any account that is logged in. */
export const loggedIn: onRequestHookHandler = async (request) => {
  accountOf(request)
}

export function sessionLimits(limits: SessionLimits = {}): { idleMs: (role: Role) => number; maxAgeMs: number } {
  const idle = limits.idleMs ?? 15 * 60_000
  const duty = limits.dutyIdleMs ?? 12 * 3_600_000
  return { idleMs: (role) => (DUTY.includes(role) ? duty : idle), maxAgeMs: limits.maxAgeMs ?? 24 * 3_600_000 }
}

function refuseForeignOrigin(request: FastifyRequest, origins: readonly string[]): void {
  const { origin } = request.headers
  const site = request.headers['sec-fetch-site']
  const own = [`http://${request.headers.host}`, `https://${request.headers.host}`, ...origins]
  if (
    (origin !== undefined && !own.includes(origin)) ||
    (site !== undefined && site !== 'same-origin' && site !== 'none')
  )
    throw problem(403, 'The request comes from a page of another site.', {
      code: 'not-allowed',
      origin: origin ?? null,
    })
}

export const cookieName = ({ id, secure }: { id: string; secure: boolean }): string =>
  `${secure ? '__Host-' : ''}ww_${id.replace(/[^A-Za-z0-9_-]/g, '_')}`

/** Adds `request.account`, the Origin check and the routes of log-in and accounts to the app. */
export async function registerAccounts(app: FastifyInstance, plugin: AccountsPlugin): Promise<void> {
  const { accounts, clock, audit } = plugin
  const origins = plugin.origins ?? []
  const limits = sessionLimits(plugin.session)
  const name = cookieName(plugin)
  const cookieOptions = { path: '/', httpOnly: true, sameSite: 'strict', secure: plugin.secure } as const

  await app.register(cookie)
  await app.register(rateLimit, { global: false })
  app.decorateRequest('account', null)
  app.decorateRequest('credential', null)
  app.decorateRequest('session', null)

  app.addHook('onRequest', async (request) => {
    const bearer = /^Bearer +(\S{8,256})$/i.exec(request.headers.authorization ?? '')
    if (request.headers.authorization !== undefined) {
      request.account = bearer ? accounts.byToken(bearer[1]!) : null
      if (!request.account) throw problem(401, 'The bearer token is unknown, expired or its account is disabled.')
      request.credential = 'bearer'
      return
    }
    const session = request.cookies[name]
    if (session) {
      request.account = accounts.bySession(session, limits)
      request.session = request.account ? session : null
      if (request.account) request.credential = 'cookie'
    }
    if (session && !SAFE.has(request.method)) refuseForeignOrigin(request, origins)
  })

  /** A full disk must not keep the watch out: a log-in that cannot be recorded is logged and goes on. */
  const note = async (request: FastifyRequest, event: AuditEvent): Promise<void> => {
    try {
      await audit(event)
    } catch (error) {
      request.log.error({ err: error, event }, 'a log-in could not be recorded in the ledger')
    }
  }
  const me = (account: Account) => ({
    id: account.id,
    name: account.name,
    role: account.role,
    roleName: ROLE_NAMES[account.role],
    desk: null,
    tier: plugin.place?.tier ?? 'facility',
    facility: plugin.place?.facility ?? null,
    permissions: permissionsOf(account.role),
    idleMs: limits.idleMs(account.role),
    /** What a log-in of this account takes: a console says when it is a password alone. */
    factors: ['password'],
  })

  const Login = Type.Object(
    { account: Type.String({ minLength: 1, maxLength: 64 }), password: Type.String({ minLength: 1, maxLength: 256 }) },
    { additionalProperties: false },
  )
  app.post(
    '/api/v1/login',
    {
      schema: describeRoute('Log in; sets the session cookie', 'accounts', {
        body: Login,
        open: true,
        errors: [401, 422, 429],
      }),
      config: { rateLimit: { max: plugin.loginsPerMinute ?? 60, timeWindow: 60_000 } },
    },
    async (request, reply) => {
      refuseForeignOrigin(request, origins)
      const { account: id, password } = request.body as { account: string; password: string }
      const outcome = await accounts.check(id, password)
      const at = clock.now()
      if (!outcome.ok) {
        if (outcome.reason === 'busy')
          throw problem(429, 'Too many log-ins at once; try again in a second.', { retryAfterS: 1 })
        const locked = outcome.reason === 'locked'
        await note(request, {
          at,
          by: null,
          what: locked ? 'account-locked' : 'login-failed',
          ref: id,
          success: false,
          detail: { address: request.ip },
        })
        if (locked) throw lockedProblem(outcome.unlockAt, at)
        throw problem(401, 'Account or password is wrong.', { code: 'bad-credential', attemptsLeft: outcome.left })
      }
      await note(request, { at, by: id, what: 'login', ref: id, success: true, detail: { address: request.ip } })
      if (request.session) accounts.closeSession(request.session)
      reply.setCookie(name, accounts.openSession(id), cookieOptions)
      return me(outcome.account)
    },
  )

  app.post(
    '/api/v1/logout',
    { schema: describeRoute('Log out', 'accounts', { open: true, status: 204 }) },
    async (request: FastifyRequest, reply: FastifyReply) => {
      if (request.session) {
        accounts.closeSession(request.session)
        await note(request, {
          at: clock.now(),
          by: request.account?.id ?? null,
          what: 'logout',
          ref: request.account?.id ?? null,
          success: true,
        })
      }
      return reply.clearCookie(name, cookieOptions).code(204).send()
    },
  )

  app.get(
    '/api/v1/me',
    { onRequest: loggedIn, schema: describeRoute('The account that is logged in', 'accounts') },
    async (request) => me(accountOf(request)),
  )

  registerAccountManagement(app, plugin)
}

function lockedProblem(unlockAt: number, now: number) {
  return problem(429, `Too many wrong passwords: this account is locked until ${new Date(unlockAt).toISOString()}.`, {
    type: 'urn:wardwatch:problem:account-locked',
    title: 'The account is locked',
    code: 'bad-credential',
    unlockAt,
    retryAfterS: Math.max(1, Math.ceil((unlockAt - now) / 1000)),
  })
}

/** For the security administrator alone: he gives access and sees no data; who sees data gives no access. */
function registerAccountManagement(app: FastifyInstance, { accounts, clock, audit }: AccountsPlugin): void {
  const onRequest = allow('accounts:manage')
  const RoleBody = Type.String({ enum: [...ROLES] })
  const Password = Type.String({ minLength: 10, maxLength: 256 })
  const closed = { additionalProperties: false }
  const mustBe = (id: string): Account => {
    const account = accounts.get(id)
    if (!account) throw notFound('account', id)
    return account
  }

  app.get(
    '/api/v1/accounts',
    { onRequest, schema: describeRoute('All accounts with their tokens', 'accounts') },
    async () => {
      const items = accounts.list().map((a) => ({ ...a, tokens: accounts.tokens(a.id) }))
      return { items, next: null, total: items.length }
    },
  )

  const Add = Type.Object(
    {
      id: Type.String({ minLength: 2, maxLength: 64 }),
      name: Type.Optional(Type.String({ maxLength: 128 })),
      role: RoleBody,
      password: Type.Optional(Password),
    },
    closed,
  )
  app.post(
    '/api/v1/accounts',
    { onRequest, schema: describeRoute('Add an account', 'accounts', { body: Add, status: 201, errors: [409, 422] }) },
    async (request, reply) => {
      const body = request.body as { id: string; name?: string; role: string; password?: string }
      // The audit first: an account that nobody recorded must not exist.
      await audit({
        at: clock.now(),
        by: accountOf(request).id,
        what: 'account-added',
        ref: body.id,
        success: true,
        detail: { role: body.role },
      })
      return reply.code(201).send(await accounts.add(body))
    },
  )

  const Change = Type.Object(
    {
      disabled: Type.Optional(Type.Boolean()),
      password: Type.Optional(Password),
      unlock: Type.Optional(Type.Boolean()),
    },
    closed,
  )
  app.patch<{ Params: { id: string } }>(
    '/api/v1/accounts/:id',
    {
      onRequest,
      schema: describeRoute('Disable, enable, unlock, or set a password', 'accounts', {
        body: Change,
        errors: [404, 422],
      }),
    },
    async (request) => {
      const { id } = mustBe(request.params.id)
      const body = request.body as { disabled?: boolean; password?: string; unlock?: boolean }
      await audit({
        at: clock.now(),
        by: accountOf(request).id,
        what: 'account-changed',
        ref: id,
        success: true,
        detail: {
          ...(body.disabled === undefined ? {} : { disabled: body.disabled }),
          password: body.password !== undefined,
          unlock: body.unlock ?? false,
        },
      })
      if (body.password !== undefined) await accounts.setPassword(id, body.password)
      if (body.disabled === true) accounts.disable(id)
      if (body.disabled === false) accounts.enable(id)
      if (body.unlock) accounts.unlock(id)
      return mustBe(id)
    },
  )

  const Token = Type.Object(
    { label: Type.Optional(Type.String({ maxLength: 128 })), ttlMs: Type.Optional(Type.Integer({ minimum: 1000 })) },
    closed,
  )
  app.post<{ Params: { id: string } }>(
    '/api/v1/accounts/:id/tokens',
    {
      onRequest,
      schema: describeRoute('Issue a bearer token; it is shown once', 'accounts', {
        body: Token,
        status: 201,
        errors: [404, 422],
      }),
    },
    async (request, reply) => {
      const { id } = mustBe(request.params.id)
      await audit({ at: clock.now(), by: accountOf(request).id, what: 'token-issued', ref: id, success: true })
      const { token, info } = accounts.token(id, request.body as { label?: string; ttlMs?: number })
      return reply.code(201).send({ ...info, token })
    },
  )

  app.delete<{ Params: { id: string; token: string } }>(
    '/api/v1/accounts/:id/tokens/:token',
    { onRequest, schema: describeRoute('Revoke a bearer token', 'accounts', { status: 204, errors: [404] }) },
    async (request, reply) => {
      const { id, token } = request.params
      if (!accounts.tokens(id).some((t) => t.id === token)) throw notFound('token', token)
      await audit({
        at: clock.now(),
        by: accountOf(request).id,
        what: 'token-revoked',
        ref: id,
        success: true,
        detail: { token },
      })
      accounts.revokeToken(token)
      return reply.code(204).send()
    },
  )
}
