/**
 * What a condition sees at an instant: the valid signals of a device, or the merged vital signs of a person. Unknown
 * values are null, so that a condition over them answers "unknown" and not "false".
 */
import { type Condition, condition, type Declared, declaredOf, fieldsOf, type Variables } from './cel.ts'
import type { Cx, Input } from './operator.ts'
import type { Rule } from './rule.ts'
import type { Signal } from './signals.ts'

/** The engine's conventions (`domain.md` 1.3). */
export const MIN_VITALS_CONFIDENCE = 0.6
export const REST_ACTIVITY = 0.2
export const STILL_ACTIVITY = 0.05

export type ViewName = 'device' | 'vitals'

export const VITALS_VARIABLES: Variables = {
  hr: 'dyn',
  spo2: 'dyn',
  resp: 'dyn',
  skin_celsius: 'dyn',
  activity: 'dyn',
  posture: 'dyn',
  seizure: 'dyn',
  present: 'dyn',
  rest: 'dyn',
  watch: 'dyn',
}

/** Facts of the place and of the person, for guards. */
export const CONTEXT_VARIABLES: Variables = {
  zone_kind: 'dyn',
  zone_class: 'dyn',
  perimeter: 'bool',
  high_security: 'bool',
  night: 'bool',
}

const place: Declared = { types: { zone_kind: 'string', zone_class: 'string' }, words: {} }
const withPlace = ({ types, words }: Declared): Declared => ({ types: { ...types, ...place.types }, words })
const VITALS_DECLARED = withPlace({
  ...declaredOf(['band.vitals', 'radar.vitals']),
  types: { ...declaredOf(['band.vitals', 'radar.vitals']).types, rest: 'bool', watch: 'bool' },
})

/** Where a device is: a wearable where its wearer was last, anything else where the site file puts it. */
export function placeOfDevice(device: string, cx: Pick<Cx<never>, 'site' | 'people'>): string | null {
  const entry = cx.site.device(device)
  const wearer = entry?.kind === 'band' || entry?.kind === 'tag' ? cx.site.subjectOfDevice(device) : null
  return (wearer === null ? null : cx.people.last(wearer)?.zone) ?? entry?.zone ?? null
}

export interface View {
  key(input: Input): string | null
  /** Values at `at`; types in `hidden` count as unknown. */
  values(key: string, at: number, cx: Cx<never>, hidden?: string): Record<string, unknown>
  /** Readings that speak now: evidence. */
  marks(key: string, at: number, cx: Cx<never>): { id: string; t: number }[]
  condition(text: string): Condition
}

export function viewOf(name: ViewName, rule: Rule): View {
  return name === 'vitals' ? vitalsView(rule) : deviceView(rule)
}

/** Variables for a guard on a single reading: its fields and the facts of its place. */
export function readingCondition(rule: Rule, types: readonly string[], text: string) {
  const names = Object.keys(fieldsOf(types))
  const check = condition(rule, text, { ...fieldsOf(types), ...CONTEXT_VARIABLES }, false, withPlace(declaredOf(types)))
  return (input: Input, cx: { site: Cx<never>['site']; now: number }): boolean | null => {
    const values: Record<string, unknown> = {}
    for (const field of names) values[field] = input.value[field] ?? null
    return check(tellPlace(values, input.zone, cx))
  }
}

/** Adds the facts of a place to the values of a condition. */
function tellPlace(
  values: Record<string, unknown>,
  zone: string | null,
  cx: { site: Cx<never>['site']; now: number },
): Record<string, unknown> {
  const place = cx.site.zone(zone)
  values.zone_kind = place?.kind ?? null
  values.zone_class = place?.class ?? 'none'
  values.perimeter = place?.perimeter === true
  values.high_security = place?.security === 'high'
  values.night = cx.site.isNight(cx.now)
  return values
}

function deviceView(rule: Rule): View {
  const types = rule.file.inputs.filter((t) => t !== 'device.status')
  const fields = types.map((type) => [type, Object.keys(fieldsOf([type]))] as const)
  const variables = { ...fieldsOf(types), ...CONTEXT_VARIABLES }
  for (const [, names] of fields) for (const name of names) if (types.length > 1) variables[name] = 'dyn'
  return {
    key: (input) => input.device,
    values(key, at, cx, hidden) {
      const values: Record<string, unknown> = {}
      for (const [type, names] of fields) {
        const signal = type === hidden ? null : cx.signals.at(key, type, at)
        for (const name of names)
          values[name] = signal ? (signal.value[name] ?? values[name] ?? null) : (values[name] ?? null)
      }
      return tellPlace(values, cx.site.zoneOfDevice(key), cx)
    },
    marks: (key, at, cx) => types.flatMap((type) => markOf(cx.signals.at(key, type, at))),
    condition: (text) => condition(rule, text, variables, false, withPlace(declaredOf(types))),
  }
}

const markOf = (signal: Signal | null) => (signal ? [{ id: signal.id, t: signal.time }] : [])

/**
 * The person's vital signs at an instant from all devices that speak about him, newest first. All names from the start:
 * objects of one form, also when the facts of his place are added.
 * @param marks is given the readings that speak.
 */
export function vitalsOf(
  person: string,
  at: number,
  cx: Cx<never>,
  hidden?: string,
  marks?: { id: string; t: number }[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {
    hr: null,
    spo2: null,
    resp: null,
    skin_celsius: null,
    activity: null,
    posture: null,
    seizure: null,
    present: null,
    rest: null,
    watch: cx.site.person(person)?.watch === true,
    zone_kind: null,
    zone_class: null,
    perimeter: null,
    high_security: null,
    night: null,
  }
  let respAt = Number.NEGATIVE_INFINITY
  for (const device of cx.site.devicesOfSubject(person)) {
    const band = hidden === 'band.vitals' ? null : cx.signals.at(device, 'band.vitals', at)
    if (band && (band.value.confidence as number) >= MIN_VITALS_CONFIDENCE && !cx.signals.isUnworn(device)) {
      const said = band.value
      values.hr = said.hr ?? values.hr
      values.spo2 = said.spo2 ?? values.spo2
      values.skin_celsius = said.skin_celsius ?? values.skin_celsius
      values.activity = said.activity ?? values.activity
      values.posture = said.posture ?? values.posture
      values.seizure = said.seizure ?? values.seizure
      if (typeof said.resp === 'number' && band.time > respAt) {
        values.resp = said.resp
        respAt = band.time
      }
      marks?.push({ id: band.id, t: band.time })
    }
    const radar = hidden === 'radar.vitals' ? null : cx.signals.at(device, 'radar.vitals', at)
    if (radar && (radar.value.confidence as number) >= MIN_VITALS_CONFIDENCE) {
      values.present = radar.value.present
      if (typeof radar.value.resp === 'number' && radar.time > respAt) {
        values.resp = radar.value.resp
        respAt = radar.time
      }
      values.activity ??= radar.value.motion
      marks?.push({ id: radar.id, t: radar.time })
    }
  }
  const restSince = cx.signals.restSince(person)
  values.rest = restSince !== null ? at - restSince >= REST_FOR_MS : values.activity === null ? null : false
  return values
}

export const REST_FOR_MS = 120_000

function vitalsView(rule: Rule): View {
  const variables = { ...VITALS_VARIABLES, ...CONTEXT_VARIABLES }
  return {
    key: (input) => input.subject,
    values: (key, at, cx, hidden) => tellPlace(vitalsOf(key, at, cx, hidden), cx.people.last(key)?.zone ?? null, cx),
    marks: (key, at, cx) => {
      const marks: { id: string; t: number }[] = []
      vitalsOf(key, at, cx, undefined, marks)
      return marks
    },
    condition: (text) => condition(rule, text, variables, false, VITALS_DECLARED),
  }
}
