import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseSiteOrThrow } from '#model/site/load.ts'
import { CATALOGUE_DIR, loadRules } from '../catalogue/load.ts'
import { runReplay } from '../replay.ts'

const AT = Date.UTC(2026, 10, 22, 8)
const site = parseSiteOrThrow(readFileSync(join(import.meta.dirname, '../cases/site.yaml'), 'utf8'), 'site.yaml')

test('a person or a change of context of the year 58862 (microseconds) is refused, and nobody waits for it', async () => {
  const refused: string[] = []
  const lines = [
    { device: 'B1', type: 'band.sos', time: AT, value: {} },
    { act: 'acknowledge', alert: 'aX', time: AT * 1000, by: 'S1' },
    { context: 'modes', op: 'put', id: 'm', time: AT * 1000, item: { id: 'm' } },
  ].map((line) => JSON.stringify(line))
  const { summary } = await runReplay({
    site,
    rules: loadRules(CATALOGUE_DIR, {}),
    file: 'far.ndjson',
    source: async function* () {
      yield { lines, bytes: 0 }
    },
    until: null,
    strict: false,
    adopt: true,
    restartEvery: 0,
    operator: null,
    onLine: () => {},
    onBad: (sentence) => refused.push(sentence),
    onProgress: () => {},
  })
  expect(refused.filter((text) => text.includes('between the years 2000 and 2200'))).toHaveLength(2)
  expect(summary.to).toBe(AT)
})
