/**
 * Finds the points that a store refuses for good, by halving the batch: repeated writes overwrite themselves, so the
 * good ones are simply written again. Must never take an outage for a refusal.
 */
import { WardwatchError } from '#model/errors.ts'
import type { Point } from './points.ts'

/** The store said no to something in this batch and would say it again. */
export class Refused extends Error {
  readonly reason: string
  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

export async function writeIsolating(
  points: Point[],
  write: (points: Point[]) => Promise<void>,
): Promise<{ id: string; reason: string }[]> {
  if (points.length === 0) return []
  try {
    await write(points)
    return []
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (points.length === 1) return [{ id: points[0]!.id, reason: error.reason }]
    const half = points.length >> 1
    const first = await writeIsolating(points.slice(0, half), write)
    const second = await writeIsolating(points.slice(half), write)
    return [...first, ...second]
  }
}

/** What an answer of an Influx-like store means: refused for good, or to be tried again as long as it takes. */
export function writeFailure(name: string, status: number | null, message: string): Error {
  const refused =
    status === 413 ||
    status === 422 ||
    (status === 400 &&
      /partial write|unable to parse|field type conflict|beyond retention|invalid|cannot parse/i.test(message))
  if (refused) return new Refused(message)
  const what = status === null ? message : `it answered ${status}: ${message}`
  return new WardwatchError(
    'sink-unreachable',
    `The time-series store ${name} took nothing (${what}); it is tried again.`,
    {
      status,
    },
  )
}
