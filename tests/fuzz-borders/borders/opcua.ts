/** Values and events of OPC UA servers: every field of every model file against what a variant may hold. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DataType, DataValue, StatusCodes, setWarningLogger, Variant } from 'node-opcua-client'
import { convertField, describe } from '#drivers/opcua/conversion.ts'
import { eventValue, fitsCondition, fitsEvent, inactiveValue } from '#drivers/opcua/event-value.ts'
import { loadOpcuaModel } from '#drivers/opcua/model-file.ts'
import { timeOf, type WireEvent, wireValue } from '#drivers/opcua/wire.ts'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { VirtualClock } from '#model/clock.ts'
import type { ReadingValue } from '#model/reading.ts'
import { type Border, demand, type Fate } from '../border.ts'
import type { Chance } from '../chance.ts'
import { HOSTILE_VALUES } from '../hostile.ts'
import { countingIntake } from '../memory-journal.ts'

const AT = Date.UTC(2026, 10, 22, 8)
const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic
const RAW: readonly unknown[] = [
  ...HOSTILE_VALUES,
  undefined,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  12n,
  -(2n ** 200n),
  new Date(Number.NaN),
  new Date(8.64e15),
  new Date(-1),
  [1, 2],
  [Number.NaN, 1],
  [2 ** 32, 2 ** 32],
  new Uint8Array(3),
  Buffer.from([0xff, 0xfe]),
  { text: 'Offen', locale: 'de' },
  { text: 42 },
  { text: null },
  Object.create(null),
  cyclic,
  Symbol('x'),
  () => 1,
  'true',
  'ON',
  ' closed ',
  '21.5',
  '21,5',
  '１２',
  21.5,
  1,
]

export function open(): Border {
  // The library complains of what it is given; here that is on purpose.
  setWarningLogger(() => {})
  const dir = join(import.meta.dirname, '../../../device-drivers/opcua/models')
  const models = readdirSync(dir).map((name) => loadOpcuaModel(name.replace('.yaml', ''), []))
  const fields = models.flatMap((model) =>
    (model.readings ?? []).flatMap((line) =>
      Object.entries(line.fields ?? {}).flatMap(([name, map]) => {
        const spec = READING_TYPES.get(line.type)?.fields.find((f) => f.name === name)
        return spec ? [{ type: line.type, name, map, spec, set: line.set ?? {} }] : []
      }),
    ),
  )
  const events = models.flatMap((model) => model.events ?? [])
  const { counts, intake } = countingIntake('js-03', new VirtualClock(AT), () => true)

  const keep = async (type: string, value: ReadingValue): Promise<Fate> => {
    const before = { ...counts }
    await intake.accept([{ device: 'D1', type, time: AT, value }], 'opcua')
    const [accepted, quarantined] = [counts.readings - before.readings, counts.quarantined - before.quarantined]
    demand(accepted + quarantined === 1, `a value of ${type} is not accounted for`)
    return { accepted, quarantined }
  }

  return {
    async feed(chance): Promise<Fate> {
      const raw = rawValue(chance)
      if (chance.maybe(0.3)) {
        const event = hostileEvent(chance)
        const map = chance.pick(events)
        for (const patterns of [map.event ?? [], map.condition ?? []]) fitsEvent(patterns, event)
        fitsCondition(map, event)
        return keep(map.type, chance.maybe(0.2) ? inactiveValue(map) : eventValue(map, event))
      }
      const { type, name, map, spec, set } = chance.pick(fields)
      const got = chance.maybe(0.3) ? wireValue(dataValue(chance, raw)).value : raw
      timeOf(got)
      const converted = convertField(map, spec, got)
      if (converted.ok) return keep(type, { ...set, [name]: converted.value } as ReadingValue)
      demand(converted.detail.length > 10, 'a refusal without a sentence')
      const before = counts.quarantined
      await intake.accept([], 'opcua', [
        { source: 'opcua', device: 'D1', cause: 'bad-value', detail: converted.detail, payload: describe(got) },
      ])
      return { quarantined: counts.quarantined - before }
    },
  }
}

function rawValue(chance: Chance): unknown {
  if (chance.maybe(0.3)) return (chance.next() - 0.5) * 10 ** chance.below(300)
  return chance.pick(RAW)
}

/** As the library hands it over, where it takes the value at all. */
function dataValue(chance: Chance, raw: unknown): DataValue {
  try {
    const value = new Variant({ dataType: chance.pick([DataType.Double, DataType.String, DataType.Null]), value: raw })
    return new DataValue({
      value,
      statusCode: chance.pick([StatusCodes.Good, StatusCodes.Bad, StatusCodes.UncertainInitialValue]),
    })
  } catch {
    return { value: { value: raw }, statusCode: StatusCodes.Good, sourceTimestamp: raw } as never
  }
}

function hostileEvent(chance: Chance): WireEvent {
  const text = (): string =>
    String(chance.pick(['', 'DoorForced', 'AlarmType', '门被撬', 'a'.repeat(3000), '*', ';s=a/b.c', '__proto__']))
  return {
    names: Array.from({ length: chance.below(3) }, text),
    message: text(),
    timeMs: timeOf(chance.pick(RAW)),
    severity: chance.pick([0, 1, 500, 1000, -1, Number.NaN, 1e308]),
    conditionId: chance.pick([null, text()]),
    conditionName: chance.pick([null, text()]),
    active: chance.pick([true, false, null]),
    activeSinceMs: timeOf(chance.pick(RAW)),
    fields: new Map(
      Array.from({ length: chance.below(5) }, () => [
        chance.pick(['state', 'credential', 'door', 'percent', '__proto__']),
        chance.pick(RAW),
      ]),
    ),
  }
}
