/**
 * Speaks to the server. Turns every failure into one `ApiError` that the screens can put in words; never retries an act
 * by itself (a person decides) and never throws anything else.
 */
import type { AlertChange, AlertDetail, EvidenceReading, ListedAlert, Page, PlanOfAlert, Verb } from './types.ts'

export interface Problem {
  type?: string
  title?: string
  detail?: string
  status: number
  by?: string | null
  at?: number | null
  state?: string
  field?: string
  role?: string
  incident?: string
  code?: string
  reason?: string
  since?: string[]
}

export class ApiError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${problem.status}`)
    this.name = 'ApiError'
    this.problem = problem
  }

  /** 0 = no answer at all. */
  get status(): number {
    return this.problem.status
  }
}

let onLoggedOut: () => void = () => {}
/** Called when any answer says that the session is over. */
export function whenLoggedOut(listener: () => void): void {
  onLoggedOut = listener
}

let noAnswer = (why: string): string => why
/** The words for a server that gave no answer at all: the browser has only English ones, of its own making. */
export function sayNoAnswer(words: (why: string) => string): void {
  noAnswer = words
}

let sitting = 0
/** Which log-in of this page is in force: an answer to what was asked before it says nothing about it. */
export const currentSitting = (): number => sitting
export function beginSitting(): void {
  sitting++
}

/** Random enough to recognise a repeat; `crypto.randomUUID` does not exist on plain http addresses. */
export function requestKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('')
}

async function call(path: string, init: RequestInit & { timeoutMs?: number } = {}): Promise<Response> {
  let response: Response
  const sentDuring = sitting
  try {
    response = await fetch(path, {
      credentials: 'same-origin',
      ...init,
      signal: init.signal ?? AbortSignal.timeout(init.timeoutMs ?? 10_000),
    })
  } catch (error) {
    throw new ApiError({ status: 0, title: noAnswer(error instanceof Error ? error.message : String(error)) })
  }
  if (response.ok) return response
  const problem = await response
    .json()
    .then((body: unknown) => (body && typeof body === 'object' ? (body as Problem) : null))
    .catch(() => null)
  if (response.status === 401 && !path.endsWith('/login') && sentDuring === sitting) onLoggedOut()
  throw new ApiError({ ...problem, status: response.status })
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await call(path, { headers: { accept: 'application/json' }, signal })
  try {
    return (await response.json()) as T
  } catch {
    throw new ApiError({ status: response.status, title: `${path} did not answer with JSON` })
  }
}

export async function postJson<T>(path: string, body: unknown, key?: string): Promise<T> {
  const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json' }
  if (key) headers['idempotency-key'] = key
  const response = await call(path, { method: 'POST', headers, body: JSON.stringify(body ?? {}) })
  return (await response.json().catch(() => null)) as T
}

/** All pages of a list, at most `limit` items. */
export async function getAll<T>(path: string, limit = 5000): Promise<{ items: T[]; total: number }> {
  const items: T[] = []
  let total = 0
  await getPages<T>(path, limit, (part, all) => {
    items.push(...part)
    total = all ?? items.length
    return true
  })
  return { items, total }
}

/** Page by page, as each comes, until there is no more, `limit` is reached or `take` says false. */
export async function getPages<T>(
  path: string,
  limit: number,
  take: (items: T[], total: number | undefined) => boolean,
): Promise<void> {
  let cursor: string | null = null
  let had = 0
  do {
    const join = path.includes('?') ? '&' : '?'
    const page: Page<T> = await getJson<Page<T>>(cursor ? `${path}${join}cursor=${encodeURIComponent(cursor)}` : path)
    had += page.items.length
    if (!take(page.items, page.total)) return
    cursor = page.next ?? null
  } while (cursor && had < limit)
}

export async function getBlob(path: string, signal?: AbortSignal): Promise<{ blob: Blob; takenAt: number | null }> {
  const response = await call(path, { signal, timeoutMs: 8000 })
  const blob = await response.blob()
  if (blob.size === 0) throw new ApiError({ status: 404, title: 'no picture' })
  const stamp = response.headers.get('x-taken-at') ?? response.headers.get('last-modified')
  const takenAt = stamp === null ? null : /^\d+$/.test(stamp) ? Number(stamp) : Date.parse(stamp)
  return { blob, takenAt: takenAt !== null && Number.isFinite(takenAt) ? takenAt : null }
}

/** A file that the server puts together while one waits. */
export async function getFile(path: string, timeoutMs: number): Promise<{ blob: Blob; name: string | null }> {
  const response = await call(path, { timeoutMs })
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? null
  return { blob: await response.blob(), name }
}

interface RawDetail extends Omit<ListedAlert, 'evidence' | 'incident' | 'plan'> {
  timeline?: AlertChange[]
  evidence?: (EvidenceReading | string)[]
  evidenceReadings?: EvidenceReading[]
  incident?: { id: string; members: string[] } | string | null
  plan?: PlanOfAlert | string | null
}

/** The detail answer nests readings, incident and plan under the names that are ids in a list: told apart here. */
export function readDetail(raw: RawDetail): AlertDetail {
  const evidence = raw.evidence ?? []
  const incident = typeof raw.incident === 'object' ? raw.incident : null
  const plan = typeof raw.plan === 'object' ? raw.plan : null
  return {
    ...(raw as unknown as ListedAlert),
    evidence: evidence.map((e) => (typeof e === 'string' ? e : e.id)),
    incident: incident?.id ?? (raw.incident as string | null) ?? null,
    plan: plan?.id ?? (raw.plan as string | null) ?? null,
    timeline: raw.timeline ?? [],
    evidenceReadings: raw.evidenceReadings ?? evidence.filter((e): e is EvidenceReading => typeof e !== 'string'),
    incidentDetail: incident,
    planDetail: plan,
  }
}

export async function getDetail(id: string, signal?: AbortSignal): Promise<AlertDetail> {
  return readDetail(await getJson<RawDetail>(`/api/v1/alerts/${encodeURIComponent(id)}`, signal))
}

/** Does an act; the change line or the alert in the answer is handed back where the server gives one. */
export async function postAct(id: string, verb: Verb, body: unknown): Promise<AlertChange | null> {
  const answer = await postJson<unknown>(`/api/v1/alerts/${encodeURIComponent(id)}/${verb}`, body, requestKey())
  if (!answer || typeof answer !== 'object') return null
  const a = answer as Partial<AlertChange> & { change?: unknown }
  if (a.alert && typeof a.change === 'string') return a as AlertChange
  if (a.change && typeof a.change === 'object' && 'alert' in a.change) return a.change as AlertChange
  return null
}
