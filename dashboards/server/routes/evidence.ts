/**
 * Evidence of an alert or an incident to take away: ZIP and PDF. Nobody takes it without saying why; who, when and why
 * stand in the ledger before the first byte leaves, and on every page.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import { accountOf, allow } from '../authentication.ts'
import { evidencePdf, evidenceZip } from '../evidence/bundle.ts'
import { collectEvidence, type EvidenceRequest } from '../evidence/collect.ts'
import type { ReportFacts } from '../evidence/evidence-report.ts'
import { describeRoute } from '../openapi.ts'
import { fieldProblem, notFound, problem } from '../problem.ts'
import { type Query, textOf } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

/** Bundles made at one time; each may hold some tens of megabytes. */
const MAX_AT_ONCE = 2
const MAX_REASON = 200

export function registerEvidenceRoutes(app: FastifyInstance, kit: ConsoleKit, desk: AlertDesk): void {
  const { clock, ledger, facility, video, place, id: facilityId, title } = kit.options
  let making = 0

  const factsOf = (request: FastifyRequest, reason: string): ReportFacts => {
    const account = accountOf(request)
    const zones = kit.facts?.fresh().zones
    const staff = (facility?.context('staff') ?? []).find((s) => s.id === account.id) as
      | { name?: { zh?: string } }
      | undefined
    const name = staff?.name?.zh ?? account.name
    return {
      facility: {
        id: facilityId,
        name: place?.facility?.name ?? title ?? { zh: facilityId, en: facilityId },
        timezone: place?.facility?.timezone ?? 'Asia/Shanghai',
      },
      madeAt: clock.now(),
      madeBy: name && name !== account.id ? `${name} ${account.id}` : account.id,
      reason,
      ruleName: (slug) => kit.masking.ruleName(slug),
      zoneName: (id) => (id === null ? '—' : [id, zones?.get(id)?.name?.zh].filter(Boolean).join(' ')),
    }
  }

  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    about: EvidenceRequest,
    format: 'zip' | 'pdf',
  ): Promise<FastifyReply> => {
    const reason = textOf(request.query as Query, 'reason')?.trim()
    if (!reason || reason.length > MAX_REASON)
      throw fieldProblem('reason', `Evidence needs a reason of 1 to ${MAX_REASON} characters; it is recorded.`)
    const known = about.kind === 'alert' ? await desk.get(about.id) : await desk.incident(about.id)
    if (!known) throw notFound(about.kind, about.id)
    if (making >= MAX_AT_ONCE)
      throw problem(503, 'Other evidence is being put together; try again in a moment.', {
        code: 'too-busy',
        retryAfterS: 5,
      })
    making++
    try {
      await record(accountOf(request).id, about, format, reason)
      const account = accountOf(request)
      const maySee = (camera: string, zone: string | null): boolean => kit.viewing(account, camera, zone) === null
      const sources = {
        desk,
        facility: facility ?? null,
        ledger: ledger ?? null,
        video: video ?? null,
        facilityId,
        maySee,
      }
      const evidence = await collectEvidence(sources, about)
      if (!evidence) throw notFound(about.kind, about.id)
      const facts = factsOf(request, reason)
      const bytes =
        format === 'zip' ? await evidenceZip(evidence, facts, ledger ?? null) : await evidencePdf(evidence, facts)
      const name = `evidence-${evidence.subject.number ?? about.kind}-${about.id}.${format}`.replace(/[^\w.-]/g, '_')
      return await reply
        .type(format === 'zip' ? 'application/zip' : 'application/pdf')
        .header('content-disposition', `attachment; filename="${name}"`)
        .header('cache-control', 'no-store')
        .serializer((data: unknown) => data as string)
        .send(bytes)
    } finally {
      making--
    }
  }

  /** Awaited: what cannot be recorded is not handed out. */
  const record = async (by: string, about: EvidenceRequest, format: string, reason: string): Promise<void> => {
    const purpose = `${about.kind} ${about.id}`
    const look = { at: clock.now(), by, what: 'evidence-export', count: 1, purpose, reason, format }
    if (!ledger) return kit.looks.look(by, look.what, 1, `${purpose}: ${reason}`)
    await ledger.append([{ kind: 'act', ref: about.id, by, payload: { act: 'look', ...look } }]).catch((error) => {
      app.log.error({ err: error }, 'an export of evidence could not be recorded')
      throw problem(503, 'The export could not be recorded in the ledger, so nothing is handed out; try again.', {
        code: 'disk-full',
      })
    })
  }

  for (const kind of ['alert', 'incident'] as const)
    for (const format of ['zip', 'pdf'] as const)
      app.get<{ Params: { id: string } }>(
        `/api/v1/${kind}s/:id/evidence.${format}`,
        {
          onRequest: allow('people:read', 'positions:read', 'vitals:read'),
          schema: describeRoute(
            format === 'zip'
              ? `Evidence of the ${kind}: files, report, signed manifest, ledger proofs`
              : `Evidence of the ${kind} as a readable report`,
            'evidence',
            {
              query: { reason: 'why it is taken; stands in the ledger and on every page' },
              media: format === 'zip' ? 'application/zip' : 'application/pdf',
              errors: [404, 422, 503],
            },
          ),
        },
        (request, reply) => send(request, reply, { kind, id: request.params.id }, format),
      )
}
