/** A small facility in memory behind the real ports, for the tests of this folder only. Acts run the real life cycle. */
import type { Act } from '#model/alert/acts.ts'
import type { Alert, AlertChange, Level } from '#model/alert/alert.ts'
import { type AlertRecord, applyAct, legalVerbs, newRecord } from '#model/alert/lifecycle.ts'
import type { Clock } from '#model/clock.ts'
import { contextItemId } from '#model/context/kinds.ts'
import type { ActOutcome, AlertDesk, Incident } from '#model/ports/alert-desk.ts'
import type { DeviceState, FacilityDesk, PersonPosition } from '#model/ports/facility.ts'
import type { Ledger, LedgerEntry } from '#model/ports/ledger.ts'
import type { Series, SeriesQuery } from '#model/ports/series.ts'
import type { RawReading, Reading } from '#model/reading.ts'

export const T0 = 1_795_300_000_000

export function sampleAlert(id: string, more: Partial<Alert> = {}): Alert {
  return {
    id,
    rule: 'hypoxia',
    code: 'R29',
    ruleVersion: '1',
    domain: 'behaviour',
    level: 'red',
    facility: 'js-03',
    zone: 'W3',
    device: 'W017',
    subject: 'P017',
    key: 'P017|W3',
    incident: `i${id}`,
    subjects: ['P017'],
    raisedAt: T0,
    eventTime: T0,
    delayed: false,
    drill: false,
    test: false,
    state: 'unacknowledged',
    evidence: ['r1', 'r2'],
    reasons: [{ code: 'low', params: { spo2: 81, person: 'P017' }, class: 'L4' }],
    explanation: { zh: 'P017 血氧 81', en: 'P017 oxygen 81' },
    plan: 'RP7',
    number: '1122-0001',
    conditionActive: true,
    activations: 1,
    handling: 'none',
    annunciated: true,
    advice: [],
    result: null,
    cause: null,
    assignee: 'S33',
    confirmed: null,
    ackAt: null,
    clearedAt: null,
    dispatchedAt: null,
    arrivedAt: null,
    resolvedAt: null,
    closedAt: null,
    evidenceCount: 2,
    stale: false,
    escalationStep: 0,
    ...more,
  }
}

export class SampleDesk implements AlertDesk {
  records = new Map<string, AlertRecord>()
  changes: { seq: number; change: AlertChange }[] = []
  acts = 0
  #seq = 0
  #listeners = new Set<(change: AlertChange, seq: number) => void>()
  #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  publish(
    alert: Alert,
    change: AlertChange['change'] = 'raised',
    by: string | null = null,
    note: string | null = null,
  ): AlertChange {
    const line: AlertChange = { at: this.#clock.now(), change, alert, by, note }
    const record = this.records.get(alert.id)
    this.records.set(alert.id, record ? { ...record, alert } : newRecord(alert, true))
    // Journal numbers have holes: readings stand between alert changes.
    this.#seq += 3
    this.changes.push({ seq: this.#seq, change: line })
    for (const listener of this.#listeners) listener(line, this.#seq)
    return line
  }

  async list(filter: Parameters<AlertDesk['list']>[0], cursor?: string, limit = 200) {
    const all = [...this.records.values()].map((r) => r.alert).sort((a, b) => b.raisedAt - a.raisedAt)
    const some = all.filter(
      (a) =>
        (!filter.level || filter.level.includes(a.level)) &&
        (!filter.state || filter.state.includes(a.state)) &&
        (!filter.zone || (a.zone !== null && filter.zone.includes(a.zone))) &&
        (filter.from === undefined || a.raisedAt >= filter.from) &&
        (filter.to === undefined || a.raisedAt <= filter.to) &&
        (!filter.subject || a.subjects.some((s) => filter.subject!.includes(s))),
    )
    const start = Number.parseInt(cursor ?? '0', 10)
    return {
      items: some.slice(start, start + limit),
      next: start + limit < some.length ? `${start + limit}-page` : null,
      total: some.length,
    }
  }
  async get(id: string) {
    return this.records.get(id)?.alert ?? null
  }
  async timeline(id: string) {
    return this.changes.filter((c) => c.change.alert.id === id).map((c) => c.change)
  }
  allowed(alert: Alert, account: { role: string }) {
    return ['officer', 'chief'].includes(account.role) ? legalVerbs(this.records.get(alert.id)!) : []
  }
  shelvedUntil(id: string): number | null {
    return this.records.get(id)?.shelf?.until ?? null
  }
  async act(act: Act, account: { id: string; role: string }): Promise<ActOutcome> {
    this.acts++
    const record = this.records.get(act.alert!)
    if (!record) return { ok: false, status: 404 }
    if (account.role === 'engineer' && record.alert.domain !== 'equipment')
      return { ok: false, status: 403, detail: 'equipment only' }
    const outcome = applyAct(record, act)
    if (!outcome.ok) return outcome
    this.records.set(act.alert!, outcome.record)
    const step = outcome.steps[0]!
    return { ok: true, change: this.publish(step.alert, step.change, step.by, step.note) }
  }
  async raise(manual: { level: Level; zone: string; kind: string; note: string; subjects?: string[] }, by: string) {
    this.acts++
    return this.publish(
      sampleAlert(`m${this.acts}`, {
        rule: 'manual-alert',
        code: 'S03',
        level: manual.level,
        zone: manual.zone,
        subjects: manual.subjects ?? [],
        subject: null,
        device: null,
      }),
      'raised',
      by,
      manual.note,
    )
  }
  async incidents() {
    return [...this.records.values()].map(({ alert }): Incident => incidentOf(alert))
  }
  async incident(id: string) {
    const record = [...this.records.values()].find((r) => r.alert.incident === id)
    return record ? incidentOf(record.alert) : null
  }
  openCount() {
    return [...this.records.values()].filter((r) => r.alert.closedAt === null).length
  }
  counts(): ReturnType<AlertDesk['counts']> {
    const none = { open: 0, unacknowledged: 0 }
    return { red: none, orange: none, yellow: none, blue: none }
  }
  onChange(listener: (change: AlertChange, seq: number) => void) {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
  history() {
    return {
      after: async (seq: number, limit: number) => this.changes.filter((c) => c.seq > seq).slice(0, limit),
      last: () => this.#seq,
    }
  }
}

const incidentOf = (alert: Alert): Incident => ({
  id: alert.incident!,
  openedAt: alert.raisedAt,
  closedAt: null,
  level: alert.level,
  members: [alert.id],
  zones: ['W3'],
  subjects: alert.subjects,
  related: [],
})

const reading = (
  id: string,
  device: string,
  type: string,
  value: Record<string, unknown>,
  subject: string | null,
): Reading => ({
  id,
  facility: 'js-03',
  zone: 'W3',
  device,
  type,
  time: T0,
  received: T0,
  quality: 'good',
  subject,
  value,
})

export class SampleFacility implements FacilityDesk {
  items: Record<string, Record<string, unknown>[]> = {
    zones: [
      { id: 'B1', kind: 'building', name: { zh: '一号楼', en: 'Building 1' } },
      {
        id: 'W3',
        kind: 'ward',
        parent: 'B1',
        polygon: [
          [0, 0],
          [10, 0],
          [10, 10],
        ],
      },
      { id: 'W3-C1', kind: 'cell', parent: 'W3' },
      { id: 'YARD', kind: 'yard', parent: 'B1' },
    ],
    devices: [
      {
        id: 'K31',
        kind: 'camera',
        driver: 'onvif',
        zone: 'YARD',
        url: 'http://root:hunter2@192.0.2.31/onvif',
        user: 'root',
        password: 'hunter2',
      },
      { id: 'W017', kind: 'band', driver: 'mqtt', zone: 'W3', subject: 'P017' },
      { id: 'CB1', kind: 'call-button', driver: 'opcua', zone: 'W3-C1' },
      { id: 'E1', kind: 'climate', driver: 'mqtt', zone: 'W3' },
    ],
    people: [
      {
        id: 'P017',
        number: '3201',
        initials: 'LM',
        name: { zh: '李明', en: 'Li Ming' },
        cell: 'W3-C1',
        ward: 'W3',
        risk: 'high',
      },
      { id: 'P018', number: '3202', initials: 'WQ', name: { zh: '王强', en: 'Wang Qiang' }, cell: 'W3-C1', ward: 'W3' },
    ],
    staff: [
      { id: 'S33', name: { zh: '张三', en: 'Zhang San' }, initials: 'ZS', credentials: ['C-0033'], role: 'officer' },
    ],
  }
  states: DeviceState[] = [
    {
      id: 'K31',
      online: true,
      lastSeen: T0,
      offsetMs: 12,
      reason: null,
      readings: 9,
      quarantined: 1,
      latest: { 'camera.motion': { time: T0, value: { active: true }, quality: 'good' } },
    },
    {
      id: 'W017',
      online: true,
      lastSeen: T0,
      offsetMs: 0,
      reason: null,
      readings: 5,
      quarantined: 0,
      latest: {
        'band.vitals': { time: T0, value: { hr: 71, spo2: 81 }, quality: 'good' },
        'band.battery': { time: T0, value: { percent: 80 }, quality: 'good' },
      },
    },
    {
      id: 'E1',
      online: false,
      lastSeen: T0,
      offsetMs: 0,
      reason: 'no answer',
      readings: 5,
      quarantined: 0,
      latest: {},
    },
  ]
  fixes: PersonPosition[] = [
    { person: 'P017', staff: false, device: 'W017', zone: 'W3-C1', floor: 1, x_m: 1, y_m: 2, accuracy_m: 1, time: T0 },
  ]
  imported: RawReading[] = []
  deviceListener: (device: DeviceState, seq: number) => void = () => {}
  positionListener: (positions: PersonPosition[]) => void = () => {}

  context(kind: string) {
    return this.items[kind] ?? []
  }
  async changeContext(changes: Parameters<FacilityDesk['changeContext']>[0]) {
    for (const c of changes) {
      const rest = this.context(c.context).filter((i) => contextItemId(c.context, i) !== c.id)
      this.items[c.context] = c.op === 'put' ? [...rest, c.item!] : rest
    }
    return { version: 2, changed: changes.length }
  }
  devices() {
    return this.states
  }
  device(id: string) {
    return this.states.find((s) => s.id === id) ?? null
  }
  positions() {
    return this.fixes
  }
  onPositions(listener: (positions: PersonPosition[]) => void) {
    this.positionListener = listener
    return () => {}
  }
  onDevice(listener: (device: DeviceState, seq: number) => void) {
    this.deviceListener = listener
    return () => {}
  }
  async readings(ids: string[]) {
    return [
      reading('r1', 'W017', 'band.vitals', { hr: 71, spo2: 81, activity: 0, confidence: 1 }, 'P017'),
      reading('r2', 'E1', 'env.temperature', { celsius: 22 }, null),
    ].filter((r) => ids.includes(r.id))
  }
  async importReadings(readings: RawReading[]) {
    const good = readings.filter((r) => typeof r === 'object' && r !== null && typeof r.device === 'string')
    this.imported.push(...good)
    return {
      accepted: good.length,
      duplicates: 0,
      quarantined: readings.flatMap((r, i) => (good.includes(r) ? [] : [{ line: i + 1, cause: 'bad-reading' }])),
    }
  }
  rules(): ReturnType<FacilityDesk['rules']> {
    return [
      {
        id: 'hypoxia',
        code: 'R29',
        name: { zh: '低氧', en: 'Hypoxia' },
        domain: 'behaviour',
        mandatory: true,
        key: ['subject'],
        inputs: ['band.vitals'],
        levels: ['red'],
        plan: 'RP7',
        version: '1',
        enabled: true,
        parameters: [],
        reasons: {},
      },
    ]
  }
  plans(): ReturnType<FacilityDesk['plans']> {
    return [
      {
        id: 'RP7',
        version: '1',
        name: { zh: '医疗急救', en: 'Medical emergency' },
        steps: [{ id: 'arrival', channel: 'people', text: { zh: '到场', en: 'Arrive' }, required: true, targetS: 240 }],
      },
    ]
  }
  async quarantine() {
    return [
      {
        source: 'mqtt:x',
        device: 'W017',
        received: T0,
        cause: 'bad-json',
        detail: 'not JSON: P017 spo2 81',
        payload: 'P017 spo2 81',
      },
    ]
  }
  health(): ReturnType<FacilityDesk['health']> {
    return {
      facility: 'js-03',
      startedAt: T0,
      journal: { lastSeq: 1, pending: 0, bytes: 1, lag: {} },
      drivers: [],
      sinks: [],
      uplink: { configured: false, connected: false, lag: 0, lastError: null },
      broker: null,
      quarantined: 1,
      diskFreeBytes: 1,
    }
  }
  async metrics() {
    return '# TYPE wardwatch_readings counter\nwardwatch_readings 5\n'
  }
  async snapshot(camera: string) {
    return camera === 'K31'
      ? { device: 'K31', takenAt: T0, jpeg: new Uint8Array([0xff, 0xd8, 0xff, 0xd9]), sha256: 'ab' }
      : null
  }
  async evidencePicture(alert: string) {
    return alert === 'a1'
      ? { device: 'K31', takenAt: T0, jpeg: new Uint8Array([0xff, 0xd8, 0xff, 0xd9]), sha256: 'ab' }
      : null
  }
}

export class SampleLedger implements Ledger {
  entries: LedgerEntry[] = []
  broken = false
  async append(items: Parameters<Ledger['append']>[0]) {
    if (this.broken) throw new Error('disk full')
    const added = items.map(
      (i, n): LedgerEntry => ({
        seq: this.entries.length + 1 + n,
        at: T0,
        kind: i.kind,
        ref: i.ref ?? null,
        by: i.by ?? null,
        payloadHash: 'p',
        hash: 'h',
        payload: i.payload,
      }),
    )
    this.entries.push(...added)
    return added
  }
  head() {
    return { seq: this.entries.length, hash: 'h' }
  }
  async list(query: Parameters<Ledger['list']>[0]) {
    return this.entries
      .filter(
        (e) =>
          e.seq > (query.afterSeq ?? 0) &&
          (!query.kind || e.kind === query.kind) &&
          (!query.ref || e.ref === query.ref),
      )
      .slice(0, query.limit)
  }
  async verify() {
    return { entries: this.entries.length, ok: true, badSeq: null, detail: null }
  }
  async close() {}
}

export class SampleSeries implements Series {
  asked: SeriesQuery[] = []
  async query(query: SeriesQuery) {
    this.asked.push(query)
    return [
      {
        device: query.device?.[0] ?? 'E1',
        zone: 'W3',
        type: query.type,
        field: query.field ?? 'celsius',
        points: [
          [T0, 21],
          [T0 + 1, null],
        ] as [number, number | null][],
      },
    ]
  }
}
