/**
 * Something that should have come and did not: armed by a first reading (never by the start of the run), due a time later.
 * With `restart` each arming reading is itself the answer to the one before (a heartbeat).
 */
import type { Level } from '#model/alert/alert.ts'
import { KEY_PARTS, type KeyPart, keyOf } from '../keys.ts'
import { type Cx, type Input, type Mark, mark, type Operator } from '../operator.ts'
import { readingCondition } from '../views.ts'

interface State {
  opening: Mark
  since: number
  device: string
  zone: string | null
  subject: string | null
  /** Steps that have fired. */
  done: number
  /** A step fell due while the device was offline: nobody could have heard the answer. */
  held: boolean
}
interface Matcher {
  type: string
  when?: string
}
interface Step {
  after: string
  level: Level
  reason: string
}
interface Pattern {
  key: KeyPart[]
  start: Matcher
  end: Matcher
  restart?: boolean
  steps: Step[]
}

const matcher = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  properties: { type: { type: 'string' }, when: { type: 'string' } },
}

export const operator: Operator<State> = {
  name: 'absence',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['key', 'start', 'end', 'steps'],
    properties: {
      key: { type: 'array', minItems: 1, items: { enum: [...KEY_PARTS] } },
      start: matcher,
      end: matcher,
      restart: { type: 'boolean', description: 'each arming reading begins the time anew' },
      steps: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['after', 'level', 'reason'],
          properties: {
            after: { type: 'string', description: 'name of a parameter in seconds' },
            level: { enum: ['red', 'orange', 'yellow', 'blue'] },
            reason: { type: 'string' },
          },
        },
      },
    },
  },
  prepare(rule) {
    const pattern = rule.file.pattern as unknown as Pattern
    const compile = (m: Matcher) => ({
      type: m.type,
      check: m.when === undefined ? null : readingCondition(rule, [m.type], m.when),
    })
    const start = compile(pattern.start)
    const end = compile(pattern.end)
    const steps = pattern.steps.map((s) => ({ ...s, afterMs: rule.ms(s.after) })).sort((a, b) => a.afterMs - b.afterMs)
    type C = Cx<State>
    const fits = (m: typeof start, input: Input, cx: C): boolean =>
      m.type === input.type && (!m.check || m.check(input, cx as unknown as Cx<never>) === true)

    function fire(key: string, state: State, cx: C): void {
      const index = steps.findLastIndex((s) => state.since + s.afterMs <= cx.now)
      const step = steps[index]
      if (!step || index < state.done) return
      const due = state.since + step.afterMs
      state.done = index + 1
      cx.hit({
        key,
        level: step.level,
        opening: state.opening.id,
        evidence: [state.opening],
        zone: state.zone,
        device: state.device,
        subjects: state.subject === null ? [] : [state.subject],
        reasons: [{ code: step.reason, params: { seconds: step.afterMs / 1000 } }],
        ...(due === cx.now || state.held ? {} : { eventTime: due }),
      })
    }

    const arm = (key: string, state: State, cx: C): void => {
      const next = steps[state.done]
      if (next) cx.wake(key, state.since + next.afterMs, 'absence')
    }

    return {
      initial: () => {
        throw new Error('an absence is armed by its first reading')
      },
      on(input, cx) {
        if (input.type === 'device.status' && input.type !== start.type && input.type !== end.type) {
          if (input.quality === 'bad' || input.value.online !== true) return
          for (const key of cx.keys()) {
            const state = cx.peek(key)
            if (state?.held && state.device === input.device) cx.wake(key, cx.now, 'absence')
          }
          return
        }
        const key = keyOf(pattern.key, input, cx as unknown as Cx<never>)
        if (key === null) return
        const state = cx.peek(key)
        // A device that speaks is there, whatever it says.
        if (state?.held && state.device === input.device && !input.late) cx.wake(key, cx.now, 'absence')
        if (input.quality === 'bad') return
        if (state && fits(end, input, cx) && input.time >= state.since) {
          cx.forget(key)
          cx.clear(key)
        }
        if (!fits(start, input, cx)) return
        const known = cx.peek(key)
        // Already waiting: the first call counts. An older word (a backlog) says nothing about now.
        if (known || (state && input.time < state.since)) return
        const fresh = Object.assign(cx.begin(key), {
          opening: mark(input),
          since: input.time,
          device: input.device,
          zone: input.zone,
          subject: input.subject ?? (input.value.person as string | null | undefined) ?? null,
          done: 0,
          held: false,
        } satisfies State)
        arm(key, fresh, cx)
      },
      wake(key, _tag, cx) {
        const state = cx.peek(key)
        if (!state) return
        const next = steps[state.done]
        if (!next) return
        if (state.since + next.afterMs > cx.now) {
          arm(key, state, cx)
          return
        }
        if (!pattern.restart && cx.signals.find(state.device)?.online === false) {
          state.held = true
          return
        }
        fire(key, state, cx)
        state.held = false
        arm(key, state, cx)
      },
    }
  },
}
