/** Readings that the platform makes about itself and its devices. */
import { bool, entry, event, int, num, one, opt, sample, scalar, state, text } from './type.ts'

const owner = 'equipment'
const any = ['*'] as const
const edge = ['edge-agent'] as const

export const SYSTEM_TYPES = [
  entry('device.status', '设备在线', 'Device status', 'L2', state, any, owner, [
    bool('online'),
    opt(one('reason', 'session-lost', 'keepalive', 'will', 'driver')),
  ]),
  entry('device.clock', '设备时钟偏差', 'Device clock', 'L2', sample(600, 3600), any, owner, [
    num('offset_ms', 'ms', -1e12, 1e12),
  ]),
  entry('agent.heartbeat', '边缘心跳', 'Agent heartbeat', 'L2', sample(30, 90), edge, owner, [
    int('queue_depth', 0, 1e12),
    one('uplink', 'up', 'down'),
  ]),
  entry('agent.test', '端到端自检', 'End-to-end test', 'L2', event, edge, owner, [int('n', 0, 1e12)]),
  entry('security.rejected', '接入拒绝', 'Access refused', 'L2', event, edge, 'security', [
    text('client'),
    one('cause', 'unknown-device', 'bad-credential', 'topic-denied', 'malformed'),
  ]),
  entry('config.changed', '配置变更', 'Configuration changed', 'L2', event, edge, 'security', [
    one('what', 'rule', 'site', 'user', 'context'),
    text('id'),
    text('by'),
    opt(text('field')),
    opt(scalar('from')),
    opt(scalar('to')),
  ]),
  entry('alert.shelved', '告警搁置', 'Alert shelved', 'L2', event, edge, 'security', [
    text('alert'),
    text('rule'),
    num('until', 'ms', 0, 1e15),
    text('by'),
  ]),
]
