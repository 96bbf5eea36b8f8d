/**
 * The day, week or month of a facility: alerts by level, serious alerts, rules, indicators. No persons. Tests and drills
 * are left out and counted; what cannot be computed is said, never shown as zero.
 */
import { type Alert, LEVELS } from '#model/alert/alert.ts'
import { levelWords, nameOfRule, resultWords, stateWords } from '../evidence/words.ts'
import type { Block, ReportDocument, Words } from './document.ts'
import { stamp } from './stamp.ts'
import type { Sheet } from './xlsx.ts'

export type Period = 'daily' | 'weekly' | 'monthly'

export interface ReportedIndicator {
  id: string
  name: Words
  unit: string
  target: number | null
  value: number | null
  n: number | null
}

export interface FacilityReportFacts {
  facility: { id: string; name: Words; timezone: string }
  period: Period
  /** First and last local day. */
  days: [string, string]
  alerts: readonly Alert[]
  /** There were more alerts than were read. */
  cut: boolean
  incidents: number
  indicators: readonly ReportedIndicator[]
  madeAt: number
  madeBy: string
  ruleName(slug: string): Words | null
  zoneName(id: string | null): string
}

interface LevelRow {
  level: string
  raised: number
  acknowledged: number
  ackMedianS: number | null
  closed: number
  open: number
  confirmed: number
  false: number
  nuisance: number
}

const TITLES: Record<Period, Words> = {
  daily: { zh: '值班日报', en: 'Daily report' },
  weekly: { zh: '值班周报', en: 'Weekly report' },
  monthly: { zh: '值班月报', en: 'Monthly report' },
}
const words = (zh: string, en: string): Words => ({ zh, en })
const col = (zh: string, en: string, share: number) => ({ label: words(zh, en), share })
const closed = (a: Alert): boolean => a.state === 'resolved' || a.state === 'dismissed'

function median(values: number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return null
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function tables(facts: FacilityReportFacts) {
  const counted = facts.alerts.filter((a) => !a.test && !a.drill)
  const levels = LEVELS.map((level): LevelRow => {
    const mine = counted.filter((a) => a.level === level)
    const acknowledged = mine.filter((a) => a.ackAt !== null)
    const result = (what: string) => mine.filter((a) => a.result === what).length
    const waits = median(acknowledged.map((a) => (a.ackAt! - a.raisedAt) / 1000))
    return {
      level,
      raised: mine.length,
      acknowledged: acknowledged.length,
      ackMedianS: waits === null ? null : Math.round(waits * 10) / 10,
      closed: mine.filter(closed).length,
      open: mine.filter((a) => !closed(a)).length,
      confirmed: result('confirmed'),
      false: result('false'),
      nuisance: result('nuisance'),
    }
  })
  const byRule = new Map<string, Alert[]>()
  for (const alert of counted) byRule.set(alert.rule, [...(byRule.get(alert.rule) ?? []), alert])
  const rules = [...byRule]
    .map(([slug, some]) => {
      const name = facts.ruleName(slug) ?? nameOfRule(some[0]!.code)
      const wrong = some.filter((a) => a.result === 'false' || a.result === 'nuisance').length
      return { code: some[0]!.code, name: name ? `${name.zh} ${name.en}` : slug, raised: some.length, wrong }
    })
    .sort((a, b) => b.raised - a.raised || (a.code < b.code ? -1 : 1))
  const serious = counted
    .filter((a) => a.level === 'red' || a.level === 'orange')
    .sort((a, b) => a.raisedAt - b.raisedAt)
  return { levels, rules, serious, excluded: facts.alerts.length - counted.length, counted: counted.length }
}

const round = (value: number): number => Math.round(value * 1000) / 1000
const ackText = (a: Alert): string => (a.ackAt === null ? '—' : `${round((a.ackAt - a.raisedAt) / 1000)} s`)
const ruleText = (facts: FacilityReportFacts, a: Alert): string => {
  const name = facts.ruleName(a.rule) ?? nameOfRule(a.code)
  return `${a.code} ${name ? name.zh : a.rule}`
}

export function facilityReport(facts: FacilityReportFacts): ReportDocument {
  const { levels, rules, serious, excluded, counted } = tables(facts)
  const [first, last] = facts.days
  const span = first === last ? first : `${first} – ${last}`
  const zone = facts.facility.timezone
  const open = levels.filter((l) => l.level === 'red' || l.level === 'orange').reduce((sum, l) => sum + l.open, 0)
  const known = facts.indicators.filter((i) => i.value !== null)
  const missing = facts.indicators.length - known.length
  return {
    title: TITLES[facts.period],
    subtitle: `${facts.facility.name.zh}（${facts.facility.id}） · ${span}（${zone}）`,
    watermark: `${facts.madeBy} · ${stamp(zone, facts.madeAt)}`,
    footer: `wardwatch · ${facts.facility.id} · ${span} · ${facts.madeBy}`,
    madeAt: facts.madeAt,
    blocks: [
      {
        kind: 'verdict',
        tone: open === 0 && !facts.cut ? 'good' : 'bad',
        words: words(
          `共 ${counted} 条警情、${facts.incidents} 起事件；红、橙级未办结 ${open} 条${excluded > 0 ? `；另有测试与演练 ${excluded} 条不计` : ''}${facts.cut ? '；数量超过上限，仅统计最近部分' : ''}。`,
          `${counted} alerts, ${facts.incidents} incidents; ${open} red or orange not closed${excluded > 0 ? `; ${excluded} of tests and drills are left out` : ''}${facts.cut ? '; there were more than are counted here' : ''}.`,
        ),
      },
      { kind: 'heading', words: words('警情', 'Alerts by level') },
      {
        kind: 'table',
        columns: [
          col('级别', 'Level', 16),
          col('产生', 'Raised', 10),
          col('已确认', 'Acknowledged', 12),
          col('确认中位', 'Median to ack', 13),
          col('办结', 'Closed', 10),
          col('未办结', 'Open', 10),
          col('属实', 'Confirmed', 10),
          col('误报', 'False', 9),
          col('多余', 'Nuisance', 10),
        ],
        rows: levels.map((l) =>
          [
            levelWords(l.level),
            l.raised,
            l.acknowledged,
            l.ackMedianS === null ? '—' : `${l.ackMedianS} s`,
            l.closed,
            l.open,
            l.confirmed,
            l.false,
            l.nuisance,
          ].map(String),
        ),
        empty: words('无', 'none'),
      },
      { kind: 'heading', words: words('红、橙警情', 'Red and orange') },
      {
        kind: 'table',
        columns: [
          col('编号', 'Number', 12),
          col('时间', 'Time', 21),
          col('级别', 'Level', 11),
          col('规则', 'Rule', 20),
          col('位置', 'Zone', 18),
          col('确认', 'To ack', 8),
          col('状态', 'State', 26),
          col('结论', 'Result', 12),
        ],
        rows: serious
          .slice(0, 400)
          .map((a) => [
            a.number ?? a.id,
            stamp(zone, a.raisedAt),
            levelWords(a.level),
            ruleText(facts, a),
            facts.zoneName(a.zone),
            ackText(a),
            stateWords(a.state),
            resultWords(a.result),
          ]),
        empty: words('没有红、橙警情', 'there were none'),
      },
      ...(serious.length > 400
        ? [
            {
              kind: 'small',
              text: `另有 ${serious.length - 400} 条见 XLSX · ${serious.length - 400} more in the XLSX`,
            } satisfies Block,
          ]
        : []),
      { kind: 'heading', words: words('规则', 'Rules') },
      {
        kind: 'table',
        columns: [
          col('编号', 'Code', 10),
          col('规则', 'Rule', 54),
          col('产生', 'Raised', 12),
          col('误报与多余', 'False or nuisance', 16),
        ],
        rows: rules.slice(0, 40).map((r) => [r.code, r.name, String(r.raised), String(r.wrong)]),
        empty: words('无', 'none'),
      },
      { kind: 'heading', words: words('指标', 'Indicators') },
      {
        kind: 'table',
        columns: [
          col('编号', 'Id', 8),
          col('指标', 'Indicator', 52),
          col('值', 'Value', 16),
          col('目标', 'Target', 12),
          col('样本', 'n', 12),
        ],
        rows: known.map((i) => [
          i.id,
          `${i.name.zh} ${i.name.en}`,
          `${round(i.value!)} ${i.unit}`,
          i.target === null ? '—' : String(i.target),
          String(i.n ?? '—'),
        ]),
        empty: words('没有可计算的指标', 'none could be computed'),
      },
      ...(missing > 0
        ? [
            {
              kind: 'small',
              text: `另有 ${missing} 项指标数据不足，不显示数值 · ${missing} indicators lack data and show no value`,
            } satisfies Block,
          ]
        : []),
    ],
  }
}

export function facilitySheets(facts: FacilityReportFacts): Sheet[] {
  const { levels, rules, serious } = tables(facts)
  const zone = facts.facility.timezone
  const columns = (...titles: [string, number][]) => titles.map(([title, width]) => ({ title, width }))
  return [
    {
      name: '警情 Alerts',
      columns: columns(
        ['级别 level', 12],
        ['产生 raised', 12],
        ['已确认 acknowledged', 20],
        ['确认中位秒 median s', 20],
        ['办结 closed', 12],
        ['未办结 open', 14],
        ['属实 confirmed', 16],
        ['误报 false', 12],
        ['多余 nuisance', 16],
      ),
      rows: levels.map((l) => [
        levelWords(l.level),
        l.raised,
        l.acknowledged,
        l.ackMedianS,
        l.closed,
        l.open,
        l.confirmed,
        l.false,
        l.nuisance,
      ]),
    },
    {
      name: '红橙警情 Serious',
      columns: columns(
        ['编号 number', 14],
        ['时间 time', 20],
        ['级别 level', 12],
        ['规则 rule', 30],
        ['位置 zone', 24],
        ['确认秒 ack s', 14],
        ['状态 state', 24],
        ['结论 result', 18],
      ),
      rows: serious.map((a) => [
        a.number ?? a.id,
        stamp(zone, a.raisedAt),
        levelWords(a.level),
        ruleText(facts, a),
        facts.zoneName(a.zone),
        a.ackAt === null ? null : round((a.ackAt - a.raisedAt) / 1000),
        stateWords(a.state),
        resultWords(a.result),
      ]),
    },
    {
      name: '规则 Rules',
      columns: columns(['编号 code', 10], ['规则 rule', 40], ['产生 raised', 12], ['误报与多余 wrong', 20]),
      rows: rules.map((r) => [r.code, r.name, r.raised, r.wrong]),
    },
    {
      name: '指标 Indicators',
      columns: columns(
        ['编号 id', 8],
        ['指标', 30],
        ['name', 36],
        ['值 value', 14],
        ['单位 unit', 12],
        ['目标 target', 12],
        ['样本 n', 12],
      ),
      rows: facts.indicators.map((i) => [i.id, i.name.zh, i.name.en, i.value, i.unit, i.target, i.n]),
    },
  ]
}
