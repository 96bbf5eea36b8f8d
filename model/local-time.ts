/** Wall-clock questions in the facility's time zone: night, timetable, patrol hours. Pure: the instant is an argument. */
const formats = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, number>()
const minutes = new Map<string, number>()
const ranges = new Map<string, readonly [from: number, to: number]>()
/** The answer before this one: nearly every question is about the same quarter. */
let last = { timezone: '', quarter: 0, offset: 0 }

/** Offset of a zone from UTC in ms at an instant; cached per quarter of an hour, which no zone change undercuts. */
function offsetMs(timezone: string, at: number): number {
  const quarter = Math.floor(at / 900_000)
  if (last.quarter !== quarter || last.timezone !== timezone)
    last = { timezone, quarter, offset: offsetOf(timezone, quarter) }
  return last.offset
}

function offsetOf(timezone: string, quarter: number): number {
  const cacheKey = `${timezone}|${quarter}`
  const known = offsets.get(cacheKey)
  if (known !== undefined) return known
  let format = formats.get(timezone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timezone, format)
  }
  const start = quarter * 900_000
  const part: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(start)) part[type] = Number(value)
  const local = Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!)
  if (offsets.size > 4096) offsets.clear()
  offsets.set(cacheKey, local - start)
  return local - start
}

export interface LocalTime {
  /** Minutes since local midnight, with fractions. */
  minuteOfDay: number
  /** Monday = 1 … Sunday = 7. */
  weekday: number
  /** Local date, YYYY-MM-DD. */
  date: string
  /** UTC ms of the local midnight that began this day. */
  midnight: number
}

const DAY_MS = 86_400_000

/** The date is written out only for who asks: most want the minute. */
class WallClock implements LocalTime {
  readonly minuteOfDay: number
  readonly weekday: number
  readonly midnight: number
  readonly #dayStart: number

  constructor(timezone: string, at: number) {
    const offset = offsetMs(timezone, at)
    const local = at + offset
    const dayStart = Math.floor(local / DAY_MS) * DAY_MS
    this.minuteOfDay = (local - dayStart) / 60_000
    this.weekday = ((Math.floor(dayStart / DAY_MS) + 3) % 7) + 1
    this.midnight = dayStart - offset
    this.#dayStart = dayStart
  }
  get date(): string {
    return new Date(this.#dayStart).toISOString().slice(0, 10)
  }
}

export const localTime = (timezone: string, at: number): LocalTime => new WallClock(timezone, at)

/** Minutes since local midnight, with fractions: asked on every reading, so without the rest. */
export function minuteOfDay(timezone: string, at: number): number {
  const local = at + offsetMs(timezone, at)
  return (local - Math.floor(local / 86_400_000) * 86_400_000) / 60_000
}

/** Minutes since midnight of "HH:MM"; a day has few such texts, and they are asked for on every reading. */
export function minuteOf(hourMinute: string): number {
  let minute = minutes.get(hourMinute)
  if (minute === undefined) {
    minute = Number(hourMinute.slice(0, 2)) * 60 + Number(hourMinute.slice(3, 5))
    if (minutes.size > 4096) minutes.clear()
    minutes.set(hourMinute, minute)
  }
  return minute
}

function rangeOf(text: string): readonly [number, number] {
  let range = ranges.get(text)
  if (!range) {
    range = text.split('-').map(minuteOf) as [number, number]
    if (ranges.size > 4096) ranges.clear()
    ranges.set(text, range)
  }
  return range
}

/** Is the instant inside "HH:MM-HH:MM" (local, start included, end excluded, may pass midnight)? */
export function inHours(timezone: string, range: string, at: number): boolean {
  const [from, to] = rangeOf(range)
  const now = minuteOfDay(timezone, at)
  return from === to ? true : from < to ? now >= from && now < to : now >= from || now < to
}

/** The next instant strictly after `at` at which `range` begins or ends. */
export function nextBoundary(timezone: string, range: string, at: number): number {
  const { midnight } = localTime(timezone, at)
  const candidates = range
    .split('-')
    .map(minuteOf)
    .flatMap((m) => [0, 1, 2].map((day) => midnight + day * 86_400_000 + m * 60_000))
  return Math.min(...candidates.filter((c) => c > at))
}

/** "90s", "5m", "7d" … in ms; null when it is not a duration. */
export function durationMs(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|y)$/.exec(text)
  if (!match) return null
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, y: 365 * 86_400_000 }[match[2] as 'ms']
  return Number(match[1]) * unit
}

/** From the local midnight that begins a date ("2026-11-22") to the next one; null when there is no such date. */
export function localDay(timezone: string, date: string): [from: number, to: number] | null {
  const noon = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T12:00:00Z`) : Number.NaN
  if (!Number.isFinite(noon) || new Date(noon).toISOString().slice(0, 10) !== date) return null
  const inside = [0, -86_400_000, 86_400_000]
    .map((off) => noon + off)
    .find((at) => localTime(timezone, at).date === date)
  if (inside === undefined) return null
  const from = midnightBefore(timezone, inside)
  return [from, midnightBefore(timezone, from + 36 * 3_600_000)]
}

/** The answer before this one: everybody's days are the same. */
let lastDay = { timezone: '', from: 0, to: 0 }

/** The local day around an instant, from midnight to midnight. */
export function localDayAt(timezone: string, at: number): readonly [from: number, to: number] {
  if (lastDay.timezone !== timezone || !(at >= lastDay.from && at < lastDay.to)) {
    const [from, to] = localDay(timezone, localTime(timezone, at).date) as [number, number]
    if (!(at >= from && at < to)) return [from, to]
    lastDay = { timezone, from, to }
  }
  return [lastDay.from, lastDay.to]
}

/** The clock may have been put on or back between midnight and `at`. */
function midnightBefore(timezone: string, at: number): number {
  const { midnight, date } = localTime(timezone, at)
  const there = localTime(timezone, midnight)
  return midnight - (there.date === date ? there.minuteOfDay : there.minuteOfDay - 1440) * 60_000
}
