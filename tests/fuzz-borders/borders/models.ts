/** Model files of all three drivers: loaded, or refused with a sentence that names the file; a loaded one can be asked. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { loadRoutes } from '#drivers/mqtt/maker-layout.ts'
import { loadCameraModel } from '#drivers/onvif/model.ts'
import { loadOpcuaModel } from '#drivers/opcua/model-file.ts'
import { WardwatchError } from '#model/errors.ts'
import { type Border, demand, type Fate } from '../border.ts'
import { hostileJson, hostileText } from '../hostile.ts'

const DRIVERS = ['mqtt', 'onvif', 'opcua'] as const
const EVENT = {
  topic: 'RuleEngine/CellMotionDetector/Motion',
  rawTopic: 'x',
  time: 0,
  operation: null,
  source: {},
  key: {},
  data: { IsMotion: 'true' },
}

export function open(): Border {
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ww-models-'))
  const texts = Object.fromEntries(
    DRIVERS.map((driver) => {
      mkdirSync(join(dir, driver))
      const from = join(import.meta.dirname, '../../../device-drivers', driver, 'models')
      return [driver, readdirSync(from).map((name) => readFileSync(join(from, name), 'utf8'))]
    }),
  ) as Record<(typeof DRIVERS)[number], string[]>
  return {
    feed(chance): Fate {
      const driver = chance.pick(DRIVERS)
      const text = chance.maybe(0.5)
        ? hostileText(chance, texts[driver])
        : (JSON.stringify(hostileJson(chance, parse(chance.pick(texts[driver])))) ?? '')
      writeFileSync(join(dir, driver, 'fuzzed.yaml'), text)
      try {
        if (driver === 'mqtt')
          for (const route of loadRoutes('fuzzed', [dir])) route.pattern.match('wristband/GW-07/report')
        else if (driver === 'onvif') loadCameraModel('fuzzed', [dir]).find(EVENT as never)
        else loadOpcuaModel('fuzzed', [dir])
        return { accepted: 1 }
      } catch (error) {
        if (!(error instanceof WardwatchError)) throw error
        demand(
          error.code === 'model-invalid' && error.message.length > 20,
          `refused without a sentence: ${error.message}`,
        )
        return { refused: 1 }
      }
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}
