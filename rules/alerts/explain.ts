/** Renders the reasons of an alert in both languages from the texts of its rule file. Reasons are the truth, this is their print. */
import type { Alert, Bilingual } from '#model/alert/alert.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { RuleFile } from '../engine/rule.ts'

export function explain(rule: RuleFile, alert: Alert, site: FacilityContext): Bilingual {
  const lines = alert.reasons.map((reason) => {
    const text = rule.reasons[reason.code]
    if (!text) return { zh: reason.code, en: reason.code }
    const params = {
      zone: alert.zone,
      device: alert.device,
      subject: alert.subject,
      key: alert.key,
      count: alert.evidenceCount,
      ...reason.params,
    }
    return { zh: fill(text.zh, params, 'zh', site), en: fill(text.en, params, 'en', site) }
  })
  return { zh: lines.map((l) => l.zh).join('；'), en: lines.map((l) => l.en).join('; ') }
}

function fill(text: string, params: Record<string, unknown>, language: 'zh' | 'en', site: FacilityContext): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name]
    if (value === null || value === undefined) return '—'
    if (Array.isArray(value)) return value.join(language === 'zh' ? '、' : ', ')
    if (typeof value === 'number') return String(Math.round(value * 100) / 100)
    if (/^zone/.test(name) && typeof value === 'string') return site.zone(value)?.name?.[language] ?? value
    return String(value)
  })
}
