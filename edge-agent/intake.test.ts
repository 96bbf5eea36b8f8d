import { expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import type { Journal, JournalBody } from '#model/ports/journal.ts'
import type { RawReading } from '#model/reading.ts'
import { Intake } from './intake.ts'

const T = 1_800_000_000_000

test('news of a message goes to the journal apart from its samples; duplicates are counted, both must be kept', async () => {
  const appends: string[][] = []
  const answers: { resolve(seqs: number[]): void; reject(error: Error): void }[] = []
  const append = (bodies: JournalBody[]) => {
    appends.push(bodies.map((body) => (body.kind === 'reading' ? body.reading.type : body.kind)))
    return new Promise<number[]>((resolve, reject) => answers.push({ resolve, reject }))
  }
  const intake = new Intake({
    facility: 'js-03',
    clock: new VirtualClock(T),
    journal: { append } as unknown as Journal,
    self: 'edge',
    knows: (id) => id === 'B1',
  })
  const temperature: RawReading = { device: 'B1', type: 'env.temperature', time: T, value: { celsius: 20 } }
  const sos: RawReading = { device: 'B1', type: 'band.sos', time: T, value: {} }
  const taken = intake.accept([temperature, sos, { ...temperature, time: T + 1 }, { ...sos, device: 'X' }], 'test')
  expect(appends).toEqual([
    ['band.sos', 'quarantine', 'security.rejected'],
    ['env.temperature', 'env.temperature'],
  ])
  answers[0]!.resolve([1, 2, 3])
  answers[1]!.resolve([4, 0])
  expect(await taken).toEqual({
    accepted: 2,
    duplicates: 1,
    quarantined: [{ line: 4, cause: 'unknown-device' }],
  })
  const lost = intake.accept([temperature, sos], 'test')
  answers[2]!.resolve([5])
  answers[3]!.reject(new Error('no disk'))
  await expect(lost).rejects.toThrow('no disk')
})
