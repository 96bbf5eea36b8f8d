/**
 * The ability monitor (S01): which rule cannot fire at which place, and why. It watches devices, not people: a device that
 * is missing, silent, offline, in doubt about its clock, stuck or blind cannot carry a rule. Only the cells of a device
 * that changed are looked at again. It never clears or raises an alert of another rule.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import { sha256Hex } from '#model/ids.ts'
import type { AlertEvent, Cx, Operator, Prepared } from '../engine/operator.ts'
import { OPERATORS } from '../engine/operators/index.ts'
import { Rule, type RuleFile } from '../engine/rule.ts'
import { validMs } from '../engine/signals.ts'
import { type Cell, cellsOf, kindOf } from './needs.ts'

export const ABILITY_CAUSES = [
  'missing',
  'never-seen',
  'offline',
  'stale',
  'clock-doubtful',
  'flat',
  'covered',
  'no-picture',
  'maintenance',
] as const
export type AbilityCause = (typeof ABILITY_CAUSES)[number]

/** A rule that cannot fire at a place. */
export interface Inability {
  zone: string
  rule: string
  code: string
  mandatory: boolean
  since: number
  /** The needs that are not met: what is wanted, and what is wrong with each candidate. `missing`: there is none. */
  lacks: { kinds: string[]; atLeast: number; devices: { id: string; cause: AbilityCause }[] }[]
}

export interface Ability {
  unable: Inability[]
  /** Devices that cannot carry a rule now, and why. */
  devices: Record<string, AbilityCause>
}

interface State {
  // Of a device.
  cause: AbilityCause | null
  /** Samples that it should tell and that say nothing: none came for a while, or always the same. */
  dumb: Record<string, 'stale' | 'flat'>
  /** Codes of open alerts about the device that take its word away. */
  flags: Record<string, true>
  // Of a zone ("z|…"): since when each rule (by code) cannot fire.
  unable: Record<string, { since: number; stood: number }>
  raised: boolean
}

/** Samples come in their own rhythm: a rule is unable only when they stay away for longer than this. */
const MIN_STALE_MS = 60_000
const REBUILD = 'rebuild'
const REBUILD_MS = 1_000

/** Its alerts are of one type of a device: the others are still to be believed. */
const FLAT = 'R56'
const FLAG_CAUSES: Readonly<Record<string, AbilityCause>> = {
  R57: 'clock-doubtful',
  R53: 'covered',
  R65: 'no-picture',
}

const ABILITY_FILE: Omit<RuleFile, 'version'> = {
  id: 'rule-cannot-fire-here',
  code: 'S01',
  name: { zh: '规则在此不能运行', en: 'Rule cannot fire here' },
  scope: 'both',
  tier: 'facility',
  domain: 'equipment',
  mandatory: false,
  levels: ['yellow', 'blue'],
  plan: 'RP13',
  planAt: {},
  planAlso: [],
  key: ['zone'],
  inputs: ['*'],
  watches: [...Object.keys(FLAG_CAUSES), FLAT],
  eager: false,
  shelvable: true,
  incident: false,
  operator: 'ability',
  pattern: {},
  clear: { by: 'operator' },
  coolDownMs: 60_000,
  parameters: [
    {
      name: 'lasting',
      unit: 's',
      default: 600,
      min: 60,
      max: 86_400,
      zh: '持续时间',
      en: 'how long it must last before it is an alert',
    },
  ],
  reasons: {
    'cannot-fire': {
      zh: '{zone}：强制规则 {rules} 已不能运行（设备：{devices}）',
      en: 'mandatory rules {rules} can no longer fire at {zone} (devices: {devices})',
    },
    'never-could': {
      zh: '{zone}：强制规则 {rules} 缺少设备，从未能运行',
      en: 'mandatory rules {rules} have never been able to fire at {zone}: devices are missing',
    },
  },
  description: null,
  falsePositives: ['A place that is still being fitted out.'],
  file: 'rules/ability/monitor.ts',
}

/** S01 as a rule, for engines that are to say where rules cannot fire. */
export const abilityRule = (overrides: Record<string, unknown> = {}): Rule =>
  new Rule({ ...ABILITY_FILE, version: sha256Hex(JSON.stringify(ABILITY_FILE)).slice(0, 12) }, overrides)

/** Samples that a device of the kind tells and the rule listens for. */
const samplesFor = (rule: Rule, kind: string | null): string[] =>
  rule.file.inputs.filter((type) => isSample(type) && isToldBy(type, kind))
const isSample = (type: string): boolean => READING_TYPES.get(type)?.signal.kind === 'sample'
const isToldBy = (type: string, kind: string | null): boolean =>
  kind !== null && READING_TYPES.get(type)?.producers.includes(kind as never) === true

/** How long the device's word lasts: that of its longest-lived sample; without samples its silence says nothing. */
function staleAfter(device: string, cx: Cx<State>): number | null {
  let longest: number | null = null
  const record = cx.signals.find(device)
  for (const type in record?.signals) {
    const signal = record.signals[type]
    const ms = signal ? validMs(type, signal.value) : 0
    // Detections and events last for seconds by nature; states for ever.
    if (Number.isFinite(ms) && !/^(camera|drone|door|gate|access|device)\./.test(type) && ms > (longest ?? 0))
      longest = ms
  }
  return longest
}

export const abilityOperator: Operator<State> = {
  name: 'ability',
  schema: { type: 'object', additionalProperties: false, properties: {} },
  prepare(rule): Prepared<State> {
    type C = Cx<State>
    const lastingMs = rule.ms('lasting')
    // Made of the site alone and made again when it changes: no state.
    let builtFor = -1
    let cells: Cell[] = []
    const ofDevice = new Map<string, Cell[]>()
    /** Samples of a device that some rule wants of it. */
    const samplesOf = new Map<string, string[]>()

    function build(cx: C): void {
      builtFor = cx.site.version
      cells = cellsOf(cx.rules, cx.site)
      ofDevice.clear()
      for (const cell of cells)
        for (const id of new Set(cell.groups.flatMap((g) => g.devices))) {
          const list = ofDevice.get(id)
          if (list) list.push(cell)
          else ofDevice.set(id, [cell])
        }
      samplesOf.clear()
      for (const [id, own] of ofDevice) {
        const device = cx.site.device(id)
        if (device) samplesOf.set(id, [...new Set(own.flatMap((cell) => samplesFor(cell.rule, kindOf(device))))])
      }
    }

    /** Since when a type of sample would have to be old to be called stale. */
    const staleMs = (type: string): number =>
      Math.max(MIN_STALE_MS, READING_TYPES.get(type)?.signal.validMs ?? MIN_STALE_MS)

    function dumbOf(device: string, state: State, cx: C): State['dumb'] {
      const dumb: State['dumb'] = {}
      const record = cx.signals.find(device)
      for (const type of samplesOf.get(device) ?? []) {
        const signal = record?.signals[type]
        if (!signal || signal.bad || cx.now > signal.time + staleMs(type)) dumb[type] = 'stale'
        else if (state.dumb[type] === 'flat') dumb[type] = 'flat'
      }
      return dumb
    }

    /** A device that lives and says nothing of what this rule listens for. */
    function dumbFor(device: string, rule: Rule, cx: C): AbilityCause | null {
      const entry = cx.site.device(device)
      const kind = entry ? kindOf(entry) : null
      const record = cx.signals.find(device)
      // A sample that it never told is none of its own where the rule listens for something else of it, too.
      const hasOthers = rule.file.inputs.some((type) => !isSample(type) && isToldBy(type, kind))
      const types = samplesFor(rule, kind).filter((type) => !hasOthers || record?.signals[type] !== undefined)
      const dumb = cx.peek(device)?.dumb ?? {}
      if (types.length === 0 || types.some((type) => dumb[type] === undefined)) return null
      return types.some((type) => dumb[type] === 'flat') ? 'flat' : 'stale'
    }

    function causeOf(device: string, cx: C): AbilityCause | null {
      if (cx.site.isInMaintenance(device, cx.now)) return 'maintenance'
      const record = cx.signals.find(device)
      if (!record || (record.spokeAt === null && record.online === null)) return 'never-seen'
      if (record.online === false) return 'offline'
      const flags = cx.peek(device)?.flags
      for (const code in FLAG_CAUSES) if (flags?.[code]) return FLAG_CAUSES[code] as AbilityCause
      const lasts = staleAfter(device, cx)
      return lasts !== null && record.spokeAt !== null && cx.now > record.spokeAt + lasts ? 'stale' : null
    }

    function lacksOf(cell: Cell, cx: C): Inability['lacks'] {
      return cell.groups.flatMap(({ need, devices }) => {
        const atLeast = need.atLeast === 'all' ? Math.max(1, devices.length) : (need.atLeast ?? 1)
        const bad = devices.flatMap((id) => {
          const state = cx.peek(id)
          const cause = state ? (state.cause ?? dumbFor(id, cell.rule, cx)) : 'never-seen'
          return cause === null ? [] : [{ id, cause }]
        })
        return devices.length - bad.length >= atLeast ? [] : [{ kinds: [...need.kinds], atLeast, devices: bad }]
      })
    }

    function judge(cell: Cell, cx: C): void {
      const key = `z|${cell.zone}`
      const { code } = cell.rule
      const unable = lacksOf(cell, cx).length > 0
      const known = cx.peek(key)
      if (unable) {
        const state = known ?? cx.state(key)
        if (state.unable[code] !== undefined) return
        state.unable[code] = { since: cx.now, stood: stood(cx) }
        if (cell.rule.file.mandatory) cx.wake(key, cx.now + lastingMs, 'absence')
      } else if (known && known.unable[code] !== undefined) {
        delete known.unable[code]
        if (known.raised && overdue(cell.zone, known, cx).length === 0) {
          known.raised = false
          cx.clear(cell.zone)
        }
        if (!known.raised && Object.keys(known.unable).length === 0) cx.forget(key)
      }
    }

    /** Time in which nobody listened is nobody's silence. */
    const stood = (cx: C): number => cx.gateways.stoodStill(undefined, cx.now)

    /** When the inability of a mandatory rule at the place has lasted; null when it is able, or not mandatory. */
    function dueOf(cell: Cell, state: State, cx: C): number | null {
      const known = cell.rule.file.mandatory ? state.unable[cell.rule.code] : undefined
      return known === undefined ? null : known.since + lastingMs + stood(cx) - known.stood
    }
    const dueCells = (zone: string, state: State, cx: C): { cell: Cell; due: number }[] =>
      cells.flatMap((cell) => {
        const due = cell.zone === zone ? dueOf(cell, state, cx) : null
        return due === null ? [] : [{ cell, due }]
      })
    const overdue = (zone: string, state: State, cx: C): { cell: Cell; due: number }[] =>
      dueCells(zone, state, cx).filter(({ due }) => due <= cx.now)

    function look(device: string, cx: C): void {
      if (!ofDevice.has(device)) return
      const state = cx.state(device)
      const cause = causeOf(device, cx)
      const dumb = dumbOf(device, state, cx)
      if (cause === null) {
        const record = cx.signals.find(device)
        const ends: number[] = []
        const lasts = staleAfter(device, cx)
        if (lasts !== null && record?.spokeAt != null) ends.push(record.spokeAt + lasts)
        for (const type of samplesOf.get(device) ?? []) {
          const signal = record?.signals[type]
          if (signal && dumb[type] !== 'stale') ends.push(signal.time + staleMs(type))
        }
        if (ends.length > 0) cx.wake(device, Math.max(cx.now, Math.min(...ends)) + 1, 'absence')
      }
      if (cause === state.cause && JSON.stringify(dumb) === JSON.stringify(state.dumb)) return
      state.cause = cause
      state.dumb = dumb
      for (const cell of ofDevice.get(device) ?? []) judge(cell, cx)
    }

    function flatten(device: string, type: string, isFlat: boolean, cx: C): void {
      if (!samplesOf.get(device)?.includes(type)) return
      const state = cx.state(device)
      if (isFlat === (state.dumb[type] === 'flat')) return
      const dumb = { ...state.dumb }
      if (isFlat) dumb[type] = 'flat'
      else delete dumb[type]
      state.dumb = dumb
      for (const cell of ofDevice.get(device) ?? []) judge(cell, cx)
    }

    function lookAtAll(cx: C): void {
      build(cx)
      for (const id of ofDevice.keys()) look(id, cx)
      for (const cell of cells) judge(cell, cx)
      // Places and rules that are no more.
      const present = new Set(cells.map((c) => `${c.zone}|${c.rule.code}`))
      for (const key of [...cx.keys()]) {
        const state = key.startsWith('z|') ? cx.peek(key) : undefined
        if (!state) continue
        const zone = key.slice(2)
        for (const code in state.unable) if (!present.has(`${zone}|${code}`)) delete state.unable[code]
        if (Object.keys(state.unable).length > 0) continue
        if (state.raised) cx.clear(zone)
        cx.forget(key)
      }
    }

    return {
      initial: () => ({ cause: 'never-seen', dumb: {}, flags: {}, unable: {}, raised: false }),
      start: lookAtAll,
      context(cx) {
        // A new site file is thousands of changes in one instant: live, one look a second later serves them all.
        if (cx.live) cx.wake('', cx.now + REBUILD_MS, 'absence', REBUILD)
        else lookAtAll(cx)
      },
      on(input, cx) {
        if (builtFor < 0) build(cx)
        const state = cx.peek(input.device)
        if (
          state === undefined ||
          state.cause !== null ||
          state.dumb[input.type] === 'stale' ||
          input.type === 'device.status'
        )
          look(input.device, cx)
      },
      alert(event: AlertEvent, cx) {
        const { alert } = event
        if (alert.device === null) return
        if (builtFor < 0) build(cx)
        // A clock that is off by a second is corrected; one that is off by more than five is not to be trusted.
        const serious = alert.code !== 'R57' || alert.level !== 'blue'
        const holds = serious && alert.conditionActive && event.change !== 'cleared'
        if (alert.code === FLAT) {
          flatten(alert.device, alert.key.slice(alert.device.length + 1), holds, cx)
          return
        }
        const state = cx.peek(alert.device)
        if (holds === (state?.flags[alert.code] === true)) return
        const own = cx.state(alert.device)
        if (holds) own.flags[alert.code] = true
        else delete own.flags[alert.code]
        look(alert.device, cx)
      },
      wake(key, tag, cx) {
        if (tag === REBUILD) {
          lookAtAll(cx)
          return
        }
        if (builtFor < 0) build(cx)
        if (!key.startsWith('z|')) {
          look(key, cx)
          return
        }
        const state = cx.peek(key)
        if (!state) return
        const zone = key.slice(2)
        const pending = dueCells(zone, state, cx).filter((c) => c.due > cx.now)
        if (pending.length > 0) cx.wake(key, Math.min(...pending.map((c) => c.due)), 'absence')
        const due = overdue(zone, state, cx)
        if (due.length === 0 || state.raised) return
        state.raised = true
        const lacks = due.flatMap((c) => lacksOf(c.cell, cx)).flatMap((l) => l.devices)
        const lost = lacks.some((d) => d.cause !== 'never-seen')
        cx.hit({
          key: zone,
          level: lost ? 'yellow' : 'blue',
          opening: `due:${new Date(Math.min(...due.map((c) => c.due))).toISOString()}`,
          evidence: [],
          zone,
          reasons: [
            {
              code: lost ? 'cannot-fire' : 'never-could',
              params: {
                rules: due.map((c) => c.cell.rule.code).sort(),
                devices: [...new Set(lacks.map((d) => `${d.id} ${d.cause}`))].sort().slice(0, 20),
              },
            },
          ],
        })
      },
      report(cx): Ability {
        if (builtFor !== cx.site.version) build(cx)
        const unable = cells.flatMap((cell): Inability[] => {
          const known = cx.peek(`z|${cell.zone}`)?.unable[cell.rule.code]
          if (known === undefined) return []
          const { rule } = cell
          return [
            {
              zone: cell.zone,
              rule: rule.id,
              code: rule.code,
              mandatory: rule.file.mandatory,
              since: known.since,
              lacks: lacksOf(cell, cx),
            },
          ]
        })
        const devices: Record<string, AbilityCause> = {}
        for (const { id } of cx.site.all('devices')) {
          const cause = causeOf(id, cx)
          const dumb = Object.values(cx.peek(id)?.dumb ?? {})
          if (cause !== null) devices[id] = cause
          else if (dumb.length > 0 && dumb.length === samplesOf.get(id)?.length)
            devices[id] = dumb.includes('flat') ? 'flat' : 'stale'
        }
        return { unable, devices }
      },
    }
  },
}

/** The operators of the folder and that of S01, which no rule file may name. */
export const ENGINE_OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ...OPERATORS,
  [abilityOperator.name, abilityOperator as unknown as Operator],
])
