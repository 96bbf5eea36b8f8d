/**
 * What the schema of a context item cannot say: times that are no times, spans that end before they begin, names that lead
 * nowhere, zones within themselves. The site file, `PUT /api/v1/context` and lines of a replay ask here. It must never
 * look at more than it is handed.
 */
import { type ContextKind, contextItemId } from './kinds.ts'
import { instant } from './permits.ts'

type Item = Record<string, unknown>

export interface ItemRemark {
  /** Path within the item, e.g. `from` or `lines.L1.door`. */
  field: string
  message: string
}

const DATE = /^\d{4}-\d{2}-\d{2}([T ]|$)/
const OFFICERS = /^(\s*(inmates|ceil|floor|round|max|min|\d+(\.\d+)?|[-+*/(),]))+\s*$/

/** A text that is no time would read as "without limit": a pass that holds for ever. */
function timeFault(item: Item, field: string): ItemRemark[] {
  const value = item[field]
  if (typeof value !== 'string' || (DATE.test(value) && instant(value) !== null)) return []
  return [
    {
      field,
      message: `"${value}" is not a time; write RFC 3339 such as 2026-11-22T14:03:00+08:00, or ms since 1970 UTC`,
    },
  ]
}

/** Values that no item may hold. Empty for an item that the schema refuses already. */
export function itemFaults(kind: ContextKind, item: Item): ItemRemark[] {
  const faults = [...timeFault(item, 'from'), ...timeFault(item, 'to')].filter(
    () => kind !== 'shifts' && kind !== 'timetable',
  )
  if (kind !== 'shifts' && kind !== 'timetable' && faults.length === 0) {
    const from = instant(item.from as string | undefined)
    const to = instant(item.to as string | undefined)
    if (from !== null && to !== null && to <= from) faults.push({ field: 'to', message: 'must be after "from"' })
  }
  if (kind === 'keep-apart' && new Set(item.persons as string[]).size < 2)
    faults.push({ field: 'persons', message: 'must name at least two persons' })
  const detox = item.detox as { since?: string } | undefined
  if (kind === 'people' && detox) faults.push(...timeFault(detox, 'since').map((f) => ({ ...f, field: 'detox.since' })))
  const plan = kind === 'manning' ? 'officers' : kind === 'zones' ? 'manning' : null
  const need = plan === null ? null : item[plan]
  if (plan !== null && typeof need === 'string' && !isPlan(need))
    faults.push({
      field: plan,
      message: `"${need}" cannot be computed; write a number or one of inmates, such as ceil(inmates/20)`,
    })
  return faults
}

function isPlan(text: string): boolean {
  if (!OFFICERS.test(text)) return false
  let open = 0
  for (const sign of text) {
    if (sign === '(') open++
    else if (sign === ')' && --open < 0) return false
  }
  return open === 0
}

/** Fields that name items of another kind. A wrong name here silences a rule. */
const REFERENCES: Partial<Record<ContextKind, [field: string, target: ContextKind][]>> = {
  zones: [
    ['parent', 'zones'],
    ['adjacent', 'zones'],
    ['allowed-with', 'zones'],
  ],
  devices: [
    ['zone', 'zones'],
    ['watches', 'zones'],
    ['subject', 'people'],
    ['via', 'devices'],
    ['door', 'devices'],
    ['adjacent', 'devices'],
  ],
  'door-pairs': [
    ['a', 'devices'],
    ['b', 'devices'],
    ['zone', 'zones'],
  ],
  people: [
    ['cell', 'zones'],
    ['ward', 'zones'],
    ['allowed', 'zones'],
  ],
  staff: [['tag', 'devices']],
  groups: [['members', 'people']],
  'keep-apart': [['persons', 'people']],
  passes: [
    ['person', 'people'],
    ['zones', 'zones'],
  ],
  escorts: [
    ['persons', 'people'],
    ['officers', 'staff'],
  ],
  'work-orders': [['zones', 'zones']],
  lists: [['persons', 'people']],
  posts: [['zone', 'zones']],
  patrols: [['persons', 'people']],
  manning: [['zone', 'zones']],
  timetable: [
    ['zone', 'zones'],
    ['wards', 'zones'],
  ],
  tools: [['cabinet', 'devices']],
  modes: [
    ['zones', 'zones'],
    ['devices', 'devices'],
  ],
  links: [
    ['fence', 'devices'],
    ['zone', 'zones'],
  ],
  baselines: [['person', 'people']],
}

/**
 * Names that lead nowhere: told, never a reason to refuse, because what is absent may come yet.
 * @param idsOf ids of a kind; null where the facility has none of it at all: then its rules are off by choice.
 */
export function danglingNames(
  kind: ContextKind,
  item: Item,
  idsOf: (kind: ContextKind) => ReadonlySet<string> | null,
): ItemRemark[] {
  return (REFERENCES[kind] ?? []).flatMap(([field, target]) => {
    const known = idsOf(target)
    if (known === null) return []
    const value = item[field]
    const names = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
    return (
      names
        .map(String)
        .filter((name) => !known.has(name) && name !== '*')
        // A band or tag is held by an inmate or by an officer.
        .filter((name) => target !== 'people' || !idsOf('staff')?.has(name))
        .map((name) => ({ field, message: `"${name}" is not one of ${target}` }))
    )
  })
}

/** Ids of zones that lie within themselves. */
export function zonesInThemselves(zones: Iterable<Item>): string[] {
  const parent = new Map([...zones].map((z) => [contextItemId('zones', z), (z.parent as string | null) ?? null]))
  return [...parent.keys()].filter((id) => {
    const seen = new Set<string>()
    for (let at: string | null = id; at !== null; at = parent.get(at) ?? null) {
      if (seen.has(at)) return true
      seen.add(at)
    }
    return false
  })
}
