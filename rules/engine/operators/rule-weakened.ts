/**
 * R61: somebody switched a mandatory rule off, set it outside its allowed range, or hid an alert for longer than a shift.
 * Ends when it is as it should be again.
 */
import { durationMs } from '#model/local-time.ts'
import { type Cx, type Hit, type Mark, mark, type Operator } from '../operator.ts'
import type { Rule } from '../rule.ts'

interface State {
  /** What is wrong by name (parameter, "enabled", "alert <id>") and, for a shelf, until when. */
  wrong: Record<string, { by: Mark; until: number | null }>
}

export const operator: Operator<State> = {
  name: 'rule-weakened',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const maxShelvedMs = rule.ms('maxShelved')
    type C = Cx<State>
    const find = (name: string, cx: C): Rule | undefined => cx.rules.find((r) => r.id === name || r.code === name)

    function weaken(
      target: Rule,
      what: string,
      by: Mark,
      until: number | null,
      reason: Hit['reasons'][0],
      cx: C,
      zone: string | null,
      late: boolean,
    ): void {
      const state = cx.state(target.id)
      const first = Object.values(state.wrong)[0]?.by ?? by
      state.wrong[what] = { by, until }
      cx.hit({
        key: target.id,
        level: 'yellow',
        opening: first.id,
        evidence: by.id.startsWith('due:') ? [] : [by],
        zone,
        reasons: [reason],
        ...(late ? { eventTime: by.t } : {}),
      })
      if (until !== null) cx.wake(target.id, until, 'sustained')
    }

    function restore(id: string, what: string, cx: C): void {
      const state = cx.peek(id)
      if (!state?.wrong[what]) return
      delete state.wrong[what]
      if (Object.keys(state.wrong).length > 0) return
      cx.forget(id)
      cx.clear(id)
    }

    /** Rules that were weak already when the run began, or became so while the edge was down. */
    function lookAtAll(cx: C): void {
      for (const target of cx.rules) {
        const { file } = target
        if (!file.mandatory || !cx.site.isOfKind(file.scope)) continue
        const by = { id: `due:${new Date(cx.now).toISOString()}`, t: cx.now }
        const begin = (what: string, isWrong: boolean, reason: Hit['reasons'][0]): void => {
          const name = `start ${what}`
          if (!isWrong) restore(target.id, name, cx)
          else if (cx.peek(target.id)?.wrong[name] === undefined)
            weaken(target, name, by, null, reason, cx, null, false)
        }
        const params = { by: 'site-file', from: null }
        begin('enabled', !target.enabled, { code: 'disabled', params: { ...params, field: 'enabled', to: 'false' } })
        for (const { name, min, max } of file.parameters) {
          const value = target.value(name)
          const isOut =
            typeof value === 'number' && ((min !== undefined && value < min) || (max !== undefined && value > max))
          begin(name, isOut, {
            code: 'out-of-range',
            params: { ...params, field: name, to: String(value), min: min ?? null, max: max ?? null },
          })
        }
      }
    }

    return {
      initial: () => ({ wrong: {} }),
      start: lookAtAll,
      restored: (cx) => cx.wake('', cx.now, 'sustained', 'look'),
      on(input, cx) {
        if (input.quality === 'bad') return
        const { value } = input
        if (input.type === 'alert.shelved') {
          const target = find(value.rule as string, cx)
          if (!target) return
          const what = `alert ${value.alert}`
          const until = value.until as number
          if (until - input.time <= maxShelvedMs) restore(target.id, what, cx)
          else {
            const params = { alert: value.alert, by: value.by, hours: (until - input.time) / 3_600_000 }
            weaken(target, what, mark(input), until, { code: 'shelved-long', params }, cx, input.zone, input.late)
          }
          return
        }
        if (value.what !== 'rule') return
        const target = find(value.id as string, cx)
        const field = value.field
        if (!target?.file.mandatory || typeof field !== 'string') return
        const to = value.to === null || value.to === undefined ? '' : String(value.to)
        const params = { by: value.by, field, from: value.from ?? null, to }
        if (field === 'enabled') {
          if (to === 'false')
            weaken(target, field, mark(input), null, { code: 'disabled', params }, cx, input.zone, input.late)
          else {
            restore(target.id, field, cx)
            restore(target.id, `start ${field}`, cx)
          }
          return
        }
        const spec = target.file.parameters.find((p) => p.name === field)
        const number = numberOf(to)
        if (!spec || number === null) return
        if ((spec.min !== undefined && number < spec.min) || (spec.max !== undefined && number > spec.max))
          weaken(
            target,
            field,
            mark(input),
            null,
            { code: 'out-of-range', params: { ...params, min: spec.min ?? null, max: spec.max ?? null } },
            cx,
            input.zone,
            input.late,
          )
        else {
          restore(target.id, field, cx)
          restore(target.id, `start ${field}`, cx)
        }
      },
      wake(id, tag, cx) {
        if (tag === 'look') {
          lookAtAll(cx)
          return
        }
        const state = cx.peek(id)
        if (!state) return
        for (const [what, wrong] of Object.entries(state.wrong))
          if (wrong.until !== null) {
            if (wrong.until <= cx.now) restore(id, what, cx)
            else cx.wake(id, wrong.until, 'sustained')
          }
      },
    }
  },
}

/** "3", "0.9", "3s", "5m" as a number; durations in seconds, as parameters hold them. */
function numberOf(text: string): number | null {
  const ms = durationMs(text)
  if (ms !== null) return ms / 1000
  const number = Number(text)
  return text.trim() === '' || Number.isNaN(number) ? null : number
}
