/**
 * Context: who is where and what is allowed. `PUT` is an idempotent upsert by id, checked item by item against the
 * schema of the site file before anything is changed; it takes effect at its journal time.
 */

import { Ajv, type ValidateFunction } from 'ajv'
import ajvFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { danglingNames, itemFaults, zonesInThemselves } from '#model/context/checks.ts'
import { CONTEXT_KINDS, type ContextChange, type ContextKind, contextItemId } from '#model/context/kinds.ts'
import { may, type Permission, type Role, rolesWith } from '#model/permissions.ts'
import type { FacilityDesk } from '#model/ports/facility.ts'
import { CONTEXT_SCHEMAS } from '#model/site/schema.ts'
import { accountOf, loggedIn } from '../authentication.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { fieldProblem, problem } from '../problem.ts'
import { flagOf, page, type Query } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

/** Who may read and change a kind. Kinds that name persons need the right to see persons. */
const READ_SITE: Permission = 'devices:read'
const READ_PEOPLE: Permission = 'people:read'
const RIGHTS: Record<ContextKind, { read: Permission; write: Permission[] }> = {
  zones: { read: 'zones:read', write: ['context:site'] },
  'door-pairs': { read: READ_SITE, write: ['context:site'] },
  devices: { read: READ_SITE, write: ['context:site'] },
  links: { read: READ_SITE, write: ['context:site'] },
  shifts: { read: READ_SITE, write: ['context:people'] },
  posts: { read: READ_SITE, write: ['context:people'] },
  manning: { read: READ_SITE, write: ['context:people'] },
  timetable: { read: READ_SITE, write: ['context:people'] },
  tools: { read: READ_SITE, write: ['context:people'] },
  patrols: { read: READ_PEOPLE, write: ['context:people'] },
  modes: { read: READ_SITE, write: ['context:daily', 'context:site'] },
  passes: { read: READ_PEOPLE, write: ['context:daily'] },
  escorts: { read: READ_PEOPLE, write: ['context:daily'] },
  'work-orders': { read: READ_PEOPLE, write: ['context:daily'] },
  lists: { read: READ_PEOPLE, write: ['context:daily'] },
  people: { read: READ_PEOPLE, write: ['context:people'] },
  staff: { read: READ_PEOPLE, write: ['context:people'] },
  groups: { read: READ_PEOPLE, write: ['context:people'] },
  'keep-apart': { read: READ_PEOPLE, write: ['context:people'] },
  baselines: { read: READ_PEOPLE, write: ['context:people'] },
}

const MAX_ITEMS = 20_000
const MAX_WARNINGS = 1_000
const BODY_LIMIT = 16 * 1024 * 1024

const ajv = new Ajv({ allErrors: false, coerceTypes: false, strict: false })
ajvFormats.default(ajv)
const validators = new Map<ContextKind, ValidateFunction>()

function validatorOf(kind: ContextKind): ValidateFunction {
  let validate = validators.get(kind)
  if (!validate) {
    validate = ajv.compile(CONTEXT_SCHEMAS[kind] as object)
    validators.set(kind, validate)
  }
  return validate
}

function kindOf(text: string): ContextKind {
  if (!CONTEXT_KINDS.includes(text as ContextKind))
    throw problem(404, `There is no kind of context "${text}"; there are ${CONTEXT_KINDS.join(', ')}.`)
  return text as ContextKind
}

function demand(role: Role, permissions: Permission[]): void {
  if (permissions.some((p) => may(role, p))) return
  const roles = [...new Set(permissions.flatMap((p) => rolesWith(p)))]
  throw problem(403, `The role ${role} may not do this; ask: ${roles.join(', ')}.`, {
    permission: permissions[0],
    roles,
  })
}

/** Puts for the items and, with `replace`, deletes for what they do not name. */
function changesOf(
  kind: ContextKind,
  items: Record<string, unknown>[],
  before: Record<string, unknown>[],
  replace: boolean,
  time: number,
): ContextChange[] {
  const validate = validatorOf(kind)
  const puts = new Map<string, ContextChange>()
  for (const [index, item] of items.entries()) {
    if (!validate(item)) {
      const error = validate.errors?.[0]
      const extra = error?.params as { missingProperty?: string; additionalProperty?: string } | undefined
      const path = [
        String(index),
        ...(error?.instancePath ?? '').split('/').slice(1),
        extra?.missingProperty ?? extra?.additionalProperty ?? '',
      ]
      const field = path.filter((p) => p !== '').join('.')
      const words = extra?.missingProperty ? 'is missing' : extra?.additionalProperty ? 'is not known' : error?.message
      throw fieldProblem(field, `${kind}: "${field}" ${words ?? 'is not valid'}; nothing was changed.`)
    }
    const [fault] = itemFaults(kind, item)
    if (fault) {
      const field = `${index}.${fault.field}`
      throw fieldProblem(field, `${kind}: "${field}" ${fault.message}; nothing was changed.`)
    }
    const id = contextItemId(kind, item)
    if (id === '') throw fieldProblem(`${index}.id`, `${kind}: item ${index} has no id; nothing was changed.`)
    if (puts.has(id)) throw fieldProblem(`${index}.id`, `${kind}: "${id}" stands twice; nothing was changed.`)
    puts.set(id, { context: kind, op: 'put', id, item, time })
  }
  const changes = [...puts.values()]
  if (replace)
    for (const item of before) {
      const id = contextItemId(kind, item)
      if (!puts.has(id)) changes.push({ context: kind, op: 'delete', id, time })
    }
  return changes
}

/** How the kind will stand after the changes. */
function standingAfter(
  kind: ContextKind,
  before: Record<string, unknown>[],
  changes: ContextChange[],
): Map<string, Record<string, unknown>> {
  const items = new Map(before.map((item) => [contextItemId(kind, item), item]))
  for (const { op, id, item } of changes)
    if (op === 'put') items.set(id, item!)
    else items.delete(id)
  return items
}

/** Names that lead nowhere, once the changes are made. They are no fault (what is named may come yet), but never silent. */
function warningsOf(kind: ContextKind, items: Record<string, unknown>[], after: Set<string>, desk: FacilityDesk) {
  const ids = new Map<ContextKind, Set<string> | null>([[kind, after]])
  const idsOf = (target: ContextKind): Set<string> | null => {
    let known = ids.get(target)
    if (known === undefined) {
      const found = desk.context(target)
      known = found.length === 0 ? null : new Set(found.map((item) => contextItemId(target, item)))
      ids.set(target, known)
    }
    return known
  }
  return items
    .flatMap((item, index) =>
      danglingNames(kind, item, idsOf).map((w) => ({ field: `${index}.${w.field}`, message: w.message })),
    )
    .slice(0, MAX_WARNINGS)
}

/** Passwords are references in the file and secrets in memory: they never leave. */
function shown(kind: ContextKind, item: Record<string, unknown>, role: Role): Record<string, unknown> {
  if (kind === 'devices') {
    const { password: _p, user: _u, subject, url, ...rest } = item
    return {
      ...rest,
      ...(typeof url === 'string' ? { url: url.replace(/\/\/[^/@]*@/, '//') } : {}),
      ...(subject !== undefined && may(role, 'people:read') ? { subject } : {}),
    }
  }
  if (kind === 'staff') {
    const { credentials: _c, ...rest } = item
    return rest
  }
  if (kind === 'zones' && !may(role, 'plan:read')) {
    const { polygon: _p, holes: _h, ...rest } = item
    return rest
  }
  if (kind === 'modes' && !may(role, 'people:read')) {
    const { note: _n, ...rest } = item
    return rest
  }
  return item
}

export function registerContextRoutes(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk): void {
  const { clock } = kit.options
  app.get<{ Params: { kind: string }; Querystring: Query }>(
    '/api/v1/context/:kind',
    {
      onRequest: loggedIn,
      schema: describeRoute('Items of one kind of context', 'context', {
        query: { cursor: 'page', limit: '1 to 5000' },
        ok: listShape(),
        errors: [404, 422],
      }),
    },
    async (request) => {
      const kind = kindOf(request.params.kind)
      const account = accountOf(request)
      const { read } = RIGHTS[kind]
      demand(account.role, [read])
      const worn = kind === 'devices' && account.role === 'wall'
      const items = desk.context(kind).filter((item) => !worn || !kit.facts!.isPersonal(contextItemId(kind, item)))
      const found = page(items, (item) => contextItemId(kind, item), request.query)
      if (read === READ_PEOPLE) kit.looks.look(account.id, 'context', found.items.length, kind)
      return { ...found, items: found.items.map((item) => shown(kind, item, account.role)) }
    },
  )

  app.put<{ Params: { kind: string }; Querystring: Query }>(
    '/api/v1/context/:kind',
    {
      onRequest: loggedIn,
      bodyLimit: BODY_LIMIT,
      schema: describeRoute('Put items by id; ?replace=true also deletes the others', 'context', {
        body: Type.Array(Type.Object({}, { additionalProperties: true }), { maxItems: MAX_ITEMS }),
        query: { replace: 'true: delete what is not named' },
        ok: {
          type: 'object',
          properties: {
            version: { type: 'integer' },
            changed: { type: 'integer' },
            warnings: {
              type: 'array',
              description: 'names that lead nowhere; absent when there are none',
              items: {
                type: 'object',
                properties: { field: { type: 'string' }, message: { type: 'string' } },
                required: ['field', 'message'],
              },
            },
          },
          required: ['version', 'changed'],
        },
        errors: [404, 413, 422],
      }),
    },
    async (request) => {
      const kind = kindOf(request.params.kind)
      const account = accountOf(request)
      demand(account.role, RIGHTS[kind].write)
      const replace = flagOf(request.query, 'replace') ?? false
      const items = request.body as Record<string, unknown>[]
      const before = desk.context(kind)
      const changes = changesOf(kind, items, replace ? before : [], replace, clock.now())
      const after = standingAfter(kind, before, changes)
      if (kind === 'zones') {
        const looped = zonesInThemselves(after.values())[0]
        const index = items.findIndex((item) => item.id === looped)
        if (looped !== undefined)
          throw fieldProblem(
            `${Math.max(index, 0)}.parent`,
            `zones: "${looped}" would lie within itself; nothing was changed.`,
          )
      }
      // The audit first: a change of what is allowed must never go unrecorded.
      await kit.audit({
        at: clock.now(),
        by: account.id,
        what: 'context-changed',
        ref: kind,
        success: true,
        detail: {
          puts: changes.filter((c) => c.op === 'put').length,
          deletes: changes.filter((c) => c.op === 'delete').length,
          replace,
        },
      })
      const outcome = await desk.changeContext(changes, account.id)
      kit.facts!.forget()
      const warnings = warningsOf(kind, items, new Set(after.keys()), desk)
      return warnings.length > 0 ? { ...outcome, warnings } : outcome
    },
  )
}
