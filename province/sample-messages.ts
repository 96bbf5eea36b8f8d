/** Messages of made-up facilities for tests and benchmarks: whole and valid, so that a test changes only what it is about. */
import { topics, type UplinkKind } from '#model/topics.ts'
import { type AlertUp, type HealthUp, type SharedAlert, type UplinkEnvelope, uplinkSequence } from '#model/uplink.ts'

export const START = Date.UTC(2026, 10, 22, 8)

export function sharedAlert(fields: Partial<SharedAlert> = {}): SharedAlert {
  return {
    id: 'aTESTALERT0000000000',
    rule: 'perimeter-intrusion-confirmed',
    code: 'R01',
    ruleVersion: '1',
    domain: 'behaviour',
    level: 'red',
    facility: 'js-03',
    zone: 'BELT-E',
    incident: null,
    raisedAt: START,
    eventTime: START,
    delayed: false,
    drill: false,
    test: false,
    state: 'unacknowledged',
    handling: 'none',
    result: null,
    plan: 'RP1',
    activations: 1,
    conditionActive: true,
    annunciated: true,
    confirmed: null,
    ackAt: null,
    clearedAt: null,
    dispatchedAt: null,
    arrivedAt: null,
    resolvedAt: null,
    closedAt: null,
    escalationStep: 0,
    number: null,
    subjects: [],
    reasonCodes: ['co-occurrence'],
    ...fields,
  }
}

export function healthUp(fields: Partial<HealthUp> = {}): HealthUp {
  return {
    at: START,
    queueDepth: 0,
    openAlerts: { red: 0, orange: 0, yellow: 0, blue: 0 },
    devices: { total: 170, online: 168 },
    name: { zh: '青岚监狱', en: 'Qinglan Prison' },
    kind: 'prison',
    version: '0.1.0',
    ...fields,
  }
}

const TYPES = {
  alert: 'wardwatch.alert.change.v1',
  indicator: 'wardwatch.indicator.v1',
  health: 'wardwatch.health.v1',
  anchor: 'wardwatch.anchor.v1',
} as const

export function envelope<T>(
  facility: string,
  kind: UplinkKind,
  sequence: number,
  data: T,
  fields: Partial<UplinkEnvelope> = {},
): UplinkEnvelope<T> {
  return {
    specversion: '1.0',
    id: `${facility}-${sequence}`,
    source: `/wardwatch/${facility}`,
    type: TYPES[kind],
    time: new Date(START + sequence).toISOString(),
    datacontenttype: 'application/json',
    dataschema: `https://wardwatch.invalid/schema/${kind}-up.v1.json`,
    sequence: uplinkSequence(sequence),
    ledgerhash: 'ab'.repeat(32),
    backlog: false,
    ...fields,
    data,
  }
}

export interface Message {
  topic: string
  payload: Buffer
}

export function message(
  facility: string,
  kind: UplinkKind,
  sequence: number,
  data: unknown,
  fields: Partial<UplinkEnvelope> = {},
): Message {
  return {
    topic: topics.up(facility, kind),
    payload: Buffer.from(JSON.stringify(envelope(facility, kind, sequence, data, fields))),
  }
}

export function alertMessage(
  facility: string,
  sequence: number,
  alert: Partial<SharedAlert> = {},
  change: Partial<AlertUp> = {},
): Message {
  return message(facility, 'alert', sequence, {
    at: START + sequence,
    change: 'raised',
    by: null,
    ...change,
    alert: sharedAlert({ facility, ...alert }),
  })
}

export function healthMessage(facility: string, sequence: number, health: Partial<HealthUp> = {}): Message {
  return message(facility, 'health', sequence, healthUp({ at: START + sequence, ...health }))
}
