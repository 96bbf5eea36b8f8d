/**
 * Single-key shortcuts. They rest while somebody types, while an input method composes Chinese (isComposing, key 229),
 * while a dialog is open, and for good when the person turned them off (WCAG 2.1.4).
 */
import { useEffect, useRef } from 'react'
import { settings } from '../live/settings.ts'

export type KeyMap = Record<string, (event: KeyboardEvent) => void>

/** Letters go nowhere in these: after a tick in a box, A must still acknowledge. Arrows and the space bar are their own. */
const WORDLESS = new Set(['checkbox', 'radio', 'button', 'submit'])

const isTyping = (target: EventTarget | null, key = ''): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    ['TEXTAREA', 'SELECT'].includes(target.tagName) ||
    (target.tagName === 'INPUT' && (key.length !== 1 || !WORDLESS.has((target as HTMLInputElement).type))) ||
    !!target.closest('[role="dialog"]'))

/** Name of a key as the maps use it: letters in lower case, the space bar as "Space". */
export const keyName = (event: KeyboardEvent): string =>
  event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toLowerCase() : event.key

/** Keys held with Ctrl (or ⌘) that a page asks for by "Ctrl+K"; they work in text fields too, except Ctrl+A. */
function heldKey(event: KeyboardEvent, map: KeyMap): boolean {
  const name = `Ctrl+${keyName(event).toUpperCase()}`
  const task = map[name]
  if (!task || event.altKey || event.shiftKey) return false
  if (name === 'Ctrl+A' && isTyping(event.target)) return false
  event.preventDefault()
  task(event)
  return true
}

export function handleKey(event: KeyboardEvent, map: KeyMap): boolean {
  if (event.isComposing || event.keyCode === 229) return false
  if (event.defaultPrevented) return false
  if (event.ctrlKey || event.metaKey) return heldKey(event, map)
  if (event.altKey) return false
  const name = keyName(event)
  if (isTyping(event.target, name)) return false
  const single = name.length === 1 || name === 'Space'
  if (single && !settings.get().shortcuts) return false
  // The space bar presses the focused button; it must not freeze the list as well.
  if (name === 'Space' && event.target instanceof HTMLButtonElement) return false
  if (name === 'Enter' && event.target instanceof HTMLElement && event.target.closest('button, a, summary'))
    return false
  const task = map[single ? meantBy(name, settings.get().keys) : name]
  if (!task) return false
  event.preventDefault()
  task(event)
  return true
}

/** Single keys that a person may give other places on the keyboard (WCAG 2.1.4). */
export const REMAPPABLE = [
  'j',
  'k',
  'a',
  'd',
  'e',
  'f',
  'r',
  'y',
  'n',
  'v',
  't',
  'p',
  'm',
  's',
  'x',
  'g',
  '/',
  '?',
] as const

/** Which key of the maps a pressed one stands for: a key that was moved away stands for nothing at its old place. */
export function meantBy(pressed: string, own: Record<string, string>): string {
  for (const [meant, key] of Object.entries(own)) if (key === pressed) return meant
  return pressed in own ? '' : pressed
}

/** Null when the key may be taken for this act, else who has it. */
export function takenBy(meant: string, key: string, own: Record<string, string>): string | null {
  for (const other of REMAPPABLE) if (other !== meant && (own[other] ?? other) === key) return other
  return '01234'.includes(key) ? key : null
}

/** The key that is pressed for an act today: what buttons and help show. */
export const shownKey = (meant: string): string => {
  const own = settings.get().keys[meant.toLowerCase()]
  return own === undefined ? meant : own.toUpperCase()
}

export function useKeys(map: KeyMap): void {
  const current = useRef(map)
  current.current = map
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      handleKey(event, current.current)
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  }, [])
}
