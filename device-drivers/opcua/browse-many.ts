/** Browsing many nodes with few requests, following continuation points. */
import {
  BrowseDirection,
  type BrowseResult,
  type ClientSession,
  NodeClass,
  type ReferenceDescription,
  resolveNodeId,
} from 'node-opcua-client'

/** Nodes in one request; servers announce limits of 100 and more. */
const NODES_PER_REQUEST = 100

export interface Browsed {
  /** Null = the node is there. */
  fault: string | null
  references: ReferenceDescription[]
}

export interface BrowseWhat {
  referenceTypeId: string
  direction?: BrowseDirection
  objectsOnly: boolean
}

export async function browseMany(
  session: ClientSession,
  nodes: readonly string[],
  what: BrowseWhat,
): Promise<Browsed[]> {
  const out: Browsed[] = []
  for (let i = 0; i < nodes.length; i += NODES_PER_REQUEST) {
    const part = nodes.slice(i, i + NODES_PER_REQUEST)
    const answers = (await session.browse(
      part.map((nodeId) => ({
        nodeId,
        referenceTypeId: resolveNodeId(what.referenceTypeId),
        browseDirection: what.direction ?? BrowseDirection.Forward,
        includeSubtypes: true,
        nodeClassMask: what.objectsOnly ? NodeClass.Object | NodeClass.Variable : 0,
        resultMask: 63,
      })),
    )) as BrowseResult[]
    for (const answer of answers) out.push(await complete(session, answer))
  }
  return out
}

async function complete(session: ClientSession, answer: BrowseResult): Promise<Browsed> {
  const references = [...(answer.references ?? [])]
  let point = answer.continuationPoint
  while (point && point.length > 0) {
    const more = await session.browseNext(point, false)
    references.push(...(more.references ?? []))
    point = more.continuationPoint
  }
  return { fault: answer.statusCode.isGood() ? null : answer.statusCode.name, references }
}
