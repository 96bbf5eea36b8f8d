/** An invented facility for developing and testing the console: zones, devices, persons, rules, plans. Never shipped. */
import type { DeviceItem, PersonItem, PhoneItem, PlanOfAlert, Position, RuleItem, ZoneItem } from '../src/api/types.ts'

const rect = (x: number, y: number, w: number, h: number): [number, number][] => [
  [x, y],
  [x + w, y],
  [x + w, y + h],
  [x, y + h],
]

const names = (zh: string, en: string) => ({ zh, en })

export interface Facility {
  zones: ZoneItem[]
  devices: DeviceItem[]
  people: PersonItem[]
  rules: RuleItem[]
  plans: PlanOfAlert[]
  positions: Position[]
}

function buildZones(): ZoneItem[] {
  const zones: ZoneItem[] = []
  const add = (
    id: string,
    kind: string,
    zh: string,
    en: string,
    polygon: [number, number][],
    more: Partial<ZoneItem> = {},
  ) => zones.push({ id, kind, name: names(zh, en), polygon, floor: 1, parent: null, ...more })
  add('SITE', 'outside', '围墙外', 'Outside', rect(-6, -6, 212, 152))
  add('BELT-N1', 'belt', '周界北1段', 'Perimeter N1', rect(6, 6, 94, 6), { perimeter: true })
  add('BELT-N2', 'belt', '周界北2段', 'Perimeter N2', rect(100, 6, 94, 6), { perimeter: true })
  add('BELT-E1', 'belt', '周界东1段', 'Perimeter E1', rect(188, 12, 6, 58), { perimeter: true })
  add('BELT-E2', 'belt', '周界东2段', 'Perimeter E2', rect(188, 70, 6, 58), { perimeter: true })
  add('BELT-S1', 'belt', '周界南1段', 'Perimeter S1', rect(6, 128, 94, 6), { perimeter: true })
  add('BELT-S2', 'belt', '周界南2段', 'Perimeter S2', rect(100, 128, 94, 6), { perimeter: true })
  add('BELT-W1', 'belt', '周界西1段', 'Perimeter W1', rect(6, 12, 6, 58), { perimeter: true })
  add('BELT-W2', 'belt', '周界西2段', 'Perimeter W2', rect(6, 70, 6, 58), { perimeter: true })
  for (const [i, y] of [20, 46, 72, 98].entries()) {
    const ward = `W${i + 1}`
    const zh = `${'一二三四'[i]}监区`
    add(ward, 'ward', zh, `Ward ${i + 1}`, rect(20, y, 50, 16))
    add(`${ward}-COR`, 'corridor', `${zh}走廊`, `Ward ${i + 1} corridor`, rect(20, y + 6.5, 50, 3), { parent: ward })
    for (let c = 0; c < 20; c++) {
      const top = c < 10
      const id = `${ward}-C${(top ? 200 : 100) + c + 1}`
      add(
        id,
        'cell',
        `${zh} C${(top ? 200 : 100) + c + 1}`,
        `${ward} C${(top ? 200 : 100) + c + 1}`,
        rect(20 + (c % 10) * 5, top ? y : y + 9.5, 5, 6.5),
        { parent: ward },
      )
    }
    add(`${ward}-2F`, 'ward', `${zh}二层`, `Ward ${i + 1} floor 2`, rect(20, y, 50, 16), { floor: 2, parent: ward })
  }
  add('YARD', 'yard', '操场', 'Yard', rect(80, 20, 38, 44))
  add('WS1', 'workshop', '车间一', 'Workshop 1', rect(130, 20, 46, 20))
  add('WS2', 'workshop', '车间二', 'Workshop 2', rect(130, 48, 46, 20))
  add('STORE', 'store', '仓库', 'Store', rect(130, 78, 34, 16))
  add('CLASS', 'class-room', '教学楼', 'School', rect(80, 72, 40, 12))
  add('MED', 'medical', '医务所', 'Infirmary', rect(80, 94, 20, 13))
  add('ISO', 'isolation', '禁闭区', 'Isolation', rect(104, 94, 20, 13))
  add('KITCHEN', 'kitchen', '伙房', 'Kitchen', rect(40, 118, 20, 8))
  add('BATH', 'washroom', '浴室', 'Bath', rect(64, 118, 12, 8))
  add('VISIT', 'visit', '会见楼', 'Visits', rect(82, 116, 30, 12))
  add('SALLY-P', 'sally-port', 'AB 人行通道', 'AB pedestrian', rect(130, 112, 8, 22))
  add('SALLY-V', 'sally-port', 'AB 车辆通道', 'AB vehicle', rect(144, 108, 12, 26))
  add('HQ', 'machine-room', '中心机房', 'Machine room', rect(168, 100, 14, 12))
  return zones
}

const centreOf = (zone: ZoneItem): { x_m: number; y_m: number } => {
  const p = zone.polygon!
  return { x_m: (p[0]![0] + p[2]![0]) / 2, y_m: (p[0]![1] + p[2]![1]) / 2 }
}

function buildDevices(zones: ZoneItem[], now: number): DeviceItem[] {
  const devices: DeviceItem[] = []
  const add = (
    id: string,
    kind: string,
    driver: string,
    zone: ZoneItem,
    at: { x_m: number; y_m: number } | null,
    latest: DeviceItem['latest'],
    more: Partial<DeviceItem> = {},
  ) => {
    const online = zone.id !== 'BELT-W2'
    devices.push({
      id,
      kind,
      driver,
      zone: zone.id,
      model: `generic-${kind}`,
      at: at && { ...at, floor: zone.floor ?? 1 },
      online,
      lastSeen: online ? now - 300 - ((id.length * 137) % 2000) : now - 1_235_000,
      offsetMs: ((id.charCodeAt(id.length - 1) * 7) % 60) - 30,
      reason: online ? null : '网关 GW-W2 心跳中断',
      readings: 1000 + id.length * 311,
      quarantined: 0,
      latest,
      ...more,
    })
  }
  const good = (value: Record<string, unknown>, age = 400) => ({ time: now - age, value, quality: 'good' })
  let camera = 100
  for (const zone of zones) {
    const c = centreOf(zone)
    if (zone.kind === 'belt') {
      add(`F-${zone.id.slice(5)}-07`, 'fence', 'opcua', zone, null, {
        'fence.voltage': good({ kv: 5.9, nominal_kv: 6 }),
      })
      for (const d of [-0.35, 0.1, 0.35]) {
        const p = zone.polygon!
        const at = { x_m: c.x_m + d * (p[1]![0] - p[0]![0]), y_m: c.y_m + d * (p[2]![1] - p[1]![1]) }
        add(
          `C-0${camera++}`,
          'camera',
          'onvif',
          zone,
          at,
          { 'camera.motion': good({ active: false }), 'camera.signal': good({ present: true }) },
          { watches: [zone.id], url: 'http://192.0.2.31/onvif/device_service' },
        )
      }
    } else if (zone.kind === 'cell') {
      const top = zone.polygon![0]!
      const upper = Number(zone.id.slice(-3)) > 200
      const open = zone.id === 'W4-C204'
      add(
        `D-${zone.id}`,
        'door',
        'opcua',
        zone,
        { x_m: top[0] + 2.5, y_m: upper ? top[1] + 6.5 : top[1] },
        {
          'door.state': good({ state: open ? 'open' : 'closed' }),
          'door.lock': good({ state: open ? 'unlocked' : 'locked' }),
        },
      )
    } else if (zone.kind !== 'outside' && zone.kind !== 'corridor' && (zone.floor ?? 1) === 1) {
      add(
        `C-0${camera++}`,
        'camera',
        'onvif',
        zone,
        { x_m: c.x_m - 3, y_m: c.y_m - 2 },
        { 'camera.signal': good({ present: true }) },
        { watches: [zone.id] },
      )
      add(
        `E-${zone.id}-01`,
        'climate',
        'mqtt',
        zone,
        { x_m: c.x_m + 2, y_m: c.y_m + 2 },
        { 'env.temperature': good({ celsius: 21.4 }), 'env.humidity': good({ percent: 46 }) },
      )
      if (zone.kind === 'sally-port') {
        add(
          `D-${zone.id}-A`,
          'door',
          'opcua',
          zone,
          { x_m: c.x_m, y_m: zone.polygon![0]![1] },
          { 'door.state': good({ state: zone.id === 'SALLY-P' ? 'open' : 'closed' }) },
        )
        add(
          `D-${zone.id}-B`,
          'door',
          'opcua',
          zone,
          { x_m: c.x_m, y_m: zone.polygon![2]![1] },
          { 'door.state': good({ state: 'closed' }) },
        )
      }
    }
  }
  devices.push({
    ...devices[0]!,
    id: 'GW-03',
    kind: 'gateway',
    driver: 'mqtt',
    zone: 'HQ',
    at: null,
    offsetMs: 1240,
    online: true,
    reason: null,
    latest: {},
  })
  for (let i = 1; i <= 60; i++)
    devices.push({
      ...devices[0]!,
      id: `B-${String(i).padStart(4, '0')}`,
      kind: 'band',
      driver: 'mqtt',
      zone: null,
      at: null,
      online: true,
      reason: null,
      subject: `P${String(i).padStart(3, '0')}`,
      via: 'GW-03',
      lastSeen: now - 400,
      latest: { 'band.vitals': good({ hr: 72, spo2: 97, activity: 0.2, confidence: 0.9 }) },
    })
  return devices
}

function buildPositions(zones: ZoneItem[], now: number): Position[] {
  const result: Position[] = []
  let n = 0
  const put = (zone: ZoneItem, dx: number, dy: number, staff: boolean) => {
    n++
    const p = zone.polygon![0]!
    const q = zone.polygon![2]!
    result.push({
      person: staff ? `S${String(n).padStart(2, '0')}` : `P${String(n).padStart(3, '0')}`,
      staff,
      device: `B-${n}`,
      zone: zone.id,
      floor: 1,
      x_m: p[0] + (q[0] - p[0]) * dx,
      y_m: p[1] + (q[1] - p[1]) * dy,
      accuracy_m: 1.5,
      time: now,
    })
  }
  for (const zone of zones) {
    if (zone.kind === 'cell')
      for (const [dx, dy] of [
        [0.25, 0.3],
        [0.7, 0.35],
        [0.3, 0.75],
      ] as const)
        put(zone, dx, dy, false)
    if (zone.kind === 'corridor') put(zone, 0.4, 0.5, true)
    if (['class-room', 'workshop'].includes(zone.kind) && zone.id !== 'WS2') {
      for (let i = 0; i < 24; i++) put(zone, 0.1 + (i % 8) * 0.11, 0.25 + Math.floor(i / 8) * 0.25, false)
      put(zone, 0.95, 0.5, true)
    }
  }
  result.push({ ...result[0]!, person: 'S91', staff: true, zone: 'BELT-E2', x_m: 172, y_m: 84 })
  result.push({ ...result[0]!, person: 'S92', staff: true, zone: 'BELT-E2', x_m: 176, y_m: 112 })
  return result
}

const rule = (
  code: string,
  id: string,
  zh: string,
  en: string,
  plan: string,
  reasons: RuleItem['reasons'] = {},
): RuleItem => ({ id, code, name: names(zh, en), plan, version: '12', reasons })

export const RULES: RuleItem[] = [
  rule('R01', 'perimeter-intrusion-confirmed', '周界入侵复核', 'Perimeter intrusion confirmed', 'RP1', {
    'fence-alarm': names('围栏 {device} 报警，强度 {strength}', 'Fence {device} alarm, strength {strength}'),
    'camera-human': names(
      '摄像机 {device} 看到 {object}，置信度 {confidence} ≥ {minConfidence}',
      'Camera {device} sees {object}, confidence {confidence} ≥ {minConfidence}',
    ),
    within: names('两者相隔 {seconds} s ≤ {limit} s，任意先后', 'Both within {seconds} s ≤ {limit} s, either order'),
  }),
  rule('R07', 'door-forced', '门强开', 'Door forced', 'RP2', {
    'no-grant': names(
      '{door} 打开，前 {before} s 内无刷卡、出门按钮或指令',
      '{door} opened; no grant, exit request or command in {before} s',
    ),
  }),
  rule('R08', 'door-held-open', '门超时未关', 'Door held open', 'RP2', {
    held: names('{door} 打开 {seconds} s > {limit} s', '{door} open {seconds} s > {limit} s'),
  }),
  rule('R10', 'anti-passback', '反潜回', 'Anti-passback', 'RP2'),
  rule('R12', 'tailgating', '尾随', 'Tailgating', 'RP2'),
  rule('R26', 'night-absence', '夜间离床', 'Night absence', 'RP5'),
  rule('R30', 'vital-signs-critical', '生命体征危急', 'Vital signs critical', 'RP7'),
  rule('R37', 'self-harm-risk', '盲区滞留', 'Blind-spot stay', 'RP9'),
  rule('R43', 'undermanned', '警力不足', 'Undermanned', 'RP11'),
  rule('R47', 'smoke-single', '烟感单点', 'Smoke, single detector', 'RP12'),
  rule('R50', 'environment-limit', '环境超限', 'Environment limit', 'RP13'),
  rule('R53', 'camera-covered', '摄像机遮挡', 'Camera covered', 'RP13'),
  rule('R54', 'zone-offline', '区域批量离线', 'Zone offline', 'RP13'),
  rule('R56', 'stuck-sensor', '传感器卡死', 'Stuck sensor', 'RP13'),
  rule('R57', 'clock-skew', '时钟偏差', 'Clock skew', 'RP14'),
]

export const PLANS: PlanOfAlert[] = [
  {
    id: 'RP1',
    version: '1',
    name: names('周界与脱逃', 'Perimeter, escape'),
    steps: (
      [
        ['1', 'technical', '弹出最近 4 路摄像机与平面图', 'Pop up nearest 4 cameras and plan', true, null],
        ['2', 'technical', '视频核实', 'Verify on video', true, 15],
        ['3', 'physical', '通知就地锁闭相邻门与 AB 门', 'Ask posts to lock adjacent and AB doors', true, null],
        ['4', 'people', '派出最近 2 组巡逻，通报武警', 'Dispatch nearest 2 patrols, tell armed police', true, null],
        ['5', 'people', '紧急点名', 'Emergency count', true, null],
        ['6', 'data', '上报省局', 'Report to the province', true, null],
        ['7', 'people', '分区搜索，冻结车辆', 'Search sectors, freeze vehicles', false, null],
        ['8', 'data', '保全录像与证据', 'Preserve video and evidence', true, null],
        ['9', 'people', '值班长解除，复盘', 'Stand down by chief, review', true, null],
      ] as const
    ).map(([id, channel, zh, en, required, targetS]) => ({ id, channel, text: names(zh, en), required, targetS })),
  },
  {
    id: 'RP2',
    version: '1',
    name: names('门禁异常', 'Access violation'),
    steps: (
      [
        ['1', 'technical', '调看实时画面', 'Live view', true, null],
        ['2', 'people', '呼叫当值民警', 'Call local officer', true, 60],
        ['3', 'data', '核实持卡人位置', 'Verify holder position', true, null],
        ['4', 'data', '更正并记录', 'Correct and record', true, null],
      ] as const
    ).map(([id, channel, zh, en, required, targetS]) => ({ id, channel, text: names(zh, en), required, targetS })),
  },
]

const phone = (number: string, zh: string, en: string, role: string, ...at: string[]): PhoneItem => ({
  id: number,
  name: names(zh, en),
  number,
  zones: at,
  role,
})
/** Internal extensions, made up. */
export const PHONES: PhoneItem[] = [
  phone('8001', '值班长', 'Duty chief', 'chief'),
  phone('8008', '值班领导', 'Leader on duty', 'leader'),
  phone('8120', '医务所', 'Infirmary', 'medical', 'MED'),
  phone('8119', '消防控制室', 'Fire control room', 'fire'),
  phone('8110', '武警值班室', 'Armed police post', 'armed-police'),
  phone('8130', 'AB 门岗', 'Sally port post', 'post', 'SALLY-P', 'SALLY-V'),
  phone('8151', '东段巡逻岗', 'East patrol post', 'post', 'BELT-E1', 'BELT-E2'),
  ...['一', '二', '三', '四'].map((n, i) =>
    phone(`820${i + 1}`, `${n}监区值班室`, `Ward ${i + 1} duty room`, 'post', `W${i + 1}`),
  ),
]

export function buildFacility(now: number): Facility {
  const zones = buildZones()
  return {
    zones,
    devices: buildDevices(zones, now),
    people: Array.from({ length: 60 }, (_, i) => ({
      id: `P${String(i + 1).padStart(3, '0')}`,
      number: `2024-${String(i + 1).padStart(4, '0')}`,
      initials: `${'张李王赵陈'[i % 5]}×`,
    })),
    rules: RULES,
    plans: PLANS,
    positions: buildPositions(zones, now),
  }
}
