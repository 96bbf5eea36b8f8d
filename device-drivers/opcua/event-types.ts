/**
 * The event types a server offers: read once per connection, so that model files can name types and properties in words,
 * whatever numbers the server gave them. Bounded; read only.
 */
import {
  AttributeIds,
  BrowseDirection,
  type ClientSession,
  coerceNodeId,
  EventFilter,
  type NodeId,
  QualifiedName,
  SimpleAttributeOperand,
} from 'node-opcua-client'
import { browseMany } from './browse-many.ts'
import { normalName } from './model-file.ts'

const TYPE_LIMIT = 5000
const CLAUSE_LIMIT = 400

export interface EventType {
  id: string
  name: string
  parent: string | null
  /** Properties it declares itself, by normalised name. */
  fields: Map<string, QualifiedName>
}

export interface EventTypes {
  byId: Map<string, EventType>
  /** Names of the type and of its supertypes below BaseEventType, nearest first. */
  chain(id: string): string[]
}

export const EVENT = {
  base: 'ns=0;i=2041',
  condition: 'ns=0;i=2782',
  refreshStart: 'ns=0;i=2787',
  refreshEnd: 'ns=0;i=2788',
  refreshRequired: 'ns=0;i=2789',
  overflow: 'ns=0;i=3035',
} as const

export async function readEventTypes(session: ClientSession): Promise<EventTypes> {
  const byId = new Map<string, EventType>([
    [EVENT.base, { id: EVENT.base, name: 'BaseEventType', parent: null, fields: new Map() }],
  ])
  let level: string[] = [EVENT.base]
  while (level.length > 0 && byId.size < TYPE_LIMIT) {
    const answers = await browseMany(session, level, {
      referenceTypeId: 'HasSubtype',
      direction: BrowseDirection.Forward,
      objectsOnly: false,
    })
    const next: string[] = []
    answers.forEach((answer, i) => {
      for (const reference of answer.references) {
        const id = reference.nodeId.toString()
        if (byId.has(id)) continue
        byId.set(id, { id, name: reference.browseName.name ?? '', parent: level[i] as string, fields: new Map() })
        next.push(id)
      }
    })
    level = next
  }
  // Only types of the maker have properties that a model file would name; the standard ones are in every filter.
  const own = [...byId.values()].filter((type) => !type.id.startsWith('ns=0;') && !type.id.startsWith('i='))
  const answers = await browseMany(
    session,
    own.map((type) => type.id),
    { referenceTypeId: 'Aggregates', direction: BrowseDirection.Forward, objectsOnly: false },
  )
  answers.forEach((answer, i) => {
    for (const reference of answer.references) {
      const name = reference.browseName
      if (name.name) own[i]?.fields.set(normalName(name.name), name)
    }
  })
  return {
    byId,
    chain(id) {
      const names: string[] = []
      let type = byId.get(id)
      while (type?.parent) {
        names.push(type.name)
        type = byId.get(type.parent)
      }
      return names
    },
  }
}

const clause = (type: string, path: (string | QualifiedName)[], attributeId = AttributeIds.Value) =>
  new SimpleAttributeOperand({
    typeDefinitionId: coerceNodeId(type) as NodeId,
    browsePath: path.map((step) => (typeof step === 'string' ? new QualifiedName({ name: step }) : step)),
    attributeId,
  })

/** Fields that every filter asks for, in this order. */
export const STANDARD = [
  'eventId',
  'eventType',
  'sourceNode',
  'sourceName',
  'time',
  'message',
  'severity',
  'conditionId',
  'conditionName',
  'active',
  'activeSince',
] as const
export type StandardField = (typeof STANDARD)[number]

const ALARM = 'ns=0;i=2915'
const STANDARD_CLAUSES = () => [
  clause(EVENT.base, ['EventId']),
  clause(EVENT.base, ['EventType']),
  clause(EVENT.base, ['SourceNode']),
  clause(EVENT.base, ['SourceName']),
  clause(EVENT.base, ['Time']),
  clause(EVENT.base, ['Message']),
  clause(EVENT.base, ['Severity']),
  clause(EVENT.condition, [], AttributeIds.NodeId),
  clause(EVENT.condition, ['ConditionName']),
  clause(ALARM, ['ActiveState', 'Id']),
  clause(ALARM, ['ActiveState', 'TransitionTime']),
]

export interface EventSelection {
  filter: EventFilter
  /** Normalised property name of each clause behind the standard ones. */
  fields: string[]
}

/** A filter that asks for the standard fields and for each property that a model file names, wherever it is declared. */
export function selectFields(types: EventTypes, wanted: ReadonlySet<string>): EventSelection {
  const clauses = STANDARD_CLAUSES()
  const fields: string[] = []
  for (const type of types.byId.values())
    for (const [name, qualified] of type.fields)
      if (wanted.has(name) && clauses.length < CLAUSE_LIMIT) {
        clauses.push(clause(type.id, [qualified]))
        fields.push(name)
      }
  return { filter: new EventFilter({ selectClauses: clauses }), fields }
}
