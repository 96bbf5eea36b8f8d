/** Doors, readers, cameras, fences and sensors of the make-believe facility, each at its place on the plan. */
import type { Device, DoorPair, FenceLink } from '#model/context/kinds.ts'
import type { Plan } from './plan.ts'

export interface Equipment {
  devices: Device[]
  doorPairs: DoorPair[]
  links: FenceLink[]
}

export interface EquipmentCount {
  cameras: number
  doors: number
  sensors: number
}

const two = (n: number): string => String(n).padStart(2, '0')

export function equip(plan: Plan, count: EquipmentCount): Equipment {
  const devices: Device[] = []
  const place = (zone: string, dx = 0, dy = 0) => {
    const at = plan.middle.get(zone) ?? { x_m: 0, y_m: 0, floor: 1 }
    return { x_m: round(at.x_m + dx), y_m: round(at.y_m + dy), floor: at.floor }
  }
  const seats = new Map<string, number>()
  /** Things of one zone stand beside each other, so that each can be seen and hit on the plan. */
  const seat = (zone: string) => {
    const n = seats.get(zone) ?? 0
    seats.set(zone, n + 1)
    return spotIn(plan, zone, [(n % 4) * 0.16 - 0.24, Math.floor(n / 4) * 0.2 + 0.1])
  }
  const opcua = (
    id: string,
    kind: Device['kind'],
    model: string,
    folder: string,
    zone: string,
    more: Partial<Device> = {},
  ): void => {
    const at = more.at ?? seat(zone)
    devices.push({ id, driver: 'opcua', kind, model, root: `ns=2;s=${folder}/${id}`, zone, ...more, at })
  }

  doors(plan, count.doors, opcua, place)
  cameras(plan, count.cameras, devices, place)
  const sides = ['N', 'W', 'S', 'E'] as const
  const links: FenceLink[] = []
  for (const [i, side] of sides.entries())
    for (const half of [1, 2]) {
      const id = `F${two(i * 2 + half)}`
      const along = half === 1 ? -0.12 : 0.3
      const at = spotIn(plan, `BELT-${side}`, side === 'N' || side === 'S' ? [along, 0] : [0, along])
      opcua(id, 'fence', 'generic-fence', 'Fences', `BELT-${side}`, { at })
      links.push({ fence: id, zone: `BELT-${side}` })
    }
  sensors(plan, count.sensors, opcua)
  opcua('G1', 'gate', 'generic-gate', 'Gates', 'SALLY-1')
  opcua('LD1', 'life-detector', 'generic-life-detector', 'Gates', 'SALLY-1')
  opcua('LPR1', 'plate-reader', 'generic-plate-reader', 'Gates', 'SALLY-1')
  opcua('RC0', 'roll-call', 'generic-roll-call', 'Duty', 'SITE')
  opcua('CAB1', 'tool-cabinet', 'generic-tool-cabinet', 'Duty', 'WORKSHOP-1')
  opcua('CAB2', 'tool-cabinet', 'generic-tool-cabinet', 'Duty', 'WORKSHOP-2')
  opcua('CT1', 'clinic-terminal', 'generic-clinic-terminal', 'Duty', 'MED')
  for (const ward of plan.wards) {
    opcua(`PB${ward.number}`, 'panic-button', 'generic-panic-button', 'Duty', ward.post)
    opcua(`RC${ward.number}`, 'roll-call', 'generic-roll-call', 'Duty', ward.id)
    opcua(`PP-${ward.id}`, 'patrol-point', 'generic-patrol-point', 'Duty', ward.corridor, {
      at: spotIn(plan, ward.corridor, [0.1, 0]),
    })
  }
  for (const [i, zone] of ['WORKSHOP-1', 'CANTEEN', 'YARD-E', 'YARD-W'].entries())
    opcua(`PP${i + 1}`, 'patrol-point', 'generic-patrol-point', 'Duty', zone)
  devices.push({ id: 'EDGE', kind: 'edge-agent', zone: 'MACHINE' })
  return { devices, doorPairs: [{ id: 'AB2', a: 'D-AB2-IN', b: 'D-AB2-OUT', zone: 'SALLY-2' }], links }
}

type AddOpcua = (
  id: string,
  kind: Device['kind'],
  model: string,
  folder: string,
  zone: string,
  more?: Partial<Device>,
) => void
type Place = (zone: string, dx?: number, dy?: number) => { x_m: number; y_m: number; floor: number }

function doors(plan: Plan, wanted: number, opcua: AddOpcua, place: Place): void {
  let made = 0
  const door = (id: string, zone: string, reader: boolean, at = place(zone)): void => {
    if (made >= wanted) return
    made++
    opcua(`D-${id}`, 'door', 'generic-door', 'Doors', zone, { at })
    if (reader)
      opcua(`R-${id}`, 'reader', 'generic-reader', 'Readers', zone, {
        door: `D-${id}`,
        // A room of a ward is entered from the corridor, not from the grounds: else who leaves it leaves the grounds twice.
        area: { from: plan.wayOut.get(zone) ?? 'SITE', to: zone },
        at,
      })
  }
  door('AB2-IN', 'SALLY-2', true, place('SALLY-2', 0, -4))
  door('AB2-OUT', 'SALLY-2', true, place('SALLY-2', 0, 4))
  for (const ward of plan.wards) door(ward.id, ward.corridor, true, place(ward.corridor, -21))
  for (const zone of [
    'WORKSHOP-1',
    'WORKSHOP-2',
    'CANTEEN',
    'MED',
    'OFFICE',
    'MACHINE',
    'BOILER',
    'STORE',
    'KITCHEN',
    'VISIT',
  ])
    door(zone, zone, true, spotIn(plan, zone, [0, 0.5], 0))
  // Cell doors open on command of the post (door.command), they have no reader of their own.
  for (const ward of plan.wards)
    for (const cell of ward.cells) {
      const north = (plan.middle.get(cell)?.y_m ?? 0) < (plan.middle.get(ward.corridor)?.y_m ?? 0)
      door(cell.split('-')[1] as string, cell, false, place(cell, 0, north ? 2.5 : -2.5))
    }
  for (const ward of plan.wards) {
    door(`${ward.id}-DAY`, ward.day, true, spotIn(plan, ward.day, [-0.3, 0.5], 0))
    door(`${ward.id}-POST`, ward.post, true, spotIn(plan, ward.post, [-0.3, -0.5], 0))
  }
}

function cameras(plan: Plan, wanted: number, devices: Device[], place: Place): void {
  // The numbers of the published scenarios stand where their stories happen; the others fill up.
  const fixed: Record<
    number,
    { zone: string; watches: string[]; adjacent: string[]; dx?: number; dy?: number; presets?: Record<string, string> }
  > = {
    30: { zone: 'YARD-E', watches: ['YARD-E'], adjacent: ['K31'], dy: -12 },
    31: { zone: 'YARD-E', watches: ['YARD-E'], adjacent: ['K30', 'K32'], dx: -16 },
    32: { zone: 'YARD-E', watches: ['YARD-E'], adjacent: ['K31'], dy: 12 },
    40: { zone: 'BELT-E', watches: ['BELT-E'], adjacent: ['K41'], dy: -20 },
    41: {
      zone: 'BELT-E',
      watches: ['BELT-E', 'WALL-E'],
      adjacent: ['K40', 'K42'],
      presets: { 'WALL-E': 'wall', 'BELT-E': 'belt' },
    },
    42: { zone: 'BELT-E', watches: ['BELT-E', 'WALL-E'], adjacent: ['K41'], dy: 20 },
  }
  const queue: [string, number][] = []
  const shared = [
    'BELT-N',
    'BELT-N',
    'BELT-N',
    'BELT-W',
    'BELT-W',
    'BELT-S',
    'BELT-S',
    'BELT-S',
    'YARD-W',
    'YARD-W',
    'SALLY-1',
    'SALLY-1',
    'SALLY-2',
    'VISIT',
    'CANTEEN',
    'CANTEEN',
    'WORKSHOP-1',
    'WORKSHOP-1',
    'WORKSHOP-2',
    'WORKSHOP-2',
    'MED',
    'OFFICE',
    'MACHINE',
    'BOILER',
    'STORE',
    'KITCHEN',
    'SITE',
    'SITE',
  ]
  for (const zone of shared) queue.push([zone, queue.filter(([z]) => z === zone).length])
  for (let round = 0; queue.length < wanted; round++)
    for (const ward of plan.wards)
      queue.push([[ward.corridor, ward.day, ward.corridor, ward.post][round % 4] as string, round])
  let next = 0
  const digits = wanted >= 100 ? 3 : 2
  for (let n = 1; n <= wanted; n++) {
    const special = fixed[n]
    const [zone, round] = special ? [special.zone, 0] : (queue[next++] as [string, number])
    const id = `K${String(n).padStart(n < 100 ? 2 : digits, '0')}`
    const at = special
      ? place(zone, special.dx ?? 0, special.dy ?? 0)
      : spotIn(plan, zone, cameraCorner(plan, zone, round))
    devices.push({
      id,
      driver: 'onvif',
      kind: 'camera',
      model: 'generic-onvif',
      zone,
      at,
      // Who looks along the belt sees the wall behind it.
      watches: special?.watches ?? (zone.startsWith('BELT-') ? [zone, zone.replace('BELT-', 'WALL-')] : [zone]),
      ...(special ? { adjacent: special.adjacent } : {}),
      ...(special?.presets ? { presets: special.presets } : {}),
    })
  }
}

/** Where things burn and nobody sleeps. */
const FIRE_RISKS = ['BOILER', 'KITCHEN', 'STORE', 'MACHINE']

const SENSORS: [prefix: string, kind: Device['kind'], model: string, zones: (plan: Plan) => string[]][] = [
  ['DET', 'smoke', 'generic-smoke', (plan) => [...plan.wards.flatMap((w) => [w.corridor, w.day]), ...FIRE_RISKS]],
  ['CLI', 'climate', 'generic-climate', (plan) => plan.wards.map((w) => w.corridor)],
  ['GAS', 'gas', 'generic-gas', (plan) => ['KITCHEN', 'BOILER', ...plan.wards.map((w) => w.corridor)]],
  ['NOI', 'noise', 'generic-noise', (plan) => ['WORKSHOP-1', 'YARD-E', ...plan.wards.map((w) => w.day)]],
  ['LUX', 'light', 'generic-light', () => ['YARD-E', 'YARD-W']],
  ['LEAK', 'leak', 'generic-leak', () => ['MACHINE']],
  ['CALL', 'call-point', 'generic-call-point', (plan) => plan.wards.map((w) => w.post)],
  ['PWR', 'power', 'generic-power', () => ['MACHINE']],
]

function sensors(plan: Plan, wanted: number, opcua: AddOpcua): void {
  const order = SENSORS.flatMap(([prefix, kind, model, zones]) =>
    zones(plan).map((zone, i) => ({ id: `${prefix}${i + 1}`, kind, model, zone })),
  )
  // One of each kind first, so that a small plan has every kind of sensor.
  const first = SENSORS.map(([prefix]) => order.find((o) => o.id === `${prefix}1`)).filter((o) => o !== undefined)
  const rest = order.filter((o) => !first.includes(o))
  const all = [...first, ...rest]
  for (let i = 0; i < wanted; i++) {
    const known = all[i]
    if (known) opcua(known.id, known.kind, known.model, 'Env', known.zone)
    else {
      const ward = plan.wards[i % plan.wards.length]
      if (ward) opcua(`CLI${i + 1}`, 'climate', 'generic-climate', 'Env', ward.cells[i % ward.cells.length] as string)
    }
  }
}

/** Spot in a zone by shares of its width and height from the middle (±0.5), kept inside by a margin in metres. */
function spotIn(plan: Plan, zone: string, [sx, sy]: [number, number], margin = 0.8) {
  const middle = plan.middle.get(zone) ?? { x_m: 0, y_m: 0, floor: 1 }
  const { w, h } = sizeOf(plan, zone)
  const within = (share: number, size: number) => {
    const half = Math.max(0, size / 2 - margin)
    return Math.min(half, Math.max(-half, share * size))
  }
  return { x_m: round(middle.x_m + within(sx, w)), y_m: round(middle.y_m + within(sy, h)), floor: middle.floor }
}

function sizeOf(plan: Plan, zone: string): { w: number; h: number } {
  const box = plan.zones.find((z) => z.id === zone)?.polygon ?? []
  const xs = box.map((p) => p[0])
  const ys = box.map((p) => p[1])
  return box.length ? { w: Math.max(...xs) - Math.min(...xs), h: Math.max(...ys) - Math.min(...ys) } : { w: 0, h: 0 }
}

/** Long places are watched from points along them, rooms and yards from their corners. */
function cameraCorner(plan: Plan, zone: string, round: number): [number, number] {
  const { w, h } = sizeOf(plan, zone)
  const along = [-0.36, 0.36, 0.06, -0.2, 0.2][round % 5] as number
  if (w > h * 4) return [along, -0.3]
  if (h > w * 4) return [-0.3, along]
  return (
    [
      [-0.44, -0.4],
      [0.44, 0.4],
      [0.44, -0.4],
      [-0.44, 0.4],
    ] as [number, number][]
  )[round % 4] as [number, number]
}

function round(x: number): number {
  return Math.round(x * 10) / 10
}
