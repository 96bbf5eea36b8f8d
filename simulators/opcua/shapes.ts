/**
 * What each kind of device looks like inside the twin's address space: folder, variables, events, alarms. This is the
 * manufacturer's side of the wire: it must never be read by the driver, whose own idea of it stands in its model files.
 */
import type { DeviceKind } from '#model/site/schema.ts'

export type Scalar = 'Boolean' | 'Int32' | 'Double' | 'String'

/** One variable below the device's root; `field` of a reading of `type` is written to it. */
export interface VariableShape {
  /** Path below the root, `Inner/State`. */
  path: string
  dataType: Scalar
  initial: boolean | number | string
  type?: string
  field?: string
  /** Texts of an enumeration; the variable holds the index. */
  codes?: readonly string[]
  /** The variable holds value × factor (kV kept in V). */
  factor?: number
  /** Only readings whose other fields are these belong to the variable. */
  when?: Readonly<Record<string, string>>
}

/** A transient event: `fields` maps fields of the reading to properties of the event type. */
export interface EventShape {
  type: string
  eventType: string
  when?: Readonly<Record<string, string>>
  fields: Readonly<Record<string, readonly [property: string, dataType: Scalar]>>
}

/** A condition with acknowledge; a reading activates it, with the severity that its field names. */
export interface AlarmShape {
  type: string
  name: string
  field: string
  severities: Readonly<Record<string, number>>
}

export interface Shape {
  folder: string
  variables: readonly VariableShape[]
  events: readonly EventShape[]
  alarms: readonly AlarmShape[]
}

const shape = (folder: string, parts: Partial<Omit<Shape, 'folder'>>): Shape => ({
  folder,
  variables: parts.variables ?? [],
  events: parts.events ?? [],
  alarms: parts.alarms ?? [],
})

const analog = (path: string, type: string, field: string, initial: number, factor?: number): VariableShape => ({
  path,
  dataType: 'Double',
  initial,
  type,
  field,
  ...(factor ? { factor } : {}),
})
const flag = (path: string, type: string, field: string, initial = false): VariableShape => ({
  path,
  dataType: 'Boolean',
  initial,
  type,
  field,
})
const happening = (type: string, eventType: string, fields: EventShape['fields'] = {}): EventShape => ({
  type,
  eventType,
  fields,
})

const card = {
  credential: ['Credential', 'String'],
  direction: ['Direction', 'String'],
  reason: ['Reason', 'String'],
  door: ['Door', 'String'],
} as const
const person = { person: ['Person', 'String'] } as const
const tool = { tool: ['Tool', 'String'], ...person } as const
const leafState = (leaf: string, path: string): VariableShape => ({
  path,
  dataType: 'Int32',
  initial: 0,
  type: 'gate.state',
  field: 'state',
  codes: ['closed', 'open'],
  when: { leaf },
})
const search = happening('gate.search', 'GateSearchEventType', { state: ['State', 'String'] })
const life = happening('gate.life', 'LifeDetectionEventType', {
  present: ['Present', 'Boolean'],
  confidence: ['Confidence', 'Double'],
})
const plate = happening('gate.plate', 'PlateEventType', { plate: ['Plate', 'String'] })
const exitRequest = happening('door.exit-request', 'ExitRequestEventType')

export const SHAPES: Partial<Record<DeviceKind, Shape>> = {
  door: shape('Doors', {
    variables: [
      { path: 'State', dataType: 'Int32', initial: 0, type: 'door.state', field: 'state', codes: ['closed', 'open'] },
      { path: 'Lock', dataType: 'Int32', initial: 1, type: 'door.lock', field: 'state', codes: ['unlocked', 'locked'] },
      {
        path: 'Mode',
        dataType: 'Int32',
        initial: 0,
        type: 'door.mode',
        field: 'mode',
        codes: ['normal', 'emergency', 'fire', 'maintenance'],
      },
      { path: 'Position', dataType: 'Double', initial: 0 },
    ],
    events: [
      exitRequest,
      happening('door.command', 'DoorCommandEventType', { command: ['Command', 'String'], by: ['By', 'String'] }),
    ],
  }),
  reader: shape('Readers', {
    events: [
      happening('access.granted', 'AccessGrantedEventType', card),
      happening('access.denied', 'AccessDeniedEventType', card),
      happening('access.duress', 'AccessDuressEventType', { credential: card.credential, door: card.door }),
      exitRequest,
    ],
  }),
  gate: shape('Gates', {
    variables: [leafState('inner', 'Inner/State'), leafState('outer', 'Outer/State')],
    events: [
      happening('gate.command', 'GateCommandEventType', { leaf: ['Leaf', 'String'], command: ['Command', 'String'] }),
      search,
      life,
      plate,
    ],
  }),
  'life-detector': shape('LifeDetectors', { events: [life, search] }),
  'plate-reader': shape('PlateReaders', { events: [plate] }),
  fence: shape('Fences', {
    variables: [
      analog('Voltage', 'fence.voltage', 'kv', 6),
      analog('NominalVoltage', 'fence.voltage', 'nominal_kv', 6),
    ],
    events: [happening('fence.cut', 'FenceCutEventType')],
    alarms: [
      { type: 'fence.alarm', name: 'Intrusion', field: 'strength', severities: { low: 200, medium: 500, high: 800 } },
    ],
  }),
  climate: shape('Env', {
    variables: [
      analog('Temperature', 'env.temperature', 'celsius', 21),
      analog('Humidity', 'env.humidity', 'percent', 45),
      analog('CO2', 'env.co2', 'ppm', 500),
    ],
  }),
  smoke: shape('Env', {
    variables: [
      analog('Obscuration', 'env.smoke', 'percent_per_m', 0),
      analog('Temperature', 'env.temperature', 'celsius', 21),
    ],
  }),
  gas: shape('Env', {
    variables: [
      analog('LEL', 'env.gas', 'lel_percent', 0),
      analog('CO', 'env.co', 'ppm', 0),
      analog('CO2', 'env.co2', 'ppm', 500),
    ],
  }),
  noise: shape('Env', { variables: [analog('Level', 'env.noise', 'db', 45)] }),
  light: shape('Env', { variables: [analog('Illuminance', 'env.light', 'lux', 300)] }),
  leak: shape('Env', { variables: [flag('Leak', 'env.leak', 'active')] }),
  'call-point': shape('CallPoints', { variables: [flag('Active', 'env.call-point', 'active')] }),
  power: shape('Power', {
    variables: [flag('Mains', 'power.mains', 'on', true), analog('UpsCharge', 'power.ups', 'percent', 100)],
  }),
  'call-button': shape('CallButtons', {
    events: [
      happening('call.pressed', 'CallPressedEventType', person),
      happening('call.answered', 'CallAnsweredEventType', person),
    ],
  }),
  'panic-button': shape('PanicButtons', { events: [happening('panic.pressed', 'PanicEventType', person)] }),
  'patrol-point': shape('PatrolPoints', {
    events: [
      happening('patrol.checkin', 'CheckInEventType', {
        route: ['Route', 'String'],
        point: ['Point', 'String'],
        officer: ['Officer', 'String'],
        ...person,
      }),
    ],
  }),
  'tool-cabinet': shape('ToolCabinets', {
    events: [happening('tool.out', 'ToolOutEventType', tool), happening('tool.in', 'ToolInEventType', tool)],
  }),
  'roll-call': shape('RollCall', {
    events: [
      happening('rollcall.started', 'RollCallStartedEventType', {
        count: ['CountId', 'String'],
        kind: ['Kind', 'String'],
        expected: ['Expected', 'Int32'],
        out_count: ['OutCount', 'Int32'],
      }),
      happening('rollcall.closed', 'RollCallClosedEventType', {
        count: ['CountId', 'String'],
        attempt: ['Attempt', 'Int32'],
        present: ['PresentCount', 'Int32'],
      }),
      happening('rollcall.response', 'RollCallResponseEventType', {
        count: ['CountId', 'String'],
        ...person,
        method: ['Method', 'String'],
        score: ['Score', 'Double'],
      }),
    ],
  }),
  'clinic-terminal': shape('Clinic', {
    events: [
      happening('clinical.score', 'ClinicalScoreEventType', {
        scale: ['Scale', 'String'],
        score: ['Score', 'Double'],
        by: ['By', 'String'],
      }),
    ],
  }),
  'drone-detector': shape('Drones', {
    events: [
      happening('drone.detected', 'DroneEventType', {
        source: ['Source', 'String'],
        confidence: ['Confidence', 'Double'],
        drop: ['Drop', 'Boolean'],
        active: ['Active', 'Boolean'],
      }),
    ],
  }),
}

/** Reading types that the twin can say for a kind of device. */
export function typesOf(kind: DeviceKind): string[] {
  const found = SHAPES[kind]
  if (!found) return []
  const types = [
    ...found.variables.flatMap((v) => v.type ?? []),
    ...found.events.map((e) => e.type),
    ...found.alarms.map((a) => a.type),
  ]
  return [...new Set(types)]
}
