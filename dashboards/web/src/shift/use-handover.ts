/** What a handover is about, gathered from what the API says now: nothing here is typed in by hand. */
import { useCallback, useEffect, useState } from 'react'
import { getDetail, getJson } from '../api/client.ts'
import type { AlertDetail, IndicatorItem, ListedAlert, Page, ShiftAnswer, ShiftNoteItem } from '../api/types.ts'
import { progressOf } from '../duty/plan-parts.ts'

const REFRESH_MS = 10_000
const MAX_DETAILS = 20
/** Who types is not asked for at every letter. */
const SEARCH_REST_MS = 300

export interface Unfinished {
  alert: AlertDetail
  steps: { id: string; text: { zh?: string; en?: string }; required: boolean }[]
}

export function useShift() {
  const [state, setState] = useState<{ answer: ShiftAnswer | null; failure: string | null }>({
    answer: null,
    failure: null,
  })
  const load = useCallback(
    () =>
      getJson<ShiftAnswer>('/api/v1/shift').then(
        (answer) => setState({ answer, failure: null }),
        (error: unknown) =>
          setState((s) => ({ ...s, failure: error instanceof Error ? error.message : String(error) })),
      ),
    [],
  )
  useEffect(() => {
    void load()
    const timer = setInterval(load, REFRESH_MS)
    return () => clearInterval(timer)
  }, [load])
  return { ...state, reload: load }
}

/** The log of a whole year is searched by the server; null while it looks. */
export function useShiftSearch(words: string): ShiftNoteItem[] | null {
  const [found, setFound] = useState<ShiftNoteItem[] | null>(null)
  useEffect(() => {
    setFound(null)
    if (words.trim() === '') return
    const abort = new AbortController()
    const timer = setTimeout(() => {
      getJson<ShiftAnswer>(`/api/v1/shift?text=${encodeURIComponent(words.trim())}`, abort.signal).then(
        (answer) => setFound(answer.notes),
        () => !abort.signal.aborted && setFound([]),
      )
    }, SEARCH_REST_MS)
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [words])
  return found
}

/** Steps of the plans of open red and orange alerts that nobody has done or skipped. */
export function useUnfinished(open: ListedAlert[]): Unfinished[] {
  const [items, setItems] = useState<Unfinished[]>([])
  const serious = open
    .filter((a) => (a.level === 'red' || a.level === 'orange') && a.plan)
    .slice(0, MAX_DETAILS)
    .map((a) => a.id)
  const key = serious.join(',')
  // biome-ignore lint/correctness/useExhaustiveDependencies: the alerts by their ids
  useEffect(() => {
    const abort = new AbortController()
    const load = () =>
      void Promise.all(serious.map((id) => getDetail(id, abort.signal).catch(() => null))).then((found) => {
        if (abort.signal.aborted) return
        setItems(
          found.flatMap((alert): Unfinished[] => {
            if (!alert?.planDetail) return []
            const progress = progressOf(alert.planDetail)
            const steps = alert.planDetail.steps.filter(
              (s) => !s.moot && !progress.get(s.id)?.done && !progress.get(s.id)?.skipped,
            )
            return steps.length > 0 ? [{ alert, steps }] : []
          }),
        )
      })
    load()
    const timer = setInterval(load, REFRESH_MS)
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [key])
  return items
}

export function useLoad(): IndicatorItem[] {
  const [items, setItems] = useState<IndicatorItem[]>([])
  useEffect(() => {
    const abort = new AbortController()
    const from = Date.now() - 8 * 3_600_000
    getJson<Page<IndicatorItem>>(
      `/api/v1/indicators?id=I03,I04,I07,I09,I10,I11,I12,I15&from=${from}`,
      abort.signal,
    ).then(
      (page) => setItems(page.items),
      () => {},
    )
    return () => abort.abort()
  }, [])
  return items
}
