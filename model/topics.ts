/** MQTT topics of a facility and of its uplink (`contracts.md` 3 and 6). */
export const TOPIC_ROOT = 'ww/v1'

export const topics = {
  device: (facility: string, device: string, type: string) => `${TOPIC_ROOT}/${facility}/dev/${device}/${type}`,
  status: (facility: string, device: string) => `${TOPIC_ROOT}/${facility}/dev/${device}/status`,
  allDevices: (facility: string) => `${TOPIC_ROOT}/${facility}/dev/#`,
  reading: (facility: string, type: string) => `${TOPIC_ROOT}/${facility}/reading/${type}`,
  alert: (facility: string, level: string) => `${TOPIC_ROOT}/${facility}/alert/${level}`,
  up: (facility: string, kind: UplinkKind) => `${TOPIC_ROOT}/${facility}/up/${kind}`,
  /** Acts of the province on alerts of the facility; a one-way facility never asks for them. */
  downActs: (facility: string) => `${TOPIC_ROOT}/${facility}/down/act`,
}

export const UPLINK_KINDS = ['alert', 'indicator', 'health', 'anchor'] as const
export type UplinkKind = (typeof UPLINK_KINDS)[number]

/** Parts of a device topic, or null when the topic has another layout. */
export function parseDeviceTopic(topic: string): { facility: string; device: string; type: string } | null {
  const part = topic.split('/')
  if (part.length !== 6 || part[0] !== 'ww' || part[1] !== 'v1' || part[3] !== 'dev') return null
  if (!part[2] || !part[4] || !part[5]) return null
  return { facility: part[2], device: part[4], type: part[5] }
}

/** Parts of an uplink topic, or null. */
export function parseUplinkTopic(topic: string): { facility: string; kind: UplinkKind } | null {
  const part = topic.split('/')
  if (part.length !== 5 || part[0] !== 'ww' || part[1] !== 'v1' || part[3] !== 'up' || !part[2]) return null
  const kind = part[4] as UplinkKind
  return UPLINK_KINDS.includes(kind) ? { facility: part[2], kind } : null
}

/** Does `topic` match an MQTT subscription `filter`? */
export function topicMatches(filter: string, topic: string): boolean {
  const want = filter.split('/')
  const have = topic.split('/')
  for (let i = 0; i < want.length; i++) {
    if (want[i] === '#') return i === want.length - 1 && !(have[0]?.startsWith('$') && i === 0)
    if (i >= have.length) return false
    if (want[i] !== '+' && want[i] !== have[i]) return false
  }
  return want.length === have.length
}
