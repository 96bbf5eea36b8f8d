/** Site files: a site comes out, or faults that name line and field; nothing else. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { FacilityContext } from '#model/context/facility-context.ts'
import { parseSite } from '#model/site/load.ts'
import { type Border, demand, type Fate } from '../border.ts'
import { hostileJson, hostileText } from '../hostile.ts'

const SMALL = `facility: { id: js-03, name: { zh: 站, en: Site }, kind: prison, timezone: Asia/Shanghai }
zones:
  - { id: W1, kind: ward, floor: 1, polygon: [[0, 0], [9, 0], [9, 9]] }
  - { id: C1, kind: cell, parent: W1, floor: 1 }
devices:
  - { id: B1, driver: mqtt, kind: band, model: ww-json, subject: P1, password: "\${file:secrets/b1}" }
  - { id: D1, driver: opcua, kind: door, zone: C1, url: "opc.tcp://127.0.0.1:4840" }
people: [{ id: P1, cell: C1, ward: W1, allowed: [W1, C1] }]
staff: [{ id: S1, tag: T1, role: officer }]
rules: { gas: { enabled: true } }
broker: { tcp: 1883 }
retention: { alerts: 365d }
`

export function open(): Border {
  const real = readFileSync(join(import.meta.dirname, '../../../rules/cases/site.yaml'), 'utf8')
  const parts = [SMALL, SMALL, SMALL, real.slice(0, 3000)]
  const content: unknown = parse(SMALL)
  return {
    feed(chance): Fate {
      // JSON is YAML: half of the inputs are well-formed and wrong in what they say.
      const text = chance.maybe(0.5)
        ? hostileText(chance, parts)
        : (JSON.stringify(chance.maybe(0.1) ? content : hostileJson(chance, content)) ?? '')
      const { site, faults, warnings } = parseSite(text)
      if (site === null) {
        demand(faults.length > 0, 'refused without a fault')
        for (const fault of faults)
          demand(
            fault.line >= 1 && fault.message.length > 0,
            `a fault without line or sentence: ${JSON.stringify(fault)}`,
          )
        return { refused: 1 }
      }
      demand(faults.length === 0, 'taken with faults')
      for (const warning of warnings) demand(warning.message.length > 0, 'a warning without a sentence')
      // What was taken must be usable.
      new FacilityContext(site)
      return { accepted: 1 }
    },
  }
}
