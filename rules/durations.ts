/** Durations as people write them in rule files and in the site file: "3s", "10m", "8h". */
import { durationMs } from '#model/local-time.ts'

export const DURATION = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$'

/** Seconds of a number (already seconds) or of a duration text; null when it is neither. */
export function secondsOf(value: unknown): number | null {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return null
  const ms = durationMs(value)
  return ms === null ? null : ms / 1000
}
