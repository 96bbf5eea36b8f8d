/** The server's one answer about an alert, fetched anew shortly after each change of it and never while the line is lost. */
import { useEffect, useRef, useState } from 'react'
import { ApiError, getDetail } from '../api/client.ts'
import type { AlertDetail, ListedAlert } from '../api/types.ts'
import { connection, isLost } from '../live/connection.ts'
import { usePart } from '../live/use-signal.ts'

/** Changes of one alert come in bursts; the detail follows the last of them. */
const REFETCH_AFTER_MS = 200

export interface Detail {
  detail: AlertDetail | null
  failure: string | null
  /** The server knows no such alert. */
  missing: boolean
  /** `performance.now()` of the answer. */
  heardAt: number | null
}

const NOTHING: Detail = { detail: null, failure: null, missing: false, heardAt: null }

export function useDetail(id: string | null, live: ListedAlert | undefined): Detail {
  const [state, setState] = useState<Detail>(NOTHING)
  const lost = usePart(connection, isLost)
  const shown = useRef<string | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: `live` and `lost` are what tells that the detail is old
  useEffect(() => {
    if (!id || lost) return
    if (shown.current !== id) setState(NOTHING)
    const abort = new AbortController()
    const wait = shown.current === id ? REFETCH_AFTER_MS : 0
    shown.current = id
    const timer = setTimeout(() => {
      getDetail(id, abort.signal).then(
        (detail) => setState({ detail, failure: null, missing: false, heardAt: performance.now() }),
        (error: unknown) => {
          if (!abort.signal.aborted)
            setState((s) => ({
              ...s,
              failure: error instanceof Error ? error.message : String(error),
              missing: error instanceof ApiError && error.status === 404,
            }))
        },
      )
    }, wait)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [id, live, lost])
  return state
}
