/** Envelopes of facilities at the province, through its real intake and database. */
import { VirtualClock } from '#model/clock.ts'
import type { UplinkKind } from '#model/topics.ts'
import { createIntake } from '#province/intake.ts'
import { envelope, healthUp, START, sharedAlert } from '#province/sample-messages.ts'
import { openProvinceStore } from '../../simulation/province-node.ts'
import type { Border, Fate } from '../border.ts'
import { hostileJson, hostileText } from '../hostile.ts'

const FACILITIES = ['js-03', 'js-04']
const DATA: Record<UplinkKind, unknown> = {
  alert: { at: START, change: 'raised', alert: sharedAlert(), by: null },
  indicator: { indicator: 'I04', from: START - 86_400_000, to: START, value: 12, n: 3 },
  health: healthUp(),
  anchor: { at: START, ledgerSeq: 7, ledgerHash: 'ab'.repeat(32) },
}
/** Envelopes that wait for one commit together. */
const GROUP = 64

export async function open(): Promise<Border> {
  const store = await openProvinceStore()
  for (const id of FACILITIES) await store.query('INSERT INTO facilities (id) VALUES ($1)', [id])
  const intake = createIntake({ store, clock: new VirtualClock(START), knows: (id) => FACILITIES.includes(id) })
  const sequences = new Map(FACILITIES.map((id) => [id, 0]))
  let waiting: Promise<unknown>[] = []
  let failed: string | null = null
  return {
    async feed(chance): Promise<Fate> {
      const facility = chance.pick(FACILITIES)
      const kind = chance.pick(Object.keys(DATA) as UplinkKind[])
      // Mostly the next number, sometimes one that was, or far ahead.
      const next = sequences.get(facility)! + 1
      const number = chance.maybe(0.9) ? next : Math.max(1, chance.pick([1, next - 1, next + chance.below(2000)]))
      if (number === next) sequences.set(facility, next)
      const data = kind === 'alert' ? { ...(DATA.alert as object), alert: sharedAlert({ facility }) } : DATA[kind]
      const good = envelope(facility, kind, number, data)
      const text = JSON.stringify(chance.maybe(0.1) ? good : hostileJson(chance, good)) ?? ''
      const topic = `ww/v1/${facility}/up/${kind}`
      const where = chance.maybe(0.05) ? hostileText(chance, [topic, topic]) : topic
      const said = chance.maybe(0.1) ? hostileText(chance, [text, text]) : text
      waiting.push(
        intake.accept(where, Buffer.from(said), chance.maybe(0.9) ? facility : null).catch((error: Error) => {
          failed ??= `an envelope was neither applied nor quarantined, so it would come again for ever: ${error.message}: ${JSON.stringify(where)} ${JSON.stringify(said)}`
        }),
      )
      if (waiting.length >= GROUP) await Promise.all(waiting.splice(0))
      if (failed) throw new Error(failed)
      return {}
    },
    async after() {
      await Promise.all(waiting)
      waiting = []
      const { received, applied, duplicates, quarantined, deferred } = intake.counters
      const whole = received === applied + duplicates + quarantined && deferred === 0
      return [
        ...(failed ? [failed] : []),
        ...(whole
          ? []
          : [
              `of ${received} envelopes ${applied} were applied, ${duplicates} known, ${quarantined} quarantined, ${deferred} left`,
            ]),
        ...(applied === 0 || quarantined === 0
          ? ['nothing was applied, or nothing refused: the inputs are no test']
          : []),
      ]
    },
    fates: () => ({
      accepted: intake.counters.applied + intake.counters.duplicates,
      quarantined: intake.counters.quarantined,
    }),
    close: async () => {
      await intake.close()
      await store.close()
    },
  }
}
