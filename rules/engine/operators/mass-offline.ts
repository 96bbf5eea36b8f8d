/**
 * R54: many devices of one zone go offline within a minute → one orange alert for the zone, its devices suppressed by design;
 * a single device that stays offline for a minute → blue.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'

interface State {
  // Device.
  offline: Mark | null
  onlineSince: number | null
  single: boolean
  // Zone ("z|…").
  mass: boolean
  lowSince: number | null
}

const MIN_GROUP = 5

export const operator: Operator<State> = {
  name: 'mass-offline',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule) {
    const share = rule.num('share') / 100
    const minimum = rule.num('minimum')
    const withinMs = rule.ms('within')
    const singleMs = rule.ms('singleAfter')
    const lowMs = rule.ms('lowFor')
    const onlineMs = rule.ms('onlineFor')
    type C = Cx<State>

    /** Devices of a zone and of the zones inside it. */
    function devicesIn(zone: string, cx: C): string[] {
      const found = cx.site.devicesOf(zone).map((d) => d.id)
      for (const child of cx.site.children(zone)) found.push(...devicesIn(child, cx))
      return found
    }
    /** The leaf zone of a device if it has enough devices, else the nearest zone around it that has. */
    function groupOf(device: string, cx: C): string | null {
      const zone = cx.site.device(device)?.zone ?? null
      for (const place of cx.site.upward(zone)) if (devicesIn(place, cx).length >= MIN_GROUP) return place
      return null
    }
    const offlineOf = (devices: readonly string[], cx: C): { device: string; mark: Mark }[] =>
      devices.flatMap((device) => {
        const m = cx.peek(device)?.offline
        return m && !cx.site.isInMaintenance(device, cx.now) ? [{ device, mark: m }] : []
      })

    function isMass(zone: string, at: number, cx: C): { device: string; mark: Mark }[] | null {
      const devices = devicesIn(zone, cx)
      const fresh = offlineOf(devices, cx).filter((d) => at - d.mark.t <= withinMs)
      return fresh.length >= minimum && fresh.length >= share * devices.length ? fresh : null
    }

    function raiseSingle(device: string, state: State, suppressed: boolean, due: number, cx: C): void {
      const m = state.offline as Mark
      state.single = true
      cx.hit({
        key: device,
        level: 'blue',
        opening: m.id,
        evidence: [m],
        zone: cx.site.zoneOfDevice(device),
        device,
        reasons: [{ code: 'device-offline', params: { device, seconds: singleMs / 1000 } }],
        ...(suppressed ? { suppressed: true } : {}),
        ...(due === cx.now ? {} : { eventTime: due }),
      })
    }

    return {
      initial: () => ({ offline: null, onlineSince: null, single: false, mass: false, lowSince: null }),
      on(input, cx) {
        if (input.quality === 'bad' || !input.dev) return
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const { device } = input
        const zone = groupOf(device, cx)
        const group = zone === null ? undefined : cx.peek(`z|${zone}`)
        if (input.value.online === true) {
          const state = cx.peek(device)
          if (!state?.offline) return
          state.offline = null
          state.onlineSince = input.time
          if (state.single) cx.wake(device, input.time + onlineMs, 'sustained', 'online')
          else cx.forget(device)
          if (zone !== null && group?.mass) {
            const devices = devicesIn(zone, cx)
            if (offlineOf(devices, cx).length < share * devices.length && group.lowSince === null) {
              group.lowSince = input.time
              cx.wake(`z|${zone}`, input.time + lowMs, 'sustained', 'low')
            }
          }
          return
        }
        const state = cx.state(device)
        if (state.offline) return
        state.offline = mark(input)
        state.onlineSince = null
        cx.wake(device, input.time + singleMs, 'sustained')
        if (zone === null) return
        if (group?.mass) {
          const devices = devicesIn(zone, cx)
          if (offlineOf(devices, cx).length >= share * devices.length) group.lowSince = null
        }
        const fresh = isMass(zone, input.time, cx)
        if (!fresh) return
        const own = cx.state(`z|${zone}`)
        own.mass = true
        own.lowSince = null
        const first = fresh.reduce((a, b) =>
          b.mark.t < a.mark.t || (b.mark.t === a.mark.t && b.mark.id < a.mark.id) ? b : a,
        )
        cx.hit({
          key: zone,
          level: 'orange',
          opening: first.mark.id,
          evidence: fresh.map((d) => d.mark),
          zone,
          reasons: [{ code: 'zone-offline', params: { devices: fresh.length, of: devicesIn(zone, cx).length } }],
          ...(input.late ? { eventTime: input.time } : {}),
        })
        for (const d of fresh) cx.suppress(rule.code, d.device, true)
      },
      wake(key, tag, cx) {
        const state = cx.peek(key)
        if (!state) return
        if (tag === 'low') {
          if (state.lowSince === null) return
          if (state.lowSince + lowMs > cx.now) {
            cx.wake(key, state.lowSince + lowMs, 'sustained', 'low')
            return
          }
          const zone = key.slice(2)
          state.mass = false
          state.lowSince = null
          cx.clear(zone)
          for (const device of devicesIn(zone, cx)) if (cx.peek(device)?.single) cx.suppress(rule.code, device, false)
          cx.forget(key)
          return
        }
        if (tag === 'online') {
          if (state.onlineSince === null) return
          if (state.onlineSince + onlineMs > cx.now) cx.wake(key, state.onlineSince + onlineMs, 'sustained', 'online')
          else {
            cx.clear(key)
            cx.forget(key)
          }
          return
        }
        if (!state.offline || state.single) return
        const due = state.offline.t + singleMs
        if (due > cx.now) {
          cx.wake(key, due, 'sustained')
          return
        }
        const zone = groupOf(key, cx)
        const suppressed = zone !== null && cx.peek(`z|${zone}`)?.mass === true
        raiseSingle(key, state, suppressed, due, cx)
      },
    }
  },
}
