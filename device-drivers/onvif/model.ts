/**
 * Model files of cameras: loading with `extends`, and the search for the mapping that fits an event. Pure data work;
 * it opens no connection.
 */

import { READING_TYPES } from '#model/catalogue/index.ts'
import { WardwatchError } from '#model/errors.ts'
import { loadModelFile } from '../model-files.ts'
import schema from './model.schema.json' with { type: 'json' }
import type { CameraEvent } from './notification.ts'

export type Scalar = string | number | boolean

export interface FieldRule {
  item: string | string[]
  as?: 'text' | 'number' | 'integer' | 'boolean' | 'present'
  not?: boolean
  map?: Record<string, Scalar>
  scale?: number
  default?: Scalar
  optional?: boolean
}

export interface Mapping {
  topic: string
  when?: Record<string, string | string[] | { absent: boolean }>
  ignore?: boolean
  type?: string
  value?: Record<string, Scalar | FieldRule>
  pulse?: boolean
}

interface ModelFile {
  name: { zh: string; en: string }
  maturity: 'simulated' | 'bench-tested' | 'field-proven'
  sources: string[]
  extends?: string
  mappings: Mapping[]
}

export interface CameraModel extends ModelFile {
  id: string
  find(event: CameraEvent): Mapping | null
  knows(topic: string): boolean
}

export const DEFAULT_MODEL = 'generic-onvif'

/** @throws WardwatchError `model-invalid` when the file or one that it extends is missing or wrong. */
export function loadCameraModel(id: string, siteDirs: readonly string[]): CameraModel {
  const chain: string[] = []
  const mappings: Mapping[] = []
  let first: ModelFile | null = null
  for (let next: string | undefined = id; next !== undefined; ) {
    if (chain.includes(next))
      throw new WardwatchError(
        'model-invalid',
        `model files extend each other in a circle: ${[...chain, next].join(' → ')}`,
      )
    chain.push(next)
    const file: ModelFile = loadModelFile<ModelFile>('onvif', next, siteDirs, schema)
    for (const mapping of file.mappings) {
      if (mapping.type && !READING_TYPES.has(mapping.type))
        throw new WardwatchError(
          'model-invalid',
          `${next}.yaml: topic ${mapping.topic} names the type "${mapping.type}", which the catalogue does not hold`,
        )
      mappings.push(mapping)
    }
    first ??= file
    next = file.extends
  }
  const compiled = mappings.map((mapping) => ({ mapping, topic: topicPattern(mapping.topic) }))
  // Topics of one camera are few and repeat: remember which mappings come into question.
  const byTopic = new Map<string, Mapping[]>()
  const candidates = (topic: string): Mapping[] => {
    let found = byTopic.get(topic)
    if (!found) {
      found = compiled.filter((c) => c.topic.test(topic)).map((c) => c.mapping)
      if (byTopic.size >= 1000) byTopic.clear()
      byTopic.set(topic, found)
    }
    return found
  }
  return {
    ...(first as ModelFile),
    id,
    mappings,
    find: (event) => candidates(event.topic).find((mapping) => fits(mapping, event)) ?? null,
    knows: (topic) => candidates(topic).length > 0,
  }
}

/** `*` = part of a segment, `**` = any number of segments; case counts not, prefixes neither. */
function topicPattern(topic: string): RegExp {
  const parts = topic.split('/').map((part) => {
    const plain = part.slice(part.lastIndexOf(':') + 1)
    return plain === '**' ? '.*' : globSource(plain, '[^/]*')
  })
  return new RegExp(`^${parts.join('/')}$`, 'i')
}

const globSource = (glob: string, star: string) => glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, star)
const globs = new Map<string, RegExp>()

/** Does the text fit a pattern with `*`, case ignored? */
export function fitsGlob(pattern: string, text: string): boolean {
  let regexp = globs.get(pattern)
  if (!regexp) {
    regexp = new RegExp(`^${globSource(pattern, '[\\s\\S]*')}$`, 'i')
    if (globs.size >= 5000) globs.clear()
    globs.set(pattern, regexp)
  }
  return regexp.test(text)
}

/** Text of the first of the named items that the event carries, in Data, Key or Source; null when none does. */
export function itemOf(event: CameraEvent, names: string | string[]): string | null {
  for (const name of [names].flat()) {
    const wanted = name.toLowerCase()
    for (const part of [event.data, event.key, event.source])
      for (const [key, value] of Object.entries(part)) if (key.toLowerCase() === wanted) return value
  }
  return null
}

function fits(mapping: Mapping, event: CameraEvent): boolean {
  for (const [name, wanted] of Object.entries(mapping.when ?? {})) {
    const text = itemOf(event, name)
    if (typeof wanted === 'object' && !Array.isArray(wanted)) {
      if ((text === null) !== wanted.absent) return false
    } else if (text === null || ![wanted].flat().some((pattern) => fitsGlob(pattern, text))) return false
  }
  return true
}
