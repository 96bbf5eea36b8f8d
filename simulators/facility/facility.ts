/**
 * One make-believe facility as a site: plan, people, equipment, timetable. The same seed gives the same site.
 * Demo: 2 buildings, 240 persons, 40 staff, 60 cameras, 80 doors, 30 sensors; full: the size of a real facility.
 */
import type { Site } from '#model/site/load.ts'
import { seededChance } from '../chance.ts'
import { equip } from './equipment.ts'
import { madeUpFacility } from './names.ts'
import { layOutPlan, type Plan } from './plan.ts'
import { populate } from './population.ts'

export const SIZES = {
  demo: { wards: 4, people: 240, staff: 40, cameras: 60, doors: 80, sensors: 36 },
  full: { wards: 50, people: 3000, staff: 300, cameras: 500, doors: 800, sensors: 300 },
} as const
export type Size = keyof typeof SIZES

export interface Facility {
  site: Site
  plan: Plan
}

const MEALS_ON_THE_WARD = [
  ['06:55', '07:40'],
  ['11:40', '12:20'],
  ['17:10', '17:50'],
]
/** The second workshop begins, eats and ends half an hour after the first: two columns never share the road. */
const LATER_WORKERS = 2
const MEALS_OF_LATER_WORKERS = [
  ['06:55', '07:40'],
  ['12:10', '12:50'],
  ['17:40', '18:20'],
]
const EAST_HOURS = ['08:30-09:20', '09:30-10:20', '10:30-11:20', '13:30-14:20', '14:30-15:20']
/** A quarter of an hour later, so that the columns find the roads free. The first wards take this yard at three. */
const WEST_HOURS = ['08:45-09:35', '09:45-10:35', '10:45-11:30', '13:45-14:30']
/** Yard days of three thirds of the wards: each has the air twice a week, and two wards share a yard. */
const YARD_DAYS = ['1,4', '2,5', '3,6']

/** After the evening count everybody is locked up, until before the morning count. */
const LOCK_UP = { from: '21:45', to: '06:20' } as const

/** A large facility has more wards than the canteen holds: two of them work, the others take turns in the yards. */
function programmeOfLaterWards(wards: string[]): NonNullable<Site['timetable']> {
  const slots: NonNullable<Site['timetable']> = []
  const workers = wards.slice(0, LATER_WORKERS)
  if (workers.length > 0)
    slots.push({
      zone: 'WORKSHOP-2',
      days: '1-6',
      from: '08:30',
      to: '17:25',
      activity: 'work',
      wards: workers,
      gathering: true,
    })
  const hours = [
    ...EAST_HOURS.map((at) => ({ zone: 'YARD-E', at })),
    ...WEST_HOURS.map((at) => ({ zone: 'YARD-W', at })),
  ]
  for (const [i, days] of YARD_DAYS.entries())
    for (const [j, { zone, at }] of hours.entries()) {
      const first = LATER_WORKERS + (i * hours.length + j) * 2
      const pair = wards.slice(first, first + 2)
      if (pair.length === 0) continue
      const [from, to] = at.split('-') as [string, string]
      slots.push({ zone, days, from, to, activity: 'sport', wards: pair, gathering: true })
    }
  return slots
}

/** Internal extensions, made up: the numbers of the house first, then the duty room of each ward. */
function phonesOf(plan: Plan): NonNullable<NonNullable<Site['console']>['phones']> {
  const there = new Set(plan.zones.map((zone) => zone.id))
  const nameOf = (id: string) => plan.zones.find((zone) => zone.id === id)?.name ?? { zh: id, en: id }
  const house: NonNullable<NonNullable<Site['console']>['phones']> = [
    { name: { zh: '值班长', en: 'Duty chief' }, number: '8001', role: 'chief' },
    { name: { zh: '指挥中心', en: 'Command centre' }, number: '8000', role: 'command', zones: ['OFFICE'] },
    { name: { zh: '值班领导', en: 'Leader on duty' }, number: '8008', role: 'leader' },
    { name: { zh: '医务所', en: 'Infirmary' }, number: '8120', role: 'medical', zones: ['MED'] },
    { name: { zh: '消防控制室', en: 'Fire control room' }, number: '8119', role: 'fire' },
    { name: { zh: '武警值班室', en: 'Armed police post' }, number: '8110', role: 'armed-police' },
    { name: { zh: 'AB门岗', en: 'Sally port post' }, number: '8130', role: 'post', zones: ['SALLY-1', 'SALLY-2'] },
    { name: { zh: '机房值班', en: 'Machine room' }, number: '8140', role: 'engineer', zones: ['MACHINE'] },
    { name: { zh: '省局指挥中心（专线）', en: 'Province, direct line' }, number: '8900', role: 'province' },
  ]
  return [
    ...house.map(({ zones, ...phone }) => (zones ? { ...phone, zones: zones.filter((id) => there.has(id)) } : phone)),
    ...plan.wards.map((ward) => ({
      name: { zh: `${nameOf(ward.id).zh}值班室`, en: `${nameOf(ward.id).en} duty room` },
      number: String(8200 + ward.number),
      role: 'post' as const,
      zones: [ward.id],
    })),
  ]
}

/** @param index which facility of the make-believe province, from 0. */
export function buildFacility(size: Size, index = 0, seed = 1): Facility {
  const chance = seededChance(seed * 1000 + index)
  const numbers = SIZES[size]
  const { id, kind, name } = madeUpFacility(index)
  const plan = layOutPlan(numbers.wards)
  const population = populate(plan, numbers.people, numbers.staff, kind, chance)
  const equipment = equip(plan, numbers)
  const canteenWards = plan.wards.slice(0, 4).map((w) => w.id)
  const site: Site = {
    facility: { id, name, kind, timezone: 'Asia/Shanghai', night: '22:00-06:00' },
    zones: plan.zones,
    'door-pairs': equipment.doorPairs,
    devices: [...equipment.devices, ...population.gateways, ...population.bands, ...population.tags],
    people: population.people,
    staff: population.staff,
    groups: population.groups,
    lists: [
      { id: 'charging', persons: [] },
      { id: 'medical', persons: [] },
    ],
    links: equipment.links,
    shifts: [
      { id: 'A', from: '08:00', to: '16:00' },
      { id: 'B', from: '16:00', to: '00:00' },
      { id: 'C', from: '00:00', to: '08:00' },
    ],
    posts: plan.wards.map((ward) => ({ id: `POST-${ward.number}`, zone: ward.post, count: 1 })),
    patrols: [
      ...plan.wards.flatMap((ward) => [
        { id: `RT-${ward.id}-D`, kind: 'day' as const, points: [`PP-${ward.id}`], every: '60m', tolerance: '5m' },
        { id: `RT-${ward.id}-N`, kind: 'night' as const, points: [`PP-${ward.id}`], every: '30m', tolerance: '5m' },
        ...(population.people.some((p) => p.ward === ward.id && p.watch)
          ? [
              {
                id: `RT-${ward.id}-W`,
                kind: 'watch' as const,
                points: [`PP-${ward.id}`],
                every: '15m',
                tolerance: '5m',
              },
            ]
          : []),
      ]),
      { id: 'RT-GROUNDS', kind: 'day', points: ['PP1', 'PP2', 'PP3', 'PP4'], every: '120m', tolerance: '10m' },
    ],
    manning: plan.wards.map((ward) => ({ zone: ward.id, officers: 'ceil(inmates/30)' })),
    timetable: [
      ...['07:00-07:40', '11:40-12:20', '17:10-17:50'].map((hours) => ({
        zone: 'CANTEEN',
        days: '1-7',
        from: hours.slice(0, 5),
        to: hours.slice(6),
        activity: 'meal',
        wards: canteenWards,
        gathering: true,
      })),
      // The canteen holds four wards; the others eat in their day rooms.
      ...plan.wards
        .filter((ward) => !canteenWards.includes(ward.id))
        .flatMap((ward, i) =>
          (i < LATER_WORKERS ? MEALS_OF_LATER_WORKERS : MEALS_ON_THE_WARD).map(([from, to]) => ({
            zone: ward.day,
            days: '1-7',
            from: from as string,
            to: to as string,
            activity: 'meal',
            wards: [ward.id],
            gathering: true,
          })),
        ),
      ...['1,3,5', '2,4,6'].map((days, i) => ({
        zone: 'YARD-W',
        days,
        from: '15:00',
        to: '16:00',
        activity: 'sport',
        wards: canteenWards.slice(i * 2, i * 2 + 2),
        gathering: true,
      })),
      ...plan.wards.map((ward) => ({
        zone: ward.day,
        days: '1-7',
        from: '07:00',
        to: '21:30',
        activity: 'class',
        wards: [ward.id],
        gathering: true,
      })),
      {
        zone: 'WORKSHOP-1',
        days: '1-6',
        from: '08:00',
        to: '17:00',
        activity: 'work',
        wards: canteenWards.filter((_, i) => i % 2 === 0),
        gathering: true,
      },
      ...programmeOfLaterWards(plan.wards.slice(4).map((w) => w.id)),
      ...plan.wards.map((ward) => ({ zone: ward.id, days: '1-7', ...LOCK_UP, activity: 'lock-up', wards: [ward.id] })),
    ],
    tools: [
      { id: 'T1', cabinet: 'CAB1' },
      { id: 'T2', cabinet: 'CAB2' },
    ],
    // Twins draw every picture themselves: a few cameras show what pre-roll is, and leave the machine to the rest.
    video: { preroll: 4 },
    console: {
      desks: [{ id: 'console-1', zones: ['*'] }],
      duty: [
        { shift: 'A', chief: 'S01', officers: ['S05', 'S06'] },
        { shift: 'B', chief: 'S02', officers: ['S07', 'S08'] },
        { shift: 'C', chief: 'S03', officers: ['S09', 'S10'] },
      ],
      phones: phonesOf(plan),
    },
  }
  return { site, plan }
}
