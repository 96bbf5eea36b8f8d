/**
 * Daily, weekly and monthly reports (console.md P14): the server draws them as PDF and XLSX, with account and time across
 * every page. This page only chooses, waits in words, and saves.
 */
import { useEffect, useRef, useState } from 'react'
import { ApiError, getFile } from '../api/client.ts'
import { saveBlob } from '../history/csv.ts'
import { useText } from '../i18n/use-text.ts'
import { Button, Choices, Field } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { calendarDate } from '../live/format.ts'
import { serverClock } from '../live/server-clock.ts'
import { coveredDays, dayBefore, PERIODS, type Period } from './report-days.ts'
import css from './reports.module.css'

/** A month of many alerts takes its time. */
const PATIENCE_MS = 120_000
type Format = 'pdf' | 'xlsx'
type State =
  | { step: 'ready' }
  | { step: 'working'; format: Format }
  | { step: 'done'; name: string; bytes: number }
  | { step: 'failed'; why: string }

export default function ReportsPage() {
  const t = useText()
  const today = calendarDate(serverClock.now())
  const [period, setPeriod] = useState<Period>('daily')
  // The day that has ended: a report of today is half a day, and is given to who asks for it.
  const [day, setDay] = useState(() => dayBefore(today))
  const [state, setState] = useState<State>({ step: 'ready' })
  const here = useRef(true)
  useEffect(() => {
    here.current = true
    return () => {
      here.current = false
    }
  }, [])
  const days = day <= today ? coveredDays(period, day) : null
  const working = state.step === 'working'

  const fetchReport = async (format: Format) => {
    if (!days || working) return
    setState({ step: 'working', format })
    try {
      const { blob, name } = await getFile(`/api/v1/reports/${period}.${format}?day=${day}`, PATIENCE_MS)
      if (!here.current) return
      const file = name ?? `${period}-${day}.${format}`
      saveBlob(file, blob)
      setState({ step: 'done', name: file, bytes: blob.size })
    } catch (error) {
      if (here.current) setState({ step: 'failed', why: error instanceof ApiError ? error.message : String(error) })
    }
  }
  const choose = (change: () => void) => {
    change()
    setState({ step: 'ready' })
  }

  return (
    <div className={css.page}>
      <h1>{t('reports.title')}</h1>
      <p className="muted">{t('reports.note')}</p>
      <Choices
        label={t('reports.period')}
        name="period"
        value={period}
        onChange={(value) => choose(() => setPeriod(value))}
        options={PERIODS.map((value) => ({ value, text: t(`reports.period.${value}`) }))}
      />
      <Field label={t(`reports.day.${period}`)}>
        <input
          className={`${kit.input} ${css.day}`}
          type="date"
          name="day"
          max={today}
          value={day}
          onChange={(e) => choose(() => setDay(e.target.value))}
        />
      </Field>
      <p data-testid="report-days">
        {days ? (
          <>
            {t('reports.covers')} <b>{days[0] === days[1] ? days[0] : `${days[0]} — ${days[1]}`}</b>
            {days[1] >= today && ` · ${t('reports.unfinished')}`}
          </>
        ) : (
          <span className={kit.fault}>{t('reports.noDay')}</span>
        )}
      </p>
      <p className={css.actions}>
        <Button primary disabled={!days || working} onClick={() => void fetchReport('pdf')}>
          {t('reports.pdf')}
        </Button>
        <Button disabled={!days || working} onClick={() => void fetchReport('xlsx')}>
          {t('reports.xlsx')}
        </Button>
      </p>
      <p role={state.step === 'failed' ? 'alert' : 'status'} data-step={state.step} data-testid="report-state">
        {state.step === 'working' && t('reports.working')}
        {state.step === 'done' &&
          t('evidence.export.done', { name: state.name, kb: Math.max(1, Math.round(state.bytes / 1024)) })}
        {state.step === 'failed' && <span className={kit.fault}>{t('reports.failed', { why: state.why })}</span>}
      </p>
    </div>
  )
}
