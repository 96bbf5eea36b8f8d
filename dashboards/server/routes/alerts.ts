/** Alerts as people see them: list, detail, acts, manual alerts. The desk decides; this file reads, masks and words. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type TSchema, Type } from 'typebox'
import { type Act, VERBS, type Verb } from '#model/alert/acts.ts'
import { ALERT_STATES, type Alert, type AlertChange, LEVELS } from '#model/alert/alert.ts'
import type { ContextItems } from '#model/context/kinds.ts'
import { type Mask, maskOf } from '#model/permissions.ts'
import type { ActOutcome, AlertDesk, AlertFilter, EscalationView } from '#model/ports/alert-desk.ts'
import { accountOf, allow } from '../authentication.ts'
import { classOf, maskAlert, maskChange, maskReading } from '../masking.ts'
import { mutedBy } from '../muted.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { hasPlan, openSteps, planOfAlert } from '../plan-progress.ts'
import { fieldProblem, notFound, problem } from '../problem.ts'
import { badCursor, choicesOf, flagOf, limitOf, listOf, type Query, textOf, timeOf } from '../query.ts'
import type { ConsoleKit, ConsoleServerOptions } from '../server.ts'
import { tellSkipped } from './notices.ts'

const note = Type.Optional(Type.String({ maxLength: 4_000 }))
const closed = { additionalProperties: false }
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
const moment = Type.Union([Type.Integer(), Type.String({ maxLength: 40 })])

/** Bodies of the verbs (`semantics.md` 6). What is mandatory by state or level, the desk says. */
const BODIES: Record<Verb, TSchema> = {
  acknowledge: Type.Object({ confirmed: Type.Optional(Type.Boolean()), note }, closed),
  dispatch: Type.Object({ units: Type.Optional(Type.Array(text(64), { maxItems: 50 })), note }, closed),
  escalate: Type.Object({ note }, closed),
  resolve: Type.Object(
    {
      result: text(32),
      evidence: Type.Optional(Type.Array(text(256), { maxItems: 100 })),
      note,
      cause: Type.Optional(text(64)),
    },
    closed,
  ),
  dismiss: Type.Object({ result: text(32), cause: Type.Optional(text(64)), note }, closed),
  approve: Type.Object({ note }, closed),
  reject: Type.Object({ note }, closed),
  shelve: Type.Object(
    { until: Type.Optional(moment), minutes: Type.Optional(Type.Number({ exclusiveMinimum: 0 })), note },
    closed,
  ),
  unshelve: Type.Object({ note }, closed),
  comment: Type.Object({ note: text(4_000) }, closed),
  assign: Type.Object({ to: text(64), note }, closed),
  'plan-step': Type.Object(
    {
      step: Type.Union([text(64), Type.Integer({ minimum: 1, description: 'place of the step in the plan' })]),
      done: Type.Optional(Type.Boolean()),
      skipped: Type.Optional(Type.Boolean()),
      answer: Type.Optional(text(32)),
      note,
    },
    closed,
  ),
}

const Manual = Type.Object(
  {
    level: Type.String({ enum: [...LEVELS] }),
    zone: text(64),
    kind: text(64),
    note: text(4_000),
    subjects: Type.Optional(Type.Array(text(64), { maxItems: 20 })),
  },
  closed,
)

const mask = (request: FastifyRequest): Mask => maskOf(accountOf(request).role)

function filterOf(query: Query, seen: Mask, within: (zones: readonly string[]) => Set<string>): AlertFilter {
  const words = textOf(query, 'text')
  const subject = listOf(query, 'subject')
  // A filter by person would tell by its count what the mask hides.
  if (seen !== 'full' && (words !== undefined || subject))
    throw problem(403, 'This role may not look for persons in alerts.')
  const zone = listOf(query, 'zone')
  const places = listOf(query, 'within')
  const inside = places && within(places)
  return {
    state: choicesOf(query, 'state', ALERT_STATES),
    level: choicesOf(query, 'level', LEVELS),
    rule: listOf(query, 'rule'),
    zone: inside ? placesOf(zone, inside) : zone,
    subject,
    from: timeOf(query, 'from'),
    to: timeOf(query, 'to'),
    open: flagOf(query, 'open'),
    text: words,
  }
}

/** Both filters at once; an empty list would mean "anywhere", so nowhere is a zone that nobody can have. */
function placesOf(zone: string[] | undefined, inside: Set<string>): string[] {
  const both = zone ? zone.filter((id) => inside.has(id)) : [...inside]
  return both.length > 0 ? both : ['']
}

/** The desk's own cursor: when the last alert of the page was raised, and which it was. */
function alertCursor(query: Query): string | undefined {
  const text = textOf(query, 'cursor')
  if (text !== undefined && !/^\d{1,16}-\S{1,100}$/.test(text)) throw badCursor()
  return text
}

/** Turns a refusal of the desk into the answer of the contract. */
function refuse(outcome: Exclude<ActOutcome, { ok: true }>, id: string): never {
  if (outcome.status === 404) throw notFound('alert', id)
  if (outcome.status === 403) throw problem(403, outcome.detail)
  if (outcome.status === 422) throw fieldProblem(outcome.field, outcome.detail)
  const { by, at, state } = outcome
  const when = at === null ? '' : ` at ${new Date(at).toISOString()}`
  throw problem(409, `The alert is ${state} already${by ? `, by ${by}` : ''}${when}.`, { by, at, state })
}

function actOf(verb: Verb, id: string, by: string, body: Record<string, unknown>, time: number): Act {
  const { until, ...rest } = body
  const act = { act: verb, alert: id, time, by, ...rest } as Act
  if (verb === 'plan-step') act.step = String(act.step)
  if (until !== undefined) act.until = timeOf({ until }, 'until')!
  return act
}

/** What stands beside an alert now and is not part of it: until when it is set aside, who was told that it waits. */
export function standing(
  options: Pick<ConsoleServerOptions, 'alerts' | 'escalation'>,
  id: string,
  seen: Mask,
): { shelvedUntil: number | null; escalation: EscalationView | null } {
  const escalation = options.escalation?.of(id) ?? null
  return {
    shelvedUntil: options.alerts?.shelvedUntil?.(id) ?? null,
    escalation: escalation && (seen === 'public' ? { ...escalation, told: [] } : escalation),
  }
}

export function registerAlertRoutes(app: FastifyInstance, kit: ConsoleKit, desk: AlertDesk): void {
  const { clock, facility } = kit.options
  const read = allow('alerts:read')

  const seenBy = (request: FastifyRequest, alert: Alert) => {
    const account = accountOf(request)
    return {
      ...maskAlert(alert, maskOf(account.role), kit.masking),
      ...standing(kit.options, alert.id, maskOf(account.role)),
      allowedActions: desk.allowed(alert, account),
    }
  }

  const muteOf = async (alert: Alert, timeline: AlertChange[], seen: Mask) => {
    const byDesign = alert.state === 'suppressed-by-design'
    const holders = byDesign ? (await desk.list({ open: true, rule: ['R54', 'R58'] })).items : []
    const zones = kit.facts?.fresh().zones
    const upward = (zone: string | null): string[] => {
      const found: string[] = []
      for (let at = zone; at && !found.includes(at) && found.length < 32; at = zones?.get(at)?.parent ?? null)
        found.push(at)
      return found
    }
    const modes = (facility?.context('modes') ?? []) as unknown as ContextItems['modes'][]
    const until = desk.shelvedUntil?.(alert.id) ?? null
    const muted = mutedBy(alert, timeline, until, modes, holders, upward, clock.now())
    // Reasons are free text, and who set it aside is staff.
    return muted && seen === 'public' ? { ...muted, by: null, why: null } : muted
  }

  app.get<{ Querystring: Query }>(
    '/api/v1/alerts',
    {
      onRequest: read,
      schema: describeRoute('Alerts, newest first', 'alerts', {
        query: {
          state: 'states',
          level: 'red,orange,yellow,blue',
          rule: 'rule slugs or codes',
          zone: 'zone ids, just these',
          within: 'zone ids, with all that lies in them',
          subject: 'person ids',
          from: 'raised at or after',
          to: 'raised at or before',
          open: 'true: only those not closed',
          text: 'words',
          cursor: '"next" of the page before',
          limit: '1 to 1000',
        },
        ok: listShape({ $ref: 'Alert#' }),
        errors: [422],
      }),
    },
    async (request, reply) => {
      // Taken before the list: a stream opened from here misses nothing.
      reply.header('x-stream-position', kit.hub.position())
      const filter = filterOf(request.query, mask(request), (zones) => kit.facts?.within(zones) ?? new Set(zones))
      const page = await desk.list(filter, alertCursor(request.query), limitOf(request.query, 200, 1_000))
      if (mask(request) === 'full')
        kit.looks.look(accountOf(request).id, 'alerts', page.items.filter((a) => a.subjects.length > 0).length)
      return { items: page.items.map((a) => seenBy(request, a)), next: page.next, total: page.total }
    },
  )

  app.get<{ Params: { id: string } }>(
    '/api/v1/alerts/:id',
    {
      onRequest: read,
      schema: describeRoute('One alert with timeline, evidence readings, plan progress and incident', 'alerts', {
        ok: { type: 'object', additionalProperties: true },
        errors: [404],
      }),
    },
    async (request) => {
      const { id } = request.params
      const alert = await desk.get(id)
      if (!alert) throw notFound('alert', id)
      const account = accountOf(request)
      const seen = mask(request)
      const [timeline, readings, incident] = await Promise.all([
        desk.timeline(id),
        facility && seen !== 'public' ? facility.readings(alert.evidence) : [],
        alert.incident ? desk.incident(alert.incident) : null,
      ])
      if (seen === 'full') {
        const sensitive = readings.filter((r) => classOf(r.type) === 'L4').length
        kit.looks.look(account.id, 'evidence', sensitive, `alert ${id}`)
        if (alert.subjects.length > 0) kit.looks.look(account.id, 'alerts', 1, `alert ${id}`)
      }
      return {
        ...seenBy(request, alert),
        timeline: timeline.map((c) => maskChange(c, seen, kit.masking)),
        evidence: readings.map((r) => maskReading(r, account.role, kit.masking)),
        mutedBy: await muteOf(alert, timeline, seen),
        incident: incident && { ...incident, subjects: seen === 'full' ? incident.subjects : [] },
        plan: planOf(alert, timeline, kit, seen),
      }
    },
  )

  app.post(
    '/api/v1/alerts',
    {
      onRequest: allow('alerts:raise'),
      schema: describeRoute('Raise a manual alert (S03): a telephone call is a source too', 'alerts', {
        body: Manual,
        status: 201,
        ok: { $ref: 'AlertChange#' },
        errors: [422],
      }),
    },
    async (request, reply) => {
      const body = request.body as {
        level: (typeof LEVELS)[number]
        zone: string
        kind: string
        note: string
        subjects?: string[]
      }
      if (kit.facts && !kit.facts.isZone(body.zone)) throw fieldProblem('zone', `There is no zone "${body.zone}".`)
      const unknown = body.subjects?.find((s) => kit.facts && !kit.facts.fresh().people.has(s))
      if (unknown !== undefined) throw fieldProblem('subjects', `There is no person "${unknown}".`)
      const change = await desk.raise(body, accountOf(request).id)
      return reply
        .code(201)
        .header('location', `/api/v1/alerts/${change.alert.id}`)
        .send(maskChange(change, mask(request), kit.masking))
    },
  )

  /** The step that an act names, as the plan knows it; what the plan demands of the act is said here. */
  const stepAsked = async (id: string, act: Act) => {
    const alert = await desk.get(id)
    const none = { plan: alert?.plan ?? null, step: act.step ?? '', text: null }
    if (!alert || !hasPlan(alert)) return none
    const view = planOfAlert(alert, facility ?? null, await desk.timeline(id))
    const place = /^\d{1,3}$/.test(act.step ?? '') ? view.steps[Number(act.step) - 1] : undefined
    const step = view.steps.find((s) => s.id === act.step) ?? place
    // "arrival" is told of any alert: whoever was sent is there.
    if (!step && view.steps.length > 0 && act.step !== 'arrival')
      throw fieldProblem(
        'step',
        `${alert.plan} has no step "${act.step}"; it has ${view.steps.map((s) => s.id).join(', ')}`,
      )
    if (!step) return none
    act.step = step.id
    if (act.answer !== undefined && !step.answers?.some((a) => a.id === act.answer))
      throw fieldProblem('answer', `one of ${step.answers?.map((a) => a.id).join(', ') || '(this step asks nothing)'}`)
    if (act.skipped === true && act.done !== true && step.required && !act.note?.trim())
      throw fieldProblem('note', 'say why a required step is left out; the duty chief is told')
    return { plan: step.plan, step: step.id, text: step.text }
  }

  /** Where the facility closes by the plan: the required steps that nobody has done, left out or made needless. */
  const refuseOpenSteps = async (id: string) => {
    const alert = await desk.get(id)
    if (!alert || !hasPlan(alert) || (alert.level !== 'red' && alert.level !== 'orange')) return
    const open = openSteps(planOfAlert(alert, facility ?? null, await desk.timeline(id)))
    if (open.length > 0)
      throw fieldProblem(
        'plan',
        `required steps of ${alert.plan} are open: ${open.map((s) => s.id).join(', ')}; do them, or skip them with a reason`,
      )
  }

  for (const verb of VERBS)
    app.post<{ Params: { id: string } }>(
      `/api/v1/alerts/:id/${verb}`,
      {
        onRequest: allow('alerts:act'),
        schema: describeRoute(`Act: ${verb}`, 'alerts', {
          body: BODIES[verb],
          ok: { $ref: 'AlertChange#' },
          errors: [404, 409, 422],
        }),
      },
      async (request) => {
        const { id } = request.params
        const account = accountOf(request)
        const act = actOf(verb, id, account.id, request.body as Record<string, unknown>, clock.now())
        const step = verb === 'plan-step' ? await stepAsked(id, act) : null
        if (verb === 'resolve' && kit.options.closingSteps === 'required') await refuseOpenSteps(id)
        const outcome = await desk.act(act, account)
        if (!outcome.ok) refuse(outcome, id)
        if (step && act.skipped && !act.done && kit.options.ledger)
          await tellSkipped(kit.options.ledger, outcome.change.alert, { ...step, note: act.note ?? null }, account.id)
        const change = maskChange(outcome.change, mask(request), kit.masking)
        return { ...change, alert: { ...change.alert, ...standing(kit.options, id, mask(request)) } }
      },
    )
}

/** The plan with what was done of it, as this mask sees it. */
function planOf(alert: Alert, timeline: AlertChange[], kit: ConsoleKit, seen: Mask) {
  if (!hasPlan(alert)) return null
  const view = planOfAlert(alert, kit.options.facility ?? null, timeline)
  return {
    ...view,
    progress: view.progress.map((word) => ({
      ...word,
      note: seen === 'full' ? word.note : null,
      by: seen === 'public' ? null : word.by,
    })),
  }
}
