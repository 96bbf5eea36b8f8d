/** Indicators that follow from the alerts alone (`domain.md` 4: I03–I05, I07, I14, I15). Drills and tests never count. Pure. */
import { ACK_SLA_MS, type Alert, LEVELS } from '#model/alert/alert.ts'

/** Alerts that one answer looks at. */
export const MAX_ALERTS = 20_000

const names: [string, string, string, string][] = [
  ['I01', '告警密度', 'Alert density', 'per 100 person-days'],
  ['I02', '严重事件数', 'Confirmed serious incidents', 'count'],
  ['I03', '确认时长', 'Time to acknowledge', 'ms'],
  ['I04', '及时确认率', 'Ack on-time rate', 'ratio'],
  ['I05', '处置时长', 'Disposal time', 'ms'],
  ['I06', '按期办结率', 'On-time closure', 'ratio'],
  ['I07', '误报率', 'False-alarm rate', 'ratio'],
  ['I08', '规则精确率', 'Precision per rule', 'ratio'],
  ['I09', '席位告警负荷', 'Operator load', 'per 10 min and console'],
  ['I10', '告警风暴占比', 'Flood time', 'ratio'],
  ['I11', '峰值', 'Peak 10 min', 'count'],
  ['I12', '抖动/陈旧', 'Chattering / stale', 'count'],
  ['I13', '前十占比', 'Top-10 share', 'ratio'],
  ['I14', '四色分布偏差', 'Colour distribution deviation', 'ratio'],
  ['I15', '超时升级率', 'Escalation rate', 'ratio'],
  ['I16', '设备在线率', 'Device online rate', 'ratio'],
  ['I17', '周界完好率', 'Perimeter integrity', 'ratio'],
  ['I18', '视频完好率', 'Video availability', 'ratio'],
  ['I19', '上联可用率', 'Uplink availability', 'ratio'],
  ['I20', '告警时延', 'Alert latency', 'ms'],
  ['I21', '数据完整率', 'Data completeness', 'ratio'],
  ['I22', '及时率', 'Timeliness', 'ratio'],
  ['I23', '有效率', 'Validity', 'ratio'],
  ['I24', '数据质量分', 'Data quality score', 'points'],
  ['I25', '点名及时率', 'Roll-call on-time', 'ratio'],
  ['I26', '巡查完成率', 'Patrol completion', 'ratio'],
  ['I27', '在岗率', 'Post presence', 'ratio'],
  ['I28', '警力达标率', 'Manning sufficiency', 'ratio'],
  ['I29', '手环佩戴率', 'Band wearing', 'ratio'],
  ['I30', '定位有效率', 'Location validity', 'ratio'],
  ['I31', '医疗响应', 'Medical response', 'ratio'],
  ['I32', '押解合规率', 'Escort compliance', 'ratio'],
  ['I33', '应用率', 'Use rate', 'ratio'],
  ['I34', '证据完整率', 'Evidence completeness', 'ratio'],
  ['I35', '审计链完整率', 'Audit chain integrity', 'ratio'],
  ['I36', '规则防护率', 'Rule protection', 'ratio'],
  ['I37', '演练达标率', 'Drill performance', 'ratio'],
  ['I38', '趋势', 'Trend', 'z'],
  ['I39', '安全指数', 'Safety index', 'points'],
]
export const INDICATORS = names.map(([id, zh, en, unit]) => ({ id, name: { zh, en }, unit }))

export interface IndicatorValue {
  value: number | null
  n: number
  detail?: Record<string, unknown>
}

/** Value below which a share of the sorted numbers lies (nearest rank); null of none. */
function quantile(sorted: number[], share: number): number | null {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]! : null
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
const TARGET = { red: 0.01, orange: 0.05, yellow: 0.15, blue: 0.79 }

/** @param complete false when there were more alerts than were looked at: each value says so. */
export function indicatorsOf(all: readonly Alert[], now: number, complete: boolean): Map<string, IndicatorValue> {
  const alerts = all.filter((a) => !a.drill && !a.test)
  const n = alerts.length
  const note = complete ? {} : { truncatedTo: all.length }
  const acks = alerts.map((a) => (a.ackAt ?? now) - a.raisedAt).sort((a, b) => a - b)
  const closed = alerts.flatMap((a) => (a.closedAt === null ? [] : [a.closedAt - a.raisedAt])).sort((a, b) => a - b)
  const due = alerts.filter((a) => a.ackAt !== null || now - a.raisedAt > ACK_SLA_MS[a.level])
  const onTime = due.filter((a) => a.ackAt !== null && a.ackAt - a.raisedAt <= ACK_SLA_MS[a.level])
  const judged = alerts.filter((a) => a.result === 'confirmed' || a.result === 'false')
  const wrong = judged.filter((a) => a.result === 'false')
  const late = alerts.filter((a) => a.escalationStep > 0)
  const share = LEVELS.map((level) =>
    Math.abs((ratio(alerts.filter((a) => a.level === level).length, n) ?? 0) - TARGET[level]),
  )
  return new Map<string, IndicatorValue>([
    ['I03', { value: quantile(acks, 0.5), n: acks.length, detail: { p95: quantile(acks, 0.95), ...note } }],
    ['I04', { value: ratio(onTime.length, due.length), n: due.length, detail: note }],
    ['I05', { value: quantile(closed, 0.5), n: closed.length, detail: { p95: quantile(closed, 0.95), ...note } }],
    ['I07', { value: ratio(wrong.length, judged.length), n: judged.length, detail: note }],
    ['I14', { value: n === 0 ? null : share.reduce((a, b) => a + b, 0) / 2, n, detail: note }],
    ['I15', { value: ratio(late.length, n), n, detail: note }],
  ])
}
