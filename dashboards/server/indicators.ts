/**
 * The list of indicators (`domain.md` 4): what each one is, how it is computed, what is wanted of it. One place for the
 * API of both tiers, the pages and the exports. What a value is made of stands in the files beside this one.
 */
import type { Bilingual } from '#model/alert/alert.ts'

/** Alerts that one answer looks at. */
export const MAX_ALERTS = 20_000

export type Better = 'higher' | 'lower' | 'none'
/** How values of several facilities or days become one. `weighted`: by n. `median`: of what cannot be added. */
export type Merging = 'weighted' | 'sum' | 'max' | 'median'

export interface Indicator {
  id: string
  name: Bilingual
  unit: string
  formula: string
  /** What is wanted, and where it begins to be bad; null where only the trend says something. */
  target: number | null
  limit: number | null
  better: Better
  owner: 'command' | 'duty' | 'custody' | 'medical' | 'equipment' | 'security'
  merging: Merging
  /** About persons: small numbers are not shown to the province. */
  personal: boolean
}

type Row = [
  id: string,
  zh: string,
  en: string,
  unit: string,
  formula: string,
  target: number | null,
  limit: number | null,
  better: Better,
  owner: Indicator['owner'],
  merging?: Merging,
  personal?: boolean,
]

const rows: Row[] = [
  [
    'I01',
    '告警密度',
    'Alert density',
    'per 100 person-days',
    '100·|A_c| / Σ_d pop_d',
    null,
    null,
    'none',
    'command',
    'weighted',
  ],
  [
    'I02',
    '严重事件数',
    'Confirmed serious incidents',
    'count',
    '#{incidents: max colour ∈ {red, orange}, result = confirmed}',
    null,
    null,
    'lower',
    'command',
    'sum',
  ],
  [
    'I03',
    '确认时长',
    'Time to acknowledge',
    'ms',
    'P50, P95 of (ackAt − raisedAt); un-acknowledged: now − raisedAt',
    null,
    null,
    'lower',
    'duty',
    'median',
  ],
  [
    'I04',
    '及时确认率',
    'Ack on-time rate',
    'ratio',
    '#{ackAt − raisedAt ≤ S_c} / #{acknowledged ∨ overdue}',
    0.95,
    0.6,
    'higher',
    'duty',
  ],
  [
    'I05',
    '处置时长',
    'Disposal time',
    'ms',
    'P50, P95 of (closedAt − raisedAt)',
    null,
    null,
    'lower',
    'duty',
    'median',
  ],
  [
    'I06',
    '按期办结率',
    'On-time closure',
    'ratio',
    '#{closedAt − raisedAt ≤ D_c} / #{raisedAt + D_c ≤ min(now, t1)}',
    0.95,
    0.6,
    'higher',
    'duty',
  ],
  ['I07', '误报率', 'False-alarm rate', 'ratio', '#{false} / #{confirmed ∨ false}', 0.2, 0.6, 'lower', 'equipment'],
  ['I08', '规则精确率', 'Precision per rule', 'ratio', '1 − I07 per rule, n ≥ 20', 0.8, 0.4, 'higher', 'equipment'],
  [
    'I09',
    '席位告警负荷',
    'Operator load',
    'per 10 min and console',
    'annunciated(A) / (Σ console-hours · 6)',
    1,
    2,
    'lower',
    'duty',
    'median',
  ],
  ['I10', '告警风暴占比', 'Flood time', 'ratio', 'Σ flood seconds / Σ console seconds', 0.01, 0.05, 'lower', 'duty'],
  [
    'I11',
    '峰值',
    'Peak 10 min',
    'count',
    'max over sliding 10-min windows per console',
    10,
    20,
    'lower',
    'duty',
    'max',
  ],
  [
    'I12',
    '抖动/陈旧',
    'Chattering / stale',
    'count',
    '#{(rule, subject): ≥3 raises in 60 s}; #{active > 24 h at 00:00}',
    0,
    5,
    'lower',
    'equipment',
    'sum',
  ],
  [
    'I13',
    '前十占比',
    'Top-10 share',
    'ratio',
    'Σ 10 most frequent (rule, device) / |A|',
    0.05,
    0.2,
    'lower',
    'equipment',
    'median',
  ],
  [
    'I14',
    '四色分布偏差',
    'Colour distribution deviation',
    'ratio',
    '½·Σ_c |p_c − p*_c|, p* = .01 .05 .15 .79',
    0.2,
    0.5,
    'lower',
    'duty',
    'median',
  ],
  ['I15', '超时升级率', 'Escalation rate', 'ratio', '#{escalated by timeout} / |A|', 0.05, 0.2, 'lower', 'duty'],
  [
    'I16',
    '设备在线率',
    'Device online rate',
    'ratio',
    'Σ onlineSec / Σ (T − maintenance)',
    0.98,
    0.8,
    'higher',
    'equipment',
  ],
  [
    'I17',
    '周界完好率',
    'Perimeter integrity',
    'ratio',
    'Σ_z sec(all layers of z up) / Σ_z T',
    0.999,
    0.95,
    'higher',
    'equipment',
  ],
  [
    'I18',
    '视频完好率',
    'Video availability',
    'ratio',
    'Σ sec(stream up ∧ ¬tamper) / Σ required sec',
    0.98,
    0.9,
    'higher',
    'equipment',
  ],
  [
    'I19',
    '上联可用率',
    'Uplink availability',
    'ratio',
    '1 − downSec / T; P95 outage detection ≤ 90 s',
    0.999,
    0.95,
    'higher',
    'equipment',
  ],
  [
    'I20',
    '告警时延',
    'Alert latency',
    'ms',
    'P95(provinceReceivedAt − eventAt) of live alerts',
    10_000,
    30_000,
    'lower',
    'equipment',
    'median',
  ],
  [
    'I21',
    '数据完整率',
    'Data completeness',
    'ratio',
    'Σ received / Σ expected samples',
    0.95,
    0.7,
    'higher',
    'equipment',
  ],
  ['I22', '及时率', 'Timeliness', 'ratio', '#{ingestAt − eventAt ≤ L} / received', 0.98, 0.8, 'higher', 'equipment'],
  ['I23', '有效率', 'Validity', 'ratio', '#{schema ∧ range ∧ quality} / received', 0.99, 0.9, 'higher', 'equipment'],
  [
    'I24',
    '数据质量分',
    'Data quality score',
    'points',
    '100·(0.4·I21 + 0.3·I22 + 0.3·I23)',
    95,
    70,
    'higher',
    'equipment',
    'weighted',
  ],
  [
    'I25',
    '点名及时率',
    'Roll-call on-time',
    'ratio',
    '#{closed ≤ 600 s} / #scheduled; mean(clearedAt − startAt); mismatch / held',
    1,
    0.9,
    'higher',
    'custody',
  ],
  [
    'I26',
    '巡查完成率',
    'Patrol completion',
    'ratio',
    '#{points visited in window} / #{points due}',
    0.98,
    0.8,
    'higher',
    'duty',
  ],
  ['I27', '在岗率', 'Post presence', 'ratio', 'Σ staffedSec / Σ requiredSec', 0.98, 0.8, 'higher', 'duty'],
  [
    'I28',
    '警力达标率',
    'Manning sufficiency',
    'ratio',
    'time(officers ≥ plan) / time(inmates > 0)',
    0.98,
    0.8,
    'higher',
    'duty',
  ],
  ['I29', '手环佩戴率', 'Band wearing', 'ratio', 'Σ wornSec / Σ requiredSec', 0.98, 0.8, 'higher', 'custody'],
  [
    'I30',
    '定位有效率',
    'Location validity',
    'ratio',
    'time(fix age ≤ 30 s ∧ accuracy ≤ 3 m) / required time',
    0.95,
    0.7,
    'higher',
    'equipment',
  ],
  [
    'I31',
    '医疗响应',
    'Medical response',
    'ratio',
    '#{arrivedAt − raisedAt ≤ 240 s} / red health alerts; per 1000 person-days',
    0.95,
    0.7,
    'higher',
    'medical',
    'weighted',
    true,
  ],
  [
    'I32',
    '押解合规率',
    'Escort compliance',
    'ratio',
    'escorts without R21 / escorts completed',
    1,
    0.9,
    'higher',
    'custody',
    'weighted',
    true,
  ],
  [
    'I33',
    '应用率',
    'Use rate',
    'ratio',
    'alerts closed with result ∧ evidence / |A|; active / rostered operators',
    0.9,
    0.6,
    'higher',
    'command',
  ],
  [
    'I34',
    '证据完整率',
    'Evidence completeness',
    'ratio',
    'red ∨ orange closed with timeline, clip with hash, plan steps, two signatures / closed',
    1,
    0.9,
    'higher',
    'command',
  ],
  ['I35', '审计链完整率', 'Audit chain integrity', 'ratio', 'verified entries / entries', 1, 1, 'higher', 'security'],
  [
    'I36',
    '规则防护率',
    'Rule protection',
    'ratio',
    'mean over mandatory rules of sec(enabled ∧ not shelved) / T',
    1,
    0.95,
    'higher',
    'command',
  ],
  [
    'I37',
    '演练达标率',
    'Drill performance',
    'ratio',
    'drills meeting all time targets of their plans / drills held',
    1,
    0.6,
    'higher',
    'command',
  ],
  [
    'I38',
    '趋势',
    'Trend',
    'z',
    '(x_T − mean_90d) / sd_90d, ≥ 30 days; EWMA λ = 0.2',
    null,
    null,
    'none',
    'command',
    'median',
  ],
  [
    'I39',
    '安全指数',
    'Safety index',
    'points',
    '100 − Σ w_k · 100·clamp((target − x)/(target − floor), 0, 1)',
    90,
    60,
    'higher',
    'command',
    'median',
  ],
]

export const INDICATORS: readonly Indicator[] = rows.map(
  ([id, zh, en, unit, formula, target, limit, better, owner, merging = 'weighted', personal = false]) => ({
    id,
    name: { zh, en },
    unit,
    formula,
    target,
    limit,
    better,
    owner,
    merging,
    personal,
  }),
)

/** Epoch ms, from included, to excluded. */
export interface Window {
  from: number
  to: number
}

export interface IndicatorValue {
  /** Null where there is too little to say. */
  value: number | null
  /** What it is made of: alerts, samples, seconds. */
  n: number
  detail?: Record<string, unknown>
}

export const NOTHING: IndicatorValue = { value: null, n: 0 }

/** Value below which a share of the sorted numbers lies (nearest rank); null of none. */
export function quantile(sorted: readonly number[], share: number): number | null {
  return sorted.length ? sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1))]! : null
}

/** Of nothing there is no share: null, never 0 or 1. */
export const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
