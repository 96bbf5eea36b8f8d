/**
 * R64: after lock-up a cell is neither locked nor closed, and no pass, escort or mode explains it. Counts from the
 * beginning of the lock-up slot of the timetable, or from the moment the door was unlocked or opened after it.
 */
import { type FacilityContext, instant } from '#model/context/facility-context.ts'
import type { TimetableSlot } from '#model/context/kinds.ts'
import { isLockUp } from '#model/context/lock-up.ts'
import { localTime, minuteOf } from '#model/local-time.ts'
import { doorMode } from '../doors.ts'
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  /** Readings that say unlocked and open; null = locked, closed, or never said. */
  unlocked: Mark | null
  open: Mark | null
  active: boolean
  /** Beginning of the bad time for which yellow and orange were said. */
  saidFor: number
  orange: boolean
}

const DAY_MS = 86_400_000
const LOCK_AND_LEAF = ['door.lock', 'door.state']
const CELL_KINDS = ['cell', 'dormitory']

export const operator: Operator<State> = {
  name: 'lock-up',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const yellowMs = rule.ms('yellowAfter')
    const orangeMs = rule.ms('orangeAfter')
    type C = Cx<State>

    function isExcused(door: string, cell: string, at: number, site: FacilityContext, cx: C): boolean {
      if (doorMode(door, cx.signals) !== 'normal' || site.isInMaintenance(door, at)) return true
      if (site.modesAt(cell, at, 'fire').length > 0) return true
      if (site.modesAt(cell, at, 'maintenance').some((m) => !m.devices?.length)) return true
      const lives = (person: string): boolean => {
        const own = site.person(person)?.cell ?? null
        return own !== null && site.within(own, cell)
      }
      const covers = (item: { from?: string | number; to?: string | number }): boolean => {
        const [from, to] = [instant(item.from), instant(item.to)]
        return (from === null || at >= from) && (to === null || at < to)
      }
      return (
        site.all('passes').some((p) => lives(p.person) && covers(p)) ||
        site.all('escorts').some((e) => e.persons.some(lives) && covers(e))
      )
    }

    /** Asks again at the next instant at which something can become true. */
    function arm(door: string, state: State, cx: C): void {
      const bad = badSince(state)
      const cell = cellOf(door, cx.site)
      if (bad === null || cell === null) return
      const slot = lockedSince(cell, cx.now, cx.site)
      if (slot === null) {
        const next = nextLockUp(cell, cx.now, cx.site)
        if (next !== null) cx.wake(door, next + yellowMs, 'sustained')
        return
      }
      const since = Math.max(bad, slot)
      const due = state.saidFor === since ? since + orangeMs : since + yellowMs
      if (due > cx.now) cx.wake(door, due, 'sustained')
      else if (!state.orange) cx.wake(door, cx.now + 60_000, 'sustained')
      if (state.active) cx.wake(door, lockEnds(cell, cx.now, cx.site), 'sustained', 'end')
    }

    return {
      initial: () => ({ unlocked: null, open: null, active: false, saidFor: 0, orange: false }),
      on(input, cx) {
        const door = input.device
        if (input.type === 'device.status') {
          const state = cx.peek(door)
          if (state && input.value.online === true) cx.wake(door, cx.now, 'sustained')
          return
        }
        if ((input.quality === 'bad' && input.type !== 'door.mode') || cellOf(door, cx.site) === null) return
        if (input.late && cx.signals.last(door, input.type)?.id !== input.id) return
        const state = cx.state(door)
        if (input.type === 'door.mode') {
          // What was excused until now is judged at once.
          if (badSince(state) !== null) cx.wake(door, cx.now, 'sustained')
          return
        }
        if (input.type === 'door.lock') {
          if (input.value.state === 'unlocked') state.unlocked ??= mark(input)
          else state.unlocked = null
        } else if (input.value.state === 'open') state.open ??= mark(input)
        else state.open = null
        if (badSince(state) !== null) {
          cx.wake(door, cx.now, 'sustained')
          return
        }
        // Of lock and leaf one may be unknown: that ends nothing.
        if (state.active && LOCK_AND_LEAF.some((type) => cx.signals.last(door, type)?.bad)) return
        if (state.active) cx.clear(door)
        cx.forget(door)
      },
      context(cx) {
        for (const door of [...cx.keys()]) cx.wake(door, cx.now, 'absence')
      },
      wake(door, _tag, cx) {
        const state = cx.peek(door)
        const bad = state ? badSince(state) : null
        const cell = cellOf(door, cx.site)
        if (!state || cell === null) return
        const slot = lockedSince(cell, cx.now, cx.site)
        if (slot === null) {
          // The day begins: open cells are what they should be, and what nobody knew of them is over.
          if (state.active) cx.clear(door)
          state.active = false
          state.orange = false
          state.saidFor = 0
          if (bad === null) cx.forget(door)
          else arm(door, state, cx)
          return
        }
        if (bad === null) return
        const since = Math.max(bad, slot)
        const lasted = cx.now - since
        const says = (type: string): unknown => cx.signals.at(door, type, cx.now)?.value.state
        const isKnown = says('door.lock') === 'unlocked' || says('door.state') === 'open'
        if (lasted >= yellowMs && isKnown && !isExcused(door, cell, cx.now, cx.site, cx)) {
          const orange = lasted >= orangeMs
          if (!(state.saidFor === since && state.orange === orange)) {
            state.active = true
            state.saidFor = since
            state.orange = orange
            const marks = [state.unlocked, state.open].filter((m) => m !== null)
            const first = marks.reduce((a, b) => (b.t < a.t || (b.t === a.t && b.id < a.id) ? b : a))
            cx.hit({
              key: door,
              level: orange ? 'orange' : 'yellow',
              opening: first.id,
              evidence: marks,
              zone: cell,
              device: door,
              reasons: [{ code: state.open ? 'open' : 'unlocked', params: { minutes: Math.floor(lasted / 60_000) } }],
            })
          }
        }
        arm(door, state, cx)
      },
    }
  },
}

function badSince(state: State): number | null {
  const times = [state.unlocked, state.open].flatMap((m) => (m ? [m.t] : []))
  return times.length > 0 ? Math.min(...times) : null
}

function cellOf(door: string, site: FacilityContext): string | null {
  const zone = site.zoneOfDevice(door)
  return CELL_KINDS.includes(site.zone(zone)?.kind ?? '') ? zone : null
}

function slotsOf(cell: string, site: FacilityContext): TimetableSlot[] {
  return site
    .all('timetable')
    .filter(
      (slot) =>
        isLockUp(slot) && (site.within(cell, slot.zone) || slot.wards?.some((w) => site.within(cell, w)) === true),
    )
}

/** Beginning of a slot on the local day of `at`, `days` days away. */
function startOf(slot: TimetableSlot, at: number, days: number, site: FacilityContext): number {
  const { midnight } = localTime(site.timezone, at)
  return localTime(site.timezone, midnight + days * DAY_MS + DAY_MS / 2).midnight + minuteOf(slot.from) * 60_000
}

/** Since when the cell is locked up at `at`; null = it is not. */
function lockedSince(cell: string, at: number, site: FacilityContext): number | null {
  let best: number | null = null
  for (const slot of slotsOf(cell, site)) {
    if (!site.slotCovers(slot, at)) continue
    const today = startOf(slot, at, 0, site)
    const start = today <= at ? today : startOf(slot, at, -1, site)
    if (best === null || start < best) best = start
  }
  return best
}

/** End of the lock-up that is on at `at`: the latest of its slots. */
function lockEnds(cell: string, at: number, site: FacilityContext): number {
  let best = at
  for (const slot of slotsOf(cell, site)) {
    if (!site.slotCovers(slot, at)) continue
    const length = ((minuteOf(slot.to) - minuteOf(slot.from) + 1440) % 1440) * 60_000
    const today = startOf(slot, at, 0, site)
    best = Math.max(best, (today <= at ? today : startOf(slot, at, -1, site)) + length)
  }
  return best
}

function nextLockUp(cell: string, at: number, site: FacilityContext): number | null {
  let best: number | null = null
  for (const slot of slotsOf(cell, site))
    for (let day = 0; day <= 8; day++) {
      const start = startOf(slot, at, day, site)
      if (start <= at || !site.slotCovers(slot, start)) continue
      if (best === null || start < best) best = start
      break
    }
  return best
}
