/** Alerts in memory with just enough of the life cycle to develop and test the console against. Never shipped. */
import type { Alert, AlertChange, EvidenceReading, Level, Verb } from '../src/api/types.ts'
import { RULES } from './facility.ts'

export interface Refusal {
  status: number
  body: Record<string, unknown>
}

export class Desk {
  readonly alerts = new Map<string, Alert>()
  readonly changes: { seq: number; change: AlertChange }[] = []
  readonly shelvedUntil = new Map<string, number>()
  readonly evidence = new Map<string, EvidenceReading[]>()
  seq = 88_000
  #listeners = new Set<(change: AlertChange, seq: number) => void>()
  #n = 0

  onChange(listener: (change: AlertChange, seq: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  emit(change: AlertChange): AlertChange {
    this.seq++
    const copy = structuredClone(change)
    this.alerts.set(copy.alert.id, copy.alert)
    this.changes.push({ seq: this.seq, change: copy })
    for (const listener of this.#listeners) listener(copy, this.seq)
    return copy
  }

  open(): Alert[] {
    return [...this.alerts.values()].filter((a) => a.handling !== 'closed')
  }

  raise(p: {
    code: string
    level: Level
    zone: string | null
    device?: string | null
    subject?: string | null
    at?: number
    reasons?: Alert['reasons']
    evidence?: EvidenceReading[]
    more?: Partial<Alert>
  }): Alert {
    const rule = RULES.find((r) => r.code === p.code) ?? {
      id: 'manual',
      name: { zh: '人工报警', en: 'Manual alert' },
      plan: null,
    }
    const at = p.at ?? Date.now()
    const n = ++this.#n
    const id = `aTEST${String(n).padStart(16, '0')}`
    const alert: Alert = {
      id,
      rule: rule.id,
      code: p.code,
      ruleVersion: '12',
      domain: ['R01', 'R37', 'R30', 'R12', 'R07'].includes(p.code)
        ? 'behaviour'
        : ['R43', 'R10', 'R26'].includes(p.code)
          ? 'duty'
          : 'equipment',
      level: p.level,
      facility: 'js-03',
      zone: p.zone,
      device: p.device ?? null,
      subject: p.subject ?? null,
      key: `${p.zone}|${n}`,
      incident: `i${id}`,
      subjects: p.subject ? [p.subject] : [],
      raisedAt: at,
      eventTime: at,
      delayed: false,
      drill: false,
      test: false,
      state: 'unacknowledged',
      evidence: (p.evidence ?? []).map((e) => e.id),
      reasons: p.reasons ?? [],
      explanation: { zh: rule.name.zh!, en: rule.name.en! },
      plan: rule.plan ?? null,
      number: `1122-${String(n).padStart(4, '0')}`,
      conditionActive: true,
      activations: 1,
      handling: 'none',
      annunciated: p.level !== 'blue',
      advice: [],
      result: null,
      cause: null,
      assignee: null,
      confirmed: null,
      ackAt: null,
      clearedAt: null,
      dispatchedAt: null,
      arrivedAt: null,
      resolvedAt: null,
      closedAt: null,
      evidenceCount: p.evidence?.length ?? 0,
      stale: false,
      escalationStep: 0,
      ...p.more,
    }
    if (p.evidence) this.evidence.set(id, p.evidence)
    this.emit({ at, change: 'raised', alert, by: 'system', note: null })
    return alert
  }

  allowed(alert: Alert, role: string, by: string): Verb[] {
    if (alert.handling === 'closed' || !['officer', 'chief'].includes(role)) return []
    if (alert.handling === 'pending-review')
      return alert.assignee === by ? ['comment'] : ['approve', 'reject', 'comment']
    const verbs: Verb[] = ['dispatch', 'escalate', 'dismiss', 'resolve', 'comment', 'assign', 'plan-step']
    verbs.push(alert.state === 'shelved' ? 'unshelve' : 'shelve')
    return alert.state === 'unacknowledged' ? ['acknowledge', ...verbs] : verbs
  }

  act(
    id: string,
    verb: Verb,
    body: Record<string, unknown>,
    by: string,
    role: string,
    at = Date.now(),
  ): AlertChange | Refusal {
    const before = this.alerts.get(id)
    if (!before) return { status: 404, body: { title: 'Not found' } }
    if (verb === 'acknowledge' && before.state !== 'unacknowledged')
      return { status: 409, body: { title: 'Conflict', by: before.assignee, at: before.ackAt, state: before.state } }
    if (!this.allowed(before, role, by).includes(verb))
      return { status: 403, body: { title: 'Not allowed', detail: 'chief' } }
    if (verb === 'resolve' && !body.result) return { status: 422, body: { title: 'Missing', field: 'result' } }
    if (verb === 'dismiss' && !body.cause) return { status: 422, body: { title: 'Missing', field: 'cause' } }
    const serious = before.level === 'red' || before.level === 'orange'
    const alert: Alert = { ...before }
    let change: AlertChange['change'] = 'updated'
    let note = typeof body.note === 'string' ? body.note : null
    if (verb === 'acknowledge') {
      Object.assign(alert, { state: 'acknowledged', ackAt: at, assignee: by })
      if (typeof body.confirmed === 'boolean') alert.confirmed = body.confirmed
      change = 'acknowledged'
    } else if (verb === 'dispatch') {
      Object.assign(alert, {
        handling: 'dispatched',
        dispatchedAt: at,
        state: 'acknowledged',
        ackAt: alert.ackAt ?? at,
        assignee: by,
      })
      change = 'dispatched'
      note = (body.units as string[]).join('、')
    } else if (verb === 'resolve' || verb === 'dismiss') {
      Object.assign(alert, {
        result: body.result,
        cause: body.cause ?? null,
        resolvedAt: at,
        ackAt: alert.ackAt ?? at,
        assignee: by,
      })
      if (serious) {
        Object.assign(alert, { handling: 'pending-review', state: 'acknowledged' })
        change = 'pending-review'
      } else {
        Object.assign(alert, { handling: 'closed', state: verb === 'resolve' ? 'resolved' : 'dismissed', closedAt: at })
        change = verb === 'resolve' ? 'resolved' : 'dismissed'
      }
    } else if (verb === 'approve') {
      Object.assign(alert, { handling: 'closed', state: 'resolved', closedAt: at })
      change = 'approved'
    } else if (verb === 'reject') {
      alert.handling = 'none'
      change = 'rejected'
    } else if (verb === 'escalate') {
      alert.escalationStep++
      change = 'escalated'
    } else if (verb === 'shelve') {
      if (!(Number(body.minutes) > 0)) return { status: 422, body: { title: 'Missing', field: 'minutes' } }
      this.shelvedUntil.set(id, at + Number(body.minutes) * 60_000)
      alert.state = 'shelved'
      change = 'shelved'
    } else if (verb === 'unshelve') {
      this.shelvedUntil.delete(id)
      alert.state = 'unacknowledged'
      change = 'unshelved'
    } else if (verb === 'assign') {
      alert.assignee = String(body.to)
      change = 'reassigned'
    } else if (verb === 'comment') change = 'commented'
    else if (verb === 'plan-step') {
      change = 'plan-step'
      note = JSON.stringify({
        step: body.step,
        done: body.done === true,
        skipped: body.skipped === true,
        note: body.note ?? null,
      })
    }
    return this.emit({ at, change, alert, by, note })
  }
}
