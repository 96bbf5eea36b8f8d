/**
 * R17: the cycle of a vehicle in a sally port. Inwards: outer opens, closes, inner opens. Outwards: inner opens, closes, a
 * search of a minute without a sign of life, only then the outer opens. A life found is red whatever the step.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'

type Leaf = 'inner' | 'outer'
interface State {
  open: { inner: Mark | null; outer: Mark | null }
  /** Leaf through which the vehicle came in, and the reading; null = the port is empty, or nobody knows. */
  entered: { leaf: Leaf; opening: Mark } | null
  searchFrom: Mark | null
  /** Time that finished searches of this cycle took, ms. */
  searchedMs: number
  /** The detector said in this cycle, after the doors were closed, that nobody is hidden. */
  lifeless: boolean
  /** This cycle was wrong: its end does not clear the alert. */
  wrong: boolean
}

export const operator: Operator<State> = {
  name: 'sally-port-cycle',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const searchMs = rule.ms('search')
    const minConfidence = rule.num('minConfidence')
    type C = Cx<State>

    function hit(
      zone: string,
      input: Input,
      level: 'red' | 'orange',
      code: string,
      params: object,
      state: State,
      cx: C,
    ) {
      const own = mark(input)
      const began = state.entered?.opening ?? own
      cx.hit({
        key: zone,
        level,
        opening: level === 'red' ? own.id : began.id,
        evidence: level === 'red' || began.id === own.id ? [own] : [began, own],
        zone,
        device: input.device,
        reasons: [{ code, params: { ...params } }],
        advice: ['hold-outer-gate'],
        ...(level === 'red' ? { untilPerson: true } : {}),
        ...(input.late ? { eventTime: input.time } : {}),
      })
    }

    function violate(zone: string, input: Input, code: string, params: object, state: State, cx: C): void {
      state.wrong = true
      hit(zone, input, 'orange', code, params, state, cx)
    }

    function opened(zone: string, leaf: Leaf, input: Input, state: State, cx: C): void {
      const other: Leaf = leaf === 'inner' ? 'outer' : 'inner'
      state.open[leaf] = mark(input)
      if (state.open[other]) violate(zone, input, 'both-open', { leaf }, state, cx)
      else if (state.entered?.leaf === 'inner' && leaf === 'outer') {
        const running = state.searchFrom !== null
        if (running || state.searchedMs < searchMs)
          violate(
            zone,
            input,
            state.searchedMs > 0 ? 'search-short' : 'not-searched',
            {
              seconds: state.searchedMs / 1000,
              needed: searchMs / 1000,
            },
            state,
            cx,
          )
        else if (!state.lifeless && hasDetector(zone, cx.site)) violate(zone, input, 'not-checked', {}, state, cx)
      }
      // The same leaf again: the vehicle went back, or another one comes; the cycle begins anew.
      if (state.entered === null || state.entered.leaf === leaf) begin(state, leaf, mark(input))
    }

    function closed(zone: string, leaf: Leaf, state: State, cx: C): void {
      state.open[leaf] = null
      if (state.entered === null || state.entered.leaf === leaf || state.open[state.entered.leaf]) return
      // It left by the other side: the cycle is over.
      const correct = !state.wrong
      state.entered = null
      state.wrong = false
      // A red one ends only by a person.
      if (correct && cx.alerts.find(rule.code, zone)?.level !== 'red') cx.clear(zone)
    }

    return {
      initial: () => ({
        open: { inner: null, outer: null },
        entered: null,
        searchFrom: null,
        searchedMs: 0,
        lifeless: false,
        wrong: false,
      }),
      on(input, cx) {
        if (input.quality === 'bad') return
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const zone = portOf(input.zone, cx.site)
        if (zone === null) return
        const state = cx.state(zone)
        const { value } = input
        switch (input.type) {
          case 'gate.state': {
            const leaf = value.leaf as Leaf
            if (value.state === 'open') {
              if (!state.open[leaf]) opened(zone, leaf, input, state, cx)
            } else if (state.open[leaf]) closed(zone, leaf, state, cx)
            return
          }
          case 'gate.search':
            if (value.state === 'started') state.searchFrom = mark(input)
            else if (state.searchFrom) {
              // Only a search behind closed leaves of a vehicle that is inside counts.
              const from = Math.max(state.searchFrom.t, state.entered?.opening.t ?? Number.POSITIVE_INFINITY)
              state.searchedMs += Math.max(0, input.time - from)
              state.searchFrom = null
            }
            return
          case 'gate.life':
            if (value.present === true && (value.confidence as number) >= minConfidence) {
              hit(zone, input, 'red', 'life', { confidence: value.confidence }, state, cx)
            } else if (value.present === false && !state.open.inner && !state.open.outer) state.lifeless = true
            else if (value.present === true) state.lifeless = false
            return
          case 'gate.command': {
            const alert = cx.alerts.find(rule.code, zone)
            if (value.command !== 'open') return
            if (alert && alert.level === 'red')
              hit(zone, input, 'red', 'advice-overridden', { leaf: value.leaf }, state, cx)
          }
        }
      },
    }
  },
}

function begin(state: State, leaf: Leaf, opening: Mark): void {
  state.entered = { leaf, opening }
  state.searchFrom = null
  state.searchedMs = 0
  state.lifeless = false
  state.wrong = state.open.inner !== null && state.open.outer !== null
}

const PORT_KINDS = ['sally-port', 'gate', 'dock']

/** The sally port a device belongs to: its zone or the nearest one around it. */
function portOf(zone: string | null, site: FacilityContext): string | null {
  const up = site.upward(zone)
  for (const kind of PORT_KINDS) {
    const found = up.find((z) => site.zone(z)?.kind === kind)
    if (found) return found
  }
  return null
}

const hasDetector = (zone: string, site: FacilityContext): boolean =>
  site.devicesOf(zone).some((d) => d.kind === 'life-detector')
