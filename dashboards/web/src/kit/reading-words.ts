/** Names of reading types and the field that says most about each, for 依据, timeline and device pages. */
import type { Language } from '../i18n/dictionary.ts'
import { plain } from './wording.ts'

/** type → [zh, en, main field or '', unit] */
const WORDS: Record<string, readonly [string, string, string, string]> = {
  'camera.intrusion': ['区域入侵', 'Intrusion', 'confidence', ''],
  'camera.line-crossed': ['越线', 'Line crossed', 'direction', ''],
  'camera.loitering': ['徘徊', 'Loitering', 'seconds', 's'],
  'camera.crowd': ['聚集', 'Crowd', 'count', ''],
  'camera.behaviour': ['行为识别', 'Behaviour', 'behaviour', ''],
  'camera.face': ['人脸', 'Face', 'score', ''],
  'camera.tamper': ['摄像机遮挡', 'Camera tamper', 'tamper', ''],
  'camera.signal': ['视频信号', 'Video signal', 'present', ''],
  'camera.motion': ['移动侦测', 'Motion', 'active', ''],
  'camera.audio': ['声音', 'Audio', 'level_db', 'dB'],
  'camera.day-night': ['昼夜切换', 'Day/night', 'night', ''],
  'door.state': ['门状态', 'Door', 'state', ''],
  'door.lock': ['门锁', 'Door lock', 'state', ''],
  'door.mode': ['门模式', 'Door mode', 'mode', ''],
  'door.exit-request': ['出门按钮', 'Exit request', '', ''],
  'door.command': ['门指令', 'Door command', 'command', ''],
  'access.granted': ['刷卡放行', 'Access granted', 'credential', ''],
  'access.denied': ['刷卡拒绝', 'Access denied', 'credential', ''],
  'access.duress': ['胁迫码', 'Duress code', 'credential', ''],
  'gate.state': ['大门状态', 'Gate', 'state', ''],
  'gate.command': ['大门指令', 'Gate command', 'command', ''],
  'gate.search': ['车辆检查', 'Vehicle search', 'state', ''],
  'gate.life': ['生命探测', 'Life detector', 'present', ''],
  'gate.plate': ['车牌', 'Plate', 'plate', ''],
  'fence.alarm': ['围栏振动', 'Fence alarm', 'strength', ''],
  'fence.voltage': ['围栏高压', 'Fence voltage', 'kv', 'kV'],
  'fence.cut': ['围栏剪断', 'Fence cut', '', ''],
  'env.temperature': ['温度', 'Temperature', 'celsius', '°C'],
  'env.humidity': ['湿度', 'Humidity', 'percent', '%'],
  'env.smoke': ['烟感', 'Smoke', 'percent_per_m', '%/m'],
  'env.co': ['一氧化碳', 'CO', 'ppm', 'ppm'],
  'env.co2': ['二氧化碳', 'CO₂', 'ppm', 'ppm'],
  'env.gas': ['可燃气体', 'Gas', 'lel_percent', '%LEL'],
  'env.noise': ['噪声', 'Noise', 'db', 'dB'],
  'env.leak': ['漏水', 'Leak', 'active', ''],
  'env.light': ['照度', 'Light', 'lux', 'lx'],
  'env.call-point': ['手报按钮', 'Call point', 'active', ''],
  'power.mains': ['市电', 'Mains', 'on', ''],
  'power.ups': ['UPS 电量', 'UPS', 'percent', '%'],
  'band.vitals': ['生命体征', 'Vital signs', 'hr', '/min'],
  'band.position': ['手环定位', 'Band position', 'accuracy_m', 'm'],
  'tag.position': ['标签定位', 'Tag position', 'accuracy_m', 'm'],
  'band.worn': ['手环佩戴', 'Band worn', 'worn', ''],
  'band.tamper': ['手环拆除', 'Band tamper', '', ''],
  'band.sos': ['手环求助', 'Band SOS', '', ''],
  'band.fall': ['跌倒', 'Fall', '', ''],
  'band.battery': ['手环电量', 'Band battery', 'percent', '%'],
  'band.charging': ['手环充电', 'Band charging', 'charging', ''],
  'tag.activity': ['标签活动', 'Tag activity', 'activity', ''],
  'tag.sos': ['民警求助', 'Officer SOS', '', ''],
  'tag.answer': ['标签应答', 'Tag answer', '', ''],
  'panic.pressed': ['紧急按钮', 'Panic button', '', ''],
  'radar.vitals': ['床位雷达', 'Bed radar', 'resp', '/min'],
  'patrol.checkin': ['巡更打卡', 'Patrol check-in', 'point', ''],
  'tool.out': ['工具借出', 'Tool out', 'tool', ''],
  'tool.in': ['工具归还', 'Tool in', 'tool', ''],
  'rollcall.started': ['点名开始', 'Roll-call started', 'expected', ''],
  'rollcall.response': ['点名应答', 'Roll-call answer', 'method', ''],
  'rollcall.closed': ['点名结束', 'Roll-call closed', 'present', ''],
  'clinical.score': ['量表评分', 'Clinical score', 'score', ''],
  'call.pressed': ['监室呼叫', 'Cell call', '', ''],
  'call.answered': ['呼叫应答', 'Call answered', '', ''],
  'drone.detected': ['无人机', 'Drone', 'confidence', ''],
  'device.status': ['设备在线', 'Device status', 'online', ''],
  'device.clock': ['时钟偏差', 'Clock offset', 'offset_ms', 'ms'],
  'agent.heartbeat': ['节点心跳', 'Agent heartbeat', 'queue_depth', ''],
  'security.rejected': ['接入拒绝', 'Access rejected', 'cause', ''],
  'config.changed': ['配置变更', 'Configuration', 'what', ''],
}

const VALUES: Record<string, readonly [string, string]> = {
  open: ['开', 'open'],
  closed: ['关', 'closed'],
  locked: ['已锁', 'locked'],
  unlocked: ['未锁', 'unlocked'],
  high: ['高', 'high'],
  medium: ['中', 'medium'],
  low: ['低', 'low'],
  human: ['人', 'human'],
  animal: ['动物', 'animal'],
  vehicle: ['车辆', 'vehicle'],
  unknown: ['未知', 'unknown'],
  covered: ['遮挡', 'covered'],
  moved: ['移位', 'moved'],
  defocused: ['失焦', 'defocused'],
  'scene-change': ['场景变化', 'scene change'],
  climb: ['攀爬', 'climb'],
  fight: ['打斗', 'fight'],
  fall: ['跌倒', 'fall'],
  ligature: ['绳索', 'ligature'],
  flame: ['火焰', 'flame'],
  in: ['进', 'in'],
  out: ['出', 'out'],
  true: ['是', 'yes'],
  false: ['否', 'no'],
}

const KINDS: Record<string, readonly [string, string]> = {
  camera: ['摄像机', 'Camera'],
  door: ['门', 'Door'],
  reader: ['读卡器', 'Reader'],
  gate: ['大门', 'Gate'],
  'plate-reader': ['车牌识别', 'Plate reader'],
  'life-detector': ['生命探测', 'Life detector'],
  fence: ['电子围栏', 'Fence'],
  climate: ['温湿度', 'Climate'],
  smoke: ['烟感', 'Smoke'],
  gas: ['气体', 'Gas'],
  noise: ['噪声', 'Noise'],
  light: ['照度', 'Light'],
  leak: ['漏水', 'Leak'],
  'call-point': ['手报', 'Call point'],
  power: ['电力', 'Power'],
  band: ['手环', 'Band'],
  tag: ['民警标签', 'Tag'],
  'bed-radar': ['床位雷达', 'Bed radar'],
  gateway: ['网关', 'Gateway'],
  'panic-button': ['紧急按钮', 'Panic button'],
  'patrol-point': ['巡更点', 'Patrol point'],
  'tool-cabinet': ['工具柜', 'Tool cabinet'],
  'roll-call': ['点名', 'Roll-call'],
  'call-button': ['呼叫按钮', 'Call button'],
  'clinic-terminal': ['医务终端', 'Clinic terminal'],
  'drone-detector': ['无人机侦测', 'Drone detector'],
  'edge-agent': ['边缘节点', 'Edge agent'],
}

export const kindName = (kind: string | undefined, language: Language): string =>
  kind === undefined ? '—' : (KINDS[kind]?.[language === 'zh' ? 0 : 1] ?? kind)

export const typeName = (type: string, language: Language): string => WORDS[type]?.[language === 'zh' ? 0 : 1] ?? type

export function valueWord(value: unknown, language: Language): string {
  const word = VALUES[String(value)]
  return word ? word[language === 'zh' ? 0 : 1] : plain(value)
}

/** The part of a value that says most, with its unit; '' when the type alone says all. */
export function mainValue(type: string, value: Record<string, unknown> | null, language: Language): string {
  if (value === null) return '•'
  const [, , main, unit] = WORDS[type] ?? ['', '', Object.keys(value)[0] ?? '', '']
  const parts: string[] = []
  if (typeof value.object === 'string') parts.push(valueWord(value.object, language))
  if (main && value[main] !== undefined) parts.push(`${valueWord(value[main], language)}${unit ? ` ${unit}` : ''}`)
  if (main !== 'confidence' && typeof value.confidence === 'number') parts.push(plain(value.confidence))
  return parts.join(' ')
}

/** Fields of a value that can be drawn as a line. */
export const numericFields = (value: Record<string, unknown> | null | undefined): string[] =>
  Object.entries(value ?? {})
    .filter(([, v]) => typeof v === 'number' || typeof v === 'boolean')
    .map(([k]) => k)
