/**
 * What each rule needs to be able to fire at a place: which places it guards, and of which devices at least one (or more)
 * must live there. A rule without a line here is judged by the devices that produce its inputs. Data only.
 */
import { READING_TYPES } from '#model/catalogue/index.ts'
import type { FacilityContext } from '#model/context/facility-context.ts'
import type { Device, Zone } from '#model/context/kinds.ts'
import type { Rule } from '../engine/rule.ts'

/** Of these devices at least so many must be able; `of` says where they are looked for. */
export interface Need {
  kinds: readonly string[]
  /** In the zone or watching it; in linked zones too; worn by or watching over the people who live there. */
  of: 'here' | 'linked' | 'people' | 'pair'
  atLeast?: number | 'all'
}

interface Guard {
  /** Places that the rule must guard even if nothing that it needs stands there. */
  zones?: readonly string[]
  /** Places where such a device stands (or people live: `people`). */
  with?: readonly string[] | 'people' | 'pair'
  /** `on-foot`: not where a pair of doors is all there is: no vehicle passes there. */
  unless?: 'on-foot'
  needs: readonly Need[]
}

const here = (...kinds: string[]): Need => ({ kinds, of: 'here' })
const people = (...kinds: string[]): Need => ({ kinds, of: 'people' })

const GUARDS: Readonly<Record<string, Guard>> = {
  R01: { zones: ['belt', 'fence'], with: ['fence'], needs: [here('fence'), { kinds: ['camera'], of: 'linked' }] },
  R02: { with: ['fence'], needs: [here('fence')] },
  R03: { with: ['fence'], needs: [here('fence')] },
  R04: { zones: ['wall', 'roof', 'fence', 'belt'], needs: [here('camera')] },
  R07: { with: ['door'], needs: [here('door')] },
  R09: { with: 'pair', needs: [{ kinds: ['door'], of: 'pair', atLeast: 'all' }] },
  R12: { with: ['reader'], needs: [here('reader', 'door'), here('camera')] },
  R14: { with: ['reader'], needs: [here('reader')] },
  R16: { with: ['reader'], needs: [here('reader'), here('camera')] },
  R17: { zones: ['sally-port'], unless: 'on-foot', needs: [here('gate'), here('life-detector')] },
  R18: { with: 'people', needs: [people('band')] },
  R19: { with: 'people', needs: [people('band')] },
  R20: { with: 'people', needs: [people('band')] },
  R23: { with: ['roll-call'], needs: [here('roll-call')] },
  R24: { with: 'people', needs: [people('band', 'bed-radar')] },
  R26: { with: 'people', needs: [people('band')] },
  R28: { with: 'people', needs: [people('band')] },
  R30: { with: 'people', needs: [people('band', 'bed-radar')] },
  R31: { with: 'people', needs: [people('band', 'bed-radar')] },
  R33: { with: 'people', needs: [people('band', 'bed-radar')] },
  R34: { with: 'people', needs: [people('band', 'bed-radar')] },
  R36: { with: ['camera'], needs: [here('camera')] },
  R37: { with: 'people', needs: [people('band', 'camera')] },
  R38: { with: 'people', needs: [people('band')] },
  R39: { zones: ['post'], with: ['panic-button'], needs: [here('panic-button')] },
  R46: {
    zones: ['workshop', 'canteen', 'kitchen', 'boiler', 'store', 'machine-room'],
    needs: [{ kinds: ['smoke', 'climate', 'call-point', 'camera'], of: 'here', atLeast: 2 }],
  },
  R64: { with: ['door'], zones: [], needs: [here('door')] },
  R68: { with: ['patrol-point'], needs: [here('patrol-point')] },
}

/** About the system, alerts or people on duty: there is no place at which they could be blind. */
const PLACELESS: ReadonlySet<string> = new Set([
  ...['R25', 'R29', 'R40', 'R42', 'R43', 'R44', 'R54', 'R55', 'R56', 'R57', 'R58', 'R60', 'R61', 'R62', 'R63', 'R67'],
])

const OF_VEHICLES: ReadonlySet<string> = new Set(['gate', 'life-detector', 'plate-reader'])

export const kindOf = (device: Device): string | null => device.kind ?? (device.driver === 'onvif' ? 'camera' : null)

/** One rule at one place: the devices among which each need is met. */
export interface Cell {
  zone: string
  rule: Rule
  groups: { need: Need; devices: string[] }[]
}

export function cellsOf(rules: readonly Rule[], site: FacilityContext): Cell[] {
  const lives = new Map<string, string[]>()
  for (const person of site.all('people')) if (person.cell) push(lives, person.cell, person.id)
  const pairs = new Map<string, string[]>()
  for (const pair of site.all('door-pairs')) {
    const zone = pair.zone ?? site.zoneOfDevice(pair.a)
    if (zone) for (const door of [pair.a, pair.b]) push(pairs, zone, door)
  }
  const devicesAt = (zone: string): Device[] => {
    const found = new Map(site.devicesOf(zone).map((d) => [d.id, d]))
    for (const id of site.camerasOf(zone)) {
      const camera = site.device(id)
      if (camera) found.set(id, camera)
    }
    return [...found.values()]
  }
  const members = (zone: string, need: Need): string[] => {
    if (need.of === 'pair') return [...new Set(pairs.get(zone) ?? [])]
    const pool: Device[] =
      need.of === 'people'
        ? [
            ...(lives.get(zone) ?? []).flatMap((p) => site.devicesOfSubject(p)).flatMap((id) => site.device(id) ?? []),
            ...devicesAt(zone),
          ]
        : need.of === 'linked'
          ? [...site.linked(zone)].flatMap(devicesAt)
          : devicesAt(zone)
    return [...new Set(pool.filter((d) => need.kinds.includes(kindOf(d) ?? '')).map((d) => d.id))].sort()
  }
  const isOnFoot = (zone: Zone): boolean =>
    pairs.has(zone.id) && !site.devicesOf(zone.id).some((d) => OF_VEHICLES.has(kindOf(d) ?? ''))
  const guards = (zone: Zone, guard: Guard): boolean => {
    if (guard.unless === 'on-foot' && isOnFoot(zone)) return false
    if (guard.zones?.includes(zone.kind ?? '')) return true
    if (guard.with === 'people') return lives.has(zone.id)
    if (guard.with === 'pair') return pairs.has(zone.id)
    return guard.with ? site.devicesOf(zone.id).some((d) => guard.with?.includes(kindOf(d) ?? '')) : false
  }
  const cells: Cell[] = []
  for (const rule of rules) {
    if (!rule.enabled || PLACELESS.has(rule.code) || rule.code.startsWith('S')) continue
    if (!site.isOfKind(rule.file.scope)) continue
    const guard = GUARDS[rule.code] ?? byInputs(rule)
    if (!guard) continue
    for (const zone of site.all('zones'))
      if (guards(zone, guard) && (rule.code !== 'R64' || zone.kind === 'cell' || zone.kind === 'dormitory'))
        cells.push({
          zone: zone.id,
          rule,
          groups: guard.needs.map((need) => ({ need, devices: members(zone.id, need) })),
        })
  }
  return cells
}

/** Any device that produces any of its inputs. */
function byInputs(rule: Rule): Guard | null {
  const kinds = new Set<string>()
  for (const type of rule.file.inputs)
    for (const kind of READING_TYPES.get(type)?.producers ?? []) if (kind !== '*') kinds.add(kind)
  if (kinds.size === 0 || rule.file.inputs.includes('*')) return null
  return { with: [...kinds], needs: [here(...kinds)] }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
