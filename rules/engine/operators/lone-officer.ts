/** R45: at night one officer alone in an open cell with inmates. */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { flipAfter, nextMinute } from '../night.ts'
import { type Cx, type Input, mark, type Operator } from '../operator.ts'
import { dueAt, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'
import { FIX_VALID_MS } from '../whereabouts.ts'

interface State extends Timed {
  /** State "w|officer": the cell he was in last. */
  cell: string | null
  /** State "o|cell": officers whose last fix is there. */
  officers: string[]
}

interface Around {
  cell: string
  officers: string
  /** Cells lie inside it: somebody in one of them is in it too. */
  hasCells: boolean
}

export const operator: Operator<State> = {
  name: 'lone-officer',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    type C = Cx<State>

    function peopleIn(zone: string, at: number, cx: C): string[] {
      const found = cx.people.inZone(zone, at)
      for (const child of cx.site.children(zone)) found.push(...peopleIn(child, at, cx))
      return found
    }
    /** The cell a zone lies in, with the name of the state of its officers: asked on every fix and every door. */
    let cells = { version: -1, byZone: new Map<string, Around | null>() }
    function cellAround(zone: string | null, site: FacilityContext): Around | null {
      if (zone === null) return null
      if (cells.version !== site.version) cells = { version: site.version, byZone: new Map() }
      let found = cells.byZone.get(zone)
      if (found === undefined) {
        const cell = cellOf(zone, site)
        found = cell === null ? null : { cell, officers: `o|${cell}`, hasCells: hasCellsInside(cell, site) }
        cells.byZone.set(zone, found)
      }
      return found
    }
    function count(cell: string, at: number, cx: C) {
      const people = peopleIn(cell, at, cx)
      const officers = people.filter((p) => cx.site.staff(p)).sort()
      return { officers, inmates: people.filter((p) => cx.site.person(p)).sort() }
    }
    /** How many were last heard there, however long ago. */
    function lastIn(zone: string, cx: C): { officers: number; inmates: number } {
      const found = { officers: 0, inmates: 0 }
      for (const person of cx.people.lastIn(zone))
        if (cx.site.staff(person)) found.officers++
        else if (cx.site.person(person)) found.inmates++
      for (const child of cx.site.children(zone)) {
        const inside = lastIn(child, cx)
        found.officers += inside.officers
        found.inmates += inside.inmates
      }
      return found
    }
    /** Is any door of the cell open? Null: none ever said, or all are offline. */
    function isOpen(cell: string, at: number, cx: C): boolean | null {
      const states = cx.site
        .devicesOf(cell)
        .filter((d) => d.kind === 'door')
        .map((d) => cx.signals.at(d.id, 'door.state', at)?.value.state)
        .filter((s) => s !== undefined)
      return states.length === 0 ? null : states.includes('open')
    }

    function verdicts(cell: string, at: number, cx: C): Verdicts {
      const { officers, inmates } = count(cell, at, cx)
      const open = isOpen(cell, at, cx)
      // Who was last in there and is not heard any more may still be there: then nobody knows.
      const last = lastIn(cell, cx)
      const [lostOfficers, lostInmates] = [last.officers - officers.length, last.inmates - inmates.length]
      const isOut =
        officers.length > 1 ||
        officers.length + lostOfficers === 0 ||
        inmates.length + lostInmates === 0 ||
        open === false ||
        !cx.site.isNight(at)
      const alone = officers.length === 1 && lostOfficers === 0 && inmates.length > 0 && open === true
      const verdict = isOut ? false : alone ? true : null
      return { parts: [verdict], over: verdict === null ? null : !verdict }
    }
    /** Keeps who was last in which cell: inmates of cells without an officer cost one look-up. */
    function move(officer: string, to: string | null, cx: C): string | null {
      const who = cx.state(`w|${officer}`)
      const from = who.cell
      if (from === to) return null
      who.cell = to
      if (to === null) cx.forget(`w|${officer}`)
      else cx.state(`o|${to}`).officers.push(officer)
      if (from === null) return null
      const left = cx.state(`o|${from}`)
      left.officers = left.officers.filter((o) => o !== officer)
      if (left.officers.length === 0) cx.forget(`o|${from}`)
      return from
    }

    const engine = timed<State>({
      forMs: [rule.ms('sustained')],
      clearMs: rule.ms('overFor'),
      verdicts: (cell, at, cx) => verdicts(cell, at, cx),
      fire(cell, state, _part, due, cx) {
        cx.wake(cell, nextMinute(cx.now), 'sustained', 'night')
        const { officers, inmates } = count(cell, due, cx)
        const opening = state.parts[0]?.opening ?? null
        const marks = officers.flatMap((o) => {
          const fix = cx.people.last(o)
          return fix ? [{ id: fix.id, t: fix.time }] : []
        })
        cx.hit({
          key: cell,
          level: 'yellow',
          opening: opening?.id ?? marks[0]?.id ?? `due:${new Date(due).toISOString()}`,
          evidence: [...(opening ? [opening] : []), ...marks],
          zone: cell,
          subjects: officers,
          reasons: [{ code: 'alone', params: { officer: officers[0] ?? null, inmates: inmates.length }, class: 'L3' }],
          ...dueAt(due, cx.now),
        })
      },
    })

    /** By day, or behind a closed door, it does not matter who is in there. */
    const unheard = (cell: string, at: number, cx: C): Verdicts =>
      cx.site.isNight(at) && isOpen(cell, at, cx) !== false
        ? { parts: [null], over: null }
        : { parts: [false], over: true }

    function settle(cell: string, input: Input, cx: C): void {
      const state = cx.state(cell)
      // He was in there and was not heard for a while: nobody knew.
      const fix = input.usableFix && input.subject !== null ? cx.people.last(input.subject) : undefined
      const isBack = fix !== undefined && fix.previous !== null && input.time - fix.previous > FIX_VALID_MS
      if (isBack && cellOf(fix.previousZone, cx.site) === cell)
        engine.apply(cell, state, input.time, unheard(cell, input.time, cx), null, cx)
      engine.apply(cell, state, input.time, verdicts(cell, input.time, cx), mark(input), cx)
      const flip = flipAfter((at) => cx.site.isNight(at), input.time, FIX_VALID_MS)
      if (state.active) cx.wake(cell, nextMinute(input.time), 'sustained', 'night')
      else if (flip !== null) cx.wake(cell, flip, 'sustained', 'night')
      else if (isIdle(state)) cx.forget(cell)
    }

    return {
      initial: () => ({ ...newTimed(1), cell: null, officers: [] }),
      on(input, cx) {
        if (input.type === 'door.state') {
          if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
          const around = cellAround(input.zone, cx.site)
          // Nearly always nobody of the staff is in there, and was not.
          if (around !== null && (around.hasCells || cx.peek(around.cell) || cx.peek(around.officers)))
            settle(around.cell, input, cx)
          return
        }
        if (!input.usableFix || input.subject === null || cx.people.last(input.subject)?.id !== input.id) return
        const place = cellAround(input.zone, cx.site)
        const cell = place?.cell ?? null
        if (cx.site.staff(input.subject)) {
          const from = move(input.subject, cell, cx)
          if (from !== null) settle(from, input, cx)
          if (cell !== null) settle(cell, input, cx)
          return
        }
        const left = cellAround(cx.people.last(input.subject)?.previousZone ?? null, cx.site)
        if (left !== null && cx.peek(left.officers)) settle(left.cell, input, cx)
        if (place !== null && place !== left && cx.peek(place.officers)) settle(place.cell, input, cx)
      },
      wake(cell, tag, cx) {
        if (tag !== 'night') return engine.wake(cell, tag, cx)
        // Night begins or ends while nobody says anything.
        const state = cx.peek(cell)
        if (!state) return
        engine.apply(cell, state, cx.now, verdicts(cell, cx.now, cx), null, cx)
        if (state.active) cx.wake(cell, nextMinute(cx.now), 'sustained', 'night')
        else if (isIdle(state)) cx.forget(cell)
      },
    }
  },
}

const hasCellsInside = (cell: string, site: FacilityContext): boolean =>
  site.children(cell).some((zone) => cellOf(zone, site) === zone || hasCellsInside(zone, site))

function cellOf(zone: string | null, site: FacilityContext): string | null {
  return site.upward(zone).find((z) => ['cell', 'dormitory'].includes(site.zone(z)?.kind ?? '')) ?? null
}
