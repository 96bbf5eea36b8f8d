/** Chinese and English words of what an evidence report lists; what has none is printed as it is. */
import type { Words } from '../report/document.ts'

const words = (zh: string, en: string): Words => ({ zh, en })

const CHANGES: Record<string, Words> = {
  raised: words('产生警情', 'raised'),
  escalated: words('升级', 'escalated'),
  updated: words('更新', 'updated'),
  acknowledged: words('确认', 'acknowledged'),
  dispatched: words('派警', 'dispatched'),
  cleared: words('条件恢复', 'cleared'),
  'pending-review': words('提交复核', 'pending review'),
  approved: words('复核通过', 'approved'),
  rejected: words('复核退回', 'rejected'),
  resolved: words('办结', 'resolved'),
  dismissed: words('排除', 'dismissed'),
  shelved: words('搁置', 'shelved'),
  unshelved: words('取消搁置', 'unshelved'),
  commented: words('备注', 'commented'),
  reassigned: words('改派', 'reassigned'),
  'plan-step': words('预案步骤', 'plan step'),
}
const LEVELS: Record<string, Words> = {
  red: words('红色', 'red'),
  orange: words('橙色', 'orange'),
  yellow: words('黄色', 'yellow'),
  blue: words('蓝色', 'blue'),
}
const STATES: Record<string, Words> = {
  unacknowledged: words('未确认', 'unacknowledged'),
  acknowledged: words('已确认', 'acknowledged'),
  'returned-unacknowledged': words('已恢复未确认', 'returned, unacknowledged'),
  latched: words('已恢复待办结', 'latched'),
  shelved: words('已搁置', 'shelved'),
  'suppressed-by-design': words('设计抑制', 'suppressed by design'),
  'out-of-service': words('检修中', 'out of service'),
  resolved: words('已办结', 'resolved'),
  dismissed: words('已排除', 'dismissed'),
}
const RESULTS: Record<string, Words> = {
  confirmed: words('属实', 'confirmed'),
  false: words('误报', 'false alarm'),
  nuisance: words('多余', 'nuisance'),
  drill: words('演练', 'drill'),
  test: words('测试', 'test'),
  returned: words('自行恢复', 'returned'),
}
const STEPS: Record<string, Words> = {
  done: words('已完成', 'done'),
  skipped: words('跳过', 'skipped'),
  moot: words('不需要', 'not needed'),
  open: words('未做', 'open'),
}

const CLOCKS: Record<string, Words> = {
  acknowledge: words('确认超时', 'not acknowledged in time'),
  respond: words('到场超时', 'no response in time'),
  resolve: words('办结超时', 'not resolved in time'),
}
const UPDATES: Record<string, Words> = {
  incident: words('并入事件', 'joined an incident'),
}
/** The system's own alerts: they are in no catalogue of rules. */
const OWN_RULES: Record<string, Words> = {
  S01: words('规则在此不能运行', 'Rule cannot fire here'),
  S02: words('端到端自检', 'End-to-end test'),
  S03: words('人工报警', 'Manual alert'),
  S04: words('存储或磁盘异常', 'Storage or disk trouble'),
  S05: words('无人值守', 'No attended console'),
}

const both = (table: Record<string, Words>, code: string | null): string => {
  if (code === null) return '—'
  const known = table[code]
  return known ? `${known.zh} ${known.en}` : code
}

export const changeWords = (code: string): string => both(CHANGES, code)
export const levelWords = (code: string): string => both(LEVELS, code)
export const stateWords = (code: string): string => both(STATES, code)
export const resultWords = (code: string | null): string => both(RESULTS, code)
export const stepWords = (code: string): string => both(STEPS, code)
export const clockWords = (clock: string): string => both(CLOCKS, clock)
export const updateWords = (note: string): string => both(UPDATES, note)
export const nameOfRule = (code: string): Words | null => OWN_RULES[code] ?? null
