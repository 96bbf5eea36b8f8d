/** What the console's server may ask of the running edge beyond alerts. Reads views of the journal; decides nothing. */
import { statfs } from 'node:fs/promises'
import type { DeviceHealth } from '#drivers/contract.ts'
import type { Clock } from '#model/clock.ts'
import type { ContextChange, ContextKind } from '#model/context/kinds.ts'
import type {
  Ability,
  DeviceState,
  EdgeHealth,
  FacilityDesk,
  PersonPosition,
  Plan,
  RuleInfo,
  Snapshot,
} from '#model/ports/facility.ts'
import type { Journal } from '#model/ports/journal.ts'
import type { RawReading, Reading } from '#model/reading.ts'
import type { ContextStore } from './context-store.ts'
import type { DeviceTable } from './device-table.ts'
import type { EvidencePictures } from './evidence-pictures.ts'
import type { Intake } from './intake.ts'

export interface FacilityDeskParts {
  clock: Clock
  dataDir: string
  journal: Journal & {
    findReadings(ids: string[]): Promise<Reading[]>
    newest(kind: 'quarantine', limit: number): Promise<{ seq: number; body: { kind: string } }[]>
  }
  context: ContextStore
  table: DeviceTable
  intake: Intake
  pictures: EvidencePictures
  rules(): RuleInfo[]
  plans(): Plan[]
  ability(): Ability
  health(): Omit<EdgeHealth, 'diskFreeBytes'>
  metrics(): Promise<string>
  driverHealth(): DeviceHealth[]
}

/** Positions go out at most this often. */
const POSITION_MS = 500

export class EdgeFacilityDesk implements FacilityDesk {
  readonly #parts: FacilityDeskParts
  readonly #positionListeners = new Set<(positions: PersonPosition[]) => void>()
  readonly #deviceListeners = new Set<(device: DeviceState, seq: number) => void>()
  #diskFreeBytes: number | null = null
  #running = true

  constructor(parts: FacilityDeskParts) {
    this.#parts = parts
    this.#step()
    this.#measureDisk()
  }

  #step(): void {
    const { clock, table, journal } = this.#parts
    clock.after(POSITION_MS, () => {
      if (!this.#running) return
      const moved = table.takeMoved()
      if (moved.length > 0) for (const listener of this.#positionListeners) listener(moved)
      const seq = journal.stats().lastSeq
      for (const device of table.takeChanged()) for (const listener of this.#deviceListeners) listener(device, seq)
      this.#step()
    })
  }

  #measureDisk(): void {
    if (!this.#running) return
    statfs(this.#parts.dataDir).then(
      ({ bavail, bsize }) => {
        this.#diskFreeBytes = bavail * bsize
      },
      () => {
        this.#diskFreeBytes = null
      },
    )
    this.#parts.clock.after(30_000, () => this.#measureDisk())
  }

  context<K extends ContextKind>(kind: K): Record<string, unknown>[] {
    return this.#parts.context.context.all(kind) as unknown as Record<string, unknown>[]
  }

  async changeContext(changes: ContextChange[], by: string): Promise<{ version: number; changed: number }> {
    const { context, journal, clock } = this.#parts
    for (const change of changes) context.check(change)
    const now = clock.now()
    const real = changes.filter((change) => {
      const known = context.context.item(change.context, change.id) as Record<string, unknown> | undefined
      return change.op === 'delete' ? known !== undefined : JSON.stringify(known) !== JSON.stringify(change.item)
    })
    // The journal is the sequence: the change is in force when its commit is heard (edge.ts), here and for the rules.
    if (real.length > 0)
      await journal.append(real.map((change) => ({ kind: 'context', change: { ...change, time: now }, by })))
    return { version: context.version, changed: real.length }
  }

  devices(): DeviceState[] {
    const why = this.#why()
    return this.#parts.table
      .states(this.#parts.context.context.all('devices').map((d) => d.id))
      .map((state) => ({ ...state, why: why.get(state.id) ?? null }))
  }

  /** Sentences of the drivers about devices that are not online. */
  #why(): Map<string, string> {
    return new Map(
      this.#parts
        .driverHealth()
        .flatMap(({ device, online, reason }) => (online || reason === null ? [] : [[device, reason] as const])),
    )
  }

  device(id: string): DeviceState | null {
    if (!this.#parts.context.context.device(id)) return null
    return { ...this.#parts.table.row(id), why: this.#why().get(id) ?? null }
  }

  positions(): PersonPosition[] {
    return this.#parts.table.positions()
  }

  onPositions(listener: (positions: PersonPosition[]) => void): () => void {
    this.#positionListeners.add(listener)
    return () => this.#positionListeners.delete(listener)
  }

  onDevice(listener: (device: DeviceState, seq: number) => void): () => void {
    this.#deviceListeners.add(listener)
    return () => this.#deviceListeners.delete(listener)
  }

  readings(ids: string[]): Promise<Reading[]> {
    return this.#parts.journal.findReadings(ids)
  }

  importReadings(
    readings: RawReading[],
  ): Promise<{ accepted: number; duplicates: number; quarantined: { line: number; cause: string }[] }> {
    return this.#parts.intake.accept(readings, 'http')
  }

  rules(): RuleInfo[] {
    return this.#parts.rules()
  }

  plans(): Plan[] {
    return this.#parts.plans()
  }

  ability(): Ability {
    return this.#parts.ability()
  }

  async quarantine(limit: number): ReturnType<FacilityDesk['quarantine']> {
    const records = await this.#parts.journal.newest('quarantine', limit)
    return records.flatMap(({ body }) =>
      body.kind === 'quarantine'
        ? [(body as unknown as { item: Awaited<ReturnType<FacilityDesk['quarantine']>>[number] }).item]
        : [],
    )
  }

  health(): EdgeHealth {
    return { ...this.#parts.health(), diskFreeBytes: this.#diskFreeBytes }
  }

  metrics(): Promise<string> {
    return this.#parts.metrics()
  }

  snapshot(camera: string): Promise<Snapshot | null> {
    return this.#parts.pictures.look(camera)
  }

  evidencePicture(alert: string): Promise<Snapshot | null> {
    return this.#parts.pictures.evidenceOf(alert)
  }

  close(): void {
    this.#running = false
  }
}
