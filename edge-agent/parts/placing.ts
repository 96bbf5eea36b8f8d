/** Puts readings and alerts into their place: the zone, the person, the cameras that see it. Context tells; nothing is kept. */
import { inPieces } from '#ingest/thread/pieces.ts'
import type { Alert } from '#model/alert/alert.ts'
import type { SeriesSink } from '#model/ports/series.ts'
import type { Reading } from '#model/reading.ts'
import type { ContextStore } from '../context-store.ts'

type Items = Parameters<SeriesSink['write']>[0]

/** Readings placed at one go. */
const PIECE = 200

export class Placing {
  readonly #store: ContextStore

  constructor(store: ContextStore) {
    this.#store = store
  }

  zoneOf(reading: Reading): string | null {
    if (reading.zone !== null) return reading.zone
    const { context } = this.#store
    if (reading.type.endsWith('.position'))
      return context.zoneAt(Number(reading.value.floor), Number(reading.value.x_m), Number(reading.value.y_m))
    return context.zoneOfDevice(reading.device)
  }

  subjectOf(reading: Reading): string | null {
    return reading.subject ?? this.#store.context.subjectOfDevice(reading.device)
  }

  /** Cameras that see an alert, the nearest first: its own, those of its zone, those of linked zones. */
  camerasFor(alert: Alert): string[] {
    const { context } = this.#store
    const own = alert.device !== null && context.device(alert.device)?.kind === 'camera' ? [alert.device] : []
    const zone = alert.zone
    // Of a medical room the camera that raised the alert alone; who may look at it is asked again.
    const kind = context.zone(zone)?.kind
    const linked =
      zone === null || kind === 'toilet' || kind === 'washroom' || kind === 'medical'
        ? []
        : [...context.camerasOf(zone), ...context.camerasLinkedTo(zone)]
    // What nobody may ever see is not kept either.
    return [...new Set([...own, ...linked])].filter((camera) => !this.#seesToilet(camera))
  }

  #seesToilet(camera: string): boolean {
    const { context } = this.#store
    const device = context.device(camera)
    return [device?.zone, ...(device?.watches ?? [])].some((place) => {
      let zone = place ? context.zone(place) : undefined
      for (let depth = 0; zone && depth < 16; depth++) {
        if (zone.kind === 'toilet' || zone.kind === 'washroom') return true
        zone = zone.parent ? context.zone(zone.parent) : undefined
      }
      return false
    })
  }

  #placedItem(item: Items[number]): Items[number] {
    if ('change' in item) return item
    const { reading } = item
    return { reading: { ...reading, zone: this.zoneOf(reading), subject: this.subjectOf(reading) } }
  }

  /** A store that gets readings with the zone and person that context gives them. */
  placed(sink: SeriesSink): SeriesSink {
    return {
      name: sink.name,
      write: async (items) => sink.write(await inPieces(items, PIECE, (item) => this.#placedItem(item))),
      query: (query) => sink.query(query),
      expire: (now) => sink.expire(now),
      close: () => sink.close(),
    }
  }
}
