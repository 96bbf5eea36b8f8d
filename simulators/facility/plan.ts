/**
 * The floor plan of the make-believe facility: zones with polygons in metres. x grows to the east, y to the south.
 * A wall around, a warning belt of five metres inside it, yards, ward buildings of two floors, and the shared houses.
 */
import type { Zone } from '#model/context/kinds.ts'

type Box = [left: number, top: number, right: number, bottom: number]

export interface WardPlan {
  id: string
  number: number
  building: string
  floor: number
  corridor: string
  toilet: string
  day: string
  post: string
  cells: string[]
}

export interface Plan {
  zones: Zone[]
  wards: WardPlan[]
  /** Middle of each zone, where people stand. */
  middle: Map<string, { x_m: number; y_m: number; floor: number }>
  /** Way from a zone to the open ground: the next zone on the way out. */
  wayOut: Map<string, string>
  widthM: number
  heightM: number
}

const CELLS_PER_WARD = 15
const CELL_W = 4
const CELL_H = 5
const CORRIDOR_H = 3
const WARD_W = 8 * CELL_W + 12
const WARD_H = 2 * CELL_H + CORRIDOR_H
const EDGE = 12
const HOUSE_W = 36
const HOUSE_GAP = 4
/** Room between two rows of ward buildings, metres. */
const WARD_GAP = 22

function rectangle([left, top, right, bottom]: Box): [number, number][] {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ]
}

/** @param wards number of wards; two to a building, one per floor. */
export function layOutPlan(wards: number): Plan {
  const buildings = Math.ceil(wards / 2)
  const columns = buildings <= 2 ? 1 : Math.ceil(Math.sqrt(buildings / 1.5))
  const rows = Math.ceil(buildings / columns)
  const widthM = EDGE + 52 + columns * (WARD_W + 10) + 62 + EDGE
  const heightM = Math.max(130, EDGE + 40 + rows * (WARD_H + WARD_GAP) + EDGE)
  const zones: Zone[] = []
  const middle: Plan['middle'] = new Map()
  const wayOut: Plan['wayOut'] = new Map()

  const add = (id: string, kind: Zone['kind'], zh: string, en: string, box: Box, more: Partial<Zone> = {}): string => {
    const floor = more.floor ?? 1
    zones.push({ id, name: { zh, en }, kind, class: 'none', floor, polygon: rectangle(box), ...more })
    middle.set(id, { x_m: (box[0] + box[2]) / 2, y_m: (box[1] + box[3]) / 2, floor })
    return id
  }

  const right = widthM
  const bottom = heightM
  add('OUTSIDE', 'outside', '墙外', 'Outside', [-40, -40, right + 40, bottom + 40], { class: 'red' })
  add('SITE', 'yard', '院内道路', 'Grounds', [0, 0, right, bottom])
  const sides: [string, string, string, Box, Box][] = [
    ['N', '北', 'north', [0, 0, right, 1], [1, 1, right - 1, 6]],
    ['E', '东', 'east', [right - 1, 1, right, bottom - 1], [right - 6, 6, right - 1, bottom - 6]],
    ['S', '南', 'south', [0, bottom - 1, right, bottom], [1, bottom - 6, right - 1, bottom - 1]],
    ['W', '西', 'west', [0, 1, 1, bottom - 1], [1, 6, 6, bottom - 6]],
  ]
  for (const [side, zh, en, wall, belt] of sides) {
    add(`WALL-${side}`, 'wall', `${zh}围墙`, `Wall ${en}`, wall, {
      class: 'red',
      perimeter: true,
      adjacent: [`BELT-${side}`, 'OUTSIDE'],
    })
    const next = { N: ['E', 'W'], E: ['N', 'S'], S: ['E', 'W'], W: ['N', 'S'] }[side] as string[]
    add(`BELT-${side}`, 'belt', `周界${zh}段`, `Perimeter ${en}`, belt, {
      class: 'red',
      perimeter: true,
      security: 'high',
      adjacent: [
        `WALL-${side}`,
        ...next.map((n) => `BELT-${n}`),
        ...(side === 'E' ? ['YARD-E'] : side === 'W' ? ['YARD-W'] : ['SITE']),
      ],
    })
  }
  const yardTop = EDGE + 4
  const yardBottom = bottom - EDGE - 4
  add('YARD-W', 'yard', '西放风场', 'Yard west', [EDGE, yardTop, EDGE + 40, (yardTop + yardBottom) / 2 - 4], {
    class: 'orange',
    adjacent: ['BELT-W', 'SITE'],
    capacity: 120,
  })
  add(
    'YARD-E',
    'yard',
    '东放风场',
    'Yard east',
    [right - EDGE - 40, yardTop, right - EDGE + 4, (yardTop + yardBottom) / 2 - 4],
    { class: 'orange', adjacent: ['BELT-E', 'SITE'], capacity: 120 },
  )

  type House = [id: string, kind: Zone['kind'], zh: string, en: string, share: number, more: Partial<Zone>]
  type HouseRow = [heightM: number, houses: House[]]
  const westHouses: HouseRow[] = [
    [14, [['WORKSHOP-1', 'workshop', '一车间', 'Workshop 1', 1, { capacity: 150, adjacent: ['SITE'] }]]],
    [14, [['WORKSHOP-2', 'workshop', '二车间', 'Workshop 2', 1, { capacity: 150, adjacent: ['SITE'] }]]],
    [
      9,
      [
        ['BOILER', 'boiler', '锅炉房', 'Boiler room', 0.5, { class: 'yellow', adjacent: ['SITE'] }],
        ['STORE', 'store', '仓库', 'Store', 0.5, { class: 'yellow', adjacent: ['SITE'] }],
      ],
    ],
  ]
  const eastHouses: HouseRow[] = [
    [
      14,
      [
        ['CANTEEN', 'canteen', '食堂', 'Canteen', 0.65, { capacity: 260, adjacent: ['SITE', 'KITCHEN'] }],
        ['KITCHEN', 'kitchen', '伙房', 'Kitchen', 0.35, { class: 'yellow', adjacent: ['CANTEEN'] }],
      ],
    ],
    [11, [['MED', 'medical', '医务所', 'Infirmary', 1, { adjacent: ['SITE'] }]]],
    [
      12,
      [
        ['MACHINE', 'machine-room', '中心机房', 'Machine room', 0.45, { class: 'yellow', adjacent: ['OFFICE'] }],
        ['OFFICE', 'office', '指挥中心', 'Command centre', 0.55, { class: 'yellow', adjacent: ['SITE', 'MACHINE'] }],
      ],
    ],
  ]
  for (const [list, left] of [
    [westHouses, EDGE],
    [eastHouses, right - EDGE - 40],
  ] as const) {
    // Houses stand below the yards with room for a name above each; a low site moves them closer together.
    const room = yardBottom - ((yardTop + yardBottom) / 2 + 4)
    const wanted = list.reduce((sum, [height]) => sum + height, 0) + (list.length - 1) * HOUSE_GAP
    const scale = Math.min(1, room / wanted)
    let top = (yardTop + yardBottom) / 2 + 4
    for (const [height, houses] of list) {
      let from = left
      for (const [index, [id, kind, zh, en, share, more]] of houses.entries()) {
        const last = index === houses.length - 1
        const to = last ? left + HOUSE_W : from + HOUSE_W * share - HOUSE_GAP / 2
        add(id, kind, zh, en, [from, top, to, top + height * scale], more)
        wayOut.set(id, 'SITE')
        from = to + HOUSE_GAP
      }
      top += (height + HOUSE_GAP) * scale
    }
  }
  const gateX = right / 2
  add('SALLY-1', 'sally-port', '车辆AB门', 'Vehicle sally port', [gateX - 22, bottom - 18, gateX - 12, bottom - 7], {
    class: 'red',
    security: 'high',
    perimeter: true,
    adjacent: ['SITE', 'OUTSIDE'],
  })
  add('SALLY-2', 'sally-port', '人行AB门', 'Pedestrian sally port', [gateX + 12, bottom - 15, gateX + 18, bottom - 7], {
    class: 'red',
    security: 'high',
    perimeter: true,
    adjacent: ['SITE', 'OUTSIDE'],
  })
  add('VISIT', 'visit', '会见室', 'Visiting room', [gateX + 24, bottom - 18, gateX + 40, bottom - 8], {
    capacity: 40,
    adjacent: ['SITE'],
  })
  for (const id of ['SALLY-1', 'SALLY-2', 'VISIT', 'YARD-E', 'YARD-W']) wayOut.set(id, 'SITE')

  const wardPlans: WardPlan[] = []
  for (let w = 1; w <= wards; w++) {
    const b = Math.floor((w - 1) / 2)
    const floor = ((w - 1) % 2) + 1
    const left = EDGE + 52 + (b % columns) * (WARD_W + 10)
    const top = EDGE + 8 + Math.floor(b / columns) * (WARD_H + WARD_GAP)
    const building = `B${b + 1}`
    const box: Box = [left, top, left + WARD_W, top + WARD_H]
    if (floor === 1) {
      add(
        building,
        'building',
        `${b + 1}号楼`,
        `Building ${b + 1}`,
        [left - 1, top - 1, left + WARD_W + 1, top + WARD_H + 1],
        { adjacent: ['SITE'] },
      )
      wayOut.set(building, 'SITE')
    }
    wardPlans.push(layOutWard(w, building, floor, box, add, wayOut))
  }
  return { zones, wards: wardPlans, middle, wayOut, widthM, heightM }
}

function layOutWard(
  number: number,
  building: string,
  floor: number,
  [left, top, right, bottom]: Box,
  add: (id: string, kind: Zone['kind'], zh: string, en: string, box: Box, more?: Partial<Zone>) => string,
  wayOut: Map<string, string>,
): WardPlan {
  const id = `W${number}`
  const zh = `${number}监区`
  const en = `Ward ${number}`
  const corridor = `${id}-COR`
  const inside = { parent: id, floor }
  // Wards of the ground floor have a door to a yard.
  add(id, 'ward', zh, en, [left, top, right, bottom], {
    parent: building,
    floor,
    ...(floor === 1 ? { adjacent: [number === 1 ? 'YARD-W' : 'YARD-E'] } : {}),
  })
  add(corridor, 'corridor', `${zh}走廊`, `${en} corridor`, [left, top + CELL_H, right, top + CELL_H + CORRIDOR_H], {
    ...inside,
    adjacent: [id],
  })
  wayOut.set(id, 'SITE')
  wayOut.set(corridor, 'SITE')
  const toilet = add(
    `TZ${number}`,
    'toilet',
    `${zh}厕所`,
    `${en} toilet`,
    [left + 7 * CELL_W, bottom - CELL_H, left + 8 * CELL_W, bottom],
    { ...inside, blind: true, adjacent: [corridor], capacity: 4 },
  )
  const day = add(
    `${id}-DAY`,
    'class-room',
    `${zh}活动室`,
    `${en} day room`,
    [left + 8 * CELL_W, top, right, top + CELL_H],
    { ...inside, adjacent: [corridor], capacity: 60 },
  )
  const post = add(
    `${id}-POST`,
    'post',
    `${zh}值班室`,
    `${en} post`,
    [left + 8 * CELL_W, bottom - CELL_H, right, bottom],
    { ...inside, class: 'yellow', adjacent: [corridor] },
  )
  const cells: string[] = []
  for (let i = 0; i < CELLS_PER_WARD; i++) {
    const north = i < 8
    const x = left + (north ? i : i - 8) * CELL_W
    const y = north ? top : bottom - CELL_H
    const label = `C${(number - 1) * 100 + i < 100 ? String((number - 1) * 100 + i).padStart(3, '0') : (number - 1) * 100 + i}`
    cells.push(
      add(`${id}-${label}`, 'cell', `${zh}${label.slice(1)}室`, `Cell ${label}`, [x, y, x + CELL_W, y + CELL_H], {
        ...inside,
        adjacent: [corridor],
        capacity: 8,
        'allowed-with': [toilet],
        quiet: '22:00-06:00',
      }),
    )
  }
  for (const zone of [toilet, day, post, ...cells]) wayOut.set(zone, corridor)
  return { id, number, building, floor, corridor, toilet, day, post, cells }
}
