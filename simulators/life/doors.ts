/**
 * Doors on an ordinary day: opened by the post's command or by an officer's card just before somebody passes, and closed
 * again within seconds. Several who pass together hold it open together, never long enough to be an alert.
 */
import type { Device } from '#model/context/kinds.ts'
import type { Draft } from './draft.ts'
import type { Slip } from './mishaps.ts'

export interface Card {
  credential: string
  direction: 'in' | 'out'
}

interface Passage {
  at: number
  card: Card | null
}

interface DoorState {
  id: string
  reader: string | null
  passages: Passage[]
  openSince: number | null
  closeAt: number
  /** Somebody stands in it and talks: so long it stays open whatever happens. */
  heldUntil: number
  /** Its bolt is told beside its leaf: the doors of cells. */
  isLocked: boolean
}

/** A door is let go at the latest after this, whoever still wants to pass: cells are late after 20 s. */
const LONGEST_MS = 12_000
const STAYS_MS = 4000
/** A door that is forgotten is shut when the panel shows it yellow, at the latest. */
const HELD_MS = 70_000
/** The bolt falls a second after the leaf; where it does not, the officer who is sent turns the key after some minutes. */
const BOLT_MS = 1000
const BOLT_BY_HAND_MS = 260_000

export class Doors {
  readonly #byZone = new Map<string, DoorState>()
  readonly #busy = new Set<DoorState>()
  readonly #happens: (slip: Slip) => boolean
  readonly #tellsLocks: boolean
  /** Bolts that still have to fall, by door: when. */
  readonly #bolts = new Map<string, number>()

  /**
   * @param happens does this act go wrong?
   * @param tellsLocks the doors of cells tell their bolt whenever they are opened and closed.
   */
  constructor(happens: (slip: Slip) => boolean = () => false, tellsLocks = false) {
    this.#happens = happens
    this.#tellsLocks = tellsLocks
  }

  add(door: Device, readers: readonly Device[], isOfCell = false): void {
    // Pairs of a sally port and doors with two leaves are not walked through by ordinary life.
    if (!door.zone || this.#byZone.has(door.zone)) return
    const reader = readers.find((r) => r.door === door.id)?.id ?? null
    this.#byZone.set(door.zone, {
      id: door.id,
      reader,
      passages: [],
      openSince: null,
      closeAt: 0,
      heldUntil: 0,
      isLocked: isOfCell && this.#tellsLocks,
    })
  }

  /** Somebody passes the door of a zone at this time; an officer by his card, others when the post opens. */
  pass(zone: string, at: number, card: Card | null = null): void {
    const door = this.#byZone.get(zone)
    if (!door) return
    door.passages.push({ at, card })
    door.passages.sort((a, b) => a.at - b.at)
    this.#busy.add(door)
  }

  *tick(now: number, who: (zone: string) => string | undefined): Generator<Draft> {
    for (const [door, at] of this.#bolts)
      if (at <= now) {
        this.#bolts.delete(door)
        yield { device: door, type: 'door.lock', time: now, value: { state: 'locked' } }
      }
    for (const door of this.#busy) {
      if (door.openSince !== null) yield* this.#whileOpen(door, door.openSince, now)
      else if ((door.passages[0]?.at ?? Number.POSITIVE_INFINITY) <= now + 1000) {
        const passage = door.passages.shift() as Passage
        if (!this.#happens('door-by-key')) yield* this.#permit(door, passage, now, who)
        door.openSince = now + 1000
        door.heldUntil = this.#happens('door-held') ? now + HELD_MS : 0
        door.closeAt = now + 1000 + STAYS_MS
        if (door.isLocked && !this.#bolts.delete(door.id))
          yield { device: door.id, type: 'door.lock', time: now, value: { state: 'unlocked' } }
        yield { device: door.id, type: 'door.state', time: door.openSince, value: { state: 'open' } }
      } else if (door.passages.length === 0) this.#busy.delete(door)
    }
  }

  *#whileOpen(door: DoorState, since: number, now: number): Generator<Draft> {
    while ((door.passages[0]?.at ?? Number.POSITIVE_INFINITY) <= now + 1000 && now - since < LONGEST_MS - STAYS_MS) {
      const next = door.passages.shift() as Passage
      if (next.card && door.reader) yield granted(door.reader, next.card, now)
      door.closeAt = Math.max(door.closeAt, now + STAYS_MS)
    }
    if (door.closeAt > now || door.heldUntil > now) return
    door.openSince = null
    if (door.isLocked) this.#bolts.set(door.id, now + (this.#happens('bolt-stays') ? BOLT_BY_HAND_MS : BOLT_MS))
    yield { device: door.id, type: 'door.state', time: now, value: { state: 'closed' } }
  }

  *#permit(door: DoorState, passage: Passage, now: number, who: (zone: string) => string | undefined) {
    if (passage.card && door.reader) {
      const { reader, card } = { reader: door.reader, card: passage.card }
      // The refused ones come first, a second and a half apart.
      const refused = this.#happens('card-refused') ? 3 : this.#happens('card-misread') ? 1 : 0
      for (let i = refused; i > 0; i--) yield denied(reader, card, now - i * 1500)
      yield granted(reader, card, now)
      return
    }
    const by = who(door.id)
    yield { device: door.id, type: 'door.command', time: now, value: { command: 'open', ...(by ? { by } : {}) } }
  }
}

const denied = (reader: string, card: Card, time: number): Draft => ({
  device: reader,
  type: 'access.denied',
  time,
  value: { ...card, reason: 'misread' },
})

const granted = (reader: string, card: Card, time: number): Draft => ({
  device: reader,
  type: 'access.granted',
  time,
  value: { ...card },
})
