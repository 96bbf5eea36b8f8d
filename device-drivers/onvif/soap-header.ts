/** The opening of a SOAP envelope with its WS-UsernameToken (password digest, WSS 1.0). Pure but for the nonce. */
import { createHash, randomBytes } from 'node:crypto'
import { escapeXml } from './xml.ts'

const WSS = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss'

/** @param deviceNow time by the camera's own clock, ms: a token of another time is taken for a replay. */
export function openEnvelope(user: string, password: string, deviceNow: number): string {
  let security = ''
  if (user) {
    const created = new Date(deviceNow).toISOString()
    const nonce = randomBytes(16)
    const digest = createHash('sha1').update(nonce).update(created).update(password).digest('base64')
    security =
      `<Security s:mustUnderstand="1" xmlns="${WSS}-wssecurity-secext-1.0.xsd"><UsernameToken>` +
      `<Username>${escapeXml(user)}</Username>` +
      `<Password Type="${WSS}-username-token-profile-1.0#PasswordDigest">${digest}</Password>` +
      `<Nonce EncodingType="${WSS}-soap-message-security-1.0#Base64Binary">${nonce.toString('base64')}</Nonce>` +
      `<Created xmlns="${WSS}-wssecurity-utility-1.0.xsd">${created}</Created></UsernameToken></Security>`
  }
  return `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>${security}`
}
