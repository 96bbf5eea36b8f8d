/** The evening that the pictures of the design tell, so that screens can be compared with them. Never shipped. */
import type { Alert, EvidenceReading, FacilityItem, Level } from '../src/api/types.ts'
import type { Desk } from './desk.ts'

const reading = (
  id: string,
  device: string,
  type: string,
  time: number,
  value: Record<string, unknown>,
): EvidenceReading => ({
  id,
  zone: 'BELT-E2',
  device,
  type,
  time,
  received: time + 40,
  quality: 'good',
  subject: null,
  value,
})

export function raiseIntrusion(desk: Desk, at = Date.now()): Alert {
  return desk.raise({
    code: 'R01',
    level: 'red',
    zone: 'BELT-E2',
    device: 'F-E2-07',
    at,
    reasons: [
      { code: 'fence-alarm', class: 'L2', params: { device: 'F-E2-07', strength: 'high', time: at - 1340 } },
      {
        code: 'camera-human',
        class: 'L2',
        params: { device: 'C-0110', object: 'human', confidence: 0.92, minConfidence: 0.85, time: at - 20 },
      },
      { code: 'within', class: 'L2', params: { seconds: 1.82, limit: 10 } },
    ],
    evidence: [
      reading(`r1${at}`, 'F-E2-07', 'fence.alarm', at - 1340, { strength: 'high' }),
      reading(`r2${at}`, 'C-0110', 'camera.intrusion', at - 20, { object: 'human', confidence: 0.92 }),
    ],
    more: { advice: ['lock-adjacent-doors', 'hold-passage'] },
  })
}

export function seedEvening(desk: Desk, now: number): void {
  const ago = (min: number, s: number) => now - (min * 60 + s) * 1000
  const unacknowledged: [string, Level, string, string, number][] = [
    ['R07', 'orange', 'SALLY-P', 'D-SALLY-P-A', ago(0, 42)],
    ['R37', 'yellow', 'BATH', 'W2-0417', ago(1, 9)],
    ['R08', 'yellow', 'W4-C204', 'D-W4-C204', ago(1, 48)],
    ['R56', 'blue', 'WS2', 'E-WS2-01', ago(4, 30)],
  ]
  for (const [code, level, zone, device, at] of unacknowledged) desk.raise({ code, level, zone, device, at })
  for (let i = 0; i < 7; i++)
    desk.raise({ code: 'R57', level: 'blue', zone: 'WS1', device: `E-WS1-0${i}`, at: ago(10, 56 + i) })
  const handled: [string, Level, string, string, number, string, Partial<Alert>][] = [
    ['R30', 'orange', 'MED', 'B-0031', ago(6, 0), '李×', { handling: 'dispatched' }],
    ['R54', 'orange', 'BELT-W2', 'GW-W2', ago(20, 35), '赵×', { handling: 'dispatched' }],
    ['R12', 'yellow', 'W3-COR', 'C-0114', ago(8, 23), '孙×', {}],
    ['R10', 'yellow', 'ISO', 'R-0288', ago(12, 37), '李×', { handling: 'dispatched' }],
    ['R47', 'yellow', 'KITCHEN', 'S-KT-02', ago(14, 4), '李×', { handling: 'pending-review' }],
    ['R53', 'yellow', 'W1-COR', 'C-0107', ago(17, 18), '赵×', { handling: 'dispatched' }],
    ['R43', 'yellow', 'WS1', '2 / 3', ago(30, 29), '李×', { handling: 'dispatched' }],
    ['R57', 'blue', 'HQ', 'GW-03', ago(5, 35), '周×', {}],
    ['R50', 'blue', 'BATH', 'E-BATH-01', ago(16, 0), '周×', {}],
  ]
  for (const [code, level, zone, device, at, who, more] of handled)
    desk.raise({
      code,
      level,
      zone,
      device,
      at,
      more: { state: 'acknowledged', ackAt: at + 20_000, assignee: who, ...more },
    })
  for (let i = 0; i < 19; i++)
    desk.raise({
      code: i % 2 ? 'R50' : 'R56',
      level: 'blue',
      zone: ['W1', 'W2', 'W3', 'CLASS', 'VISIT'][i % 5]!,
      device: `E-X-${10 + i}`,
      at: ago(40 + i * 7, 11),
      more: { state: 'acknowledged', ackAt: ago(39 + i * 7, 0), assignee: '周×' },
    })
  const red = raiseIntrusion(desk, ago(0, 12))
  desk.act(red.id, 'plan-step', { step: '1', done: true }, 'system', 'officer', now - 11_000)
  desk.act(red.id, 'plan-step', { step: '6', done: true }, 'system', 'officer', now - 10_000)
}

const NAMES: [string, string, string, 'prison' | 'detox'][] = [
  ['js-01', '砚池监狱', 'Yanchi Prison', 'prison'],
  ['js-02', '枫汀监狱', 'Fengting Prison', 'prison'],
  ['js-03', '青岚监狱', 'Qinglan Prison', 'prison'],
  ['js-04', '星渚监狱', 'Xingzhu Prison', 'prison'],
  ['js-05', '霁原监狱', 'Jiyuan Prison', 'prison'],
  ['js-06', '汀澜监狱', 'Tinglan Prison', 'prison'],
  ['js-07', '云麓监狱', 'Yunlu Prison', 'prison'],
  ['js-08', '望舒监狱', 'Wangshu Prison', 'prison'],
  ['js-21', '明泽戒毒所', 'Mingze Detox', 'detox'],
  ['js-22', '澄溪戒毒所', 'Chengxi Detox', 'detox'],
  ['js-23', '棠湾戒毒所', 'Tangwan Detox', 'detox'],
]

export const FACILITIES: Omit<FacilityItem, 'lastSeenAt' | 'openAlerts'>[] = NAMES.map(([id, zh, en, kind], i) => ({
  id,
  name: { zh, en },
  kind,
  connected: id !== 'js-23',
  devices: { total: 640 + i * 12, online: 640 + i * 12 - (i % 4) * 3 - (id === 'js-23' ? 300 : 0) },
  gaps: id === 'js-23' ? 41 : 0,
}))

export function seedProvince(desk: Desk, now: number): void {
  const add = (facility: string, code: string, level: Level, zone: string, min: number, more: Partial<Alert> = {}) =>
    desk.raise({ code, level, zone, at: now - min * 60_000, more: { facility, device: null, reasons: [], ...more } })
  const acked: Partial<Alert> = { state: 'acknowledged', handling: 'dispatched', ackAt: now - 60_000 }
  add('js-03', 'R01', 'red', 'BELT-E2', 1)
  add('js-02', 'R07', 'orange', 'WS2', 6)
  add('js-01', 'R37', 'red', 'W3', 42, acked)
  add('js-03', 'R30', 'orange', 'MED', 7, acked)
  add('js-23', 'R54', 'orange', 'UPLINK', 9, acked)
  add('js-22', 'R30', 'orange', 'RB2', 53, { ...acked, handling: 'pending-review' })
  add('js-05', 'R12', 'yellow', 'W2', 95, acked)
  for (let i = 0; i < 24; i++)
    add(NAMES[i % NAMES.length]![0], i % 3 ? 'R50' : 'R57', i % 4 ? 'blue' : 'yellow', `Z${i}`, 100 + i * 9, acked)
}
