/**
 * Gathers what is kept about an alert or an incident: changes, readings, pictures, plan, acts, who looked, signatures,
 * ledger entries with their proofs. It judges nothing and leaves nothing out without saying so.
 */
import { createHash } from 'node:crypto'
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { AlertDesk, Incident } from '#model/ports/alert-desk.ts'
import type { FacilityDesk, Plan } from '#model/ports/facility.ts'
import { isProving, type Ledger, type LedgerEntry } from '#model/ports/ledger.ts'
import type { Video } from '#model/ports/video.ts'
import type { Reading } from '#model/reading.ts'
import { hasPlan, planOfAlert } from '../plan-progress.ts'

/** Members of one incident that a bundle takes; more are named, not unfolded. */
const MAX_MEMBERS = 50
const PAGE = 1000
/** Ledger entries looked through for people who looked. */
const MAX_LOOKED_THROUGH = 100_000

export interface EvidenceRequest {
  kind: 'alert' | 'incident'
  id: string
}

export interface EvidencePicture {
  alert: string
  /** Number among the pictures of the seconds before the alert; null: the one of its moment. */
  preroll: number | null
  device: string
  takenAt: number
  /** As it was written down when the picture was taken. */
  sha256: string
  /** The bytes still have that hash. */
  intact: boolean
  jpeg: Buffer
}

export interface PlanProgress {
  alert: string
  plan: Plan
  steps: {
    id: string
    /** The plan it belongs to: one beside the alert's own, or one that an answer led to, too. */
    plan: string
    text: { zh: string; en: string }
    required: boolean
    /** `moot`: needless by the answer to another step. */
    state: 'done' | 'skipped' | 'moot' | 'open'
    by: string | null
    at: number | null
    note: string | null
  }[]
}

export interface Signature {
  alert: string
  role: 'handler' | 'reviewer'
  by: string | null
  at: number
  change: string
  note: string | null
}

export interface Evidence {
  subject: EvidenceRequest & { number: string | null }
  alerts: Alert[]
  incident: Incident | null
  timeline: AlertChange[]
  readings: Reading[]
  /** Evidence that the alerts name and that retention has removed since. */
  readingsGone: string[]
  pictures: EvidencePicture[]
  plans: PlanProgress[]
  acts: LedgerEntry[]
  looks: LedgerEntry[]
  signatures: Signature[]
  entries: LedgerEntry[]
  proofs: { seq: number; proof: object }[]
  keys: { algorithm: string; pem: string }[]
  /** What was cut, in words. */
  limits: { zh: string; en: string }[]
}

export interface EvidenceSources {
  desk: AlertDesk
  facility: FacilityDesk | null
  ledger: Ledger | null
  video: Pick<Video, 'preroll' | 'prerollPicture'> | null
  facilityId: string
  /** Rights of places hold for what was kept of their cameras too. */
  maySee(camera: string, alertZone: string | null): boolean
}

/** @returns null when there is no such alert or incident. */
export async function collectEvidence(sources: EvidenceSources, request: EvidenceRequest): Promise<Evidence | null> {
  const { desk, facility, ledger, video } = sources
  const found = await subjectOf(desk, request)
  if (!found) return null
  const { incident, ids } = found
  const limits: Evidence['limits'] = []
  if (ids.length > MAX_MEMBERS)
    limits.push({
      zh: `本事件共 ${ids.length} 条警情，仅收录前 ${MAX_MEMBERS} 条，其余：${ids.slice(MAX_MEMBERS).join(' ')}`,
      en: `the incident has ${ids.length} alerts; the first ${MAX_MEMBERS} are here, the others are ${ids.slice(MAX_MEMBERS).join(' ')}`,
    })
  const taken = ids.slice(0, MAX_MEMBERS)
  const alerts = (await Promise.all(taken.map((id) => desk.get(id)))).filter((a): a is Alert => a !== null)
  const timelines = await Promise.all(alerts.map((a) => desk.timeline(a.id)))
  const wanted = [...new Set(alerts.flatMap((a) => a.evidence))]
  const readings = facility
    ? (await facility.readings(wanted)).sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
    : []
  const there = new Set(readings.map((r) => r.id))
  const pictures: EvidencePicture[] = []
  let withheld = 0
  const keep = (
    { id: alert, zone }: Alert,
    preroll: number | null,
    taken: Pick<EvidencePicture, 'device' | 'takenAt' | 'sha256'>,
    bytes: Uint8Array,
  ) => {
    if (!sources.maySee(taken.device, zone)) {
      withheld++
      return
    }
    const jpeg = Buffer.from(bytes)
    const { device, takenAt, sha256 } = taken
    const intact = createHash('sha256').update(jpeg).digest('hex') === sha256
    pictures.push({ alert, preroll, device, takenAt, sha256, intact, jpeg })
  }
  for (const about of alerts) {
    const { id } = about
    for (const [n, frame] of (video ? await video.preroll(id) : []).entries()) {
      const jpeg = await video!.prerollPicture(id, n)
      if (jpeg) keep(about, n, frame, jpeg)
    }
    const picture = await facility?.evidencePicture(id)
    if (picture) keep(about, null, picture, picture.jpeg)
  }
  if (withheld > 0)
    limits.push({
      zh: `${withheld} 张图片所在场所不对导出人开放，未收录`,
      en: `${withheld} pictures are withheld: whoever made this bundle may not look into their places`,
    })
  const inLedger = ledger
    ? await ledgerSide(
        ledger,
        alerts.map((a) => a.id),
        sources.facilityId,
        limits,
        [...taken, ...(incident ? [incident.id] : [])],
      )
    : NOTHING
  return {
    subject: { ...request, number: alerts[0]?.number ?? null },
    alerts,
    incident,
    timeline: timelines.flat().sort((a, b) => a.at - b.at),
    readings,
    readingsGone: wanted.filter((id) => !there.has(id)),
    pictures,
    plans: alerts.flatMap((alert, i) => planOf(alert, timelines[i]!, facility)),
    signatures: alerts.flatMap((alert, i) => signaturesOf(alert, timelines[i]!)),
    ...inLedger,
    limits,
  }
}

async function subjectOf(
  desk: AlertDesk,
  { kind, id }: EvidenceRequest,
): Promise<{ incident: Incident | null; ids: string[] } | null> {
  if (kind === 'incident') {
    const incident = await desk.incident(id)
    return incident && { incident, ids: incident.members }
  }
  const alert = await desk.get(id)
  if (!alert) return null
  return { incident: alert.incident ? await desk.incident(alert.incident) : null, ids: [id] }
}

function planOf(alert: Alert, timeline: AlertChange[], facility: FacilityDesk | null): PlanProgress[] {
  const plan = facility?.plans().find((p) => p.id === alert.plan)
  if (!plan || !hasPlan(alert)) return []
  const view = planOfAlert(alert, facility, timeline)
  const last = new Map(view.progress.map((word) => [word.step, word]))
  const steps = view.steps.map(({ id, plan: of, text, required, moot }) => {
    const said = last.get(id)
    const state = said?.done ? 'done' : said?.skipped ? 'skipped' : moot ? 'moot' : 'open'
    return {
      id,
      plan: of,
      text,
      required,
      state,
      by: said?.by ?? null,
      at: said?.at ?? null,
      note: said?.note ?? null,
    } as const
  })
  return [{ alert: alert.id, plan, steps }]
}

function signaturesOf(alert: Alert, timeline: AlertChange[]): Signature[] {
  const last = (role: Signature['role'], ...kinds: string[]): Signature[] => {
    const change = timeline.findLast((c) => kinds.includes(c.change))
    return change
      ? [{ alert: alert.id, role, by: change.by, at: change.at, change: change.change, note: change.note }]
      : []
  }
  return [...last('handler', 'pending-review', 'resolved', 'dismissed'), ...last('reviewer', 'approved')]
}

const NOTHING = { acts: [], looks: [], entries: [], proofs: [], keys: [] } satisfies Partial<Evidence>

async function ledgerSide(
  ledger: Ledger,
  ids: string[],
  facilityId: string,
  limits: Evidence['limits'],
  named: string[],
): Promise<Pick<Evidence, 'acts' | 'looks' | 'entries' | 'proofs' | 'keys'>> {
  const entries: LedgerEntry[] = []
  for (const ref of ids)
    for (let afterSeq = 0; ; ) {
      const some = await ledger.list({ ref, afterSeq, limit: PAGE })
      entries.push(...some)
      if (some.length < PAGE) break
      afterSeq = some.at(-1)!.seq
    }
  entries.sort((a, b) => a.seq - b.seq)
  const looks = await looksAt(ledger, new Set(named), entries[0]?.seq ?? ledger.head().seq, limits)
  const acts = entries.filter((e) => e.kind === 'act' && !isLook(e))
  if (!isProving(ledger)) return { acts, looks, entries, proofs: [], keys: [] }
  // What stands in the ledger until now is signed now, so that it can be proved.
  await ledger.checkpoint()
  const proofs: Evidence['proofs'] = []
  for (const { seq } of [...entries, ...looks].sort((a, b) => a.seq - b.seq)) {
    const proof = proofs.at(-1)?.seq === seq ? null : await ledger.proofFile(seq, facilityId)
    if (proof) proofs.push({ seq, proof })
  }
  return { acts, looks, entries, proofs, keys: await ledger.publicKeys() }
}

const isLook = (entry: LedgerEntry): boolean => (entry.payload as { act?: unknown } | null)?.act === 'look'

/** People who looked at the alerts or took them away: acts of their accounts that name the alert as purpose. */
async function looksAt(
  ledger: Ledger,
  ids: ReadonlySet<string>,
  from: number,
  limits: Evidence['limits'],
): Promise<LedgerEntry[]> {
  const looks: LedgerEntry[] = []
  let seen = 0
  for (let afterSeq = from - 1; ; ) {
    const some = await ledger.list({ kind: 'act', afterSeq, limit: PAGE })
    looks.push(
      ...some.filter(
        (e) => isLook(e) && ids.has(String((e.payload as { purpose?: unknown }).purpose).split(' ')[1] ?? ''),
      ),
    )
    seen += some.length
    if (some.length < PAGE) return looks
    if (seen >= MAX_LOOKED_THROUGH) {
      limits.push({
        zh: `查看记录只检索到账本第 ${some.at(-1)!.seq} 条`,
        en: `people who looked were searched for up to entry ${some.at(-1)!.seq} of the ledger only`,
      })
      return looks
    }
    afterSeq = some.at(-1)!.seq
  }
}
