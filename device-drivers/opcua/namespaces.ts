/**
 * Names of namespaces in place of their numbers: a server may number them anew at each start, and only the name stays.
 * It changes nothing but node ids of a device entry.
 */
import type { ClientSession } from 'node-opcua-client'
import type { Device } from '#model/context/kinds.ts'

const NAMED = /^nsu=([^;]+);/

/** The names of a session, by number; empty when the server does not tell them. */
export async function readNamespaces(session: ClientSession): Promise<readonly string[]> {
  return session.readNamespaceArray().catch(() => [])
}

/** The device with numbers for names; a sentence when the server has no namespace of that name. */
export function withNumbers(device: Device, namespaces: readonly string[]): Device | string {
  const unknown = new Set<string>()
  const numbered = (id: string): string => {
    const name = NAMED.exec(id)?.[1]
    if (name === undefined) return id
    const index = namespaces.indexOf(name)
    if (index < 0) unknown.add(name)
    return id.replace(NAMED, `ns=${index};`)
  }
  const root = device.root === undefined ? {} : { root: numbered(device.root) }
  const nodes = device.nodes
    ? { nodes: Object.fromEntries(Object.entries(device.nodes).map(([key, id]) => [key, numbered(id)])) }
    : {}
  if (unknown.size === 0) return { ...device, ...root, ...nodes }
  return `the server has no namespace ${[...unknown].map((name) => `"${name}"`).join(', ')}; it has ${namespaces.map((name) => `"${name}"`).join(', ') || 'told none'}: correct the node ids of device ${device.id}`
}
