/**
 * Who watches, and which console sounds: one lease per desk, held by an attended console that has said that its sound
 * works. The server gives it, nobody else; a console without a holder's name sounds by itself, so that a lost lease is
 * a choir and never a silence. Keeps nothing over a restart: consoles connect again.
 */
import type { Clock, Timer } from '#model/clock.ts'
import type { Role } from '#model/permissions.ts'

export interface DeskInfo {
  id: string
  /** Zones whose alerts ring here; "*" = all. */
  zones: string[]
}

export type Audio = 'unknown' | 'on' | 'silenced' | 'mute'

export interface ConsoleItem {
  id: string
  account: string
  role: Role
  desk: string
  audio: Audio
  since: number
  sounding: boolean
  attended: boolean
}

interface Entry {
  id: string
  account: string
  role: Role
  desk: string
  audio: Audio
  since: number
  streams: number
}

export interface ConsolesOptions {
  clock: Clock
  /** `console.desks` of the site; without them all consoles are one desk. */
  desks?: readonly DeskInfo[]
  /** How long a console that broke off may come back before another sounds. */
  graceMs?: number
  onHolder?(event: {
    desk: string
    holder: string | null
    account: string | null
    why: 'joined' | 'taken' | 'left' | 'mute'
  }): void
}

const GRACE_MS = 3_000
const MAX_REPORTS = 1_000
/** Consoles without a desk of their own ring for everything. */
export const COMMON_DESK = '*'

/** Only those who may act are on watch; a wall or an engineer's laptop does not attend. */
const WATCHES: readonly Role[] = ['officer', 'chief']

/** Browsers name the state of their audio context, our console its own words. */
export function audioOf(state: string): Audio {
  if (state === 'running' || state === 'on') return 'on'
  return state === 'silenced' ? 'silenced' : 'mute'
}

export class Consoles {
  readonly #o: ConsolesOptions
  readonly #entries = new Map<string, Entry>()
  /** Last report of a console, also before its stream is open. */
  readonly #audio = new Map<string, Audio>()
  readonly #holders = new Map<string, string>()
  /** Desks whose holder broke off: nobody else sounds yet. */
  readonly #vacant = new Map<string, { account: string; timer: Timer }>()
  readonly #listeners = new Set<() => void>()

  constructor(options: ConsolesOptions) {
    this.#o = options
  }

  desks(): readonly DeskInfo[] {
    return this.#o.desks ?? []
  }

  isDesk(id: string): boolean {
    return id === COMMON_DESK || this.desks().some((desk) => desk.id === id)
  }

  /** The desk of a console that names none: the only one there is, else the common one. */
  deskOf(named: string | undefined): string {
    if (named !== undefined) return named
    return this.desks().length === 1 ? this.desks()[0]!.id : COMMON_DESK
  }

  /** A stream of a console opens. Streams that name no console count as one console of their account. */
  attach(stream: { console: string | undefined; desk: string | undefined; account: string; role: Role }): () => void {
    const id = keyOf(stream.console, stream.account)
    const desk = this.deskOf(stream.desk)
    const known = this.#entries.get(id)
    if (known) {
      known.streams++
      if (known.desk !== desk) {
        this.#leave(known, 'left')
        known.desk = desk
      }
    } else {
      const audio = this.#audio.get(id) ?? 'unknown'
      const since = this.#o.clock.now()
      this.#entries.set(id, { id, account: stream.account, role: stream.role, desk, audio, since, streams: 1 })
    }
    this.#settle(desk, 'joined')
    this.#tell()
    let open = true
    return () => {
      if (!open) return
      open = false
      const entry = this.#entries.get(id)
      if (!entry || --entry.streams > 0) return
      this.#entries.delete(id)
      if (this.#holders.get(entry.desk) === id) this.#vacate(entry)
      this.#tell()
    }
  }

  /** What a console says of its sound. */
  report(named: string | undefined, account: string, state: string): void {
    const audio = audioOf(state)
    const id = keyOf(named, account)
    this.#audio.delete(id)
    this.#audio.set(id, audio)
    if (this.#audio.size > MAX_REPORTS) this.#audio.delete(this.#audio.keys().next().value!)
    const entry = this.#entries.get(id)
    if (entry) {
      entry.audio = audio
      if (audio === 'mute' && this.#holders.get(entry.desk) === id) this.#leave(entry, 'mute')
      this.#settle(entry.desk, 'joined')
    }
    this.#tell()
  }

  /** This console sounds from now on, and the others of its desk no more. */
  take(named: string | undefined, account: string): 'taken' | 'unknown' | 'mute' {
    const entry = this.#entries.get(keyOf(named, account))
    if (!entry) return 'unknown'
    if (!audible(entry)) return 'mute'
    this.#give(entry.desk, entry, 'taken')
    this.#tell()
    return 'taken'
  }

  holderOf(desk: string): string | null {
    return this.#holders.get(desk) ?? null
  }

  /** The holder of each desk that has consoles: what every heartbeat carries. */
  sounding(): Record<string, string | null> {
    const desks = new Set([...this.#entries.values()].map((e) => e.desk))
    return Object.fromEntries([...desks].sort().map((desk) => [desk, this.#holders.get(desk) ?? null]))
  }

  list(): ConsoleItem[] {
    return [...this.#entries.values()].map((e) => ({
      id: e.id,
      account: e.account,
      role: e.role,
      desk: e.desk,
      audio: e.audio,
      since: e.since,
      sounding: this.#holders.get(e.desk) === e.id,
      attended: attends(e),
    }))
  }

  /** Consoles at which somebody who may act can hear and see. */
  attended(): number {
    let n = 0
    for (const entry of this.#entries.values()) if (attends(entry)) n++
    return n
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    for (const { timer } of this.#vacant.values()) timer.cancel()
    this.#vacant.clear()
    this.#listeners.clear()
  }

  #vacate(gone: Entry): void {
    this.#holders.delete(gone.desk)
    this.#vacant.get(gone.desk)?.timer.cancel()
    const timer = this.#o.clock.after(this.#o.graceMs ?? GRACE_MS, () => {
      this.#vacant.delete(gone.desk)
      this.#settle(gone.desk, 'left')
      this.#tell()
    })
    this.#vacant.set(gone.desk, { account: gone.account, timer })
  }

  #leave(entry: Entry, why: 'left' | 'mute'): void {
    if (this.#holders.get(entry.desk) !== entry.id) return
    this.#holders.delete(entry.desk)
    this.#settle(entry.desk, why)
  }

  /** Gives a free lease to the console of the desk that has watched longest; to who broke off before anybody else. */
  #settle(desk: string, why: 'joined' | 'left' | 'mute'): void {
    const holder = this.#holders.get(desk)
    if (holder !== undefined && this.#entries.has(holder)) return
    const vacant = this.#vacant.get(desk)
    const candidates = [...this.#entries.values()].filter(
      (e) => e.desk === desk && audible(e) && (!vacant || e.account === vacant.account),
    )
    candidates.sort((a, b) => Number(attends(b)) - Number(attends(a)) || a.since - b.since)
    const next = candidates[0]
    if (next) this.#give(desk, next, why)
    else {
      this.#holders.delete(desk)
      if (!vacant) this.#o.onHolder?.({ desk, holder: null, account: null, why })
    }
  }

  #give(desk: string, entry: Entry, why: 'joined' | 'taken' | 'left' | 'mute'): void {
    this.#vacant.get(desk)?.timer.cancel()
    this.#vacant.delete(desk)
    if (this.#holders.get(desk) === entry.id) return
    this.#holders.set(desk, entry.id)
    this.#o.onHolder?.({ desk, holder: entry.id, account: entry.account, why })
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

const keyOf = (named: string | undefined, account: string): string => named ?? `account:${account}`
/** Silenced for a minute is still the console that sounds: its silence ends by itself. */
const audible = (e: Entry): boolean => e.audio === 'on' || e.audio === 'silenced'
const attends = (e: Entry): boolean => WATCHES.includes(e.role) && audible(e)
