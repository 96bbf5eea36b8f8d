/**
 * How far each consumer has come: its open cursors, and the positions that the file keeps with the next commit. Whoever
 * has a position holds back what retention may remove.
 */
import { type JournalRecord, type Lane, SIDE_MARK } from '#model/ports/journal.ts'
import { Cursor, type CursorSource } from './cursor.ts'

export type Position = [name: string, lane: Lane, position: number]

export class KeptPositions {
  readonly #open = new Map<string, Cursor>()
  readonly #positions = new Map<string, Position>()
  /** Not in the file yet. */
  #moved = new Set<string>()

  constructor(kept: readonly Position[]) {
    for (const [name, lane, position] of kept) this.#positions.set(`${name}/${lane}`, [name, lane, position])
  }

  all(): Position[] {
    return [...this.#positions.values()]
  }

  of(name: string, lane: Lane): number | undefined {
    return this.#positions.get(`${name}/${lane}`)?.[2]
  }

  get hasMoved(): boolean {
    return this.#moved.size > 0
  }

  /** What the next commit must keep; `stillMoved` takes it back where that fails. */
  takeMoved(): Position[] {
    const moved: Position[] = []
    for (const key of this.#moved) {
      const position = this.#positions.get(key)
      if (position) moved.push(position)
    }
    this.#moved.clear()
    return moved
  }

  stillMoved(positions: readonly Position[]): void {
    for (const [name, lane] of positions) this.#moved.add(`${name}/${lane}`)
  }

  moveTo(name: string, lane: Lane, position: number): void {
    this.#positions.set(`${name}/${lane}`, [name, lane, position])
    this.#moved.add(`${name}/${lane}`)
  }

  /** A consumer has one cursor in a lane: an older one ends. */
  endOpen(name: string, lane: Lane): void {
    this.#open.get(`${name}/${lane}`)?.close()
  }

  /** Answers whether the consumer is new here. */
  open(source: CursorSource, name: string, lane: Lane, position: number, behind: number): [Cursor, isNew: boolean] {
    const key = `${name}/${lane}`
    const cursor = new Cursor(source, name, lane, position, behind)
    this.#open.set(key, cursor)
    const isNew = !this.#positions.has(key)
    if (isNew) this.#positions.set(key, [name, lane, position])
    return [cursor, isNew]
  }

  closed(cursor: Cursor): void {
    const key = `${cursor.name}/${cursor.lane}`
    if (this.#open.get(key) === cursor) this.#open.delete(key)
  }

  closeAll(): void {
    for (const cursor of [...this.#open.values()]) cursor.close()
  }

  appended(records: JournalRecord[]): void {
    for (const cursor of this.#open.values()) cursor.appended(records)
  }

  /** Drops a consumer with its side cursors; answers whose positions the file must forget. */
  forget(name: string): Set<string> {
    const gone = new Set([name])
    for (const [key, [owner]] of this.#positions)
      if (owner === name || owner.startsWith(name + SIDE_MARK)) {
        this.#open.get(key)?.close()
        this.#positions.delete(key)
        this.#moved.delete(key)
        gone.add(owner)
      }
    return gone
  }

  lag(): Record<string, number> {
    const consumers = [...this.#open].filter(([key]) => !key.includes(SIDE_MARK))
    return Object.fromEntries(consumers.map(([key, cursor]) => [key, cursor.lag()]))
  }

  /** Readings up to here have been taken by every consumer that must see them. */
  essential(lastSeq: number, isEssential: (name: string) => boolean): number {
    let position = lastSeq
    for (const [name, lane, at] of this.#positions.values())
      if (lane !== 'alert' && isEssential(name)) position = Math.min(position, at)
    return position
  }
}
