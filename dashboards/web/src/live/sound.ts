/**
 * Alarm sounds, synthesised: red three falling pulses every 2.5 s, orange two every 5 s, yellow one chime, blue none.
 * One pattern at a time, the highest level only. Never silent without saying so: a blocked context is shown and reported.
 */
import type { Level } from '#model/alert/alert.ts'
import { postJson } from '../api/client.ts'
import type { AlertChange, ListedAlert } from '../api/types.ts'
import { type AlertStore, isUnacknowledged } from './alert-store.ts'
import { connection } from './connection.ts'
import { facility } from './facility-data.ts'
import { consoleId, lease, ringsHere } from './lease.ts'
import { settings } from './settings.ts'
import { Signal } from './signal.ts'

export type SoundState = 'off' | 'blocked' | 'on' | 'silenced'
export const sound = new Signal<{ state: SoundState; silencedUntil: number | null }>({
  state: 'off',
  silencedUntil: null,
})

export const SILENCE_MS = 60_000
const REPEAT_MS: Partial<Record<Level, number>> = { red: 2500, orange: 5000 }

let context: AudioContext | null = null

function pulse(at: number, fromHz: number, toHz: number, lengthS: number, gain: number): void {
  if (!context) return
  const oscillator = context.createOscillator()
  const volume = context.createGain()
  oscillator.type = 'triangle'
  oscillator.frequency.setValueAtTime(fromHz, at)
  oscillator.frequency.exponentialRampToValueAtTime(toHz, at + lengthS)
  volume.gain.setValueAtTime(0.0001, at)
  volume.gain.exponentialRampToValueAtTime(Math.max(0.0002, gain * settings.get().volume), at + 0.012)
  volume.gain.exponentialRampToValueAtTime(0.0001, at + lengthS)
  oscillator.connect(volume).connect(context.destination)
  oscillator.start(at)
  oscillator.stop(at + lengthS + 0.02)
}

export function play(level: Level | 'test' | 'lost'): void {
  if (context?.state !== 'running') return
  const t = context.currentTime + 0.02
  if (level === 'red') for (let i = 0; i < 3; i++) pulse(t + i * 0.24, 1400 - i * 160, 900 - i * 120, 0.2, 0.5)
  else if (level === 'orange') for (let i = 0; i < 2; i++) pulse(t + i * 0.3, 880, 830, 0.22, 0.42)
  else if (level === 'yellow') pulse(t, 660, 640, 0.4, 0.32)
  else if (level === 'lost') for (let i = 0; i < 2; i++) pulse(t + i * 0.5, 330, 220, 0.4, 0.4)
  else if (level === 'test') {
    pulse(t, 660, 660, 0.16, 0.35)
    pulse(t + 0.2, 880, 880, 0.22, 0.35)
  }
}

/** Also at every (re)connection: a log-in unlocks before there is a session, and a server that restarted knows nothing. */
export function reportSound(): void {
  const { state } = sound.get()
  void postJson('/api/v1/console/audio-state', { state, console: consoleId }).catch(() => null)
}

function setState(state: SoundState, silencedUntil: number | null = null): void {
  const before = sound.get().state
  sound.set({ state, silencedUntil })
  if (before !== state) reportSound()
}

/** Must run inside a click or a key press: browsers allow sound only then. */
export async function unlockSound(): Promise<void> {
  context ??= new AudioContext()
  await context.resume().catch(() => null)
  setState(context.state === 'running' ? 'on' : 'blocked')
  if (context.state === 'running') play('test')
}

/** What rang when somebody pressed silence: it covers these and nothing that comes later. */
let covered: ReadonlySet<string> = new Set()
let ringingNow: () => ReadonlySet<string> = () => new Set()

export function silence(): void {
  if (sound.get().state !== 'on' && sound.get().state !== 'silenced') return
  covered = ringingNow()
  setState('silenced', performance.now() + SILENCE_MS)
}

/** Rings for as long as something annunciated is unacknowledged. Returns the switch-off. */
export function startSounding(store: AlertStore): () => void {
  if (context?.state !== 'running') setState('blocked')
  let lastAt = 0
  let lastLevel: Level | null = null
  const chimed = new Set<string>()

  const parentOf = (zone: string): string | null => facility.get().zones.get(zone)?.parent ?? null
  /** Another console of this desk sounds: two would be a choir. */
  const quiet = (): boolean => lease.get().role === 'other'
  const rings = (alert: ListedAlert): boolean =>
    alert.annunciated && alert.handling !== 'closed' && isUnacknowledged(alert) && ringsHere(alert.zone, parentOf)
  const ringing = (): Level | null => {
    const silenced = sound.get().state === 'silenced'
    let found: Level | null = null
    for (const alert of store.values()) {
      if (!rings(alert) || (silenced && covered.has(alert.id))) continue
      if (alert.level === 'red') return 'red'
      if (alert.level === 'orange') found = 'orange'
    }
    return found
  }
  ringingNow = () => new Set([...store.values()].filter(rings).map((alert) => alert.id))
  const stopChanges = store.onChange((change: AlertChange) => {
    const { alert } = change
    if (change.change !== 'raised' && change.change !== 'escalated') return
    if (!alert.annunciated) return
    // A new red re-arms at once; silence only ever covers what was there.
    if (alert.level === 'red' && sound.get().state === 'silenced') setState('on')
    if (quiet() || !ringsHere(alert.zone, parentOf)) return
    const audible = sound.get().state === 'on' || sound.get().state === 'silenced'
    if (alert.level === 'yellow' && audible && ringing() === null && !chimed.has(alert.id)) {
      chimed.add(alert.id)
      if (chimed.size > 500) chimed.clear()
      play('yellow')
    }
  })
  const step = () => {
    const now = performance.now()
    const { state, silencedUntil } = sound.get()
    if (context && context.state !== 'running' && state !== 'blocked') setState('blocked')
    if (context?.state === 'running' && state === 'blocked') setState('on')
    if (state === 'silenced' && silencedUntil !== null && now >= silencedUntil) setState('on')
    if (sound.get().state !== 'on' && sound.get().state !== 'silenced') return
    const level = quiet() ? null : ringing()
    if (level && (level !== lastLevel || now - lastAt >= (REPEAT_MS[level] ?? Number.POSITIVE_INFINITY))) {
      lastAt = now
      play(level)
    }
    lastLevel = level
  }
  const timer = setInterval(step, 250)
  // The timers of a tab in the background run once a minute; what comes over the network does not wait for them.
  const stopList = store.subscribeList(step)
  const stopBeats = connection.subscribe(step)
  return () => {
    stopChanges()
    stopList()
    stopBeats()
    clearInterval(timer)
    ringingNow = () => new Set()
  }
}
