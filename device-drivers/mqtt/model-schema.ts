/**
 * What a model file of the MQTT driver may say: which topics a product uses and how its payload becomes readings. Data
 * only, so that a person can compare it with the maker's manual line by line.
 */
export type Primitive = string | number | boolean | null

export interface FieldMap {
  /** JSON path in the item, e.g. `data.hr`, `["Sensors/Temp"]`; Sparkplug: the metric name. */
  path?: string
  /** A fixed value, or a named part of the topic as `{part}`. */
  const?: Primitive
  scale?: number
  offset?: number
  /** Raw value → value; a raw value that is not listed cannot be mapped. */
  enum?: Record<string, Primitive>
  /** Raw values that mean "measured and nothing found". */
  nothing?: Primitive[]
}

export interface ReadingMap {
  type: string
  /** The reading exists only when this path does (and equals `equals`, if given). Default: any path of `value`. */
  when?: string
  equals?: Primitive
  value: Record<string, string | FieldMap>
}

export interface TimeMap {
  path: string
  unit: 'ms' | 's' | 'iso'
}

export interface TopicMap {
  /** Levels with named parts: `gw/{gateway}/band/{device}/data`; `+` one level, `#` the rest. */
  pattern: string
  format: 'json' | 'sparkplug'
  /** Path of the list of items; default the message itself. */
  each?: string
  /** Path of the device's address in the item; default the part `{device}` of the topic. */
  device?: string
  time?: TimeMap
  /** The sender's clock at sending: gives `device.clock` of the publishing device. */
  clock?: TimeMap
  /** Path of true or false: the device came or went. */
  online?: string
  readings?: ReadingMap[]
  /** JSONata giving one or more `{device?, type, time?, value, quality?}`, instead of `readings`. */
  transform?: string
}

export interface MqttModel {
  name: { zh: string; en: string }
  maker?: string
  maturity: 'simulated' | 'bench-tested' | 'field-proven'
  /** Where the layout is written down. */
  source?: string
  topics: TopicMap[]
}

const primitive = { type: ['string', 'number', 'boolean', 'null'] }
const time = {
  type: 'object',
  properties: { path: { type: 'string' }, unit: { enum: ['ms', 's', 'iso'] } },
  required: ['path', 'unit'],
  additionalProperties: false,
}

export const MQTT_MODEL_SCHEMA = {
  type: 'object',
  required: ['name', 'maturity', 'topics'],
  additionalProperties: false,
  properties: {
    name: {
      type: 'object',
      properties: { zh: { type: 'string' }, en: { type: 'string' } },
      required: ['zh', 'en'],
      additionalProperties: false,
    },
    maker: { type: 'string' },
    maturity: { enum: ['simulated', 'bench-tested', 'field-proven'] },
    source: { type: 'string' },
    topics: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pattern', 'format'],
        additionalProperties: false,
        properties: {
          pattern: { type: 'string', minLength: 1 },
          format: { enum: ['json', 'sparkplug'] },
          each: { type: 'string' },
          device: { type: 'string' },
          time,
          clock: time,
          online: { type: 'string' },
          transform: { type: 'string', maxLength: 20_000 },
          readings: {
            type: 'array',
            items: {
              type: 'object',
              required: ['type', 'value'],
              additionalProperties: false,
              properties: {
                type: { type: 'string' },
                when: { type: 'string' },
                equals: primitive,
                value: {
                  type: 'object',
                  additionalProperties: {
                    oneOf: [
                      { type: 'string' },
                      {
                        type: 'object',
                        additionalProperties: false,
                        properties: {
                          path: { type: 'string' },
                          const: primitive,
                          scale: { type: 'number' },
                          offset: { type: 'number' },
                          enum: { type: 'object', additionalProperties: primitive },
                          nothing: { type: 'array', items: primitive },
                        },
                      },
                    ],
                  },
                },
              },
            },
          },
        },
      },
    },
  },
} as const
