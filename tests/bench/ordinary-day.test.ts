/**
 * The ordinary day keeps the bar in its busiest hours, and it is a day: people move, doors follow, devices fail a little.
 * The whole day of both sizes is measured by `npm run bench:day` (docs/ordinary-day.md).
 */
import { describe, expect, it } from 'vitest'
import { BAR_PER_HOUR, type Day, runDay } from './day.ts'

const part = (from: string, hours: number, seed: number): { day: Day; loud: string[] } => {
  const loud: string[] = []
  const day = runDay({
    size: 'demo',
    seed,
    startMs: Date.parse(`2026-11-23T${from}:00+08:00`),
    hours,
    positionsS: 10,
    vitalsS: 15,
    lifelike: true,
    ackS: 20,
    resolveS: 120,
    onAlert: ({ at, change, alert }) => {
      if (change === 'raised' && alert.level !== 'blue')
        loud.push(`${new Date(at).toISOString()} ${alert.code} ${alert.key} ${alert.level}`)
    },
  })
  return { day, loud }
}

function holds({ day, loud }: ReturnType<typeof part>): void {
  expect(day.refused).toBe(0)
  expect(day.reds, loud.join('\n')).toBe(0)
  expect(Math.max(...day.byHour), loud.join('\n')).toBeLessThanOrEqual(BAR_PER_HOUR)
  // Officers pass the doors of their ward in order: no card leaves twice what it entered once.
  expect(day.byRule.get('R10')).toBeUndefined()
}

describe('an ordinary day', { timeout: 600_000 }, () => {
  it('from the morning count to work keeps within six annunciated alerts an hour and raises no red', () => {
    const ran = part('06:20', 2, 3)
    holds(ran)
    const { types } = ran.day
    expect(types['rollcall.closed']).toBe(4)
    expect(types['door.state']).toBeGreaterThan(600)
    expect(types['access.granted']).toBeGreaterThan(20)
    expect(types['patrol.checkin']).toBeGreaterThan(20)
    expect(types['camera.motion']).toBeGreaterThan(300)
    expect(types['band.position']).toBeGreaterThan(150_000)
  })

  it('through noon, with errands under escort and bands on the charger, keeps within it too', () => {
    const ran = part('10:10', 3, 4)
    holds(ran)
    const { types, contexts } = ran.day
    // Some are on the charger and come back, and so are some straps adjusted; how many is the seed's affair.
    expect(types['band.charging']).toBeGreaterThan(5)
    expect(types['band.worn']).toBeGreaterThan(240)
    expect(types['tool.in']).toBe(2)
    expect(contexts).toBeGreaterThan(4)
    // An officer on an errand leaves his post, his ward and the command centre by card, and comes back.
    expect(types['access.granted']).toBeGreaterThan(60)
    // What goes a little wrong does happen; the rules judge it without waking anybody.
    expect(types['fence.alarm'] ?? 0).toBeGreaterThan(0)
    expect(types['camera.intrusion'] ?? 0).toBeGreaterThan(0)
  })

  it('over the evening count and lock-up keeps within it, and every cell tells its bolt', () => {
    const ran = part('21:30', 1, 5)
    holds(ran)
    const { types, facility } = ran.day
    expect(types['rollcall.closed']).toBe(4)
    const doors = (facility.site.devices ?? []).filter((d) => d.kind === 'door').length
    expect(types['door.lock']).toBeGreaterThan(doors + 60)
    expect(facility.site.timetable?.filter((slot) => slot.activity === 'lock-up').length).toBe(4)
    expect(types['door.state']).toBeGreaterThan(doors)
  })
})
