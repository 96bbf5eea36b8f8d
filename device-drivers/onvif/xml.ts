/**
 * Reads SOAP answers of cameras: prefixes removed, every value left as text (an id "001" or a 20-digit serial must stay
 * what it is). Refuses document types, so that no entity can grow.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { WardwatchError } from '#model/errors.ts'

export type XmlNode = { [name: string]: unknown }

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  textNodeName: '#',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: true,
})

export function children(node: unknown, name: string): XmlNode[] {
  if (node === null || typeof node !== 'object') return []
  const found = (node as XmlNode)[name]
  const list = Array.isArray(found) ? found : found === undefined ? [] : [found]
  return list.map((item) => (item !== null && typeof item === 'object' ? (item as XmlNode) : { '#': String(item) }))
}

/** First node at the path, or null. */
export function find(node: unknown, ...path: string[]): XmlNode | null {
  let at: unknown = node
  for (const name of path) {
    at = children(at, name)[0]
    if (at === undefined) return null
  }
  return at as XmlNode
}

export function textOf(node: XmlNode | null): string | null {
  const value = node?.['#']
  return value === undefined ? null : String(value)
}

/** Body of a SOAP envelope. @throws WardwatchError `bad-payload` when it is not one, `device-refused` for a SOAP fault. */
export function soapBody(xml: string, status: number): XmlNode {
  let envelope: XmlNode
  try {
    envelope = parseXml(xml)
  } catch (error) {
    // The page of a web server in trouble: its status says more than its text.
    if (status >= 400) throw new WardwatchError('device-refused', `the camera answered with HTTP status ${status}`)
    throw error
  }
  const body = find(envelope, 'Envelope', 'Body')
  if (!body) throw new WardwatchError('bad-payload', `the camera's answer (HTTP ${status}) is not a SOAP envelope`)
  const fault = find(body, 'Fault')
  if (fault) throw faultError(fault)
  if (status >= 400) throw new WardwatchError('device-refused', `the camera answered with HTTP status ${status}`)
  return body
}

export function parseXml(text: string): XmlNode {
  // Some firmware sends empty lines before the declaration.
  const xml = text.trimStart()
  if (/<!DOCTYPE/i.test(xml))
    throw new WardwatchError('bad-payload', "the camera's answer holds a document type; refused")
  // The parser itself forgives nearly everything; a truncated answer must not pass for an empty one.
  const valid = XMLValidator.validate(xml)
  if (valid !== true) throw new WardwatchError('bad-payload', `the camera's answer is not XML: ${valid.err.msg}`)
  try {
    return parser.parse(xml) as XmlNode
  } catch (error) {
    throw new WardwatchError('bad-payload', `the camera's answer is not XML: ${(error as Error).message}`)
  }
}

function faultError(fault: XmlNode): WardwatchError {
  const codes = [
    find(fault, 'Code', 'Value'),
    find(fault, 'Code', 'Subcode', 'Value'),
    find(fault, 'Code', 'Subcode', 'Subcode', 'Value'),
  ]
    .map(textOf)
    .filter((code) => code !== null)
  const reason = textOf(find(fault, 'Reason', 'Text')) ?? textOf(find(fault, 'faultstring')) ?? 'no reason given'
  const said = `${reason}${codes.length ? ` (${codes.join(' / ')})` : ''}`
  return isAuthText(said)
    ? new WardwatchError('bad-credential', `the camera refuses user or password: ${said}`)
    : new WardwatchError('device-refused', `the camera answered with a SOAP fault: ${said}`)
}

/** Does a fault's text mean "wrong user or password"? Makers word it differently. */
export function isAuthText(text: string): boolean {
  return /not\s*authori[sz]ed|unauthori[sz]ed|failedauthentication|authentication failed|failed ?authentication/i.test(
    text,
  )
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&'"]/g, (c) => `&#${c.charCodeAt(0)};`)
}
