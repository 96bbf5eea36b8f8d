/**
 * R11: a card is used where its holder cannot be: his tag is far from the reader, or two readers were passed faster than a
 * man can run.
 */
import type { FacilityContext } from '#model/context/facility-context.ts'
import { type Mark, mark, type Operator } from '../operator.ts'

interface Place {
  x: number
  y: number
  floor: number | null
}
interface State {
  reader: string
  place: Place
  last: Mark
}

export const operator: Operator<State> = {
  name: 'card-away',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const awayM = rule.num('away')
    const ageMs = rule.ms('age')
    const speed = rule.num('speed')

    return {
      initial: () => {
        throw new Error('the way of a card begins with its first grant')
      },
      on(input, cx) {
        if (input.quality === 'bad') return
        const credential = input.value.credential as string
        const holder = cx.site.holderOfCredential(credential)
        const place = placeOf(input.device, input.zone, cx.site)
        if (holder === null || place === null) return
        const own = mark(input)
        const before = cx.peek(holder)
        const base = {
          key: holder,
          level: 'orange' as const,
          zone: input.zone,
          device: input.device,
          subjects: [holder],
          ...(input.late ? { eventTime: input.time } : {}),
        }
        const fix = cx.people.last(holder)
        // A fix after the card was used (a late grant) says nothing about where he was then.
        if (fix && fix.time <= input.time && input.time - fix.time <= ageMs) {
          const metres = Math.hypot(fix.x - place.x, fix.y - place.y)
          const otherFloor = place.floor !== null && place.floor !== fix.floor
          const atReader = fix.zone !== null && fix.zone === input.zone && !cx.site.device(input.device)?.at
          if (otherFloor || (metres > awayM && !atReader))
            cx.hit({
              ...base,
              opening: fix.id,
              evidence: [{ id: fix.id, t: fix.time }, own],
              reasons: [
                {
                  code: otherFloor ? 'other-floor' : 'tag-away',
                  params: { credential, metres, zone_of_tag: fix.zone },
                  class: 'L3',
                },
              ],
            })
        }
        if (before && before.last.t <= input.time && before.reader !== input.device && hasAt(before.reader, cx.site)) {
          const metres = Math.hypot(before.place.x - place.x, before.place.y - place.y)
          const seconds = (input.time - before.last.t) / 1000
          if (hasAt(input.device, cx.site) && metres > speed * seconds)
            cx.hit({
              ...base,
              opening: before.last.id,
              evidence: [before.last, own],
              reasons: [
                { code: 'too-fast', params: { credential, metres, seconds, from: before.reader }, class: 'L3' },
              ],
            })
        }
        if (before && input.time < before.last.t) return
        Object.assign(before ?? cx.begin(holder), { reader: input.device, place, last: own } satisfies State)
      },
    }
  },
}

const hasAt = (device: string, site: FacilityContext): boolean => site.device(device)?.at !== undefined

/** Where a reader is: its own place, that of its door, else the middle of its zone. */
function placeOf(reader: string, zone: string | null, site: FacilityContext): Place | null {
  const device = site.device(reader)
  const door = site.device(device?.door)
  const area = site.zone(zone)
  const at = device?.at ?? door?.at
  if (at) return { x: at.x_m, y: at.y_m, floor: at.floor ?? area?.floor ?? null }
  const ring = area?.polygon
  if (!ring?.length) return null
  const sum = ring.reduce((s, [x, y]) => ({ x: s.x + x, y: s.y + y }), { x: 0, y: 0 })
  return { x: sum.x / ring.length, y: sum.y / ring.length, floor: area?.floor ?? null }
}
