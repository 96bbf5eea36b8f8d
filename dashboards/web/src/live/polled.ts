/** One answer of the server, asked for again from time to time; a failure keeps the last answer and says why. */
import { useCallback, useEffect, useState } from 'react'
import { getJson } from '../api/client.ts'

export interface Polled<T> {
  value: T | null
  /** When the last answer came, as `performance.now()`. */
  heardAt: number | null
  failure: string | null
  again(): void
}

export function usePolled<T>(path: string | null, everyMs: number): Polled<T> {
  const [state, setState] = useState<Omit<Polled<T>, 'again'>>({ value: null, heardAt: null, failure: null })
  const [round, setRound] = useState(0)
  const again = useCallback(() => setRound((n) => n + 1), [])
  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` asks again on demand
  useEffect(() => {
    if (path === null) return
    const abort = new AbortController()
    const load = () =>
      getJson<T>(path, abort.signal).then(
        (value) => setState({ value, heardAt: performance.now(), failure: null }),
        (error: unknown) =>
          !abort.signal.aborted &&
          setState((s) => ({ ...s, failure: error instanceof Error ? error.message : String(error) })),
      )
    void load()
    const timer = setInterval(load, everyMs)
    return () => {
      abort.abort()
      clearInterval(timer)
    }
  }, [path, everyMs, round])
  return { ...state, again }
}
