/**
 * Looking into a server for commissioning: the tree with its values, and a proposal of site-file entries. Reads only.
 */
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AttributeIds, type ClientSession, NodeClass } from 'node-opcua-client'
import type { Device } from '#model/context/kinds.ts'
import { systemClock } from '#model/system-clock.ts'
import { browseMany } from './browse-many.ts'
import { plainScalar } from './conversion.ts'
import { closeClient, endpointAddress, openEndpoint } from './endpoint.ts'
import { loadOpcuaModel, type ModelFile, normalPath } from './model-file.ts'

const OPEN_MS = 10_000
const NODE_LIMIT = 20_000

export interface BrowseRequest {
  url: string
  security?: Device['security']
  user?: string
  password?: string
  /** Levels below Objects; 4 shows the variables of devices in folders. */
  depth?: number
  /** Folder for certificates; absent: the machine's temporary folder. */
  dataDir?: string
  modelDirs?: string[]
  /** Start here instead of the Objects folder. */
  root?: string
}

export interface BrowseNode {
  nodeId: string
  name: string
  class: 'object' | 'variable'
  /** Variables only. */
  value?: string | number | boolean | null
  status?: string
  sourceTime?: number | null
  children: BrowseNode[]
}

export interface Browsed {
  url: string
  tree: BrowseNode[]
  /** True when the limit of nodes was reached. */
  cut: boolean
  /** Entries for `devices:` of the site file, best guess by name; check kind and zone. */
  proposals: Device[]
}

/** @throws WardwatchError one sentence: unreachable, refused, wrong user. */
export async function browseOpcua(request: BrowseRequest): Promise<Browsed> {
  const address = endpointAddress(request.url, request.security, request.user, request.password)
  const dataDir = request.dataDir ?? join(tmpdir(), 'wardwatch-browse')
  const { client, session } = await openEndpoint(address, dataDir, systemClock, OPEN_MS)
  try {
    const { tree, cut } = await readTree(session, request.root ?? 'i=85', request.depth ?? 4)
    const models = genericModels(request.modelDirs ?? [])
    const proposals: Device[] = []
    for (const node of tree) propose(node, null, models, request, proposals)
    return { url: request.url, tree, cut, proposals }
  } finally {
    await closeClient(client, systemClock)
  }
}

async function readTree(
  session: ClientSession,
  root: string,
  depth: number,
): Promise<{ tree: BrowseNode[]; cut: boolean }> {
  const top: BrowseNode = { nodeId: root, name: '', class: 'object', children: [] }
  const seen = new Set([root, 'ns=0;i=2253', 'i=2253'])
  let level = [top]
  let count = 0
  const variables: BrowseNode[] = []
  for (let i = 0; i < depth && level.length > 0 && count < NODE_LIMIT; i++) {
    const answers = await browseMany(
      session,
      level.map((node) => node.nodeId),
      { referenceTypeId: 'HierarchicalReferences', objectsOnly: true },
    )
    const next: BrowseNode[] = []
    answers.forEach((answer, at) => {
      for (const reference of answer.references) {
        const nodeId = reference.nodeId.toString()
        if (seen.has(nodeId) || count >= NODE_LIMIT) continue
        seen.add(nodeId)
        count++
        const isVariable = reference.nodeClass === NodeClass.Variable
        const node: BrowseNode = {
          nodeId,
          name: reference.browseName.name ?? '',
          class: isVariable ? 'variable' : 'object',
          children: [],
        }
        level[at]?.children.push(node)
        if (isVariable) variables.push(node)
        else next.push(node)
      }
    })
    level = next
  }
  for (let i = 0; i < variables.length; i += 500) {
    const part = variables.slice(i, i + 500)
    const values = await session.read(part.map((node) => ({ nodeId: node.nodeId, attributeId: AttributeIds.Value })))
    part.forEach((node, at) => {
      const value = values[at]
      node.value = plainScalar(value?.value?.value)
      node.status = value?.statusCode.name
      node.sourceTime = value?.sourceTimestamp?.getTime() ?? null
    })
  }
  return { tree: top.children, cut: count >= NODE_LIMIT }
}

function genericModels(modelDirs: readonly string[]): { name: string; model: ModelFile }[] {
  return readdirSync(join(import.meta.dirname, 'models'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -5))
    .map((name) => ({ name, model: loadOpcuaModel(name, modelDirs) }))
}

/** Folder names and kinds are compared by their beginning: `Doors` and `door`, `CallPoints` and `call-point`. */
function likeKind(folder: string, kind: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '')
  const stem = plain(kind)
  return stem.length > 2 && plain(folder).startsWith(stem)
}

function propose(
  node: BrowseNode,
  parent: BrowseNode | null,
  models: readonly { name: string; model: ModelFile }[],
  request: BrowseRequest,
  out: Device[],
): void {
  if (node.class !== 'object') return
  const paths = new Set<string>()
  const walk = (from: BrowseNode, above: string) => {
    for (const child of from.children) {
      const path = above === '' ? child.name : `${above}/${child.name}`
      if (child.class === 'variable') paths.add(normalPath(path))
      else walk(child, path)
    }
  }
  walk(node, '')
  let best: { name: string; model: ModelFile; points: number } | null = null
  for (const { name, model } of models) {
    const fields = (model.readings ?? []).flatMap((reading) => Object.values(reading.fields))
    const hits = fields.filter((field) => field.path?.some((path) => paths.has(normalPath(path)))).length
    const named = parent !== null && model.kind !== undefined && likeKind(parent.name, model.kind)
    // A folder's name alone makes a device of a childless object; otherwise its variables must fit.
    const points = (named ? 1.5 : 0) + (fields.length > 0 ? hits + hits / fields.length : 0)
    if (
      (hits > 0 || (named && fields.length === 0 && node.children.length === 0)) &&
      (best === null || points > best.points)
    )
      best = { name, model, points }
  }
  const isDevice =
    best &&
    node.children.some((child) => child.class === 'variable' || child.children.some((c) => c.class === 'variable'))
  const isBare = best && node.children.length === 0
  // An object whose children are devices by themselves (a folder) is looked into, not proposed.
  const holdsVariables = node.children.some((child) => child.class === 'variable')
  if (best && (isBare || (isDevice && (holdsVariables || node.children.length <= 4)))) {
    const device: Device = { id: idOf(node), driver: 'opcua', url: request.url, root: node.nodeId, model: best.name }
    if (best.model.kind) device.kind = best.model.kind as NonNullable<Device['kind']>
    if (request.user) device.user = request.user
    if (request.security) device.security = request.security
    out.push(device)
    return
  }
  for (const child of node.children) propose(child, node, models, request, out)
}

function idOf(node: BrowseNode): string {
  const tail =
    node.nodeId
      .replace(/^.*;s=/, '')
      .split(/[/.]/)
      .at(-1) ?? node.name
  const id = (/^(ns=\d+;)?i=/.test(node.nodeId) ? node.name : tail).replace(/[^A-Za-z0-9._:-]/g, '-').slice(0, 64)
  return /^[A-Za-z0-9]/.test(id) ? id : `D-${id}`.slice(0, 64)
}
