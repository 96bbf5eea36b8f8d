/**
 * Persons and where they are. Number and initials by default; a name only on demand with a purpose. Each look is
 * recorded. The headcount gives numbers alone, and to roles without persons only for whole wards and buildings.
 */
import type { FastifyInstance } from 'fastify'
import type { Person, Staff } from '#model/context/kinds.ts'
import { may } from '#model/permissions.ts'
import type { FacilityDesk, PersonPosition } from '#model/ports/facility.ts'
import { ZONE_KINDS } from '#model/site/schema.ts'
import { accountOf, allow } from '../authentication.ts'
import { FIX_VALID_MS, headcountOf } from '../headcount.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { fieldProblem, notFound } from '../problem.ts'
import { choiceOf, choicesOf, listOf, page, type Query, textOf } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

/** Zones whose count says nothing about one person. */
const WIDE = new Set(['building', 'ward', 'yard', 'workshop', 'canteen'])

type Named = (Person | Staff) & { kind: 'person' | 'staff' }

function initialsOf(person: Person | Staff): string | null {
  return person.initials ?? null
}

export function registerPeopleRoutes(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk): void {
  const facts = kit.facts!
  const { clock } = kit.options
  const onRequest = allow('people:read')

  const itemOf = (person: Named, fix: PersonPosition | undefined, withName: boolean) => {
    const { name, face: _face, ...rest } = person
    // Credentials open doors; nobody needs them on a screen.
    const { credentials: _c, ...shown } = rest as Record<string, unknown>
    return {
      ...shown,
      initials: initialsOf(person),
      ...(withName ? { name: name ?? null } : {}),
      position: fix ? { ...fix, ageMs: clock.now() - fix.time, fresh: clock.now() - fix.time <= FIX_VALID_MS } : null,
    }
  }

  /** `?names=true&purpose=…`: the name with a reason that goes to the ledger. */
  const purposeOf = (query: Query): string | null => {
    if (textOf(query, 'names') !== 'true') return null
    const purpose = textOf(query, 'purpose')?.trim()
    if (!purpose || purpose.length > 200)
      throw fieldProblem('purpose', 'A name needs a purpose of 1 to 200 characters; it is recorded.')
    return purpose
  }

  app.get<{ Querystring: Query }>(
    '/api/v1/people',
    {
      onRequest,
      schema: describeRoute('Persons: number, initials, place; names only with a purpose', 'people', {
        query: {
          kind: 'person (default) or staff',
          zone: 'where they are',
          ward: 'where they belong',
          text: 'part of id, number or initials',
          names: 'true: with names',
          purpose: 'why, with names',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request) => {
      const { query } = request
      const account = accountOf(request)
      const purpose = purposeOf(query)
      const kind = choiceOf(query, 'kind', ['person', 'staff'] as const) ?? 'person'
      const zone = listOf(query, 'zone')
      const inside = zone && facts.within(zone)
      const ward = listOf(query, 'ward')
      const home = ward && facts.within(ward)
      const part = textOf(query, 'text')?.toLowerCase()
      const fixes = new Map(may(account.role, 'positions:read') ? desk.positions().map((p) => [p.person, p]) : [])
      const all = (desk.context(kind === 'staff' ? 'staff' : 'people') as (Person | Staff)[]).map(
        (p) => ({ ...p, kind }) as Named,
      )
      const some = all.filter((p) => {
        const belongs = p as Person
        const at = fixes.get(p.id)?.zone
        if (inside && !(at && inside.has(at))) return false
        if (home && !((belongs.cell && home.has(belongs.cell)) || (belongs.ward && home.has(belongs.ward))))
          return false
        return part === undefined || [p.id, belongs.number, p.initials].some((t) => t?.toLowerCase().includes(part))
      })
      const found = page(some, (p) => p.id, query)
      kit.looks.look(account.id, purpose ? 'names' : 'people', found.items.length, purpose)
      return { ...found, items: found.items.map((p) => itemOf(p, fixes.get(p.id), purpose !== null)) }
    },
  )

  app.get<{ Params: { id: string }; Querystring: Query }>(
    '/api/v1/people/:id',
    {
      onRequest,
      schema: describeRoute('One person', 'people', {
        query: { names: 'true: with the name', purpose: 'why, with the name' },
        errors: [404, 422],
      }),
    },
    async (request) => {
      const { id } = request.params
      const purpose = purposeOf(request.query)
      const account = accountOf(request)
      const person = facts.fresh().people.get(id)
      const staff = person ? undefined : (desk.context('staff') as Staff[]).find((s) => s.id === id)
      const known = person
        ? { ...person, kind: 'person' as const }
        : staff
          ? { ...staff, kind: 'staff' as const }
          : null
      if (!known) throw notFound('person', id)
      kit.looks.look(account.id, purpose ? 'names' : 'people', 1, purpose ?? `person ${id}`)
      const fix = may(account.role, 'positions:read') ? desk.positions().find((p) => p.person === id) : undefined
      return itemOf(known, fix, purpose !== null)
    },
  )

  app.get<{ Querystring: Query }>(
    '/api/v1/headcount',
    {
      onRequest: allow('headcount:read'),
      schema: describeRoute('实到/应到 by zone, with the age of what is known', 'people', {
        query: {
          zone: 'zone ids, what lies inside included',
          kind: 'kinds of zone',
          all: 'true: also zones where nobody is or belongs',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request) => {
      const { query } = request
      const role = accountOf(request).role
      const zone = listOf(query, 'zone')
      const inside = zone && facts.within(zone)
      const kind = choicesOf(query, 'kind', ZONE_KINDS)
      const all = textOf(query, 'all') === 'true'
      const { zones, people } = facts.fresh()
      const rows = headcountOf([...zones.values()], [...people.values()], desk.positions(), clock.now()).filter(
        (r) =>
          (all || zone || r.expected > 0 || r.inside > 0 || r.officers > 0) &&
          (!inside || inside.has(r.zone)) &&
          (!kind || kind.includes(r.kind as never)) &&
          (may(role, 'positions:read') || WIDE.has(r.kind ?? '')),
      )
      return { ...page(rows, (r) => r.zone, query), at: clock.now(), fixValidMs: FIX_VALID_MS }
    },
  )
}
