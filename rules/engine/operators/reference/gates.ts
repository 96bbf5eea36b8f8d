/** Only for tests: vehicles through a sally port, the whole story told anew for every word of its gates, search and detector. */
import type { Level } from '#model/alert/alert.ts'
import type { Line, Step } from './bench.ts'

interface Cycle {
  /** The leaf through which the vehicle came in, and when. */
  leaf: unknown
  from: number
}

const openAt = (lines: readonly Line[], leaf: unknown): boolean =>
  lines.findLast((l) => l.type === 'gate.state' && l.value.leaf === leaf)?.value.state === 'open'
const other = (leaf: unknown): string => (leaf === 'inner' ? 'outer' : 'inner')
/** A word that changes the leaf. */
const changes = (before: readonly Line[], l: Line): boolean =>
  l.type === 'gate.state' && openAt(before, l.value.leaf) !== (l.value.state === 'open')

/** The cycle that goes on after these words; null: the port is empty, or nobody knows. */
function cycleOf(lines: readonly Line[]): Cycle | null {
  let cycle: Cycle | null = null
  for (const [i, l] of lines.entries()) {
    const before = lines.slice(0, i)
    if (!changes(before, l)) continue
    if (l.value.state === 'open') {
      // The same leaf again: the vehicle went back, or another one comes.
      if (cycle === null || cycle.leaf === l.value.leaf) cycle = { leaf: l.value.leaf, from: l.time }
    } else if (cycle !== null && cycle.leaf !== l.value.leaf && !openAt(before, cycle.leaf)) cycle = null
  }
  return cycle
}

/** May the outer leaf open for a vehicle that came from inside: searched long enough, and the detector found nobody. */
function isCleared(lines: readonly Line[], from: number, searchMs: number): boolean {
  let searched = 0
  let begun: number | null = null
  let lifeless = false
  for (const [i, l] of lines.entries()) {
    const before = lines.slice(0, i)
    if (l.type === 'gate.search' && l.value.state === 'started') begun = l.time
    else if (l.type === 'gate.search' && begun !== null) {
      searched += Math.max(0, l.time - Math.max(begun, from))
      begun = null
    }
    const isShut = !openAt(before, 'inner') && !openAt(before, 'outer')
    if (l.type === 'gate.life' && l.time >= from) {
      if (l.value.present === false) lifeless = lifeless || isShut
      else lifeless = false
    }
  }
  return begun === null && searched >= searchMs && lifeless
}

export function sallySteps(lines: readonly Line[], key: string, searchMs: number, minConfidence: number): Step[] {
  const steps: Step[] = []
  let level: Level | null = null
  let isOn = false
  let wrongIn: number | null = null
  const raise = (at: number, wanted: Level): void => {
    const isHigher = level !== 'red' && wanted === 'red'
    if (!isOn) {
      level = isHigher || level === null ? wanted : level
      steps.push({ at, what: 'on', key, level })
    } else if (isHigher) {
      level = wanted
      steps.push({ at, what: 'rise', key, level })
    }
    isOn = true
  }
  for (const [i, l] of lines.entries()) {
    const before = lines.slice(0, i)
    if (l.type === 'gate.life' && l.value.present === true && (l.value.confidence as number) >= minConfidence)
      raise(l.time, 'red')
    if (!changes(before, l)) continue
    const cycle = cycleOf(before)
    const after = cycleOf(lines.slice(0, i + 1))
    if (l.value.state === 'open') {
      const isBoth = openAt(before, other(l.value.leaf))
      const isExit = cycle?.leaf === 'inner' && l.value.leaf === 'outer'
      if (isBoth || (isExit && !isCleared(since(before, cycle.from), cycle.from, searchMs))) {
        wrongIn = after?.from ?? null
        raise(l.time, 'orange')
      }
    } else if (cycle !== null && after === null && wrongIn !== cycle.from && isOn && level !== 'red') {
      isOn = false
      steps.push({ at: l.time, what: 'off', key, level: level as unknown as Level })
    }
  }
  return steps

  /** The words of the cycle, with what the leaves said before it. */
  function since(all: readonly Line[], from: number): Line[] {
    return all.filter((l) => l.type === 'gate.state' || l.time >= from)
  }
}
