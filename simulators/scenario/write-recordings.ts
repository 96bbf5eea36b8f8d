/** Writes `site.yaml` and `readings.ndjson` of every scenario, to equal bytes on every machine: `npm run scenarios:record`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildFacility } from '../facility/facility.ts'
import { writeSiteFile } from '../facility/site-file.ts'
import { recordStory } from './record.ts'
import { readStory, SCENARIO_ROOT, scenarioIds } from './story.ts'

/** The two files of a recording as text. */
export function recordingOf(id: string): { site: string; readings: string } {
  const { story } = readStory(id)
  const { site, lines } = recordStory(buildFacility('demo', story.facility ?? 0), story)
  const text = writeSiteFile(site, ['Written by npm run scenarios:record from scenario.yaml; change that instead.'])
  return { site: text, readings: `${lines.join('\n')}\n` }
}

if (import.meta.main) {
  const only = process.argv.slice(2)
  for (const id of scenarioIds().filter((s) => only.length === 0 || only.includes(s))) {
    const { site, readings } = recordingOf(id)
    writeFileSync(join(SCENARIO_ROOT, id, 'site.yaml'), site)
    writeFileSync(join(SCENARIO_ROOT, id, 'readings.ndjson'), readings)
    process.stdout.write(`${id}: ${readings.split('\n').length - 1} lines\n`)
  }
}
