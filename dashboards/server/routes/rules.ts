/** The rules in force with their parameters, and the response plans. Read only: rules are files. */
import type { FastifyInstance } from 'fastify'
import type { FacilityDesk } from '#model/ports/facility.ts'
import { allow } from '../authentication.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { notFound } from '../problem.ts'
import { choicesOf, flagOf, listOf, page, type Query } from '../query.ts'

export function registerRuleRoutes(app: FastifyInstance, desk: FacilityDesk): void {
  const onRequest = allow('rules:read')
  app.get<{ Querystring: Query }>(
    '/api/v1/rules',
    {
      onRequest,
      schema: describeRoute('Rules in force', 'rules', {
        query: {
          domain: 'behaviour,duty,equipment',
          mandatory: 'true or false',
          enabled: 'true or false',
          rule: 'slugs or codes',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query }) => {
      const domain = choicesOf(query, 'domain', ['behaviour', 'duty', 'equipment'] as const)
      const mandatory = flagOf(query, 'mandatory')
      const enabled = flagOf(query, 'enabled')
      const named = listOf(query, 'rule')
      const some = desk
        .rules()
        .filter(
          (r) =>
            (!domain || domain.includes(r.domain as never)) &&
            (mandatory === undefined || r.mandatory === mandatory) &&
            (enabled === undefined || r.enabled === enabled) &&
            (!named || named.includes(r.id) || named.includes(r.code)),
        )
      return page(some, (r) => `${r.code}|${r.id}`, query)
    },
  )
  app.get<{ Params: { id: string } }>(
    '/api/v1/rules/:id',
    { onRequest, schema: describeRoute('One rule, by slug or code', 'rules', { errors: [404] }) },
    async ({ params }) => {
      const rule = desk.rules().find((r) => r.id === params.id || r.code === params.id)
      if (!rule) throw notFound('rule', params.id)
      return rule
    },
  )
  app.get<{ Querystring: Query }>(
    '/api/v1/plans',
    {
      onRequest,
      schema: describeRoute('Response plans', 'rules', {
        query: { cursor: 'page', limit: '1 to 5000' },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query }) => page(desk.plans(), (p) => p.id, query),
  )
  app.get<{ Params: { id: string } }>(
    '/api/v1/plans/:id',
    { onRequest, schema: describeRoute('One response plan', 'rules', { errors: [404] }) },
    async ({ params }) => {
      const plan = desk.plans().find((p) => p.id === params.id)
      if (!plan) throw notFound('plan', params.id)
      return plan
    },
  )
}
