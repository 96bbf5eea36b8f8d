/**
 * Bands are charged in a rota: some of each ward at once, each for half an hour in the quiet of the early afternoon, every
 * band on every third day. Between two turns it drains, an old one faster.
 */
import type { LocalTime } from '#model/local-time.ts'

const CHARGE = { fromMinute: 12 * 60 + 40, rounds: 4, roundMinutes: 30, together: 5, everyDays: 3 }

/** Whose turn it is in this minute, by number in the ward; null = nothing changes now, nobody's turn after the last one. */
export function chargedNow({ minuteOfDay, date }: LocalTime): ((people: number) => number[]) | null {
  const minute = minuteOfDay - CHARGE.fromMinute
  if (minute < 0 || minute > CHARGE.rounds * CHARGE.roundMinutes || minute % CHARGE.roundMinutes !== 0) return null
  const turn = minute / CHARGE.roundMinutes
  if (turn >= CHARGE.rounds) return () => []
  const first = ((dayOf(date) % CHARGE.everyDays) * CHARGE.rounds + turn) * CHARGE.together
  return (people) => Array.from({ length: CHARGE.together }, (_, i) => (first + i) % people)
}

/** What a band has left, from the time since its last turn. */
export function batteryPercent(seat: number, people: number, number: number, { minuteOfDay, date }: LocalTime): number {
  const slot = Math.floor((seat % people) / CHARGE.together)
  const day = Math.floor(slot / CHARGE.rounds) % CHARGE.everyDays
  const ends = CHARGE.fromMinute + ((slot % CHARGE.rounds) + 1) * CHARGE.roundMinutes
  let days = (dayOf(date) - day + 31 * CHARGE.everyDays) % CHARGE.everyDays
  if (days === 0 && minuteOfDay < ends) days = CHARGE.everyDays
  const hours = days * 24 + (minuteOfDay - ends) / 60
  const perHour = number % 90 === 17 ? 1.3 : 0.6 + (number % 12) * 0.045
  return Math.max(1, Math.round(100 - perHour * hours))
}

const dayOf = (date: string): number => Number(date.slice(8))
