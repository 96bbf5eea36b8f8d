/** Evidence of an alert as lists of marks: in time order, each reading once. */
import type { Mark } from '../engine/operator.ts'

export function sortedMarks(marks: readonly Mark[]): Mark[] {
  const seen = new Set<string>()
  // Copies: an operator may go on writing into the marks of its state.
  return marks
    .map(({ id, t }) => ({ id, t }))
    .sort((a, b) => a.t - b.t || (a.id < b.id ? -1 : 1))
    .filter((m) => !seen.has(m.id) && seen.add(m.id) !== undefined)
}

export function newest(marks: readonly Mark[]): Mark | undefined {
  let best: Mark | undefined
  for (const m of marks) if (!best || m.t > best.t || (m.t === best.t && m.id > best.id)) best = m
  return best
}
