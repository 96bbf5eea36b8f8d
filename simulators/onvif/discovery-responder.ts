/**
 * Answers WS-Discovery probes for all cameras of a twin. Bound to the multicast group on loopback, so that it is heard
 * by programs of this machine alone.
 */
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { scopesOf, type TwinCamera } from './camera.ts'
import { xmlText } from './soap-text.ts'

const GROUP = '239.255.255.250'
const PORT = 3702

export interface Responder {
  close(): Promise<void>
}

/** @param urlOf address of a camera's device service. */
export function startResponder(cameras: () => TwinCamera[], urlOf: (id: string) => string): Promise<Responder> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    socket.once('error', reject)
    socket.on('message', (message, sender) => {
      const text = message.toString('utf8')
      if (!/<(?:[\w-]+:)?Probe[\s>/]/.test(text)) return
      const types = /<(?:[\w-]+:)?Types[^>]*>([^<]*)</.exec(text)?.[1]
      if (types?.trim() && !/NetworkVideoTransmitter|Device/.test(types)) return
      const id = /<(?:[\w-]+:)?MessageID[^>]*>([^<]*)</.exec(text)?.[1] ?? ''
      // One answer each, as real cameras do.
      for (const camera of cameras())
        socket.send(probeMatch(camera, urlOf(camera.id), id.trim()), sender.port, sender.address, () => {})
    })
    socket.bind({ address: GROUP, port: PORT, exclusive: false }, () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      socket.addMembership(GROUP, '127.0.0.1')
      resolve({ close: () => new Promise((done) => socket.close(() => done())) })
    })
  })
}

function probeMatch(camera: TwinCamera, url: string, relatesTo: string): string {
  const digest = createHash('sha256').update(`${url}|${camera.id}`).digest('hex')
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`
  return (
    '<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">' +
    `<SOAP-ENV:Header><wsa:MessageID>urn:uuid:${uuid}</wsa:MessageID><wsa:RelatesTo>${xmlText(relatesTo)}</wsa:RelatesTo><wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To><wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action></SOAP-ENV:Header>` +
    `<SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:${uuid}</wsa:Address></wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>` +
    `<d:Scopes>${xmlText(scopesOf(camera).join(' '))}</d:Scopes><d:XAddrs>${xmlText(url)}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>`
  )
}
