/** 依据: why this alert. Sentences from the reason codes and the rule's own texts; below them the readings that prove it. */
import type { AlertDetail, ListedAlert } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Icon } from '../kit/icons.tsx'
import { mainValue, typeName, valueWord } from '../kit/reading-words.ts'
import { DataAge } from '../kit/time.tsx'
import { alertName, params, plain, zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { preciseTime } from '../live/format.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './panel.module.css'

const EVIDENCE_SHOWN = 6
const CLOCK_TRUSTED_MS = 500

const at = (values: Record<string, unknown>): number | null =>
  typeof values.time === 'number' ? values.time : typeof values.at === 'number' ? values.at : null

export function Reasons({
  alert,
  detail,
  heardAt,
}: {
  alert: ListedAlert
  detail: AlertDetail | null
  heardAt: number | null
}) {
  const t = useText()
  const data = useSignal(facility)
  const rule = data.rules.get(alert.rule)
  const evidence = detail?.evidenceReadings ?? []
  // What a sentence may name without the rule repeating it in its parameters.
  const known = {
    device: alert.device,
    door: alert.device,
    camera: alert.device,
    zone: zoneName(t, data, alert.zone),
    subject: alert.subject,
  }
  const offsets = evidence.map((e) => Math.abs(data.devices.get(e.device)?.offsetMs ?? 0))
  const worst = Math.max(0, ...offsets)
  return (
    <section className={css.block} aria-labelledby="panel-why">
      <h3 className={css.blockHead} id="panel-why">
        {t('panel.reasons')}
        <span className={css.blockNote}>
          {alert.code} {alertName(t, data, alert)}
        </span>
        <span className={css.blockEnd}>
          {evidence.length === 0 ? (
            <DataAge heardAt={heardAt} />
          ) : worst > CLOCK_TRUSTED_MS ? (
            t('panel.clockDoubt', { ms: worst })
          ) : (
            `${t('panel.clockTrusted')} · ${t('panel.clockError', { ms: worst })}`
          )}
        </span>
      </h3>
      <ul>
        {alert.reasons.map((reason, i) => {
          const template = rule?.reasons?.[reason.code]
          const text = template ? t.pick(template, reason.code) : null
          const time = at(reason.params)
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: reasons have no id; their order is fixed
            <li key={i} className={css.reason}>
              <Icon name="check" size={14} />
              <span className={css.reasonText}>
                {text
                  ? params(text, worded({ ...known, ...reason.params }, t.language)).map((part, n) =>
                      // biome-ignore lint/suspicious/noArrayIndexKey: parts of one fixed sentence
                      part.strong ? <b key={n}>{part.text}</b> : part.text,
                    )
                  : `${t.code('reason', reason.code).replace(/^reason\./, '')} `}
                {!text &&
                  Object.entries(reason.params)
                    .filter(([key]) => key !== 'time' && key !== 'at')
                    .map(([key, value]) => (
                      <span key={key}>
                        <span className="muted">{key}</span> <b>{plain(value)}</b>{' '}
                      </span>
                    ))}
              </span>
              {time !== null && <time>{preciseTime(time)}</time>}
            </li>
          )
        })}
        {alert.reasons.length === 0 && (
          <li className={css.reason}>
            <span className={css.reasonText}>{t.pick(alert.explanation, t('panel.noReasons'))}</span>
          </li>
        )}
      </ul>
      {evidence.length > 0 && (
        <details className={css.evidence} open={alert.reasons.length === 0}>
          <summary>{t('panel.evidence', { n: Math.max(alert.evidenceCount, evidence.length) })}</summary>
          <ul>
            {evidence.slice(-EVIDENCE_SHOWN).map((reading) => (
              <li key={reading.id}>
                <span>{typeName(reading.type, t.language)}</span>
                <span className="muted">{reading.device}</span>
                <b>{mainValue(reading.type, reading.value, t.language)}</b>
                <time title={t('panel.sourceTime')}>
                  {reading.quality === 'good' ? '' : '≈ '}
                  {preciseTime(reading.time)}
                </time>
              </li>
            ))}
          </ul>
        </details>
      )}
      {alert.advice.length > 0 && (
        <p className={css.advice}>
          <b>{t('panel.advice')}</b>{' '}
          {alert.advice.map((code) => t.code('advice', code)).join(t.language === 'zh' ? '、' : ', ')}
        </p>
      )}
    </section>
  )
}

/** Values in the reader's words, so that a sentence says 高 and not "high". */
function worded(values: Record<string, unknown>, language: 'zh' | 'en'): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([k, v]) => [
      k,
      typeof v === 'string' || typeof v === 'boolean' ? valueWord(v, language) : v,
    ]),
  )
}
