/**
 * This page as a console among others: its id for one page load, the desk it is bound to (`/duty?desk=ID`), and which
 * console of the desk sounds. The server gives the lease; not knowing means sounding, because a choir beats a silence.
 */
import { getJson, postJson } from '../api/client.ts'
import { Signal } from './signal.ts'

export interface ConsoleRow {
  id: string
  account: string | null
  desk: string
  audio: 'unknown' | 'on' | 'silenced' | 'mute'
  sounding: boolean
  attended: boolean
}

interface ConsoleAnswer {
  desks: { id: string; zones: string[] }[]
  consoles: ConsoleRow[]
  attended: number
}

export interface Lease {
  /** `own`: this console sounds. `other`: another one does. `nobody`: none can. `unknown`: not told yet. */
  role: 'own' | 'other' | 'nobody' | 'unknown'
  desk: string | null
  /** Zones whose alerts ring here; null = all. */
  zones: string[] | null
  /** Account at the console that sounds. */
  holder: string | null
  /** Consoles of the same desk. */
  here: number
  attended: number | null
  /** The desk that was asked for and that the site does not name. */
  refused: string | null
}

const STORE_KEY = 'wardwatch.desk'
/** `crypto.randomUUID` is missing on plain http, which a closed network may well have. */
export const consoleId = [...crypto.getRandomValues(new Uint8Array(12))]
  .map((byte) => byte.toString(16).padStart(2, '0'))
  .join('')

const none: Lease = {
  role: 'unknown',
  desk: null,
  zones: null,
  holder: null,
  here: 0,
  attended: null,
  refused: null,
}
export const lease = new Signal<Lease>(none)

function boundDesk(): string | null {
  const asked = new URLSearchParams(location.search).get('desk')
  try {
    if (asked) sessionStorage.setItem(STORE_KEY, asked)
    return asked ?? sessionStorage.getItem(STORE_KEY)
  } catch {
    return asked
  }
}
let desk = typeof location === 'undefined' ? null : boundDesk()

/** What the stream is asked with. */
export const streamQuery = (): string =>
  `?console=${consoleId}${desk === null ? '' : `&desk=${encodeURIComponent(desk)}`}`

/** The server does not know the desk: go on without it, and say so. True when there was one to give up. */
export function giveUpDesk(): boolean {
  if (desk === null) return false
  lease.set({ ...lease.get(), refused: desk })
  desk = null
  try {
    sessionStorage.removeItem(STORE_KEY)
  } catch {
    // A browser without storage had nothing to forget.
  }
  return true
}

let lastSounding = ''
/** From each heartbeat; only a change asks for names. */
export function heardSounding(sounding: Record<string, string | null> | undefined, attended: number | undefined): void {
  if (!sounding) return
  const text = JSON.stringify(sounding)
  const now = lease.get()
  if (attended !== undefined && attended !== now.attended) lease.set({ ...now, attended })
  if (text === lastSounding) return
  lastSounding = text
  // At once by id; the words follow.
  if (Object.values(sounding).includes(consoleId)) lease.set({ ...lease.get(), role: 'own' })
  else if (now.desk !== null && sounding[now.desk] === null) lease.set({ ...lease.get(), role: 'nobody', holder: null })
  void refreshLease()
}

export async function refreshLease(): Promise<void> {
  try {
    const answer = await getJson<ConsoleAnswer>('/api/v1/console')
    lease.set(leaseOf(answer, consoleId, lease.get()))
  } catch {
    // Asked again at the next change; until then this console sounds.
    lastSounding = ''
  }
}

export function leaseOf(answer: ConsoleAnswer, own: string, before: Lease): Lease {
  const mine = answer.consoles.find((c) => c.id === own)
  if (!mine) return { ...none, refused: before.refused, attended: answer.attended }
  const here = answer.consoles.filter((c) => c.desk === mine.desk)
  const holder = here.find((c) => c.sounding)
  const zones = answer.desks.find((d) => d.id === mine.desk)?.zones ?? ['*']
  return {
    role: holder ? (holder.id === own ? 'own' : 'other') : 'nobody',
    desk: mine.desk,
    zones: zones.includes('*') ? null : zones,
    holder: holder?.account ?? null,
    here: here.length,
    attended: answer.attended,
    refused: before.refused,
  }
}

export function takeLease(): Promise<void> {
  return postJson('/api/v1/console/lease', { console: consoleId }).then(refreshLease, refreshLease)
}

export function forgetLease(): void {
  lastSounding = ''
  lease.set({ ...none, refused: lease.get().refused })
}

/** Does an alert of this zone ring at this desk? `parentOf` climbs the zones. */
export function ringsHere(zone: string | null, parentOf: (zone: string) => string | null): boolean {
  const { zones } = lease.get()
  if (zones === null || zone === null) return true
  for (let at: string | null = zone, n = 0; at !== null && n < 32; at = parentOf(at), n++)
    if (zones.includes(at)) return true
  return false
}
