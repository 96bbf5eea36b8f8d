/** Readings of doors, readers, gates, fences, tool cabinets and call buttons. */
import { bool, entry, event, int, num, one, opt, sample, state, text } from './type.ts'

const owner = 'security'
const credential = text('credential')
const granted = [credential, opt(one('direction', 'in', 'out')), opt(text('reason')), opt(text('door'))]

export const ACCESS_TYPES = [
  entry('door.state', '门状态', 'Door state', 'L2', state, ['door'], owner, [one('state', 'open', 'closed')]),
  entry('door.lock', '门锁', 'Door lock', 'L2', state, ['door'], owner, [one('state', 'locked', 'unlocked')]),
  entry('door.mode', '门模式', 'Door mode', 'L2', state, ['door'], owner, [
    one('mode', 'normal', 'emergency', 'fire', 'maintenance'),
  ]),
  entry('door.exit-request', '出门请求', 'Exit request', 'L2', event, ['door', 'reader'], owner, []),
  entry('door.command', '开关门指令', 'Door command', 'L2', event, ['door'], owner, [
    one('command', 'open', 'close'),
    opt(text('by')),
  ]),
  entry('access.granted', '刷卡通过', 'Access granted', 'L3', event, ['reader'], owner, granted),
  entry('access.denied', '刷卡拒绝', 'Access denied', 'L3', event, ['reader'], owner, granted),
  entry('access.duress', '胁迫码', 'Duress credential', 'L3', event, ['reader'], owner, [
    credential,
    opt(text('door')),
  ]),
  entry('gate.state', '大门状态', 'Gate state', 'L2', state, ['gate'], owner, [
    one('leaf', 'inner', 'outer'),
    one('state', 'open', 'closed'),
  ]),
  entry('gate.command', '大门指令', 'Gate command', 'L2', event, ['gate'], owner, [
    one('leaf', 'inner', 'outer'),
    one('command', 'open', 'close'),
  ]),
  entry('gate.search', '车辆检查', 'Gate search', 'L2', event, ['gate', 'life-detector'], owner, [
    one('state', 'started', 'finished'),
  ]),
  entry('gate.life', '生命探测', 'Life detector', 'L2', event, ['life-detector', 'gate'], owner, [
    bool('present'),
    num('confidence', 'ratio', 0, 1),
  ]),
  entry('gate.plate', '车牌', 'Number plate', 'L3', event, ['plate-reader', 'gate'], owner, [text('plate')]),
  entry('fence.alarm', '围栏报警', 'Fence alarm', 'L2', event, ['fence'], owner, [
    one('strength', 'low', 'medium', 'high'),
  ]),
  entry(
    'fence.voltage',
    '电网电压',
    'Fence voltage',
    'L2',
    sample(1, 10),
    ['fence'],
    owner,
    [num('kv', 'kV', 0, 100), num('nominal_kv', 'kV', 0, 100)],
    { mustVary: true },
  ),
  entry('fence.cut', '围栏断线', 'Fence cut', 'L2', event, ['fence'], owner, []),
  entry('tool.out', '工具领出', 'Tool out', 'L3', event, ['tool-cabinet'], 'production', [
    text('tool'),
    opt(text('person')),
  ]),
  entry('tool.in', '工具归还', 'Tool in', 'L3', event, ['tool-cabinet'], 'production', [
    text('tool'),
    opt(text('person')),
  ]),
  entry('call.pressed', '监室呼叫', 'Call pressed', 'L3', event, ['call-button'], owner, [opt(text('person'))]),
  entry('call.answered', '呼叫应答', 'Call answered', 'L3', event, ['call-button'], owner, [opt(text('person'))]),
  entry('panic.pressed', '紧急报警', 'Panic button', 'L3', event, ['panic-button', 'tag'], owner, [
    opt(text('person')),
  ]),
  entry('patrol.checkin', '巡更打卡', 'Patrol check-in', 'L3', event, ['patrol-point'], owner, [
    text('route'),
    text('point'),
    text('officer'),
    opt(text('person')),
  ]),
  entry('rollcall.started', '点名开始', 'Roll-call started', 'L3', event, ['roll-call'], 'custody', [
    text('count'),
    one('kind', 'scheduled', 'emergency', 'evacuation'),
    int('expected', 0, 100_000),
    int('out_count', 0, 100_000),
  ]),
  entry('rollcall.closed', '点名结束', 'Roll-call closed', 'L3', event, ['roll-call'], 'custody', [
    text('count'),
    int('attempt', 1, 2),
    int('present', 0, 100_000),
  ]),
  entry(
    'rollcall.response',
    '点名应答',
    'Roll-call response',
    'L3',
    event,
    ['roll-call', 'camera', 'band'],
    'custody',
    [text('count'), text('person'), one('method', 'band', 'face', 'officer'), opt(num('score', 'ratio', 0, 1))],
  ),
]
