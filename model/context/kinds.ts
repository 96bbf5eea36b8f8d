/** The kinds of context: who is where and what is allowed. Sections of the site file, kinds of `PUT /api/v1/context/{kind}`. */
import type { Static } from 'typebox'
import { CONTEXT_SCHEMAS } from '../site/schema.ts'

export type ContextItems = { [K in keyof typeof CONTEXT_SCHEMAS]: Static<(typeof CONTEXT_SCHEMAS)[K]> }
export type ContextKind = keyof ContextItems
export const CONTEXT_KINDS = Object.keys(CONTEXT_SCHEMAS) as ContextKind[]

export type Zone = ContextItems['zones']
export type DoorPair = ContextItems['door-pairs']
export type Device = ContextItems['devices']
export type Person = ContextItems['people']
export type Staff = ContextItems['staff']
export type Group = ContextItems['groups']
export type KeepApart = ContextItems['keep-apart']
export type Pass = ContextItems['passes']
export type Escort = ContextItems['escorts']
export type WorkOrder = ContextItems['work-orders']
export type PersonList = ContextItems['lists']
export type Post = ContextItems['posts']
export type Patrol = ContextItems['patrols']
export type Manning = ContextItems['manning']
export type Shift = ContextItems['shifts']
export type TimetableSlot = ContextItems['timetable']
export type Tool = ContextItems['tools']
export type Mode = ContextItems['modes']
export type FenceLink = ContextItems['links']

/** Id of an item; kinds whose items have none are identified by what makes them one: a slot by zone, days and start. */
export function contextItemId(kind: ContextKind, item: Record<string, unknown>): string {
  if (typeof item.id === 'string') return item.id
  if (kind === 'manning') return String(item.zone)
  if (kind === 'links') return String(item.fence)
  if (kind === 'timetable') return `${item.zone}|${item.days ?? '1-7'}|${item.from}`
  return ''
}

/** One change of context, as a line of a replay and as a record of the journal (`semantics.md` 1). */
export interface ContextChange {
  context: ContextKind
  op: 'put' | 'delete'
  id: string
  item?: Record<string, unknown>
  /** Time at which it takes effect, ms. */
  time: number
}
