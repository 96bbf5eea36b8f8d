/** SOAP as a camera writes and reads it: envelopes from plain text, requests through the parser. No code of the driver. */
import { XMLParser } from 'fast-xml-parser'
import type { Token } from './camera-auth.ts'

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
})

export interface SoapRequest {
  /** Local name of the first element of the Body. */
  operation: string
  /** Its content. */
  args: Record<string, unknown>
  token: Token | null
}

const record = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
export const content = (value: unknown): string =>
  value !== null && typeof value === 'object'
    ? String((value as Record<string, unknown>)['#text'] ?? '')
    : String(value ?? '')

/** Null when the text is no SOAP request. */
export function readRequest(xml: string): SoapRequest | null {
  let envelope: Record<string, unknown>
  try {
    envelope = record(record(parser.parse(xml)).Envelope)
  } catch {
    return null
  }
  const body = record(envelope.Body)
  const operation = Object.keys(body).find((name) => !name.startsWith('@') && name !== '#text')
  if (!operation) return null
  const security = record(record(envelope.Header).Security)
  const user = record(security.UsernameToken)
  const token = security.UsernameToken
    ? {
        username: content(user.Username),
        digest: content(user.Password),
        nonce: content(user.Nonce),
        created: content(user.Created),
      }
    : null
  return { operation, args: record(body[operation]), token }
}

const SPACES = [
  ['env', 'http://www.w3.org/2003/05/soap-envelope'],
  ['wsa', 'http://www.w3.org/2005/08/addressing'],
  ['wsnt', 'http://docs.oasis-open.org/wsn/b-2'],
  ['tt', 'http://www.onvif.org/ver10/schema'],
  ['tds', 'http://www.onvif.org/ver10/device/wsdl'],
  ['trt', 'http://www.onvif.org/ver10/media/wsdl'],
  ['tev', 'http://www.onvif.org/ver10/events/wsdl'],
  ['tptz', 'http://www.onvif.org/ver20/ptz/wsdl'],
  ['ter', 'http://www.onvif.org/ver10/error'],
  ['tns1', 'http://www.onvif.org/ver10/topics'],
  ['tnsww', 'https://wardwatch.example/onvif/topics'],
]
  .map(([prefix, uri]) => `xmlns:${prefix}="${uri}"`)
  .join(' ')

export const envelope = (body: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope ${SPACES}><env:Body>${body}</env:Body></env:Envelope>`

export const soapFault = (code: 'Sender' | 'Receiver', subcode: string, reason: string) =>
  envelope(
    `<env:Fault><env:Code><env:Value>env:${code}</env:Value><env:Subcode><env:Value>${subcode}</env:Value></env:Subcode></env:Code>` +
      `<env:Reason><env:Text xml:lang="en">${xmlText(reason)}</env:Text></env:Reason></env:Fault>`,
  )

export const xmlText = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
