/** Recorded readings for replay: every line that is not blank is a reading, a duplicate or named as unreadable. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '#rules/catalogue/load.ts'
import { runReplay } from '#rules/replay.ts'
import { type Border, demand, type Fate } from '../border.ts'
import type { Chance } from '../chance.ts'
import { hostileBytes, hostileJson } from '../hostile.ts'

const AT = Date.UTC(2026, 10, 22, 8)
const LINES: unknown[] = [
  { id: 'r1', device: 'B1', type: 'band.vitals', time: AT, value: { hr: 72, spo2: 97 } },
  { device: 'B1', type: 'band.sos', time: AT + 1000, value: {} },
  { device: 'D1', type: 'door.state', time: AT + 2000, value: { state: 'open' } },
  { device: 'B1', type: 'band.position', time: AT + 2500, value: { x_m: 1, y_m: 2, floor: 1 } },
  { device: 'G1', type: 'env.gas', time: AT + 3000, received: AT + 3500, quality: 'good', value: { lel_percent: 30 } },
  { context: 'modes', op: 'upsert', id: 'lock-down', time: AT, item: { id: 'lock-down', active: true } },
  { act: 'acknowledge', alert: 'aX', time: AT + 4000, by: 'S1' },
]
/** Lines of one pass: the rules begin anew with each. */
const PASS = 500

export function open(): Border {
  const site = parseSiteOrThrow(
    readFileSync(join(import.meta.dirname, '../../../rules/cases/site.yaml'), 'utf8'),
    'site.yaml',
  )
  const devices = (site.devices ?? []).map((d) => d.id)
  const rules = loadRules(CATALOGUE_DIR, site.rules ?? {})
  let lines: string[] = []
  const fates = { accepted: 0, quarantined: 0, empty: 0 }

  async function pass(): Promise<void> {
    const batch = lines.splice(0)
    let bad = 0
    let readable = 0
    for (const text of batch) {
      if (text.trim() !== '') readable++
    }
    const { summary } = await runReplay({
      site,
      rules,
      file: 'fuzz.ndjson',
      source: async function* () {
        yield { lines: batch, bytes: 0 }
      },
      until: null,
      strict: false,
      adopt: false,
      restartEvery: 0,
      operator: null,
      onLine: () => {},
      onBad: (sentence) => {
        bad++
        demand(sentence.length > 20, 'a refusal without a sentence')
      },
      onProgress: () => {},
    })
    demand(summary.quarantined === bad, `${summary.quarantined} were quarantined, ${bad} named`)
    const others = readable - summary.readings - summary.duplicates - summary.quarantined
    // Lines of context and of acts are no readings and are counted nowhere else.
    demand(
      others >= 0 && others <= readable / 2,
      `${readable} lines: ${summary.readings} readings, ${summary.duplicates} duplicates, ${summary.quarantined} quarantined`,
    )
    fates.accepted += summary.readings + summary.duplicates + others
    fates.quarantined += summary.quarantined
    fates.empty += batch.length - readable
  }

  function line(chance: Chance): string {
    const good = structuredClone(chance.pick(LINES)) as Record<string, unknown>
    if ('device' in good && chance.maybe(0.7)) good.device = chance.pick(devices)
    if (typeof good.time === 'number') good.time += chance.below(60_000)
    const text = JSON.stringify(chance.maybe(0.2) ? good : hostileJson(chance, good)) ?? ''
    // A line is what stands between two line ends.
    return chance.maybe(0.3)
      ? hostileBytes(chance, [Buffer.from(text)])
          .toString()
          .replaceAll('\n', ' ')
      : text
  }

  return {
    async feed(chance): Promise<Fate> {
      lines.push(line(chance))
      if (lines.length >= PASS) await pass()
      return {}
    },
    fates: () => fates,
    async after() {
      await pass()
      lines = []
      return fates.accepted === 0 || fates.quarantined === 0 ? ['nothing was read, or nothing refused'] : []
    },
  }
}
