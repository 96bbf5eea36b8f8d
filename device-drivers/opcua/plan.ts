/**
 * From a device entry, its model file and the server's address space to a plan: which node feeds which field, which
 * events belong to it, what is missing and what nobody mapped. It must never subscribe or emit.
 */
import type { ClientSession } from 'node-opcua-client'
import { AttributeIds, NodeClass } from 'node-opcua-client'
import { type FieldSpec, READING_TYPES } from '#model/catalogue/index.ts'
import type { Device } from '#model/context/kinds.ts'
import { browseMany } from './browse-many.ts'
import type { EventTypes } from './event-types.ts'
import { type EventMap, type FieldMap, type ModelFile, normalName, normalPath, type ReadingMap } from './model-file.ts'

const DEPTH = 3
const NODES_PER_DEVICE = 500

export interface FieldPlan {
  name: string
  spec: FieldSpec
  map: FieldMap
  nodeId: string
}

/** One reading that is put together from nodes. */
export interface SlotPlan {
  kind: 'state' | 'sample' | 'rising' | 'change'
  type: string
  set: Record<string, string | number | boolean>
  /** The first field triggers for `rising` and `change`. */
  fields: FieldPlan[]
  samplingMs: number
  /** Samples are said again after this time, unchanged or not. */
  periodMs: number | null
}

export interface DevicePlan {
  /** Sentence when the device cannot be watched at all. */
  fault: string | null
  slots: SlotPlan[]
  events: EventMap[]
  /** Node ids whose events are this device's. */
  sources: Set<string>
  /** Browse name of the root, for servers that name the source only in words. */
  rootName: string | null
  /** The root sends events itself. */
  notifier: string | null
  missing: string[]
  unmapped: string[]
  /** Every node that is read. */
  nodes: string[]
}

/** Nodes below one root: normalised path → node id and path as the server spells it. */
interface Tree {
  fault: string | null
  name: string | null
  notifier: boolean
  variables: Map<string, { nodeId: string; path: string; standard?: boolean }>
  all: Set<string>
}

export async function readTrees(
  session: ClientSession,
  roots: readonly string[],
  types: EventTypes,
): Promise<Map<string, Tree>> {
  const trees = new Map<string, Tree>()
  const unique = [...new Set(roots)]
  for (let i = 0; i < unique.length; i += 100) {
    const part = unique.slice(i, i + 100)
    const attributes = await session.read(
      part.flatMap((nodeId) =>
        [AttributeIds.NodeClass, AttributeIds.BrowseName, AttributeIds.EventNotifier].map((attributeId) => ({
          nodeId,
          attributeId,
        })),
      ),
    )
    part.forEach((root, at) => {
      const [nodeClass, browseName, notifier] = attributes.slice(at * 3, at * 3 + 3)
      const good = nodeClass?.statusCode.isGood() === true
      const variables: Tree['variables'] = new Map()
      if (good && nodeClass?.value.value === NodeClass.Variable) variables.set('.', { nodeId: root, path: '.' })
      trees.set(root, {
        fault: good ? null : (nodeClass?.statusCode.name ?? 'no answer'),
        name: good ? String(browseName?.value.value?.name ?? '') : null,
        notifier: notifier?.statusCode.isGood() === true && (Number(notifier.value.value) & 1) === 1,
        variables,
        all: new Set([root]),
      })
    })
  }
  let level = unique.filter((root) => trees.get(root)?.fault === null).map((root) => ({ root, nodeId: root, path: '' }))
  for (let depth = 0; depth < DEPTH && level.length > 0; depth++) {
    const answers = await browseMany(
      session,
      level.map((node) => node.nodeId),
      {
        referenceTypeId: 'HierarchicalReferences',
        objectsOnly: true,
      },
    )
    const next: typeof level = []
    answers.forEach((answer, i) => {
      const { root, path: above } = level[i] as (typeof level)[number]
      const tree = trees.get(root) as Tree
      for (const reference of answer.references) {
        const nodeId = reference.nodeId.toString()
        if (tree.all.has(nodeId) || tree.all.size >= NODES_PER_DEVICE) continue
        tree.all.add(nodeId)
        const path = above === '' ? (reference.browseName.name ?? '') : `${above}/${reference.browseName.name ?? ''}`
        if (reference.nodeClass === NodeClass.Variable)
          tree.variables.set(normalPath(path), { nodeId, path, standard: reference.browseName.namespaceIndex === 0 })
        // The inside of a condition is read through its events, not as variables.
        else if (!types.byId.has(reference.typeDefinition?.toString() ?? '')) next.push({ root, nodeId, path })
      }
    })
    level = next
  }
  return trees
}

/** Site entries may name a node by its path, by the reading's type, or by type and field. */
function keysOf(map: ReadingMap, field: string, single: boolean, extra: readonly string[]): string[] {
  const set = Object.values(map.set ?? {}).map(String)
  return [
    ...extra.map(normalPath),
    normalName([map.type, ...set, field].join('')),
    normalName([map.type, field, ...set].join('')),
    ...(single ? [normalName([map.type, ...set].join(''))] : []),
  ]
}

export function planDevice(device: Device, model: ModelFile, tree: Tree | null): DevicePlan {
  const plan: DevicePlan = {
    fault: null,
    slots: [],
    events: [],
    sources: tree?.all ?? new Set(),
    rootName: tree?.name ?? null,
    notifier: tree?.notifier && device.root ? device.root : null,
    missing: [],
    unmapped: [],
    nodes: [],
  }
  if (tree?.fault) {
    plan.fault = `node ${device.root} is not on the server (${tree.fault}); correct "root" of device ${device.id} in the site file`
    return plan
  }
  const overrides = new Map(
    Object.entries(device.nodes ?? {}).map(([key, id]) => [
      key.includes('/') ? normalPath(key) : normalName(key),
      { key, id },
    ]),
  )
  const usedKeys = new Set<string>()
  const usedNodes = new Set<string>()
  const readings = [...(model.readings ?? []), ...impliedReadings(device, model)]
  const fieldCount = new Map<string, number>()
  for (const map of readings)
    for (const name of Object.keys(map.fields)) fieldCount.set(name, (fieldCount.get(name) ?? 0) + 1)

  function find(keys: readonly string[], paths: readonly string[], guesses: readonly string[]): string | null {
    for (const key of keys) {
      const given = overrides.get(key)
      if (given) {
        usedKeys.add(given.key)
        return given.id
      }
    }
    for (const path of paths) {
      const found = tree?.variables.get(normalPath(path))
      if (found) return found.nodeId
    }
    for (const guess of guesses) {
      const found = tree?.variables.get(guess)
      if (found && !usedNodes.has(found.nodeId)) return found.nodeId
    }
    return null
  }

  for (const map of readings) {
    const type = READING_TYPES.get(map.type)
    if (!type) continue
    const entries = Object.entries(map.fields)
    const fields: FieldPlan[] = []
    let complete = true
    for (const [name, field] of entries) {
      const spec = type.fields.find((f) => f.name === name) as FieldSpec
      const guesses = [normalName(map.type + name), ...(entries.length === 1 ? [normalName(map.type)] : [])]
      if (fieldCount.get(name) === 1 && !map.set) guesses.push(normalName(name))
      const nodeId = find(
        keysOf(map, name, entries.length === 1, field.path ?? []),
        field.path ?? [],
        map.set ? [] : guesses,
      )
      if (nodeId) {
        fields.push({ name, spec, map: field, nodeId })
        usedNodes.add(nodeId)
      } else if (!spec.optional) {
        complete = false
        plan.missing.push(
          `${map.type}${Object.values(map.set ?? {})
            .map((v) => `[${v}]`)
            .join('')}.${name}`,
        )
      }
    }
    if (!complete || fields.length === 0) continue
    const sample = type.signal.kind === 'sample'
    plan.slots.push({
      kind: sample ? 'sample' : type.signal.kind === 'state' ? 'state' : 'change',
      type: map.type,
      set: map.set ?? {},
      fields,
      samplingMs: map.samplingMs ?? (sample ? 1000 : 250),
      periodMs: sample ? (type.signal.periodMs ?? null) : null,
    })
  }

  for (const map of model.events ?? []) {
    const trigger = map.rising ?? map.change
    if (!trigger) {
      plan.events.push(map)
      continue
    }
    const nodeId = find([...trigger.map(normalPath), normalName(map.type)], trigger, [])
    // A variable that stands for an event is one way of several to say it: its absence is no fault.
    if (!nodeId) continue
    usedNodes.add(nodeId)
    const slot = triggeredSlot(map, nodeId, (paths) => find(paths.map(normalPath), paths, []))
    if (!slot) continue
    for (const field of slot.fields) usedNodes.add(field.nodeId)
    plan.slots.push(slot)
  }

  for (const { key } of overrides.values())
    if (!usedKeys.has(key)) plan.missing.push(`nodes.${key} (names nothing in the model file)`)
  const ignored = new Set((model.ignore ?? []).map(normalPath))
  for (const [path, node] of tree?.variables ?? [])
    if (!usedNodes.has(node.nodeId) && !ignored.has(path) && !node.standard) plan.unmapped.push(node.path)
  plan.nodes = [...new Set(plan.slots.flatMap((slot) => slot.fields.map((field) => field.nodeId)))]
  if (plan.slots.length === 0 && plan.events.length === 0)
    plan.fault = `none of the nodes of model "${device.model ?? `generic-${device.kind}`}" is below ${device.root ?? 'the root'} of device ${device.id}; name them under "nodes" or choose another model`
  return plan
}

function triggeredSlot(map: EventMap, nodeId: string, find: (paths: string[]) => string | null): SlotPlan | null {
  const type = READING_TYPES.get(map.type)
  if (!type) return null
  const trigger: FieldSpec = { name: '', type: map.rising ? 'boolean' : 'string' }
  const fields: FieldPlan[] = [{ name: '', spec: trigger, map: {}, nodeId }]
  for (const [name, field] of Object.entries(map.fields ?? {})) {
    const spec = type.fields.find((f) => f.name === name) as FieldSpec
    const found = field.path ? find(field.path) : null
    if (found) fields.push({ name, spec, map: field, nodeId: found })
    else if (!spec.optional && !(name in (map.set ?? {}))) return null
  }
  return {
    kind: map.rising ? 'rising' : 'change',
    type: map.type,
    set: map.set ?? {},
    fields,
    samplingMs: 100,
    periodMs: null,
  }
}

/** `nodes: { env.co2: "ns=2;s=…" }` adds a reading that the model file does not have. */
function impliedReadings(device: Device, model: ModelFile): ReadingMap[] {
  const known = new Set((model.readings ?? []).map((map) => map.type))
  const implied = new Map<string, ReadingMap>()
  for (const key of Object.keys(device.nodes ?? {}))
    for (const type of READING_TYPES.values()) {
      if (known.has(type.type) || !['state', 'sample'].includes(type.signal.kind)) continue
      const field = type.fields.find(
        (f) => key === `${type.type}.${f.name}` || (key === type.type && type.fields.length === 1),
      )
      if (!field) continue
      const map = implied.get(type.type) ?? { type: type.type, fields: {} }
      map.fields[field.name] = {}
      implied.set(type.type, map)
    }
  return [...implied.values()]
}
