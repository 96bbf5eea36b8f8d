/** Times as a report prints them: local date and clock, with milliseconds where the order of things matters. */
import { localTime } from '#model/local-time.ts'

export function stamp(timezone: string, at: number, withMs = false): string {
  const { date, minuteOfDay } = localTime(timezone, at)
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0')
  const seconds = new Date(at).toISOString().slice(17, withMs ? 23 : 19)
  return `${date} ${two(minuteOfDay / 60)}:${two(minuteOfDay % 60)}:${seconds}`
}
