/** R08: a door stands open longer than its kind of place allows; silent while the door is not in normal mode. */
import { doorMode } from '../doors.ts'
import { type Cx, mark, type Operator } from '../operator.ts'
import { dueAt, isIdle, newTimed, type Timed, timed, type Verdicts } from '../timed.ts'

const LIMITS = ['limit', 'cellLimit', 'sallyLimit', 'orangeAfter'] as const
const ORANGE = LIMITS.indexOf('orangeAfter')

export const operator: Operator<Timed> = {
  name: 'door-held',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    type C = Cx<Timed>

    function limitOf(door: string, cx: C): (typeof LIMITS)[number] {
      const kind = cx.site.zone(cx.site.zoneOfDevice(door))?.kind
      return kind === 'cell' || kind === 'dormitory' ? 'cellLimit' : kind === 'sally-port' ? 'sallyLimit' : 'limit'
    }

    /** An offline door, or one whose last word was bad, is unknown: its time begins anew. */
    function verdicts(door: string, at: number, cx: C): Verdicts {
      const state = cx.signals.at(door, 'door.state', at)?.value.state
      const isNormal = doorMode(door, cx.signals) === 'normal'
      const stands = state === undefined ? null : state === 'open' && isNormal
      const limit = limitOf(door, cx)
      return {
        parts: LIMITS.map((name) => (name === limit || name === 'orangeAfter' ? stands : false)),
        over: state === undefined ? null : state === 'closed',
      }
    }

    const engine = timed<Timed>({
      forMs: LIMITS.map((name) => rule.ms(name)),
      clearMs: 0,
      verdicts,
      fire(door, state, part, due, cx) {
        const opening = state.parts[part]?.opening ?? null
        cx.hit({
          key: door,
          level: part === ORANGE ? 'orange' : 'yellow',
          opening: opening?.id ?? `due:${new Date(due).toISOString()}`,
          evidence: opening ? [opening] : [],
          zone: cx.site.zoneOfDevice(door),
          device: door,
          reasons: [
            {
              code: part === ORANGE ? 'very-long' : 'too-long',
              params: { seconds: rule.ms(LIMITS[part] as string) / 1000 },
            },
          ],
          ...dueAt(due, cx.now),
        })
      },
    })

    return {
      initial: () => newTimed(LIMITS.length),
      on(input, cx) {
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const door = input.device
        // Most devices that come and go are no doors.
        if (input.type === 'device.status' && cx.signals.last(door, 'door.state') === null) return
        const state = cx.state(door)
        engine.apply(door, state, input.time, verdicts(door, input.time, cx), mark(input), cx)
        if (isIdle(state)) cx.forget(door)
      },
      wake: (door, tag, cx) => engine.wake(door, tag, cx),
    }
  },
}
