/** Times, ages and numbers as people read them. Asia/Shanghai and 24 hours unless the facility says otherwise. */
let timezone = 'Asia/Shanghai'
const cache = new Map<string, Intl.DateTimeFormat>()

export function setTimezone(zone: string): void {
  timezone = zone
  cache.clear()
}

function format(kind: 'time' | 'date' | 'minute', language: string): Intl.DateTimeFormat {
  const key = `${kind}|${language}`
  let made = cache.get(key)
  if (!made) {
    const base: Intl.DateTimeFormatOptions = { timeZone: timezone, hourCycle: 'h23' }
    made = new Intl.DateTimeFormat(
      language === 'en' ? 'en-GB' : 'zh-CN',
      kind === 'time'
        ? { ...base, hour: '2-digit', minute: '2-digit', second: '2-digit' }
        : kind === 'minute'
          ? { ...base, hour: '2-digit', minute: '2-digit' }
          : { ...base, year: 'numeric', month: '2-digit', day: '2-digit' },
    )
    cache.set(key, made)
  }
  return made
}

export const clockTime = (at: number): string => format('time', 'zh').format(at)
export const clockMinute = (at: number): string => format('minute', 'zh').format(at)
export const calendarDate = (at: number): string => format('date', 'zh').format(at).replaceAll('/', '-')
export const dateTime = (at: number): string => `${calendarDate(at)} ${clockTime(at)}`
export const preciseTime = (at: number): string => `${clockTime(at)}.${String(Math.floor(at % 1000)).padStart(3, '0')}`

/** A date and time as an input gives it ("2026-11-22T08:30"), meant by the facility's clock and not by the desk's; null = none. */
export function facilityTime(local: string): number | null {
  const asUtc = Date.parse(`${local}Z`)
  if (!Number.isFinite(asUtc)) return null
  // What the facility's clock shows at a moment, minus that moment, is the offset there and then.
  const offset = (at: number) => Date.parse(`${dateTime(at).replace(' ', 'T')}Z`) - Math.floor(at / 1000) * 1000
  return asUtc - offset(asUtc - offset(asUtc))
}

/** 00:18, 20:35, 1:02:10, 3d 04:10:00 */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const hours = Math.floor(s / 3600)
  const rest = `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`
  if (hours === 0) return rest
  return hours < 24 ? `${hours}:${rest}` : `${Math.floor(hours / 24)}d ${two(hours % 24)}:${rest}`
}

/** 0.3, 4.0, 12: an age in seconds that never pretends to more precision than it has. */
export const ageSeconds = (ms: number): string => (ms < 9950 ? (ms / 1000).toFixed(1) : String(Math.round(ms / 1000)))

/** 88 213: thousands by a thin gap, as on instruments. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ' ')

export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '—'
  if (Number.isInteger(value)) return String(value)
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}
