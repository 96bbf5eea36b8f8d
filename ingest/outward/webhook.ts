/**
 * What leaves the house by itself: dispatches and escalations as signed HTTP POSTs (Standard Webhooks), read from the
 * journal, tried again with back-off, and receipted in the timeline of the alert and so in the ledger. Must never send a
 * person, a position or an explanation, and never let an address that is down hold up anything but itself.
 */
import { createHmac } from 'node:crypto'
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import { escalationOf } from '#model/alert/escalation.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { Journal, JournalCursor } from '#model/ports/journal.ts'

export type OutwardKind = 'dispatch' | 'escalation' | 'red'
export const OUTWARD_KINDS: readonly OutwardKind[] = ['dispatch', 'escalation', 'red']

export interface WebhookOptions {
  url: string
  /** Key of the signature; `whsec_…` is taken as base64, anything else as it stands. */
  secret: string
  /** Default: dispatch and escalation. */
  on?: readonly OutwardKind[]
  facility: string
  journal: Journal
  clock: Clock
  /** Chance for jitter: 0 ≤ x < 1. */
  random(): number
  /** Writes the receipt into the timeline of the alert; resolves once it is durable. */
  receipt(alert: string, at: number, note: string): Promise<unknown>
  /** Whom somebody means who escalates by hand; default: nobody by name. */
  chief?(at: number): string[]
  ruleName(slug: string): { zh: string; en: string } | null
  /** A message older than this is not sent any more: a dispatch of an hour ago would send people to an old place. */
  maxAgeMs?: number
  timeoutMs?: number
  onEvent?(event: { event: 'webhook-down' | 'webhook-back' | 'webhook-failed'; detail: string }): void
}

/** Stands as JSON in the note of a `commented` line by the system. */
export interface ReceiptNote {
  outward: OutwardKind
  ok: boolean
  delivery: string
  /** Units sent, or persons told. */
  to: string[]
  /** HTTP status of the last answer; null = none came. */
  status: number | null
  attempts: number
  /** From the act to the receipt, ms. */
  tookMs: number
  why: string | null
}

export interface WebhookState {
  url: string
  /** Records of the alert lane not yet looked at: the queue is the journal, and age is its limit. */
  waiting: number
  sent: number
  failed: number
  /** Given up because of their age; part of `failed`. */
  expired: number
  attempts: number
  lastError: string | null
}

export interface Webhook {
  state(): WebhookState
  close(): Promise<void>
}

const MAX_AGE_MS = 10 * 60_000
const TIMEOUT_MS = 10_000
const MIN_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 30_000
const WAIT_MS = 60_000
const BATCH = 200
const CLOSE_MS = 2_000
/** Of an answer only so much is read: a sink that answers with a film must not fill the memory. */
const ANSWER_BYTES = 4_096

export function signatureOf(secret: string, id: string, timestampS: number, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampS}.${body}`).digest('base64')}`
}

/** Which message a change line makes, if any. Silent alerts of an incident and tests tell nobody outside. */
export function outwardKind(change: AlertChange, on: readonly OutwardKind[]): OutwardKind | null {
  const { alert } = change
  if (alert.test || alert.drill) return null
  if (change.change === 'dispatched') return on.includes('dispatch') ? 'dispatch' : null
  const byClock = escalationOf(change) !== null
  const byHand = change.change === 'escalated' && change.by !== null && change.by !== 'system'
  if ((byClock && alert.annunciated) || byHand) return on.includes('escalation') ? 'escalation' : null
  const turnsRed = change.change === 'raised' || (change.change === 'escalated' && change.by === null)
  return turnsRed && alert.level === 'red' && alert.annunciated && on.includes('red') ? 'red' : null
}

/** Nothing about persons: where, what, how serious, and who is to go. */
function alertFacts(alert: Alert, rule: { zh: string; en: string } | null) {
  const { id, number, code, level, zone, domain, state, plan, raisedAt, ackAt, escalationStep, incident } = alert
  return {
    id,
    number,
    code,
    rule: { id: alert.rule, name: rule },
    level,
    zone,
    domain,
    state,
    plan,
    raisedAt,
    ackAt,
    escalationStep,
    incident,
  }
}

class Refused extends Error {}

export async function openWebhook(options: WebhookOptions): Promise<Webhook> {
  const cursor = await options.journal.cursor('webhook', 'alert')
  // Before it was set up nobody waited for it.
  if (cursor.position() === 0) cursor.commit(options.journal.stats().lastSeq)
  return new WebhookRun(options, cursor)
}

class WebhookRun implements Webhook {
  readonly #o: WebhookOptions
  readonly #cursor: JournalCursor
  readonly #done: Promise<void>
  readonly #abort = new AbortController()
  #open = true
  #pause: { timer: Timer; go(): void } | null = null
  #down = false
  #state = { sent: 0, failed: 0, expired: 0, attempts: 0, lastError: null as string | null }

  constructor(options: WebhookOptions, cursor: JournalCursor) {
    this.#o = options
    this.#cursor = cursor
    this.#done = this.#run()
  }

  state(): WebhookState {
    return { url: this.#o.url, waiting: this.#cursor.lag(), ...this.#state }
  }

  async close(): Promise<void> {
    this.#open = false
    this.#cursor.close()
    this.#abort.abort()
    this.#pause?.timer.cancel()
    this.#pause?.go()
    let timer: Timer | null = null
    const patience = new Promise<void>((resolve) => {
      timer = this.#o.clock.after(CLOSE_MS, resolve)
    })
    await Promise.race([this.#done, patience])
    ;(timer as Timer | null)?.cancel()
  }

  async #run(): Promise<void> {
    while (this.#open) {
      try {
        const records = await this.#cursor.next(BATCH, WAIT_MS)
        for (const { seq, body } of records) {
          if (!this.#open) return
          const kind = body.kind === 'alert' ? outwardKind(body.change, this.#o.on ?? ['dispatch', 'escalation']) : null
          if (kind && body.kind === 'alert' && !(await this.#deliver(kind, body.change, seq))) return
          this.#cursor.commit(seq)
        }
      } catch (error) {
        this.#state.lastError = (error as Error).message
        await this.#sleep(MIN_BACKOFF_MS)
      }
    }
  }

  /** False when the end came first: the message goes out after the next start, under the same id. */
  async #deliver(kind: OutwardKind, change: AlertChange, seq: number): Promise<boolean> {
    const { clock, facility } = this.#o
    const id = `${facility}-${seq}`
    const to = await this.#toWhom(kind, change, seq)
    const body = JSON.stringify({
      specversion: '1.0',
      id,
      source: `/wardwatch/${facility}`,
      type: `wardwatch.${kind}.v1`,
      subject: change.alert.id,
      time: new Date(change.at).toISOString(),
      datacontenttype: 'application/json',
      data: {
        at: change.at,
        kind,
        by: change.by,
        // What a person wrote for those who go; a note of the system is its own book-keeping.
        note: change.by === 'system' ? null : change.note,
        to,
        ...(kind === 'escalation' ? { escalation: escalationOf(change) } : {}),
        alert: alertFacts(change.alert, this.#o.ruleName(change.alert.rule)),
      },
    })
    const maxAge = this.#o.maxAgeMs ?? MAX_AGE_MS
    let attempts = 0
    let status: number | null = null
    let why: string | null = null
    let ok = false
    while (this.#open) {
      if (clock.now() - change.at > maxAge) {
        this.#state.expired++
        why ??= 'too old when its turn came'
        break
      }
      attempts++
      this.#state.attempts++
      try {
        status = null
        status = await this.#post(id, body, (s) => {
          status = s
        })
        ok = true
        why = null
        break
      } catch (error) {
        why = reasonOf(error)
        this.#state.lastError = why
        if (error instanceof Refused) break
        this.#tellDown(why)
        const step = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(attempts - 1, 10))
        await this.#sleep(step / 2 + (this.#o.random() * step) / 2)
      }
    }
    if (!ok && !this.#open) return false
    if (ok) {
      this.#state.sent++
      this.#state.lastError = null
      if (this.#down) this.#o.onEvent?.({ event: 'webhook-back', detail: 'answers again' })
      this.#down = false
    } else {
      this.#state.failed++
      this.#o.onEvent?.({ event: 'webhook-failed', detail: `${kind} of alert ${change.alert.id}: ${why}` })
    }
    const at = clock.now()
    const note: ReceiptNote = { outward: kind, ok, delivery: id, to, status, attempts, tookMs: at - change.at, why }
    try {
      await this.#o.receipt(change.alert.id, at, JSON.stringify(note))
    } catch (error) {
      // It is gone or given up whether the house could write that down or not: sending it again would be worse.
      this.#state.lastError = `the receipt was not kept: ${(error as Error).message}`
    }
    return true
  }

  async #toWhom(kind: OutwardKind, change: AlertChange, seq: number): Promise<string[]> {
    if (kind === 'dispatch') return this.#unitsOf(change, seq)
    if (kind === 'red') return []
    return escalationOf(change)?.told ?? this.#o.chief?.(change.at) ?? []
  }

  /** The units stand in the act, which the desk writes right before its change. */
  async #unitsOf(change: AlertChange, seq: number): Promise<string[]> {
    const [record] = await this.#o.journal.read(seq - 1, 1)
    const act = record?.body.kind === 'act' ? record.body.act : null
    return act?.act === 'dispatch' && act.alert === change.alert.id ? (act.units ?? []) : []
  }

  async #post(id: string, body: string, answered: (status: number) => void): Promise<number> {
    const timestamp = Math.floor(this.#o.clock.now() / 1000)
    const response = await fetch(this.#o.url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/cloudevents+json; charset=utf-8',
        'user-agent': 'wardwatch',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signatureOf(this.#o.secret, id, timestamp, body),
      },
      body,
      signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#o.timeoutMs ?? TIMEOUT_MS)]),
    })
    answered(response.status)
    const text = await firstBytes(response)
    if (response.ok) return response.status
    const detail = `the sink answered ${response.status}${text ? `: ${text}` : ''}`
    const passes = response.status >= 500 || response.status === 408 || response.status === 429
    throw passes ? new Error(detail) : new Refused(detail)
  }

  #tellDown(detail: string): void {
    if (this.#down) return
    this.#down = true
    this.#o.onEvent?.({ event: 'webhook-down', detail })
  }

  #sleep(ms: number): Promise<void> {
    if (!this.#open) return Promise.resolve()
    return new Promise((resolve) => {
      const go = () => {
        this.#pause = null
        resolve()
      }
      this.#pause = { timer: this.#o.clock.after(ms, go), go }
    })
  }
}

function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } }
  if (name === 'TimeoutError') return 'no answer in time'
  return (cause?.code ?? cause?.message ?? message).slice(0, 200)
}

async function firstBytes(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (!reader) return ''
  const { value } = await reader.read()
  await reader.cancel().catch(() => undefined)
  const text = new TextDecoder().decode(value?.subarray(0, ANSWER_BYTES) ?? new Uint8Array())
  return [...text]
    .map((c) => (c < ' ' ? ' ' : c))
    .join('')
    .trim()
    .slice(0, 200)
}
