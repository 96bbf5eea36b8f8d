/** Data quality as it is asked for: every stream over a window, and the sums that I21 to I24 are made of. Pure. */
import type { QualityTotals, StreamQuality, Window } from '#model/ports/quality.ts'
import { stateOf, type WatchedDevice } from './inspect.ts'
import { type Measured, measure, rates } from './measure.ts'
import type { StreamEntry, StreamTable } from './stream-table.ts'

export interface QualityView {
  table: StreamTable
  devices(): readonly WatchedDevice[]
  periodOf(stream: StreamEntry): number | null
  excusedMs(stream: StreamEntry, bucket: number): number
  now: number
}

export function streamsOf(view: QualityView, window: Window, devices?: readonly string[]): StreamQuality[] {
  const { table, now } = view
  const known = new Map(view.devices().map((d) => [d.id, d]))
  const wanted = devices ? new Set(devices) : null
  return table
    .list()
    .filter((s) => !wanted || wanted.has(s.device))
    .map((stream) => {
      const device = known.get(stream.device)
      const periodMs = view.periodOf(stream)
      const m = measured(view, stream, window, periodMs)
      return {
        device: stream.device,
        type: stream.type,
        kind: device?.kind ?? null,
        zone: device?.zone ?? null,
        periodMs,
        expected: periodMs === null ? null : m.expected,
        received: m.received,
        late: m.late,
        invalid: m.refused + m.bad,
        ...rates(m),
        lastTime: stream.lastTime,
        ageMs: stream.lastTime === null ? null : Math.max(0, now - stream.lastTime),
        state: stateOf(stream, periodMs, device?.excused ?? false, now),
      }
    })
}

export function totalsOf(view: QualityView, window: Window): QualityTotals {
  const total = { expected: 0, arrived: 0, received: 0, timely: 0, valid: 0, judged: 0 }
  for (const stream of view.table.list()) {
    const m = measured(view, stream, window, view.periodOf(stream))
    total.expected += m.expected
    total.arrived += m.arrived
    total.received += m.received
    total.timely += m.received - m.late
    total.valid += m.received - m.bad
    total.judged += m.received + m.refused
  }
  return total
}

function measured(view: QualityView, stream: StreamEntry, window: Window, periodMs: number | null): Measured {
  return measure(view.table, stream, window, {
    periodMs,
    now: view.now,
    excusedMs: (bucket) => view.excusedMs(stream, bucket),
  })
}
