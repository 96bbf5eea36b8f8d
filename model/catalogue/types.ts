/** The list of reading types alone, without the checking of values: what a thread that only stores them needs. */
import { ACCESS_TYPES } from './access.ts'
import { CAMERA_TYPES } from './camera.ts'
import { ENVIRONMENT_TYPES } from './environment.ts'
import { SYSTEM_TYPES } from './system.ts'
import type { ReadingType } from './type.ts'
import { WEARABLE_TYPES } from './wearable.ts'

export type { DataClass, FieldSpec, ReadingType, SignalKind } from './type.ts'

export const READING_TYPES: ReadonlyMap<string, ReadingType> = new Map(
  [...CAMERA_TYPES, ...ACCESS_TYPES, ...WEARABLE_TYPES, ...ENVIRONMENT_TYPES, ...SYSTEM_TYPES].map((t) => [t.type, t]),
)
