/**
 * What the edge does about alerts that people leave waiting: escalation along the duty list of the site file, and the
 * outward channel. It decides nothing itself: the limits are the model's, the list and the address are the site's.
 */
import type { EdgeDesk } from '#ingest/desk/desk.ts'
import { type Escalation, openEscalation } from '#ingest/desk/escalation.ts'
import type { EdgeJournal } from '#ingest/journal/journal.ts'
import { openWebhook, type Webhook } from '#ingest/outward/webhook.ts'
import type { Level } from '#model/alert/alert.ts'
import { DEFAULT_ESCALATION, type EscalationPolicy } from '#model/alert/escalation.ts'
import type { Clock } from '#model/clock.ts'
import { durationMs, inHours } from '#model/local-time.ts'
import type { Site } from '#model/site/load.ts'
import type { ConsoleSection } from '#model/site/schema.ts'
import type { ContextStore } from '../context-store.ts'
import type { Log } from '../log.ts'

export interface DutyPart {
  site: Site
  clock: Clock
  log: Log
  journal: EdgeJournal
  desk: EdgeDesk
  context: ContextStore
  ruleName(slug: string): { zh: string; en: string } | null
  random(): number
  onEnd(name: string, end: () => unknown): void
}

export interface Duty {
  escalation: Escalation
  webhook: Webhook | null
}

export function policyOf(section: ConsoleSection['escalation']): EscalationPolicy {
  const limits = (named: Partial<Record<Level, string | null>> | undefined, usual: Record<Level, number | null>) => ({
    ...usual,
    ...Object.fromEntries(
      Object.entries(named ?? {}).map(([level, text]) => [level, text === null ? null : durationMs(text)]),
    ),
  })
  return {
    mode: section?.mode ?? DEFAULT_ESCALATION.mode,
    limits: {
      // The acknowledgement limits are those of the indicators; a site does not change what it is measured by.
      acknowledge: DEFAULT_ESCALATION.limits.acknowledge,
      respond: limits(section?.respond, DEFAULT_ESCALATION.limits.respond),
      resolve: limits(section?.resolve, DEFAULT_ESCALATION.limits.resolve),
    },
  }
}

/** Officers of the shift that is on, in their order, then its chief; a shift without hours is always on. */
export function ladderAt(
  duty: ConsoleSection['duty'],
  shifts: readonly { id: string; from: string; to: string }[],
  timezone: string,
  at: number,
): string[] {
  const hours = new Map(shifts.map(({ id, from, to }) => [id, `${from}-${to}`]))
  const on = (duty ?? []).filter(({ shift }) => {
    const range = hours.get(shift)
    return range === undefined || inHours(timezone, range, at)
  })
  return [...new Set([...on.flatMap(({ officers }) => officers ?? []), ...on.map(({ chief }) => chief)])]
}

export async function openDuty(part: DutyPart): Promise<Duty> {
  const { site, clock, log, journal, desk, context } = part
  const timezone = site.facility.timezone ?? 'Asia/Shanghai'
  const ladder = (at: number) => ladderAt(site.console?.duty, context.context.all('shifts'), timezone, at)
  const escalation = await openEscalation({
    desk,
    clock,
    policy: policyOf(site.console?.escalation),
    ladder,
    onFault: (detail) => log.error('escalation.failed', { detail }),
  })
  part.onEnd('escalation', () => escalation.close())
  const sink = site.sinks?.webhook
  if (!sink) return { escalation, webhook: null }
  const webhook = await openWebhook({
    ...sink,
    facility: site.facility.id,
    journal,
    clock,
    random: part.random,
    ruleName: part.ruleName,
    chief: (at) => ladder(at).slice(-1),
    receipt: (alert, at, note) => desk.remark(alert, at, note),
    onEvent: (event) => log.warn(event.event, event),
  })
  part.onEnd('webhook', () => webhook.close())
  return { escalation, webhook }
}
