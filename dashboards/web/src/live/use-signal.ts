import { useSyncExternalStore } from 'react'
import type { Signal } from './signal.ts'

export function useSignal<T>(signal: Signal<T>): T {
  return useSyncExternalStore(signal.subscribe, signal.get)
}

/** A part of a signal: what uses it renders only when that part is another value. `part` must give a plain value. */
export function usePart<T, P extends string | number | boolean | null>(signal: Signal<T>, part: (value: T) => P): P {
  return useSyncExternalStore(signal.subscribe, () => part(signal.get()))
}
