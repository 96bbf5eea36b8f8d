/** Everything one incident left behind: its alerts with their timelines and readings, curves of the devices, ledger entries. */
import { useEffect, useState } from 'react'
import { getDetail, getJson } from '../api/client.ts'
import type { AlertDetail, EvidenceReading, LedgerItem, Page, SeriesAnswer } from '../api/types.ts'
import { numericFields } from '../kit/reading-words.ts'
import { mayDo, me } from '../live/session.ts'
import type { Span } from './span.ts'

/** More members than these are named in the list; their readings are not drawn. */
const MAX_MEMBERS = 12
const MAX_CURVES = 4
const NOT_DRAWN = new Set(['x_m', 'y_m', 'accuracy_m', 'floor', 'confidence', 'nominal_kv', 'fence'])

export function useMembers(detail: AlertDetail | null): AlertDetail[] {
  const [members, setMembers] = useState<AlertDetail[]>([])
  const ids = (detail?.incidentDetail?.members ?? []).filter((id) => id !== detail?.id).slice(0, MAX_MEMBERS)
  const key = ids.join(',')
  // biome-ignore lint/correctness/useExhaustiveDependencies: the members by their ids
  useEffect(() => {
    const abort = new AbortController()
    if (ids.length === 0) {
      setMembers([])
      return
    }
    void Promise.all(ids.map((id) => getDetail(id, abort.signal).catch(() => null))).then((found) => {
      if (!abort.signal.aborted) setMembers(found.filter((d): d is AlertDetail => d !== null))
    })
    return () => abort.abort()
  }, [key])
  return members
}

export interface Curve {
  device: string
  type: string
  field: string
  points: [number, number | null][]
}

/** Which curves belong to the evidence: numeric values of its devices, the alert's own device first. */
export function curvesOf(
  readings: EvidenceReading[],
  latest: (device: string) => Record<string, { value: Record<string, unknown> }> | undefined,
): Omit<Curve, 'points'>[] {
  const found = new Map<string, Omit<Curve, 'points'>>()
  const add = (device: string, type: string, value: Record<string, unknown> | null) => {
    // Detections and states of devices are moments, not curves.
    if (/^(device|camera|access|door|roll)\./.test(type)) return
    for (const field of numericFields(value))
      if (!NOT_DRAWN.has(field) && typeof value?.[field] === 'number')
        found.set(`${device}|${type}|${field}`, { device, type, field })
  }
  for (const reading of readings) add(reading.device, reading.type, reading.value)
  for (const device of new Set(readings.map((r) => r.device)))
    for (const [type, entry] of Object.entries(latest(device) ?? {})) add(device, type, entry.value)
  return [...found.values()].slice(0, MAX_CURVES)
}

export function useCurves(wanted: Omit<Curve, 'points'>[], span: Span | null): Curve[] {
  const [curves, setCurves] = useState<Curve[]>([])
  const from = span ? Math.floor(span.from / 1000) * 1000 : 0
  const to = span ? Math.ceil(span.to / 1000) * 1000 : 0
  const key = wanted.map((w) => `${w.device}|${w.type}|${w.field}`).join(',')
  // biome-ignore lint/correctness/useExhaustiveDependencies: the curves by their names
  useEffect(() => {
    if (key === '' || to <= from) {
      setCurves([])
      return
    }
    const abort = new AbortController()
    const timer = setTimeout(() => {
      void Promise.all(
        wanted.map(async (w): Promise<Curve | null> => {
          const query = new URLSearchParams({
            device: w.device,
            type: w.type,
            field: w.field,
            from: String(from),
            to: String(to),
          })
          if (to - from <= 180_000) query.set('every', '1s')
          const answer = await getJson<SeriesAnswer>(`/api/v1/series?${query}`, abort.signal).catch(() => null)
          const points = answer?.series[0]?.points ?? []
          return { ...w, points: points.map(([at, v]) => [at, typeof v === 'number' ? v : null]) }
        }),
      ).then((found) => {
        if (!abort.signal.aborted) setCurves(found.filter((c): c is Curve => c !== null))
      })
    }, 250)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [key, from, to])
  return curves
}

/** Ledger entries of the alert for those who may read the chain; null = may not. */
export function useLedger(id: string, version: number): LedgerItem[] | null {
  const [items, setItems] = useState<LedgerItem[] | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new change means a new entry
  useEffect(() => {
    if (!mayDo(me(), 'ledger:read')) return
    const abort = new AbortController()
    getJson<Page<LedgerItem>>(`/api/v1/ledger?ref=${encodeURIComponent(id)}&limit=200`, abort.signal).then(
      (page) => setItems(page.items),
      () => {},
    )
    return () => abort.abort()
  }, [id, version])
  return items
}
