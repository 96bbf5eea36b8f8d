/**
 * What cameras of each maker send, and the readings that come of it: `fixtures/<model>.xml` and `fixtures/<model>.expected.json`.
 * `WW_REWRITE=1` writes the expectations anew; the diff is to be read.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Device } from '#model/context/kinds.ts'
import { loadCameraModel } from './model.ts'
import { parseTime, readNotification } from './notification.ts'
import { mapEvent } from './reading-mapper.ts'
import { children, find, soapBody, textOf } from './xml.ts'

const FOLDER = join(import.meta.dirname, 'fixtures')
const RECEIVED = Date.UTC(2026, 10, 22, 4, 0, 5, 250)
const device: Device = { id: 'K31', driver: 'onvif', kind: 'camera', lines: { L1: { door: 'D-1', inward: 'out' } } }

function readingsOf(name: string): unknown[] {
  const xml = readFileSync(join(FOLDER, `${name}.xml`), 'utf8')
  const answer = find(soapBody(xml, 200), 'PullMessagesResponse')
  const deviceNow = parseTime(textOf(find(answer, 'CurrentTime')))
  const model = loadCameraModel(name, [])
  return children(answer, 'NotificationMessage').map((node, ordinal) => {
    const event = readNotification(node)
    if (!event) return 'no topic'
    const mapped = mapEvent(device, model, event, { received: RECEIVED, deviceNow, opening: false, ordinal })
    if (mapped.kind === 'reading') {
      const { type, time, quality, value } = mapped.reading
      return { topic: event.topic, type, time, quality, value }
    }
    return mapped.kind === 'fault'
      ? { topic: event.topic, fault: mapped.detail }
      : { topic: event.topic, [mapped.kind]: true }
  })
}

const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.xml'))
  .map((file) => file.slice(0, -4))

test.each(names)('the messages of a %s camera become the readings that stand beside them', (name) => {
  const expected = join(FOLDER, `${name}.expected.json`)
  const found = readingsOf(name)
  if (process.env.WW_REWRITE) writeFileSync(expected, `${JSON.stringify(found, null, 2)}\n`)
  expect(existsSync(expected), 'run once with WW_REWRITE=1 and read the file').toBe(true)
  expect(found).toEqual(JSON.parse(readFileSync(expected, 'utf8')))
})

test('every model file has a fixture, names its sources and claims no field proof', () => {
  const models = readdirSync(join(import.meta.dirname, 'models')).map((file) => file.replace(/\.yaml$/, ''))
  expect(names.sort()).toEqual(models.sort())
  for (const name of models) {
    const model = loadCameraModel(name, [])
    expect(model.sources.length).toBeGreaterThan(0)
    expect(model.maturity).toBe('simulated')
  }
})

test('two equal crossings in one second are two readings, the same message twice told is one', () => {
  const xml = readFileSync(join(FOLDER, 'hikvision.xml'), 'utf8')
  const nodes = children(find(soapBody(xml, 200), 'PullMessagesResponse'), 'NotificationMessage')
  const model = loadCameraModel('hikvision', [])
  const id = (index: number, ordinal: number) => {
    const event = readNotification(nodes[index] as never)
    if (!event) throw new Error('no event')
    const mapped = mapEvent(device, model, event, { received: RECEIVED, deviceNow: null, opening: false, ordinal })
    return mapped.kind === 'reading' ? mapped.reading.id : null
  }
  expect(id(0, 0)).not.toBe(id(1, 1))
  expect(id(0, 0)).toBe(id(1, 0))
})

test('lines of the site file name the door, and "in" means inward whatever the camera calls it', () => {
  const model = loadCameraModel('ajax', [])
  const event = {
    topic: 'RuleEngine/LineDetector/Crossing',
    rawTopic: '',
    time: RECEIVED,
    operation: null,
    source: { Rule: 'L1' },
    key: {},
    data: {},
  }
  const mapped = mapEvent(device, model, event, { received: RECEIVED, deviceNow: null, opening: false, ordinal: 0 })
  expect(mapped.kind === 'reading' && mapped.reading.value).toEqual({
    line: 'L1',
    direction: 'out',
    object: 'unknown',
    door: 'D-1',
  })
})
