/**
 * R31: partial NEWS2 of a person at rest: breathing, oxygen and pulse score 0–3 by their median over five minutes. Skin
 * temperature is no body temperature and never counts. What is not measured does not score.
 */
import { type Cx, type Input, mark, type Operator } from '../operator.ts'
import { earliestMark, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'
import { MIN_VITALS_CONFIDENCE, REST_ACTIVITY } from '../views.ts'

type Parameter = 'resp' | 'spo2' | 'hr'
type Sample = { t: number; id: string } & Partial<Record<Parameter, number>>
interface State extends Timed {
  /** At low activity, in the window. */
  samples: Sample[]
  /** Since when his activity has been low without a gap. */
  lowSince: number | null
  lowAt: number
  /** The newest activity was low: samples of exertion never enter the medians. */
  low: boolean
}
interface Scores {
  total: number
  highest: number
  scores: Partial<Record<Parameter, number>>
  medians: Partial<Record<Parameter, number>>
}

const PARAMETERS: readonly Parameter[] = ['resp', 'spo2', 'hr']
const LEVELS = ['yellow', 'orange', 'red'] as const
const VALID_MS = 15_000
const MAX_SAMPLES = 150
const UNKNOWN: Verdicts = { parts: [null, null, null], over: null }

/** The bands of the Royal College of Physicians, scale 1, closed without gaps for medians between two integers. */
export function news2Score(parameter: Parameter, value: number): number {
  if (parameter === 'resp') return value < 9 ? 3 : value < 12 ? 1 : value < 21 ? 0 : value < 25 ? 2 : 3
  if (parameter === 'spo2') return value < 92 ? 3 : value < 94 ? 2 : value < 96 ? 1 : 0
  return value < 41 ? 3 : value < 51 ? 1 : value < 91 ? 0 : value < 111 ? 1 : value < 131 ? 2 : 3
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

export const operator: Operator<State> = {
  name: 'partial-news2',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const windowMs = rule.ms('window')
    const restMs = rule.ms('rest')
    const minSamples = rule.num('minSamples')
    const limits = [rule.num('yellowFrom'), rule.num('orangeFrom'), rule.num('redFrom')] as const
    type C = Cx<State>

    function scoresOf(state: State, at: number, exact = false): Scores | null {
      if (state.lowSince === null || at - state.lowSince < restMs || at - state.lowAt > VALID_MS) return null
      const result: Scores = { total: 0, highest: 0, scores: {}, medians: {} }
      let present = 0
      for (const p of PARAMETERS) {
        const values: number[] = []
        let unusual = 0
        for (const s of state.samples) {
          const v = s[p]
          if (v === undefined || s.t < at - windowMs) continue
          values.push(v)
          if (news2Score(p, v) > 0) unusual++
        }
        if (values.length < minSamples) continue
        present++
        // Sorting is dear: where most samples score nothing, so does the median.
        if (!exact && unusual * 2 < values.length) {
          result.scores[p] = 0
          continue
        }
        const m = median(values)
        const score = news2Score(p, m)
        result.medians[p] = m
        result.scores[p] = score
        result.total += score
        result.highest = Math.max(result.highest, score)
      }
      return present > 0 ? result : null
    }

    function verdictsOf(state: State | undefined, at: number): Verdicts {
      const s = state ? scoresOf(state, at) : null
      if (!s) return UNKNOWN
      return {
        parts: [s.total >= limits[0] || s.highest >= 3, s.total >= limits[1], s.total >= limits[2]],
        over: s.total < limits[0] && s.highest < 3,
      }
    }

    const clock = timed<State>({
      forMs: [0, 0, 0],
      clearMs: rule.ms('normalFor'),
      verdicts: (key, at, cx) => verdictsOf(cx.peek(key), at),
      fire(person, state, part, due, cx) {
        const s = scoresOf(state, due, true)
        if (!s) return
        const evidence = PARAMETERS.filter((p) => (s.scores[p] ?? 0) > 0).flatMap((p) => {
          const used = state.samples.filter((x) => x[p] !== undefined && x.t >= due - windowMs)
          const ends = used.length > 1 ? [used[0], used.at(-1)] : used
          return ends.map((x) => ({ id: (x as Sample).id, t: (x as Sample).t }))
        })
        cx.hit({
          key: person,
          level: LEVELS[part] as (typeof LEVELS)[number],
          opening: earliestMark(evidence)?.id ?? '',
          evidence,
          zone: cx.people.last(person)?.zone ?? cx.site.person(person)?.cell ?? null,
          subjects: [person],
          reasons: [
            {
              code: 'score',
              params: {
                score: s.total,
                resp: s.medians.resp ?? null,
                spo2: s.medians.spo2 ?? null,
                hr: s.medians.hr ?? null,
                present: Object.keys(s.scores).join(', '),
              },
              class: 'L4',
            },
          ],
        })
      },
    })

    function rest(state: State, input: Input, activity: number): void {
      if (activity >= REST_ACTIVITY) state.lowSince = null
      else if (state.lowSince === null || input.time - state.lowAt > VALID_MS) state.lowSince = input.time
      state.lowAt = input.time
      state.low = activity < REST_ACTIVITY
    }

    return {
      initial: () => ({
        ...newTimed(3),
        samples: [],
        lowSince: null,
        lowAt: 0,
        low: false,
      }),
      on(input, cx) {
        const person = input.subject
        if (person === null || !cx.site.person(person)) return
        if (input.quality === 'bad') {
          // Nobody knows whether he still rests.
          const known = input.type === 'band.vitals' ? cx.peek(person) : undefined
          if (!known) return
          known.lowSince = null
          clock.apply(person, known, input.time, UNKNOWN, mark(input), cx)
          return
        }
        if ((input.value.confidence as number) < MIN_VITALS_CONFIDENCE) return
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const band = input.type === 'band.vitals'
        if (band && cx.signals.isUnworn(input.device)) return
        if (!band && input.value.present !== true) return
        const state = cx.state(person)
        // A band says how much he moves; the radar over his bed only where no band does.
        const activity = band ? input.value.activity : hasBand(person, input.time, cx) ? null : input.value.motion
        if (typeof activity === 'number') rest(state, input, activity)
        if (state.low) {
          const sample: Sample = { t: input.time, id: input.id }
          for (const p of PARAMETERS) if (typeof input.value[p] === 'number') sample[p] = input.value[p] as number
          state.samples.push(sample)
        }
        while ((state.samples[0]?.t ?? input.time) < input.time - windowMs || state.samples.length > MAX_SAMPLES)
          state.samples.shift()
        clock.apply(person, state, input.time, verdictsOf(state, input.time), mark(input), cx)
      },
      wake: (key, tag, cx) => clock.wake(key, tag, cx),
    }

    function hasBand(person: string, at: number, cx: C): boolean {
      return cx.site.devicesOfSubject(person).some((d) => {
        const signal = cx.signals.at(d, 'band.vitals', at)
        return signal !== null && (signal.value.confidence as number) >= MIN_VITALS_CONFIDENCE
      })
    }
  },
}
