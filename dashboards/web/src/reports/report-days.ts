/** Which days a report covers, as the server counts them: a week ends with the day, a month holds it. Pure. */
const DAY_MS = 86_400_000

export const PERIODS = ['daily', 'weekly', 'monthly'] as const
export type Period = (typeof PERIODS)[number]

const text = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
const noon = (day: string): number => Date.parse(`${day}T12:00:00Z`)

export const dayBefore = (day: string): string => text(noon(day) - DAY_MS)

/** First and last day; null where `day` is no date. */
export function coveredDays(period: Period, day: string): [string, string] | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(day) || Number.isNaN(noon(day))) return null
  if (period === 'daily') return [day, day]
  if (period === 'weekly') return [text(noon(day) - 6 * DAY_MS), day]
  return [`${day.slice(0, 7)}-01`, text(Date.UTC(Number(day.slice(0, 4)), Number(day.slice(5, 7)), 0, 12))]
}
