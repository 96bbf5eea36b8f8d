/**
 * The programme of a day as the timetable tells it: when which ward goes to meals, work and sport, and when its day room is
 * open. Cells walk there one after the other, in intervals, so that nobody stands in a crowd outside the programme.
 */
import type { TimetableSlot } from '#model/context/kinds.ts'
import { localTime, minuteOf } from '#model/local-time.ts'
import type { Site } from '#model/site/load.ts'

/** One attendance: a place from a time to a time, ms. All have left by `to`. */
export interface Attendance {
  zone: string
  activity: string
  from: number
  to: number
}

/** What a ward attends as a whole; the later ones of a pair that overlaps give way. */
const ORDER = ['meal', 'sport', 'visit', 'work']
/** Time between two of them, for the way home and to the next place. */
const BETWEEN_MS = 12 * 60_000
/** Metres between two cells on the way, as seconds of walking. */
const APART_MS = 13_000
/** All arrive within this, and leave within this. */
const LONGEST_WINDOW_MS = 20 * 60_000
/** The last ones leave so long before the end. */
const LEFT_BEFORE_MS = 2 * 60_000
const SHORTEST_STAY_MS = 5 * 60_000

export class Programme {
  readonly #slots: TimetableSlot[]
  readonly #timezone: string
  readonly #days = new Map<string, Attendance[]>()
  /** First and last arrival given out, by place and beginning. */
  #today = { minute: -1, date: '', midnight: 0, weekday: 0 }
  readonly #given = new Map<string, { first: number; last: number }>()

  constructor(site: Site) {
    this.#slots = site.timetable ?? []
    this.#timezone = site.facility.timezone ?? 'Asia/Shanghai'
  }

  /** The attendance of a ward that is on at this time, or the next one. */
  next(ward: string, now: number): Attendance | null {
    const day = this.#dayOf(now)
    const key = `${ward} ${day.date}`
    let list = this.#days.get(key)
    if (!list) {
      list = this.#ofDay(ward, day.midnight, day.weekday)
      if (this.#days.size > 400) this.#days.clear()
      this.#days.set(key, list)
    }
    return list.find((a) => a.to > now) ?? null
  }

  /** Every cell asks every second; the day changes on a minute. */
  #dayOf(now: number): { date: string; midnight: number; weekday: number } {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#today.minute) {
      const { date, midnight, weekday } = localTime(this.#timezone, now)
      this.#today = { minute, date, midnight, weekday }
    }
    return this.#today
  }

  #ofDay(ward: string, midnight: number, weekday: number): Attendance[] {
    const taken: Attendance[] = []
    for (const activity of ORDER)
      for (const slot of this.#slots) {
        if (slot.activity !== activity || !(slot.wards ?? []).includes(ward) || !isOn(slot, weekday)) continue
        let pieces = [{ from: midnight + minuteOf(slot.from) * 60_000, to: midnight + minuteOf(slot.to) * 60_000 }]
        for (const other of taken)
          pieces = pieces.flatMap(({ from, to }) =>
            other.to + BETWEEN_MS <= from || other.from - BETWEEN_MS >= to
              ? [{ from, to }]
              : [
                  { from, to: other.from - BETWEEN_MS },
                  { from: other.to + BETWEEN_MS, to },
                ].filter((p) => p.to - p.from > BETWEEN_MS),
          )
        taken.push(...pieces.map((p) => ({ zone: slot.zone, activity, ...p })))
      }
    return taken.sort((a, b) => a.from - b.from)
  }

  /** Until when a ward may sit in its day room at this time, ms; null = it is closed. */
  dayRoomUntil(ward: string, zone: string, now: number): number | null {
    const day = localTime(this.#timezone, now)
    for (const slot of this.#slots) {
      if (slot.zone !== zone || (slot.wards && !slot.wards.includes(ward)) || !isOn(slot, day.weekday)) continue
      const [from, to] = [minuteOf(slot.from), minuteOf(slot.to)]
      if (day.minuteOfDay >= from && day.minuteOfDay < to) return day.midnight + to * 60_000
    }
    return null
  }

  /**
   * When a cell arrives at a place and when it leaves it again: after those before it by the walking distance, and all
   * stay equally long. @returns null when too little time is left.
   */
  reserve(attendance: Attendance, earliest: number): { arrive: number; leave: number } | null {
    const name = `${attendance.zone}|${attendance.from}`
    const given = this.#given.get(name)
    const arrive = Math.max(earliest, attendance.from + 20_000, (given?.last ?? 0) + APART_MS)
    const first = given?.first ?? arrive
    const window = Math.min((attendance.to - attendance.from) * 0.35, LONGEST_WINDOW_MS)
    const stay = attendance.to - LEFT_BEFORE_MS - first - window
    if (stay < SHORTEST_STAY_MS || arrive - first > window) return null
    this.#given.set(name, { first, last: arrive })
    if (this.#given.size > 200) this.#given.delete(this.#given.keys().next().value as string)
    return { arrive, leave: arrive + stay }
  }
}

function isOn(slot: TimetableSlot, weekday: number): boolean {
  return (slot.days ?? '1-7').split(',').some((part) => {
    const [from, to = from] = part.split('-').map(Number) as [number, number?]
    return weekday >= from && weekday <= to
  })
}
