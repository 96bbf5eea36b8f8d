/** The readable part of an evidence bundle: everything the files hold, in an order that tells what happened. */
import { escalationOf } from '#model/alert/escalation.ts'
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { Reading } from '#model/reading.ts'
import type { Block, ReportDocument, Words } from '../report/document.ts'
import { stamp } from '../report/stamp.ts'
import type { Evidence } from './collect.ts'
import {
  changeWords,
  clockWords,
  levelWords,
  nameOfRule,
  resultWords,
  stateWords,
  stepWords,
  updateWords,
} from './words.ts'

export interface ReportFacts {
  facility: { id: string; name: Words; timezone: string }
  madeAt: number
  /** Account and, where known, name. */
  madeBy: string
  reason: string
  ruleName(slug: string): Words | null
  zoneName(id: string | null): string
}

const words = (zh: string, en: string): Words => ({ zh, en })
/** Lines of a table in the report; the files beside it hold all. */
const MAX_ROWS = 400

export function evidenceReport(evidence: Evidence, facts: ReportFacts): ReportDocument {
  const { alerts, incident, subject } = evidence
  const zone = facts.facility.timezone
  const time = (at: number): string => stamp(zone, at, true)
  const heading = (zh: string, en: string): Block => ({ kind: 'heading', words: words(zh, en) })
  const named = alerts[0]
  const about = subject.kind === 'incident' ? `事件 incident ${subject.id}` : (subject.number ?? subject.id)
  const before = evidence.pictures.filter((p) => p.preroll !== null).length
  const broken = evidence.pictures.filter((p) => !p.intact).length
  const unproved =
    evidence.entries.length - evidence.proofs.filter((p) => evidence.entries.some((e) => e.seq === p.seq)).length
  const sound = broken === 0 && unproved === 0 && evidence.readingsGone.length === 0 && evidence.limits.length === 0
  const cut = (rows: string[][]): string[][] => rows.slice(0, MAX_ROWS)
  const more = (rows: unknown[]): Block[] =>
    rows.length > MAX_ROWS
      ? [
          {
            kind: 'small',
            text: `另有 ${rows.length - MAX_ROWS} 行见压缩包内的文件 · ${rows.length - MAX_ROWS} more lines in the files of the bundle`,
          },
        ]
      : []

  return {
    title:
      subject.kind === 'incident'
        ? words('事件证据报告', 'Evidence of an incident')
        : words('警情证据报告', 'Evidence of an alert'),
    subtitle: `${facts.facility.name.zh}（${facts.facility.id}） · ${about} · ${named ? title(named.code, facts.ruleName(named.rule)) : ''}`,
    watermark: `${facts.madeBy} · ${stamp(zone, facts.madeAt)}`,
    footer: `wardwatch · ${facts.facility.id} · ${subject.id} · ${facts.madeBy} · ${facts.reason}`,
    madeAt: facts.madeAt,
    blocks: [
      {
        kind: 'verdict',
        tone: sound ? 'good' : 'bad',
        words: sound
          ? words(
              `材料齐全：时间线 ${evidence.timeline.length} 条，读数 ${evidence.readings.length} 条，图片 ${evidence.pictures.length} 张均与取证时哈希一致，账本 ${evidence.entries.length} 条均有存证证明。`,
              `Complete: ${evidence.timeline.length} changes, ${evidence.readings.length} readings, ${evidence.pictures.length} pictures as they were taken, ${evidence.entries.length} ledger entries, each with its proof.`,
            )
          : words(shortages(evidence, broken, unproved).zh, shortages(evidence, broken, unproved).en),
      },
      ...evidence.limits.map((limit): Block => ({ kind: 'text', words: limit })),
      heading('导出', 'Export'),
      {
        kind: 'facts',
        rows: [
          { label: words('导出人', 'Made by'), value: facts.madeBy },
          { label: words('时间', 'Time'), value: `${stamp(zone, facts.madeAt)}（${zone}）` },
          { label: words('事由', 'Reason'), value: facts.reason },
        ],
      },
      ...(incident ? incidentBlocks(incident.members.length, incident, facts) : []),
      ...alerts.flatMap((alert): Block[] => [
        heading(`警情 ${alert.number ?? ''}`, `Alert ${alert.id}`),
        {
          kind: 'facts',
          rows: [
            { label: words('规则', 'Rule'), value: title(alert.code, facts.ruleName(alert.rule)) },
            { label: words('级别', 'Level'), value: levelWords(alert.level) },
            { label: words('位置', 'Zone'), value: facts.zoneName(alert.zone) },
            { label: words('设备', 'Device'), value: alert.device ?? '—' },
            { label: words('涉及人员', 'Persons'), value: alert.subjects.join('、') || '—' },
            { label: words('事发', 'Event'), value: time(alert.eventTime) },
            { label: words('产生', 'Raised'), value: time(alert.raisedAt) },
            { label: words('确认', 'Acknowledged'), value: alert.ackAt === null ? '—' : time(alert.ackAt) },
            { label: words('状态', 'State'), value: stateWords(alert.state) },
            {
              label: words('结论', 'Result'),
              value: `${resultWords(alert.result)}${alert.cause ? ` · ${alert.cause}` : ''}`,
            },
            { label: words('说明', 'Explanation'), value: `${alert.explanation.zh}\n${alert.explanation.en}` },
          ],
        },
      ]),
      heading('时间线', 'Timeline'),
      {
        kind: 'table',
        columns: [
          col('时间', 'Time', 24),
          col('变更', 'Change', 20),
          col('操作人', 'By', 12),
          col('警情', 'Alert', 14),
          col('备注', 'Note', 30),
        ],
        rows: cut(
          evidence.timeline.map((c) => [
            time(c.at),
            changeWords(c.change),
            whoWords(c.by),
            c.alert.number ?? c.alert.id,
            noteText(c),
          ]),
        ),
        empty: words('无', 'none'),
      },
      ...more(evidence.timeline),
      heading('证据读数', 'Evidence readings'),
      {
        kind: 'table',
        columns: [
          col('时间', 'Time', 24),
          col('设备', 'Device', 12),
          col('类型', 'Type', 20),
          col('数值', 'Value', 44),
        ],
        rows: cut(evidence.readings.map((r) => [time(r.time), r.device, typeWords(r), valueText(r)])),
        empty: words('没有保存的读数', 'no readings are kept'),
      },
      ...more(evidence.readings),
      ...(evidence.readingsGone.length > 0
        ? [
            {
              kind: 'text',
              words: words(
                `${evidence.readingsGone.length} 条证据读数已过保存期限，不再存有原文：${evidence.readingsGone.join(' ')}`,
                `${evidence.readingsGone.length} evidence readings are past their time of keeping`,
              ),
            } satisfies Block,
          ]
        : []),
      heading('图片', 'Pictures'),
      ...(evidence.pictures.length === 0
        ? [{ kind: 'text', words: words('没有留存图片', 'no pictures are kept') } satisfies Block]
        : []),
      ...(before > 0
        ? [
            {
              kind: 'text',
              words: words(
                `另有警前画面 ${before} 张，见压缩包 pictures/`,
                `${before} pictures of the seconds before lie in pictures/ of the ZIP`,
              ),
            } satisfies Block,
          ]
        : []),
      ...evidence.pictures
        .filter((p) => p.preroll === null)
        .map(
          (p): Block => ({
            kind: 'picture',
            jpeg: p.jpeg,
            caption: words(
              `${p.device} · ${time(p.takenAt)} · ${p.intact ? '与取证时一致' : '与取证时的哈希不一致'}`,
              `SHA-256 ${p.sha256}${p.intact ? '' : ' – NOT the bytes that were taken'}`,
            ),
          }),
        ),
      ...evidence.plans.flatMap(({ plan, alert, steps }): Block[] => [
        heading(`预案 ${plan.id} ${plan.name.zh}`, `${plan.name.en}, version ${plan.version}, alert ${alert}`),
        {
          kind: 'table',
          columns: [
            col('步骤', 'Step', 44),
            col('必做', 'Required', 8),
            col('状态', 'State', 14),
            col('操作人', 'By', 12),
            col('时间', 'Time', 22),
          ],
          rows: steps.map((s) => [
            `${s.plan === plan.id ? '' : `${s.plan} `}${s.text.zh}\n${s.text.en}`,
            s.required ? '是 yes' : '否 no',
            stepWords(s.state),
            s.by ?? '—',
            s.at === null ? '—' : time(s.at),
          ]),
          empty: words('无步骤', 'no steps'),
        },
      ]),
      heading('签署', 'Signatures'),
      {
        kind: 'table',
        columns: [
          col('警情', 'Alert', 20),
          col('身份', 'Role', 18),
          col('账号', 'Account', 14),
          col('时间', 'Time', 24),
          col('内容', 'What', 24),
        ],
        rows: evidence.signatures.map((s) => [
          evidence.alerts.find((a) => a.id === s.alert)?.number ?? s.alert,
          s.role === 'handler' ? '处置人 handler' : '复核人 reviewer',
          whoWords(s.by),
          time(s.at),
          changeWords(s.change),
        ]),
        empty: words('尚无人签署', 'nobody has signed yet'),
      },
      heading('查看记录', 'People who looked'),
      {
        kind: 'table',
        columns: [
          col('时间', 'Time', 24),
          col('账号', 'Account', 16),
          col('内容', 'What', 20),
          col('事由', 'Reason', 40),
        ],
        rows: cut(evidence.looks.map((e) => lookRow(e.at, e.by, e.payload, time))),
        empty: words('无记录', 'none recorded'),
      },
      ...more(evidence.looks),
      heading('账本存证', 'Ledger'),
      {
        kind: 'table',
        columns: [
          col('条', 'Entry', 10),
          col('时间', 'Time', 24),
          col('类', 'Kind', 10),
          col('操作人', 'By', 14),
          col('哈希', 'Hash', 42),
        ],
        rows: cut(evidence.entries.map((e) => [String(e.seq), time(e.at), e.kind, e.by ?? '—', e.hash])),
        empty: words('账本中没有条目', 'no entries in the ledger'),
      },
      ...more(evidence.entries),
      {
        kind: 'small',
        text: '核验压缩包：wardwatch evidence verify FILE.zip --key PUBLIC.pem。清单 manifest.json 列出每个文件的 SHA-256 并已签名；ledger/proofs 内为每条账本记录的存证证明。 The manifest names the SHA-256 of each file and is signed; ledger/proofs holds a proof for each entry.',
      },
    ],
  }
}

const whoWords = (by: string | null): string => (by === null || by === 'system' ? '系统 system' : by)
const col = (zh: string, en: string, share: number) => ({ label: words(zh, en), share })
const title = (code: string, known: Words | null): string => {
  const name = known ?? nameOfRule(code)
  return name ? `${code} ${name.zh} ${name.en}` : code
}

function shortages(evidence: Evidence, broken: number, unproved: number): Words {
  const zh: string[] = []
  const en: string[] = []
  const say = (n: number, one: string, other: string): void => {
    if (n === 0) return
    zh.push(`${one} ${n}`)
    en.push(`${other}: ${n}`)
  }
  say(broken, '与取证时哈希不一致的图片', 'pictures that are not as they were taken')
  say(unproved, '尚无存证证明的账本条目', 'ledger entries without a proof yet')
  say(evidence.readingsGone.length, '已过保存期限的读数', 'readings past their time of keeping')
  say(evidence.limits.length, '收录范围限制', 'limits of this bundle')
  return words(`材料不齐：${zh.join('；')}。`, `Not complete: ${en.join('; ')}.`)
}

function incidentBlocks(count: number, incident: NonNullable<Evidence['incident']>, facts: ReportFacts): Block[] {
  return [
    { kind: 'heading', words: words('事件', 'Incident') },
    {
      kind: 'facts',
      rows: [
        { label: words('编号', 'Id'), value: incident.id },
        { label: words('最高级别', 'Highest level'), value: levelWords(incident.level) },
        { label: words('开始', 'Opened'), value: stamp(facts.facility.timezone, incident.openedAt, true) },
        {
          label: words('结束', 'Closed'),
          value: incident.closedAt === null ? '未结束 open' : stamp(facts.facility.timezone, incident.closedAt, true),
        },
        { label: words('警情数', 'Alerts'), value: String(count) },
        { label: words('区域', 'Zones'), value: incident.zones.map((z) => facts.zoneName(z)).join('、') || '—' },
      ],
    },
  ]
}

function typeWords({ type }: Reading): string {
  const name = READING_TYPES.get(type)?.name
  return name ? `${name.zh} ${type}` : type
}

function valueText(reading: Reading): string {
  const value = Object.entries(reading.value).map(([k, v]) => `${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`)
  return `${value.join(', ')}${reading.quality === 'good' ? '' : `（质量 quality: ${reading.quality}）`}`
}

/** Steps of a plan and of an escalation stand as JSON in their notes; a reader of a report gets words. */
export function noteText(change: Evidence['timeline'][number]): string {
  const { note } = change
  if (note === null) return ''
  const climbed = escalationOf(change)
  if (climbed) {
    const told = climbed.told.length > 0 ? `，通知 told: ${climbed.told.join('、')}` : ''
    return `${clockWords(climbed.clock)}，第 ${climbed.step} 级 step ${climbed.step}${told}`
  }
  if (change.change === 'updated') return updateWords(note)
  if (change.change !== 'plan-step') return note
  try {
    const { step, done, note: own } = JSON.parse(note) as { step?: string; done?: boolean; note?: string }
    return [step, stepWords(done ? 'done' : 'skipped'), own].filter(Boolean).join(' · ')
  } catch {
    return note
  }
}

const LOOKS: Record<string, string> = {
  alerts: '警情 alert',
  evidence: '证据读数 readings',
  picture: '图片 picture',
  snapshot: '实时画面 live picture',
  'evidence-export': '导出证据 export',
}

function lookRow(at: number, by: string | null, payload: unknown, time: (at: number) => string): string[] {
  const look = payload as { what?: string; reason?: string; purpose?: string; count?: number } | null
  const what = LOOKS[look?.what ?? ''] ?? look?.what ?? '—'
  return [
    time(at),
    by ?? '—',
    `${what}${look?.count && look.count > 1 ? ` ×${look.count}` : ''}`,
    look?.reason ?? look?.purpose ?? '—',
  ]
}
