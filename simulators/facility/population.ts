/** The people of the make-believe facility: who lives where, who works, what they wear. */
import type { Device, Group, Person, Staff } from '#model/context/kinds.ts'
import type { Chance } from '../chance.ts'
import { madeUpName } from './names.ts'
import type { Plan, WardPlan } from './plan.ts'

export interface Population {
  people: Person[]
  staff: Staff[]
  groups: Group[]
  bands: Device[]
  tags: Device[]
  gateways: Device[]
}

const BANDS_PER_GATEWAY = 60

/** Ward 3 is filled first, so that the persons of the published scenarios (P017, P055 …) live where their stories happen. */
export function fillingOrder(wards: readonly WardPlan[]): WardPlan[] {
  const third = wards.find((w) => w.number === 3)
  return third ? [third, ...wards.filter((w) => w !== third)] : [...wards]
}

export function populate(
  plan: Plan,
  count: number,
  staffCount: number,
  kind: 'prison' | 'detox',
  chance: Chance,
): Population {
  const people: Person[] = []
  const bands: Device[] = []
  const gateways: Device[] = plan.wards.map((ward) => ({
    id: gatewayId(ward.number + 4),
    driver: 'mqtt',
    kind: 'gateway',
    model: 'ww-json',
    zone: ward.corridor,
    name: { zh: `${ward.number}监区网关`, en: `Ward ${ward.number} gateway` },
  }))
  const perWard = Math.ceil(count / plan.wards.length)
  const width = 3
  for (const ward of fillingOrder(plan.wards)) {
    for (let i = 0; i < perWard && people.length < count; i++) {
      const n = people.length + 1
      const label = String(n).padStart(width, '0')
      const cell = ward.cells[Math.floor((i * ward.cells.length) / perWard)] as string
      const name = madeUpName(chance)
      people.push({
        id: `P${label}`,
        number: `2026-${label.padStart(4, '0')}`,
        initials: name.initials,
        name: { zh: name.zh, en: name.en },
        sex: 'm',
        cell,
        ward: ward.id,
        allowed: [
          ward.id,
          ward.corridor,
          ward.toilet,
          ward.day,
          'SITE',
          'CANTEEN',
          'WORKSHOP-1',
          'WORKSHOP-2',
          'MED',
          'VISIT',
        ],
        risk: n % 23 === 0 ? 'high' : n % 7 === 0 ? 'medium' : 'normal',
        watch: n === 55 || n % 60 === 31,
        ...(kind === 'detox'
          ? {
              detox: {
                phase: (['physical', 'education', 'consolidation', 'return'] as const)[n % 4] as 'physical',
                since: '2026-11-19',
              },
            }
          : {}),
        face: `F-P${label}`,
      })
      bands.push({
        id: `W${label}`,
        driver: 'mqtt',
        kind: 'band',
        model: 'ww-json',
        subject: `P${label}`,
        via: gatewayId(ward.number + 4 + (perWard > BANDS_PER_GATEWAY ? 100 * Math.floor(i / BANDS_PER_GATEWAY) : 0)),
      })
    }
  }
  gateways.push({
    id: 'GW-01',
    driver: 'mqtt',
    kind: 'gateway',
    model: 'ww-json',
    zone: 'OFFICE',
    name: { zh: '胸卡网关', en: 'Tag gateway' },
  })
  const staff: Staff[] = []
  const tags: Device[] = []
  for (let n = 1; n <= staffCount; n++) {
    const label = String(n).padStart(2, '0')
    const name = madeUpName(chance)
    staff.push({
      id: `S${label}`,
      tag: `S${label}T`,
      credentials: [`C-${label.padStart(4, '0')}`],
      role: n <= 4 ? 'chief' : 'officer',
      name: { zh: name.zh, en: name.en },
      initials: name.initials,
    })
    tags.push({ id: `S${label}T`, driver: 'mqtt', kind: 'tag', model: 'ww-json', subject: `S${label}`, via: 'GW-01' })
  }
  const groups: Group[] = []
  const byCell = Map.groupBy(people, (p) => p.cell as string)
  for (const [cell, mates] of byCell) {
    if (mates.length < 3) continue
    groups.push({ id: `G-${cell}`, members: mates.map((p) => p.id) })
  }
  return { people, staff, groups, bands, tags, gateways }
}

function gatewayId(n: number): string {
  return `GW-${String(n).padStart(2, '0')}`
}
