/** Test aid: appends readings for ever and prints each id once it is acknowledged, until it is killed. */
import { writeSync } from 'node:fs'
import { systemClock } from '#model/system-clock.ts'
import { openJournal } from './journal.ts'
import { sampleReading } from './sample-records.ts'

const [dir, round] = process.argv.slice(2)
const journal = await openJournal({ dir: dir!, clock: systemClock, ballastBytes: 0 })
const lane = async (offset: number) => {
  for (let i = 0; ; i++) {
    const reading = sampleReading(Number(round) * 10_000_000 + offset * 1_000_000 + i)
    await journal.append([{ kind: 'reading', reading }])
    writeSync(1, `${reading.id}\n`)
  }
}
await Promise.all([0, 1, 2, 3].map(lane))
