/** A journal that only counts, behind the production intake: what a border hands over is checked there and told apart. */
import { Intake } from '#edge/intake.ts'
import type { Clock } from '#model/clock.ts'
import type { Journal, JournalBody } from '#model/ports/journal.ts'

export function countingIntake(facility: string, clock: Clock, knows: (device: string) => boolean) {
  const counts = { readings: 0, quarantined: 0, bytes: 0 }
  let seq = 0
  const journal = {
    append: (bodies: JournalBody[]) => {
      for (const body of bodies) {
        if (body.kind === 'quarantine') counts.quarantined++
        else if (body.kind === 'reading' && body.reading.type !== 'security.rejected') counts.readings++
        // What cannot be written down would stop the journal.
        counts.bytes += JSON.stringify(body).length
      }
      return Promise.resolve(bodies.map(() => ++seq))
    },
  } as unknown as Journal
  return { counts, intake: new Intake({ facility, clock, journal, self: `${facility}-edge`, knows }) }
}
