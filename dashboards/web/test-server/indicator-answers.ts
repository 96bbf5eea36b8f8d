/** Answers of the stand-in server about data quality and indicators: enough of each kind to see every state of the pages. */
import type { QualityTicket, StreamQuality } from '#model/ports/quality.ts'

const HOUR = 3_600_000

interface Answer {
  status: number
  body: unknown
}
const page = (items: unknown[]): Answer => ({ status: 200, body: { items, next: null, total: items.length } })

function stream(device: string, type: string, more: Partial<StreamQuality>): StreamQuality {
  return {
    device,
    type,
    kind: 'climate',
    zone: null,
    periodMs: 10_000,
    expected: 360,
    received: 360,
    late: 0,
    invalid: 0,
    completeness: 1,
    timeliness: 1,
    validity: 1,
    score: 100,
    lastTime: 0,
    ageMs: 3000,
    state: 'ok',
    ...more,
  }
}

const STREAMS = [
  stream('E-MED-01', 'env.temperature', {}),
  stream('E-MED-01', 'env.humidity', { received: 324, completeness: 0.9, score: 96 }),
  stream('E-W1-01', 'env.noise', {
    state: 'silent',
    received: 0,
    completeness: 0,
    timeliness: null,
    validity: null,
    score: null,
  }),
  stream('D-C101', 'door.state', {
    kind: 'door',
    periodMs: null,
    expected: null,
    completeness: null,
    score: null,
    state: 'event',
  }),
]

const tickets = (now: number): QualityTicket[] => [
  {
    id: 't1',
    kind: 'silent',
    device: 'E-W1-01',
    types: [],
    owner: 'equipment',
    since: now - HOUR,
    closedAt: null,
    reason: { zh: 'E-W1-01 超过 3 个周期无数据', en: 'E-W1-01 has said nothing for three periods' },
    advice: { zh: '检查供电、网络与所属网关', en: 'Check power, network and its gateway' },
  },
  {
    id: 't2',
    kind: 'incomplete',
    device: 'E-MED-01',
    types: ['env.humidity'],
    owner: 'equipment',
    since: now - 600_000,
    closedAt: null,
    reason: { zh: 'env.humidity 应收 60，实收 54（完整率 90.0%）', en: 'env.humidity: 54 of 60 samples came' },
    advice: { zh: '检查链路质量', en: 'Check the link' },
  },
]

const definition = (id: string, name: [string, string], unit: string, target: number | null, better: string) => ({
  id,
  name: { zh: name[0], en: name[1] },
  unit,
  formula: '#{a} / #{b}',
  target,
  limit: null,
  better,
  owner: 'duty',
})
const VALUES = [
  { ...definition('I03', ['确认时长', 'Time to acknowledge'], 'ms', null, 'lower'), value: 22_700, n: 412 },
  { ...definition('I04', ['及时确认率', 'Ack on-time rate'], 'ratio', 0.95, 'higher'), value: 0.971, n: 412 },
  { ...definition('I06', ['按期办结率', 'On-time closure'], 'ratio', 0.95, 'higher'), value: null, n: 0 },
  { ...definition('I09', ['席位告警负荷', 'Operator load'], 'per 10 min and console', 1, 'lower'), value: 1.4, n: 90 },
  { ...definition('I39', ['安全指数', 'Safety index'], 'points', 90, 'higher'), value: 92.4, n: 9 },
]

/** Null when the path is none of these. */
export function indicatorAnswer(path: string, startedAt: number): Answer | null {
  const now = startedAt
  if (path === '/api/v1/quality')
    return {
      status: 200,
      body: {
        items: [],
        next: null,
        total: 0,
        summary: {
          waiting: 1,
          openTickets: 2,
          streams: STREAMS.length,
          overflow: 0,
          totals: { expected: 1080, arrived: 684, received: 1044, timely: 1044, valid: 1044, judged: 1045 },
        },
      },
    }
  if (path === '/api/v1/quality/streams') return page(STREAMS)
  if (path === '/api/v1/quality/tickets') return page(tickets(now))
  if (path === '/api/v1/quarantine/replay')
    return { status: 200, body: { replayed: 1, readings: 1, duplicates: 0, failed: [] } }
  if (path === '/api/v1/indicators/overview')
    return {
      status: 200,
      body: {
        from: now - 7 * 24 * HOUR,
        to: now,
        days: 7,
        values: VALUES,
        ranking: [
          {
            facility: 'js-03',
            name: { zh: '青岚监狱', en: 'Qinglan Prison' },
            index: 92.4,
            change: 0.6,
            n: 412,
            low: 90,
            high: 94,
            rank: 1,
            reasons: [{ id: 'I04', points: 3.2 }],
          },
          {
            facility: 'js-21',
            name: { zh: '清泉戒毒所', en: 'Qingquan Centre' },
            index: null,
            change: null,
            n: 3,
            low: null,
            high: null,
            rank: null,
            reasons: [],
          },
        ],
      },
    }
  const id = /^\/api\/v1\/indicators\/(I\d\d)$/.exec(path)?.[1]
  const value = VALUES.find((v) => v.id === id)
  if (!value) return null
  const days = Array.from({ length: 14 }, (_, i) => ({
    from: now - (14 - i) * 24 * HOUR,
    to: now - (13 - i) * 24 * HOUR,
    value: value.value === null ? null : value.value * (0.9 + (i % 5) / 40),
    n: 40 + i,
    low: value.value === null ? null : value.value * 0.85,
    high: value.value === null ? null : value.value * 1.05,
    facilities: 2,
  }))
  return {
    status: 200,
    body: {
      ...value,
      days,
      latest: days.at(-1),
      facilities: [
        { facility: 'js-03', name: { zh: '青岚监狱', en: 'Qinglan Prison' }, value: value.value, n: 44, small: false },
        { facility: 'js-21', name: { zh: '清泉戒毒所', en: 'Qingquan Centre' }, value: null, n: 0, small: true },
      ],
    },
  }
}
