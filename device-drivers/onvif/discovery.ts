/**
 * WS-Discovery: asks the network which cameras there are, and writes the entries that the site file wants. Asks on its
 * own socket, because the package's probe throws on what printers and projectors answer.
 */
import { randomUUID } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { systemClock } from '#model/system-clock.ts'
import { children, find, parseXml, textOf } from './xml.ts'

const GROUP = '239.255.255.250'
const PORT = 3702
const MOST_CAMERAS = 10_000

export interface DiscoveredCamera {
  /** Endpoint reference, the camera's own lasting name (`urn:uuid:…`). */
  endpoint: string
  name: string | null
  hardware: string | null
  location: string | null
  /** All addresses the camera named. */
  addresses: string[]
  /** Entry for `devices:` of the site file; user and password are to be filled. */
  entry: { id: string; driver: 'onvif'; kind: 'camera'; url: string; user: string; password: string; model: string }
}

export interface DiscoverOptions {
  timeoutMs: number
  /** Name (`eth0`, `lo`) or IPv4 address of the interface to ask on; absent = every IPv4 interface, loopback too (twins live there). */
  interface?: string
  clock?: Clock
}

/** Order in which makers are recognised in name, hardware and scopes. */
const MODELS: [RegExp, string][] = [
  [/hikvision|hiwatch|ezviz|海康/i, 'hikvision'],
  [/dahua|大华|imou|lorex|amcrest/i, 'dahua'],
  [/\baxis\b/i, 'axis'],
  [/reolink/i, 'reolink'],
  [/tapo|tp-?link|\bvigi\b/i, 'tapo'],
  [/\bajax\b/i, 'ajax'],
]

/**
 * @returns every camera once, sorted by address, with ids that do not repeat. Answers that are not WS-Discovery are passed over.
 * @throws WardwatchError `usage` when the interface is unknown.
 */
export async function discoverOnvif(options: DiscoverOptions): Promise<DiscoveredCamera[]> {
  const clock = options.clock ?? systemClock
  const found = new Map<string, DiscoveredCamera>()
  const sockets = localAddresses(options.interface).map((address) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    socket.on('error', () => {})
    socket.on('message', (message, sender) => {
      for (const camera of readMatches(message.toString('utf8'), sender.address))
        if (found.size < MOST_CAMERAS && !found.has(camera.endpoint)) found.set(camera.endpoint, camera)
    })
    socket.bind({ port: 0, address, exclusive: true }, () => {
      const probe = Buffer.from(probeXml())
      // Twice, as WS-Discovery asks for: datagrams get lost.
      const ask = () => socket.send(probe, PORT, GROUP, () => {})
      try {
        socket.setMulticastInterface(address)
        ask()
        clock.after(Math.min(300, options.timeoutMs / 3), () => {
          try {
            ask()
          } catch {
            // Closed meanwhile.
          }
        })
      } catch {
        // An interface without multicast: the others answer.
      }
    })
    return socket
  })
  await new Promise<void>((resolve) => clock.after(options.timeoutMs, resolve))
  for (const socket of sockets) socket.close()
  const cameras = [...found.values()].sort((a, b) => a.entry.url.localeCompare(b.entry.url))
  const taken = new Set<string>()
  for (const camera of cameras) {
    const stem = camera.entry.id
    for (let n = 2; taken.has(camera.entry.id); n++) camera.entry.id = `${stem}-${n}`
    taken.add(camera.entry.id)
    camera.entry.password = `\${file:secrets/${camera.entry.id}}`
  }
  return cameras
}

function localAddresses(wanted: string | undefined): string[] {
  const all = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).filter((a) => a.family === 'IPv4').map((a) => ({ name, address: a.address })),
  )
  const chosen = all.filter((a) => !wanted || a.name === wanted || a.address === wanted)
  if (wanted && chosen.length === 0)
    throw new WardwatchError(
      'usage',
      `there is no network interface "${wanted}" with an IPv4 address; there are ${[...new Set(all.map((a) => a.name))].join(', ')}`,
    )
  return chosen.map((a) => a.address)
}

function probeXml(): string {
  const wsa = 'http://schemas.xmlsoap.org/ws/2004/08/addressing'
  const wsd = 'http://schemas.xmlsoap.org/ws/2005/04/discovery'
  return (
    `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="${wsa}" xmlns:d="${wsd}">` +
    `<s:Header><a:MessageID>urn:uuid:${randomUUID()}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>` +
    `<a:Action>${wsd}/Probe</a:Action></s:Header><s:Body><d:Probe><d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>` +
    `</d:Probe></s:Body></s:Envelope>`
  )
}

/** Exported for its test: what one datagram tells. Never throws. */
export function readMatches(xml: string, sender: string): DiscoveredCamera[] {
  let matches: ReturnType<typeof children>
  try {
    matches = children(find(parseXml(xml), 'Envelope', 'Body', 'ProbeMatches'), 'ProbeMatch')
  } catch {
    return []
  }
  return matches.flatMap((match) => {
    const words = (name: string) => (textOf(find(match, name)) ?? '').split(/\s+/).filter((word) => word !== '')
    const addresses = words('XAddrs').filter((a) => URL.canParse(a) && /^https?:$/.test(new URL(a).protocol))
    const host = (a: string) => new URL(a).hostname
    // Of several addresses the one that the answer came from can surely be reached.
    const url =
      addresses.find((a) => host(a) === sender) ??
      addresses.find((a) => !host(a).startsWith('169.254.')) ??
      addresses[0]
    if (!url) return []
    const scopes = words('Scopes')
    const scope = (kind: string) => {
      const prefix = `onvif://www.onvif.org/${kind}/`
      const text = scopes.find((s) => s.toLowerCase().startsWith(prefix))?.slice(prefix.length)
      if (!text) return null
      try {
        return decodeURIComponent(text)
      } catch {
        return text
      }
    }
    const name = scope('name')
    const hardware = scope('hardware')
    const id = idFrom(name ?? '') || idFrom(new URL(url).host) || 'camera'
    const model =
      MODELS.find(([maker]) => maker.test(`${name} ${hardware} ${scopes.join(' ')}`))?.[1] ?? 'generic-onvif'
    return [
      {
        endpoint: textOf(find(match, 'EndpointReference', 'Address')) ?? url,
        name,
        hardware,
        location: scope('location'),
        addresses,
        entry: { id, driver: 'onvif' as const, kind: 'camera' as const, url, user: 'ww', password: '', model },
      },
    ]
  })
}

const idFrom = (text: string) =>
  text
    .replace(/[^A-Za-z0-9.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 40)
