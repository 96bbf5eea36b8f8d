/**
 * Indicators that follow from the alerts (`domain.md` 4). Pure. Drills, tests and silent members of an incident never
 * count; where there is nothing to divide by, the value is null.
 */
import { ACK_SLA_MS, type Alert, LEVELS, type Level } from '#model/alert/alert.ts'
import { type IndicatorValue, quantile, ratio, type Window } from './indicators.ts'

/** D_c: time within which an alert of a colour must be closed. */
export const CLOSING_SLA_MS: Record<Level, number> = {
  red: 3_600_000,
  orange: 4 * 3_600_000,
  yellow: 24 * 3_600_000,
  blue: 72 * 3_600_000,
}
const TARGET: Record<Level, number> = { red: 0.01, orange: 0.05, yellow: 0.15, blue: 0.79 }
const DAY = 86_400_000
/** I31: help has arrived within four minutes. */
const ARRIVAL_MS = 240_000
const HEALTH_PLANS = new Set(['RP7', 'RP8', 'RP9'])
/** I08: with fewer judged alerts a precision says nothing. */
const LEAST_JUDGED = 20

/** Nothing of a drill or a test is in any indicator; S02 is the test of the way itself. */
const isReal = (a: Alert): boolean => !a.drill && !a.test && a.code !== 'S02'

/**
 * A child that was folded into an incident and never sounded asked nobody for anything. One that sounded did, whatever it
 * joined (`semantics.md` 7): it counts.
 */
export const isFolded = (a: Alert): boolean => a.incident !== null && a.incident !== `i${a.id}` && !a.annunciated

/** A of `domain.md` 4. */
export const countedAlerts = (all: readonly Alert[], window: Window): Alert[] =>
  all.filter((a) => isReal(a) && !isFolded(a) && a.raisedAt >= window.from && a.raisedAt < window.to)

export interface AlertInputs {
  /** All alerts raised in the window, folded ones too. */
  alerts: readonly Alert[]
  /** Alerts raised before it that may have been active within it. */
  earlier: readonly Alert[]
  window: Window
  now: number
  /** Σ pop_d over the days of the window; null = not known. */
  personDays: number | null
  /** Local midnights within the window. */
  midnights: readonly number[]
  /** False when there were more alerts than were looked at: each value says so. */
  complete: boolean
}

/** When somebody took note of it: a closing without an acknowledgement is one too. */
const seenAt = (a: Alert): number | null => a.ackAt ?? a.resolvedAt ?? a.closedAt
const ascending = (a: number, b: number): number => a - b

function ackRate(alerts: readonly Alert[], now: number): IndicatorValue {
  const due = alerts.filter((a) => a.ackAt !== null || now - a.raisedAt > ACK_SLA_MS[a.level])
  const good = due.filter((a) => a.ackAt !== null && a.ackAt - a.raisedAt <= ACK_SLA_MS[a.level])
  return { value: ratio(good.length, due.length), n: due.length }
}

export function indicatorsOfAlerts(inputs: AlertInputs): Map<string, IndicatorValue> {
  const { window, now } = inputs
  const alerts = countedAlerts(inputs.alerts, window)
  const n = alerts.length
  const note = inputs.complete ? {} : { truncatedTo: inputs.alerts.length }
  const per = <T>(of: (some: Alert[]) => T): Record<Level, T> =>
    Object.fromEntries(LEVELS.map((level) => [level, of(alerts.filter((a) => a.level === level))])) as Record<Level, T>
  const out = new Map<string, IndicatorValue>()
  const put = (id: string, value: IndicatorValue): void => {
    out.set(id, { ...value, detail: { ...value.detail, ...note } })
  }

  const { personDays } = inputs
  const density = (count: number): number | null => (personDays === null ? null : ratio(100 * count, personDays))
  put('I01', {
    value: density(n),
    n: personDays ?? 0,
    detail: { alerts: n, byColour: per((some) => density(some.length)) },
  })

  put('I02', serious(inputs.alerts.filter((a) => isReal(a) && a.raisedAt >= window.from && a.raisedAt < window.to)))

  const times = (some: readonly Alert[]): number[] => some.map((a) => (seenAt(a) ?? now) - a.raisedAt).sort(ascending)
  const acks = times(alerts)
  put('I03', {
    value: quantile(acks, 0.5),
    n: acks.length,
    detail: {
      p95: quantile(acks, 0.95),
      byColour: per((some) => ({ p50: quantile(times(some), 0.5), p95: quantile(times(some), 0.95), n: some.length })),
    },
  })

  const severe = alerts.filter((a) => a.level === 'red' || a.level === 'orange')
  put('I04', {
    ...ackRate(alerts, now),
    detail: { redAndOrange: ackRate(severe, now), byColour: per((some) => ackRate(some, now)) },
  })

  const closed = alerts.flatMap((a) => (a.closedAt === null ? [] : [a.closedAt - a.raisedAt])).sort(ascending)
  put('I05', { value: quantile(closed, 0.5), n: closed.length, detail: { p95: quantile(closed, 0.95) } })

  // Only what was due can have been closed in time: otherwise a quick day would be better than perfect.
  const due = alerts.filter((a) => a.raisedAt + CLOSING_SLA_MS[a.level] <= Math.min(now, window.to))
  const inTime = due.filter((a) => a.closedAt !== null && a.closedAt - a.raisedAt <= CLOSING_SLA_MS[a.level])
  put('I06', { value: ratio(inTime.length, due.length), n: due.length })

  const judged = alerts.filter((a) => a.result === 'confirmed' || a.result === 'false')
  const wrong = judged.filter((a) => a.result === 'false')
  put('I07', {
    value: ratio(wrong.length, judged.length),
    n: judged.length,
    detail: { nuisance: alerts.filter((a) => a.result === 'nuisance').length },
  })
  put('I08', precision(judged))
  put('I12', stale(inputs))
  put('I13', topTen(alerts))

  const shares = per((some) => ratio(some.length, n) ?? 0)
  put('I14', {
    value: n === 0 ? null : LEVELS.reduce((sum, level) => sum + Math.abs(shares[level] - TARGET[level]), 0) / 2,
    n,
    detail: { shares },
  })
  const escalated = alerts.filter((a) => a.escalationStep > 0)
  put('I15', { value: ratio(escalated.length, n), n })

  put('I31', medical(alerts, now, personDays))
  const used = alerts.filter((a) => a.closedAt !== null && a.result !== null && a.evidenceCount > 0)
  put('I33', { value: ratio(used.length, n), n })
  return out
}

/** I02: an incident is as serious as its worst member, and confirmed when a serious member was. */
function serious(alerts: readonly Alert[]): IndicatorValue {
  const incidents = new Map<string, Alert[]>()
  for (const a of alerts) {
    const key = a.incident ?? `i${a.id}`
    incidents.set(key, [...(incidents.get(key) ?? []), a])
  }
  const grave = [...incidents.values()].filter((members) =>
    members.some((a) => a.level === 'red' || a.level === 'orange'),
  )
  const confirmed = grave.filter((members) =>
    members.some((a) => (a.level === 'red' || a.level === 'orange') && a.result === 'confirmed'),
  )
  return { value: confirmed.length, n: grave.length }
}

function precision(judged: readonly Alert[]): IndicatorValue {
  const rules = new Map<string, { right: number; n: number }>()
  for (const a of judged) {
    const rule = rules.get(a.code) ?? { right: 0, n: 0 }
    rule.n++
    if (a.result === 'confirmed') rule.right++
    rules.set(a.code, rule)
  }
  const shown = [...rules].filter(([, r]) => r.n >= LEAST_JUDGED)
  const n = shown.reduce((sum, [, r]) => sum + r.n, 0)
  const right = shown.reduce((sum, [, r]) => sum + r.right, 0)
  return {
    value: ratio(right, n),
    n,
    detail: { rules: Object.fromEntries(shown.map(([code, r]) => [code, { value: r.right / r.n, n: r.n }])) },
  }
}

/** I12, second part: active for more than a day at a midnight of the window. */
function stale({ alerts, earlier, midnights }: AlertInputs): IndicatorValue {
  const all = [...alerts, ...earlier].filter(isReal)
  const worst = midnights.map(
    (midnight) =>
      all.filter(
        (a) =>
          midnight - a.raisedAt > DAY &&
          (a.clearedAt === null || a.clearedAt > midnight) &&
          (a.closedAt === null || a.closedAt > midnight) &&
          (a.conditionActive || a.clearedAt !== null),
      ).length,
  )
  const value = worst.length === 0 ? null : Math.max(...worst)
  return { value, n: midnights.length, detail: { stale: value } }
}

function topTen(alerts: readonly Alert[]): IndicatorValue {
  const counts = new Map<string, number>()
  for (const a of alerts) {
    const key = `${a.code} ${a.device ?? a.zone ?? ''}`.trim()
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const top = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 10)
  const sum = top.reduce((total, [, count]) => total + count, 0)
  return {
    value: ratio(sum, alerts.length),
    n: alerts.length,
    detail: { top: top.map(([what, count]) => ({ what, count })) },
  }
}

function medical(alerts: readonly Alert[], now: number, personDays: number | null): IndicatorValue {
  const health = alerts.filter((a) => a.level === 'red' && HEALTH_PLANS.has(a.plan ?? ''))
  // One still on the way is judged when its time is up.
  const due = health.filter((a) => a.arrivedAt !== null || now - a.raisedAt > ARRIVAL_MS)
  const met = due.filter((a) => a.arrivedAt !== null && a.arrivedAt - a.raisedAt <= ARRIVAL_MS)
  return {
    value: ratio(met.length, due.length),
    n: due.length,
    detail: { per1000PersonDays: personDays === null ? null : ratio(1000 * health.length, personDays) },
  }
}
