/** Readings of wristbands, staff tags, bed radars and the nurse's scores. `null` = measured and nothing found. */
import { bool, entry, event, num, one, opt, sample, state, text } from './type.ts'

const band = ['band'] as const
const tag = ['tag'] as const
const owner = 'custody'
const health = 'medical'
const position = [
  num('x_m', 'm', -100_000, 100_000),
  num('y_m', 'm', -100_000, 100_000),
  num('floor', 'floor', -20, 200),
  num('accuracy_m', 'm', 0, 10_000),
]
const confidence = num('confidence', 'ratio', 0, 1)
const resp = opt(num('resp', '/min', 0, 120))

export const WEARABLE_TYPES = [
  entry(
    'band.vitals',
    '生命体征',
    'Vital signs',
    'L4',
    sample(5, 15),
    band,
    health,
    [
      opt(num('hr', '/min', 0, 350)),
      opt(num('spo2', '%', 0, 100)),
      opt(num('skin_celsius', '°C', -20, 60)),
      resp,
      num('activity', 'ratio', 0, 1),
      opt(one('posture', 'standing', 'sitting', 'lying')),
      confidence,
      opt(num('seizure', 'ratio', 0, 1)),
    ],
    { mustVary: true },
  ),
  entry('band.position', '手环定位', 'Band position', 'L4', sample(1, 10), band, owner, position),
  entry('tag.position', '胸卡定位', 'Tag position', 'L4', sample(1, 10), tag, 'duty', position),
  entry('band.worn', '手环佩戴', 'Band worn', 'L3', state, band, owner, [bool('worn'), opt(bool('charging'))]),
  entry('band.tamper', '手环破坏', 'Band tamper', 'L3', event, band, owner, []),
  entry('band.sos', '手环求助', 'Band SOS', 'L3', event, band, owner, []),
  entry('band.fall', '跌倒', 'Fall', 'L3', event, band, health, []),
  entry('band.battery', '手环电量', 'Band battery', 'L2', sample(600, 3600), ['band', 'tag'], 'equipment', [
    num('percent', '%', 0, 100),
  ]),
  entry('band.charging', '手环充电', 'Band charging', 'L3', state, band, owner, [bool('charging')]),
  entry('tag.activity', '胸卡活动量', 'Tag activity', 'L3', sample(5, 15), tag, 'duty', [
    num('activity', 'ratio', 0, 1),
  ]),
  entry('tag.sos', '民警报警', 'Tag SOS', 'L3', event, tag, 'duty', []),
  entry('tag.answer', '失动预警应答', 'Man-down answer', 'L3', event, tag, 'duty', []),
  entry('radar.vitals', '床位雷达', 'Bed radar', 'L4', sample(5, 15), ['bed-radar'], health, [
    bool('present'),
    resp,
    num('motion', 'ratio', 0, 1),
    confidence,
  ]),
  entry('clinical.score', '临床评分', 'Clinical score', 'L4', event, ['clinic-terminal'], health, [
    one('scale', 'COWS', 'CIWA', 'NEWS2'),
    num('score', 'points', 0, 100),
    text('by'),
  ]),
]
