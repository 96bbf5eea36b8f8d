import { describe, expect, it } from 'vitest'
import type { Site } from '#model/site/load.ts'
import { Programme } from './programme.ts'

const site: Site = {
  facility: { id: 'x', timezone: 'Asia/Shanghai' },
  timetable: [
    { zone: 'WORK', days: '1-6', from: '08:00', to: '17:00', activity: 'work', wards: ['W1'] },
    { zone: 'CANTEEN', days: '1-7', from: '11:40', to: '12:20', activity: 'meal', wards: ['W1', 'W2'] },
    { zone: 'DAY', days: '1-7', from: '07:00', to: '21:30', activity: 'class', wards: ['W1'] },
  ],
}
const monday = (clock: string): number => Date.parse(`2026-11-23T${clock}:00+08:00`)

describe('the programme of a day', () => {
  it('interrupts work for the meal, with time for the way', () => {
    const programme = new Programme(site)
    expect(programme.next('W1', monday('07:00'))).toMatchObject({
      zone: 'WORK',
      from: monday('08:00'),
      to: monday('11:28'),
    })
    expect(programme.next('W1', monday('11:30'))).toMatchObject({ zone: 'CANTEEN', from: monday('11:40') })
    expect(programme.next('W1', monday('12:25'))).toMatchObject({
      zone: 'WORK',
      from: monday('12:32'),
      to: monday('17:00'),
    })
  })

  it('knows the days of the week and the wards', () => {
    const programme = new Programme(site)
    expect(programme.next('W1', Date.parse('2026-11-22T08:00:00+08:00'))?.zone).toBe('CANTEEN')
    expect(programme.next('W2', monday('08:00'))?.zone).toBe('CANTEEN')
    expect(programme.next('W9', monday('08:00'))).toBeNull()
    expect(programme.dayRoomUntil('W1', 'DAY', monday('21:29'))).toBe(monday('21:30'))
    expect(programme.dayRoomUntil('W1', 'DAY', monday('21:30'))).toBeNull()
    expect(programme.dayRoomUntil('W2', 'DAY', monday('12:00'))).toBeNull()
  })

  it('lets cells come and go one after the other, all within the slot', () => {
    const programme = new Programme(site)
    const meal = programme.next('W2', monday('11:00'))
    if (!meal) throw new Error('no meal')
    let before = { arrive: 0, leave: 0 }
    for (let cell = 0; cell < 60; cell++) {
      const given = programme.reserve(meal, monday('11:00'))
      if (!given) throw new Error(`no room for cell ${cell}`)
      expect(given.arrive - before.arrive).toBeGreaterThanOrEqual(13_000)
      expect(given.leave - before.leave).toBeGreaterThanOrEqual(13_000)
      expect(given.arrive).toBeGreaterThan(meal.from)
      expect(given.leave).toBeLessThanOrEqual(meal.to - 120_000)
      before = given
    }
  })

  it('sends nobody when too little of the slot is left', () => {
    const programme = new Programme(site)
    const meal = programme.next('W2', monday('11:00'))
    if (!meal) throw new Error('no meal')
    expect(programme.reserve(meal, monday('12:10'))).toBeNull()
    expect(programme.reserve(meal, monday('11:50'))).not.toBeNull()
  })
})
