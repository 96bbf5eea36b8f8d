/**
 * R34: a person who is there gives no sign of life: the bed radar sees him but no breathing, or his worn band finds no
 * pulse and no movement. Absent is what a device says was measured and not found (`null`); a missing key is no evidence.
 */
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { dueAt, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'
import { MIN_VITALS_CONFIDENCE, STILL_ACTIVITY } from '../views.ts'

interface State extends Timed {
  /** The last alert of one unsure source: not more than one an hour. */
  lastYellowAt: number | null
  /** The running alert is more than the word of one unsure source: only sure signs of life end it. */
  sure: boolean
}

const RADAR = 0
const BAND = 1

interface Found {
  /** The source measured and found nothing. */
  absent: boolean | null
  signs: boolean
  confident: boolean
  mark: Mark
}

type Source = Pick<Input, 'device' | 'type'>

export const operator: Operator<State> = {
  name: 'life-signs',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const breathingMs = rule.ms('breathingFor')
    const pulseMs = rule.ms('pulseFor')
    const yellowEveryMs = rule.ms('yellowEvery')
    type C = Cx<State>

    /** What each kind of source says at an instant. A device of the same kind with signs of life speaks for the kind. */
    function look(person: string, at: number, cx: C, without?: Source): [Found[], Found[]] {
      const radars: Found[] = []
      const bands: Found[] = []
      for (const device of cx.site.devicesOfSubject(person)) {
        const said = (type: string) =>
          without?.device === device && without.type === type ? null : cx.signals.at(device, type, at)
        const radar = said('radar.vitals')
        if (radar) {
          const { present, resp, confidence } = radar.value
          radars.push({
            absent: present !== true ? false : resp === null ? true : typeof resp === 'number' ? resp <= 0 : null,
            signs: present === true && typeof resp === 'number' && resp > 0,
            confident: (confidence as number) >= MIN_VITALS_CONFIDENCE,
            mark: { id: radar.id, t: radar.time },
          })
        }
        const band = said('band.vitals')
        if (band && !cx.signals.isUnworn(device)) {
          const { hr, activity, confidence } = band.value
          const still = (activity as number) <= STILL_ACTIVITY
          const found = typeof hr === 'number' && hr > 0
          bands.push({
            absent: hr === null || hr === 0 ? still : found ? false : null,
            signs: found || !still,
            confident: (confidence as number) >= MIN_VITALS_CONFIDENCE,
            mark: { id: band.id, t: band.time },
          })
        }
      }
      return [radars, bands]
    }

    /** Parts: radar of any confidence, band of any confidence, radar surely, band surely. */
    function verdicts(person: string, at: number, cx: C, without?: Source): Verdicts {
      const [radars, bands] = look(person, at, cx, without)
      const surelyAlive = [...radars, ...bands].some((f) => f.signs && f.confident)
      if (surelyAlive) return { parts: [false, false, false, false], over: true }
      const aliveUnsurely = [...radars, ...bands].some((f) => f.signs)
      const absent = (found: Found[], sure: boolean): boolean | null => {
        const used = sure ? found.filter((f) => f.confident) : found
        if (used.some((f) => f.absent === true)) return true
        return used.some((f) => f.absent === false) ? false : null
      }
      return {
        parts: [absent(radars, false), absent(bands, false), absent(radars, true), absent(bands, true)],
        over: aliveUnsurely && cx.peek(person)?.sure === false ? true : null,
      }
    }

    const clock = timed<State>({
      forMs: [breathingMs, pulseMs, breathingMs, pulseMs],
      clearMs: rule.ms('signsFor'),
      verdicts: (person, at, cx) => verdicts(person, at, cx),
      fire(person, state, part, due, cx) {
        const other = state.parts[part === RADAR ? BAND : RADAR]
        // One source of low confidence alone is a reason to look, not to run; two of them agree.
        const sure = part > BAND || other?.fired === true
        if (!sure) {
          if (state.parts[part + 2]?.fired) return
          if (state.lastYellowAt !== null && due - state.lastYellowAt < yellowEveryMs) {
            cx.count('yellow once per hour')
            return
          }
          state.lastYellowAt = due
        }
        state.sure ||= sure
        const opening = state.parts[part]?.opening
        if (!opening) return
        const source = part % 2
        const seen = look(person, due, cx)[source]?.map((f) => f.mark) ?? []
        cx.hit({
          key: person,
          level: sure ? 'red' : 'yellow',
          opening: opening.id,
          evidence: [opening, ...seen],
          zone: cx.people.last(person)?.zone ?? cx.site.person(person)?.cell ?? null,
          subjects: [person],
          reasons: [
            {
              code: source === RADAR ? 'no-breathing' : 'no-pulse',
              params: { person, seconds: (source === RADAR ? breathingMs : pulseMs) / 1000 },
              class: 'L4',
            },
            ...(sure ? [] : [{ code: 'one-unsure-source', params: { person } }]),
          ],
          ...dueAt(due, cx.now),
        })
      },
      ended: (_key, state) => {
        state.sure = false
      },
    })

    /** A band that finds a pulse: nearly every reading, and nothing else need be asked. */
    function isSurelyAlive(person: string, { id, device, type, time }: Input, cx: C): boolean {
      if (type !== 'band.vitals' || !cx.site.devicesOfSubject(person).includes(device)) return false
      const band = cx.signals.at(device, 'band.vitals', time)
      if (band?.id !== id || cx.signals.isUnworn(device)) return false
      const { hr, confidence } = band.value
      return typeof hr === 'number' && hr > 0 && (confidence as number) >= MIN_VITALS_CONFIDENCE
    }

    function applyTo(person: string, input: Input, cx: C): void {
      const now = verdicts(person, input.time, cx)
      const known = cx.peek(person)
      if (!known && !now.parts.includes(true)) return
      const state = known ?? cx.state(person)
      // The source was silent or bad in between: what it said before has ended, and what the others say goes on.
      if (input.afterGap && input.type !== 'band.worn')
        clock.apply(person, state, input.time, verdicts(person, input.time, cx, input), mark(input), cx)
      clock.apply(person, state, input.time, now, mark(input), cx)
      const remembers = state.lastYellowAt !== null && input.time - state.lastYellowAt < yellowEveryMs
      if (isIdle(state) && !remembers) cx.forget(person)
    }

    return {
      initial: () => ({ ...newTimed(4), lastYellowAt: null, sure: false }),
      on(input, cx) {
        const person = input.subject
        if (person === null || !cx.site.person(person)) return
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        if (cx.peek(person) === undefined && isSurelyAlive(person, input, cx)) return
        applyTo(person, input, cx)
      },
      wake: (key, tag, cx) => clock.wake(key, tag, cx),
    }
  },
}
