/**
 * R10: a card goes into an area in which it is already, or out of one it has left: two grants one after the other that
 * lead into the same area. Who turned round without passing the reader again looks the same.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Device } from '#model/context/kinds.ts'
import { type Mark, mark, type Operator } from '../operator.ts'

interface State {
  /** The last move of the card: area it led into. */
  into: string
  side: string
  last: Mark
}

export const operator: Operator<State> = {
  name: 'anti-passback',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const withinMs = rule.ms('within')

    /** The area a grant leads into, and how ("in" or "out"). Null: the reader does not say. */
    function moveOf(
      reader: Device | undefined,
      direction: unknown,
      site: FacilityContext,
    ): { into: string; side: string } | null {
      const side = direction === 'out' ? 'out' : 'in'
      const area = reader?.area
      const isSaid = direction === 'in' || direction === 'out'
      // An area that is left without a card: going in twice is what everybody does there.
      if (!isSaid && !site.devicesOfKind('reader').some((r) => r.area?.from !== undefined && r.area.from === area?.to))
        return null
      if (area?.from && area.to) return { into: side === 'in' ? area.to : area.from, side }
      const place = area?.to ?? area?.from ?? reader?.zone
      // One area only: the direction must be said, or two passages in opposite directions look alike.
      if (!place || !isSaid) return null
      return { into: side === 'in' ? place : `outside ${place}`, side }
    }

    return {
      initial: () => {
        throw new Error('the way of a card begins with its first grant')
      },
      on(input, cx) {
        if (input.quality === 'bad') return
        const move = moveOf(input.dev, input.value.direction, cx.site)
        if (!move) return
        const credential = input.value.credential as string
        const state = cx.peek(credential)
        if (state && input.time < state.last.t) return
        const again = state !== undefined && state.into === move.into && input.time - state.last.t <= withinMs
        const before = state?.last
        Object.assign(state ?? cx.begin(credential), { ...move, last: mark(input) } satisfies State)
        if (!again || !before) return
        const holder = cx.site.holderOfCredential(credential)
        const isHigh = [move.into, input.dev?.area?.from, input.dev?.area?.to, input.zone].some(
          (zone) => cx.site.zone(zone)?.security === 'high',
        )
        cx.hit({
          key: credential,
          level: isHigh ? 'yellow' : 'blue',
          opening: before.id,
          evidence: [before, mark(input)],
          zone: input.zone,
          device: input.device,
          subjects: holder === null ? [] : [holder],
          reasons: [{ code: `twice-${move.side}`, params: { credential, area: move.into } }],
          ...(input.late ? { eventTime: input.time } : {}),
        })
      },
    }
  },
}
