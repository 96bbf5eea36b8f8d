/** Values and events as they came over the wire, freed from the library's classes. */
import type { DataValue } from 'node-opcua-client'

/** A value as it came, whatever library read it. */
export interface WireValue {
  value: unknown
  /** False = there is no value beside the status. */
  present: boolean
  status: number
  statusName: string
  /** ms; null = the source gives none. */
  sourceMs: number | null
}

export interface WireEvent {
  /** Names of the event type and its supertypes, nearest first. */
  names: string[]
  message: string
  timeMs: number | null
  severity: number
  conditionId: string | null
  conditionName: string | null
  active: boolean | null
  activeSinceMs: number | null
  /** Properties by normalised name. */
  fields: Map<string, unknown>
}

/** 2000-01-01 and 2200-01-01. 1601-01-01 is OPC UA's way to say "no time", 1970-01-01 that of a device whose clock was never set. */
const EARLIEST_MS = 946_684_800_000
const LATEST_MS = 7_258_118_400_000

/** ms of a date of the wire; null = no time given, or one that no clock in order can tell. */
export function timeOf(value: unknown): number | null {
  const ms = value instanceof Date ? value.getTime() : Number.NaN
  return ms >= EARLIEST_MS && ms <= LATEST_MS ? ms : null
}

export function wireValue(value: DataValue): WireValue {
  const raw: unknown = value.value?.value
  return {
    value: raw,
    present: raw !== undefined && raw !== null,
    status: value.statusCode.value,
    statusName: value.statusCode.name,
    sourceMs: timeOf(value.sourceTimestamp),
  }
}

/** `ns=2;s=Doors/C204` and its like, or by name of the namespace: `nsu=urn:maker:doors;s=Doors/C204`. */
export function isNodeId(text: string): boolean {
  return /^(ns=\d+;|nsu=[^;]+;)?(i=\d+|s=.+|g=[0-9A-Fa-f-]{36}|b=.+)$/.test(text)
}
