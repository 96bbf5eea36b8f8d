/** Readings of cameras and of the drone detectors beside them. */
import { bool, detection, entry, int, num, one, opt, state, text } from './type.ts'

const camera = ['camera'] as const
const owner = 'security'
const active = opt(bool('active'))
const object = one('object', 'human', 'animal', 'vehicle', 'unknown')
const confidence = num('confidence', 'ratio', 0, 1)

export const CAMERA_TYPES = [
  entry('camera.intrusion', '区域入侵', 'Intrusion', 'L2', detection, camera, owner, [
    object,
    confidence,
    opt(int('count', 0, 10_000)),
    active,
  ]),
  entry('camera.line-crossed', '越线', 'Line crossed', 'L2', detection, camera, owner, [
    text('line'),
    one('direction', 'in', 'out'),
    object,
    opt(int('count', 0, 10_000)),
    opt(text('door')),
    opt(confidence),
    active,
  ]),
  entry('camera.loitering', '徘徊', 'Loitering', 'L2', detection, camera, owner, [
    object,
    num('seconds', 's', 0, 86_400),
    active,
  ]),
  entry('camera.crowd', '人员聚集', 'Crowd', 'L2', detection, camera, owner, [
    int('count', 0, 100_000),
    opt(num('radius_m', 'm', 0, 1000)),
    active,
  ]),
  entry('camera.behaviour', '异常行为', 'Behaviour', 'L3', detection, camera, owner, [
    one('behaviour', 'fight', 'fall', 'climb', 'ligature', 'flame'),
    confidence,
    active,
  ]),
  entry('camera.face', '人脸比对', 'Face match', 'L4', detection, camera, owner, [
    one('list', 'inmate', 'staff', 'visitor', 'unknown'),
    opt(text('person')),
    num('score', 'ratio', 0, 1),
    bool('live'),
    active,
  ]),
  entry('camera.tamper', '摄像机遮挡移位', 'Camera tamper', 'L2', state, camera, owner, [
    one('tamper', 'covered', 'moved', 'defocused', 'scene-change'),
    bool('active'),
  ]),
  entry('camera.signal', '视频信号', 'Video signal', 'L2', state, camera, owner, [bool('present')]),
  entry('camera.motion', '移动侦测', 'Motion', 'L2', state, camera, owner, [bool('active')]),
  entry('camera.audio', '声音检测', 'Audio', 'L2', detection, camera, owner, [
    opt(num('level_db', 'dB', 0, 200)),
    opt(one('sound', 'scream', 'impact', 'glass', 'speech')),
    active,
  ]),
  entry('camera.day-night', '昼夜模式', 'Day or night', 'L2', state, camera, owner, [bool('night')]),
  entry('drone.detected', '无人机', 'Drone', 'L2', detection, ['drone-detector', 'camera'], owner, [
    one('source', 'camera', 'rf'),
    confidence,
    opt(bool('drop')),
    active,
  ]),
] satisfies ReturnType<typeof entry>[]
