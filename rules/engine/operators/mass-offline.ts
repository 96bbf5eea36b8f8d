/**
 * R54: many devices of one zone go offline within a minute, for any reason → one orange alert for the zone, its devices
 * suppressed by design; a single device that stays offline for a minute → blue. A wearable that fell silent (R29) counts
 * where its wearer was last; alone it stays R29's.
 */
import { type Cx, type Mark, mark, type Operator } from '../operator.ts'
import { placeOfDevice } from '../views.ts'

interface State {
  // Device.
  offline: Mark | null
  /** It fell silent, no driver said so: when it had last spoken. */
  silentSince: number | null
  onlineSince: number | null
  single: boolean
  /** Configured and never heard, on a live edge: since when it is expected. */
  expectedSince: number | null
  stood: number
  // Zone ("z|…").
  mass: boolean
  lowSince: number | null
}

const MIN_GROUP = 5
/** Band offline: its alert says that a wearable is silent through no fault of its gateway. */
const SILENCE = 'R29'
/** On a live edge a device that was configured and has never spoken is told after so long. */
const NEVER_MS = 600_000
const NEVER_LOOK_MS = 10_000
const NEVER = 'never'
const EXPECT = 'expect'
const isWearable = (kind: string | undefined): boolean => kind === 'band' || kind === 'tag'

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
      const found = new Set<string>()
      const walk = (place: string): void => {
        for (const d of cx.site.devicesOf(place))
          if (!isWearable(d.kind) || placeOfDevice(d.id, cx) === place) found.add(d.id)
        for (const person of cx.people.lastIn(place))
          for (const id of cx.site.devicesOfSubject(person)) if (isWearable(cx.site.device(id)?.kind)) found.add(id)
        for (const child of cx.site.children(place)) walk(child)
      }
      walk(zone)
      return [...found]
    }
    /** The leaf zone of a device if it has enough devices, else the nearest zone around it that has. */
    function groupOf(device: string, cx: C): string | null {
      for (const place of cx.site.upward(placeOfDevice(device, cx)))
        if (devicesIn(place, cx).length >= MIN_GROUP) return place
      return null
    }
    const isOffline = (device: string, state: State | undefined, cx: C): state is State & { offline: Mark } =>
      state?.offline !== undefined &&
      state.offline !== null &&
      // It may have spoken again after a person closed the alert of its silence.
      (state.silentSince === null || cx.signals.find(device)?.spokeAt === state.silentSince)
    const offlineOf = (devices: readonly string[], cx: C): { device: string; mark: Mark }[] =>
      devices.flatMap((device) => {
        const state = cx.peek(device)
        return isOffline(device, state, cx) && !cx.site.isInMaintenance(device, cx.now)
          ? [{ device, mark: state.offline }]
          : []
      })
    /** Neither it nor anybody about it has ever said anything; a gateway is heard by its children. */
    function isUnheard(device: string, cx: C): boolean {
      const record = cx.signals.find(device)
      if (record && (record.spokeAt !== null || record.online !== null)) return false
      const entry = cx.site.device(device)
      if (!entry || entry.kind === 'edge-agent' || !entry.driver) return false
      return !cx.site.childrenOfGateway(device).some((child) => (cx.signals.find(child)?.spokeAt ?? null) !== null)
    }
    /** The alert that a device has of its own while it is offline. */
    const ownAlert = (state: State): string => (state.silentSince === null ? rule.code : SILENCE)

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
        zone: placeOfDevice(device, cx),
        device,
        reasons: [{ code: 'device-offline', params: { device, seconds: singleMs / 1000 } }],
        ...(suppressed ? { suppressed: true } : {}),
        ...(due === cx.now ? {} : { eventTime: due }),
      })
    }

    return {
      initial: () => ({
        offline: null,
        silentSince: null,
        expectedSince: null,
        stood: 0,
        onlineSince: null,
        single: false,
        mass: false,
        lowSince: null,
      }),
      on(input, cx) {
        if (input.quality === 'bad' || !input.dev) return
        if (input.late && cx.signals.last(input.device, input.type)?.id !== input.id) return
        const { device } = input
        if (input.value.online === true) {
          online(device, input.time, cx)
          return
        }
        const state = cx.state(device)
        if (state.offline && state.silentSince === null) return
        const wasSilent = isOffline(device, state, cx)
        state.onlineSince = null
        if (!wasSilent) {
          state.offline = mark(input)
          state.silentSince = null
          cx.wake(device, input.time + singleMs, 'sustained')
          offline(device, input.time, input.late, cx)
        }
      },
      start: (cx) => expectAll(cx),
      // A new site file is thousands of changes in one instant: one look a second later serves them all.
      context: (cx) => cx.live && cx.wake('', cx.now + 1_000, 'absence', EXPECT),
      alert(event, cx) {
        // R29: how long a wearable may be silent, and whether its gateway is to blame, is decided there.
        const { device } = event.alert
        if (event.alert.code !== SILENCE || device === null) return
        const state = cx.peek(device)
        if (event.change === 'cleared') {
          if (state?.silentSince !== null && state?.silentSince !== undefined) online(device, event.at, cx)
          return
        }
        if ((event.change !== 'raised' && event.change !== 'reactivated') || isOffline(device, state, cx)) return
        const own = cx.state(device)
        own.offline = { id: event.alert.evidence[0] ?? event.alert.id, t: event.at }
        own.silentSince = cx.signals.find(device)?.spokeAt ?? 0
        offline(device, event.at, false, cx)
      },
      wake(key, tag, cx) {
        if (tag === EXPECT) expectAll(cx)
        if (tag === NEVER) judgeUnheard(cx)
        if (key === '') return
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
          for (const device of devicesIn(zone, cx)) {
            const own = cx.peek(device)
            if (own && (own.single || own.silentSince !== null)) cx.suppress(ownAlert(own), device, false)
          }
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
        if (!state.offline || state.single || state.silentSince !== null) return
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

    /** On a live edge a configured device has ten minutes to say something. */
    function expectAll(cx: C): void {
      if (!cx.live) return
      for (const { id } of cx.site.all('devices'))
        if (isUnheard(id, cx) && !cx.peek(id))
          Object.assign(cx.state(id), { expectedSince: cx.now, stood: cx.gateways.stoodStill(undefined, cx.now) })
      for (const key of [...cx.keys()])
        if (cx.peek(key)?.expectedSince !== null && !cx.site.device(key)) {
          cx.clear(key)
          cx.forget(key)
        }
      cx.wake('', cx.now + NEVER_LOOK_MS, 'absence', NEVER)
    }

    function judgeUnheard(cx: C): void {
      let waiting = false
      for (const key of [...cx.keys()]) {
        const state = cx.peek(key)
        if (!state || state.expectedSince === null) continue
        if (!isUnheard(key, cx)) {
          state.expectedSince = null
          if (state.single && !state.offline) cx.clear(key)
          if (!state.offline) cx.forget(key)
          continue
        }
        waiting = true
        // Time in which nobody listened is nobody's silence.
        const due = state.expectedSince + NEVER_MS + cx.gateways.stoodStill(undefined, cx.now) - state.stood
        if (state.single || due > cx.now) continue
        state.single = true
        cx.hit({
          key,
          level: 'blue',
          opening: `due:${new Date(due).toISOString()}`,
          evidence: [],
          zone: cx.site.zoneOfDevice(key),
          device: key,
          reasons: [{ code: 'never-seen', params: { device: key, seconds: NEVER_MS / 1000 } }],
        })
      }
      if (waiting) cx.wake('', cx.now + NEVER_LOOK_MS, 'absence', NEVER)
    }

    function online(device: string, at: number, cx: C): void {
      const state = cx.peek(device)
      if (!state?.offline) return
      const zone = groupOf(device, cx)
      state.offline = null
      state.silentSince = null
      state.onlineSince = at
      if (state.single) cx.wake(device, at + onlineMs, 'sustained', 'online')
      else cx.forget(device)
      const group = zone === null ? undefined : cx.peek(`z|${zone}`)
      if (zone === null || !group?.mass || group.lowSince !== null) return
      const devices = devicesIn(zone, cx)
      if (offlineOf(devices, cx).length >= share * devices.length) return
      group.lowSince = at
      cx.wake(`z|${zone}`, at + lowMs, 'sustained', 'low')
    }

    /** A device has just gone offline: is it one of many? */
    function offline(device: string, at: number, late: boolean, cx: C): void {
      const zone = groupOf(device, cx)
      if (zone === null) return
      const group = cx.peek(`z|${zone}`)
      if (group?.mass) {
        const devices = devicesIn(zone, cx)
        if (offlineOf(devices, cx).length >= share * devices.length) group.lowSince = null
        const state = cx.peek(device)
        if (state && state.silentSince !== null) cx.suppress(SILENCE, device, true)
      }
      const fresh = isMass(zone, at, cx)
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
        ...(late ? { eventTime: at } : {}),
      })
      for (const d of fresh) cx.suppress(ownAlert(cx.peek(d.device) as State), d.device, true)
    }
  },
}
