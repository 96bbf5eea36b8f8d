/**
 * The live edge composes with RxJS: sources are merged, an engine stands in the stream as an operator, its changes are
 * shared. Time comes from the injected scheduler, so the same composition runs in virtual time. No rule logic here.
 */
import {
  asyncScheduler,
  interval,
  merge,
  Observable,
  type OperatorFunction,
  type SchedulerLike,
  Subject,
  share,
} from 'rxjs'
import type { AlertChange } from '#model/alert/alert.ts'
import { createLiveRules, type LiveRules, type LiveRulesOptions } from '../live.ts'

export interface SourcedChange {
  change: AlertChange
  source: 'eager' | 'ordered'
}

export interface RulesStreamOptions extends Omit<LiveRulesOptions, 'onChange' | 'onNotConfirmed'> {
  /** Where the time comes from: `asyncScheduler` live, a VirtualTimeScheduler in tests. */
  scheduler?: SchedulerLike
  /** False while the tail of the journal is read: time must not pass before what happened in it. */
  ready?: () => boolean
  /** How often deadlines are looked at, ms. */
  tickMs?: number
  onNotConfirmed?: (alertId: string, at: number) => void
  /** A line that a rule could not bear: it must not end the stream. */
  onFault?: (error: Error, line: unknown) => void
  /** Receives the engine pair once, for snapshot and restore. */
  onStart?: (rules: LiveRules) => void
}

/** Lines (readings, context changes, acts) in the order of the journal → changes of alerts. */
export function evaluateRules(options: RulesStreamOptions): OperatorFunction<unknown, SourcedChange> {
  return (lines) =>
    new Observable<SourcedChange>((subscriber) => {
      const scheduler = options.scheduler ?? asyncScheduler
      const rules = createLiveRules({
        ...options,
        onChange: (change, source) => subscriber.next({ change, source }),
        onNotConfirmed: (id, at) => options.onNotConfirmed?.(id, at),
      })
      options.onStart?.(rules)
      const ticking = interval(options.tickMs ?? 200, scheduler).subscribe(() => {
        if (!(options.ready?.() ?? true)) return
        try {
          rules.tick(scheduler.now())
        } catch (error) {
          // A deadline that a rule cannot bear must not end the edge: it is off the list, the next tick goes on.
          options.onFault?.(error as Error, null)
        }
      })
      const reading = lines.subscribe({
        next: (line) => {
          try {
            rules.line(line)
          } catch (error) {
            options.onFault?.(error as Error, line)
          }
        },
        error: (error) => subscriber.error(error),
        complete: () => {
          ticking.unsubscribe()
          subscriber.complete()
        },
      })
      return () => {
        ticking.unsubscribe()
        reading.unsubscribe()
      }
    })
}

/** Several sources, one run of the rules, many listeners. */
export function rulesOver(sources: Observable<unknown>[], options: RulesStreamOptions): Observable<SourcedChange> {
  return merge(...sources).pipe(evaluateRules(options), share({ connector: () => new Subject<SourcedChange>() }))
}
