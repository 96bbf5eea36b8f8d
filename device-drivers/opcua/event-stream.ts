/** Reads event notifications: standard fields, the maker's properties, and what the library repeats. Keeps only ids. */
import type { Variant } from 'node-opcua-client'
import { EVENT, type EventSelection, type EventTypes, STANDARD, type StandardField } from './event-types.ts'
import { timeOf, type WireEvent } from './wire.ts'

const IDS = 2000

export type Arrived =
  | { kind: 'event'; source: string; sourceName: string; event: WireEvent }
  | { kind: 'refresh-begins' | 'refresh-ends' | 'refresh-required' | 'event-overflow' | 'repeated' }

export class EventStream {
  readonly #seen = new Set<string>()

  read(values: readonly Variant[], selection: EventSelection, types: EventTypes): Arrived {
    const at = (field: StandardField): unknown => values[STANDARD.indexOf(field)]?.value ?? null
    const type = String(at('eventType') ?? '')
    const typeId = type.startsWith('ns=') ? type : `ns=0;${type}`
    if (typeId === EVENT.refreshStart) return { kind: 'refresh-begins' }
    if (typeId === EVENT.refreshEnd) return { kind: 'refresh-ends' }
    if (typeId === EVENT.refreshRequired) return { kind: 'refresh-required' }
    if (typeId === EVENT.overflow) return { kind: 'event-overflow' }
    const condition = at('conditionId')
    const isCondition = condition !== null && !/(^|;)i=0$/.test(String(condition))
    // Conditions repeat their id in a refresh; the watch tells those apart.
    if (!isCondition && this.#repeated(at('eventId'))) return { kind: 'repeated' }
    const fields = new Map<string, unknown>()
    selection.fields.forEach((name, i) => {
      const value: unknown = values[STANDARD.length + i]?.value
      if (value !== undefined && value !== null && !fields.has(name)) fields.set(name, value)
    })
    const message = at('message') as { text?: string } | null
    const active = at('active')
    return {
      kind: 'event',
      source: String(at('sourceNode') ?? ''),
      // Some servers write the namespace before the name: `2:F07`.
      sourceName: String(at('sourceName') ?? '').replace(/^\d+:/, ''),
      event: {
        names: types.chain(typeId),
        message: message?.text ?? '',
        timeMs: timeOf(at('time')),
        severity: Number(at('severity') ?? 0),
        conditionId: isCondition ? String(condition) : null,
        conditionName: at('conditionName') === null ? null : String(at('conditionName')),
        active: typeof active === 'boolean' ? active : null,
        activeSinceMs: timeOf(at('activeSince')),
        fields,
      },
    }
  }

  /** The same event through two notifiers or two filters. */
  #repeated(id: unknown): boolean {
    if (!(id instanceof Uint8Array)) return false
    const key = Buffer.from(id).toString('base64')
    if (this.#seen.has(key)) return true
    this.#seen.add(key)
    if (this.#seen.size > IDS) this.#seen.delete(this.#seen.values().next().value as string)
    return false
  }
}
