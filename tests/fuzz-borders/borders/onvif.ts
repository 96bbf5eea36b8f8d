/** SOAP answers of cameras: through the XML reader, the notifications and the mapping of each model file. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EventReader } from '#drivers/onvif/event-reader.ts'
import { loadCameraModel } from '#drivers/onvif/model.ts'
import { children, find, soapBody } from '#drivers/onvif/xml.ts'
import { VirtualClock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import type { RawReading } from '#model/reading.ts'
import { type Border, demand, type Fate } from '../border.ts'
import { hostileText } from '../hostile.ts'
import { countingIntake } from '../memory-journal.ts'

const DRIVER = join(import.meta.dirname, '../../../device-drivers/onvif')
const AT = Date.UTC(2026, 10, 22, 8)
const DEVICE = { id: 'K31', driver: 'onvif' as const, kind: 'camera' as const }
const FAULT = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">Sender not authorized</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>`

export function open(): Border {
  const fixtures = readdirSync(join(DRIVER, 'fixtures'))
    .filter((name) => name.endsWith('.xml'))
    .map((name) => readFileSync(join(DRIVER, 'fixtures', name), 'utf8'))
  const models = readdirSync(join(DRIVER, 'models')).map((name) => loadCameraModel(name.replace('.yaml', ''), []))
  const clock = new VirtualClock(AT)
  const { counts, intake } = countingIntake('js-03', clock, () => true)
  const told: Record<string, number> = {}
  const host = {
    clock,
    count: (name: string) => {
      told[name] = (told[name] ?? 0) + 1
    },
  }
  const deps = {
    host,
    log: { warn: () => {}, info: () => {} },
    emit: async (readings: RawReading[]) => {
      const outcome = await intake.accept(readings, 'onvif')
      demand(
        outcome.quarantined.length === 0,
        `the driver emits what the intake refuses: ${outcome.quarantined[0]?.cause}`,
      )
    },
    quarantine: async (item: never) => void (await intake.accept([], 'onvif', [item])),
  }
  const reader = () => models.map((model) => new EventReader(DEVICE, model, deps as never))
  let readers = reader()
  let n = 0
  return {
    async feed(chance): Promise<Fate> {
      // Readers remember topics and times in bounded lists: new ones now and then, and time goes on.
      if (++n % 500 === 0) readers = reader()
      void clock.advanceTo(clock.now() + 100)
      const text = chance.maybe(0.05) ? hostileText(chance, [FAULT, FAULT]) : hostileText(chance, fixtures)
      let body: ReturnType<typeof soapBody>
      try {
        body = soapBody(text, chance.pick([200, 200, 200, 400, 500]))
      } catch (error) {
        if (!(error instanceof WardwatchError)) throw error
        return { refused: 1 }
      }
      const messages = children(find(body, 'PullMessagesResponse') ?? body, 'NotificationMessage')
      if (messages.length === 0) return { empty: 1 }
      const before = { ...counts }
      const [events, ignored, unmapped, limited] = ['events', 'ignored', 'unmapped', 'quarantine-limited'].map(
        (name) => told[name] ?? 0,
      )
      await chance.pick(readers).take({ messages, xml: text, currentTime: AT } as never, chance.maybe(0.1))
      const since = (name: string, was: number | undefined) => (told[name] ?? 0) - (was ?? 0)
      const accepted = counts.readings - before.readings
      demand(
        since('events', events) === messages.length,
        `${messages.length} notifications came, ${since('events', events)} were looked at`,
      )
      const empty = since('ignored', ignored) + since('unmapped', unmapped)
      const refused = since('quarantine-limited', limited)
      const quarantined = messages.length - accepted - empty - refused
      demand(
        quarantined >= 0 && counts.quarantined - before.quarantined >= quarantined,
        `${messages.length} notifications: ${accepted} readings, ${empty} not mapped, ${counts.quarantined - before.quarantined} quarantined`,
      )
      return { accepted, quarantined, refused, empty }
    },
  }
}
