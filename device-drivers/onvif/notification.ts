/**
 * What one NotificationMessage says, whatever its maker: topic without prefixes, items as text by name, the camera's
 * time or null. Reads only; what it means is the business of the model file.
 */
import { children, find, textOf, type XmlNode } from './xml.ts'

/** 2000 and 2200: a time outside is none (a camera that starts in 1970). */
export const EARLIEST_MS = 946_684_800_000
export const LATEST_MS = 7_258_118_400_000

export interface CameraEvent {
  /** `RuleEngine/CellMotionDetector/Motion`: every segment without its prefix. */
  topic: string
  /** The topic as the camera wrote it. */
  rawTopic: string
  /** The camera's time, ms; null when it sends none, or none that can be a time (`0000-00-00T00:00:00Z`). */
  time: number | null
  operation: 'Initialized' | 'Changed' | 'Deleted' | null
  source: Record<string, string>
  key: Record<string, string>
  data: Record<string, string>
}

/** xs:dateTime to ms; null for what cannot be a time. A missing zone means UTC: ONVIF times are UTC. */
export function parseTime(text: string | null): number | null {
  if (!text) return null
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`
  const time = Date.parse(zoned)
  return Number.isFinite(time) && time >= EARLIEST_MS && time <= LATEST_MS ? time : null
}

/** @returns null when the node has no topic. */
export function readNotification(node: XmlNode): CameraEvent | null {
  const rawTopic = textOf(find(node, 'Topic'))
  if (!rawTopic) return null
  const message = find(node, 'Message', 'Message')
  const operation = message?.['@PropertyOperation']
  return {
    topic: plainTopic(rawTopic),
    rawTopic,
    time: parseTime(message?.['@UtcTime'] === undefined ? null : String(message['@UtcTime'])),
    operation: operation === 'Initialized' || operation === 'Changed' || operation === 'Deleted' ? operation : null,
    source: items(message, 'Source'),
    key: items(message, 'Key'),
    data: items(message, 'Data'),
  }
}

/** `tns1:Device/tns1:Trigger/tnshik:AlarmIn` → `Device/Trigger/AlarmIn`. */
export function plainTopic(topic: string): string {
  return topic
    .trim()
    .split('/')
    .map((part) => part.slice(part.lastIndexOf(':') + 1).trim())
    .filter((part) => part !== '')
    .join('/')
}

function items(message: XmlNode | null, part: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const item of children(find(message, part), 'SimpleItem'))
    if (item['@Name'] !== undefined) found[String(item['@Name'])] = String(item['@Value'] ?? '')
  return found
}

/** The original text of each notification, for the quarantine: cut out of the answer, never rebuilt. */
export function notificationTexts(xml: string): string[] {
  return xml.match(/<(?:[\w.-]+:)?NotificationMessage[\s>][\s\S]*?<\/(?:[\w.-]+:)?NotificationMessage\s*>/g) ?? []
}
