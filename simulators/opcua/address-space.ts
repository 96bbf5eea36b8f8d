/**
 * Builds the twin's address space (namespace index 2) from the shapes, and says readings through it: variables, events
 * and conditions with acknowledge. It must share nothing with the driver but the nouns of the model.
 */
import {
  coerceNodeId,
  DataType,
  DataValue,
  type Namespace,
  type NodeId,
  NodeId as NodeIdClass,
  type OPCUAServer,
  type StatusCode,
  StatusCodes,
  type UAAlarmConditionEx,
  type UAEventType,
  type UAObject,
  type UAVariable,
  Variant,
} from 'node-opcua'
import type { Clock } from '#model/clock.ts'
import type { Device } from '#model/context/kinds.ts'
import type { DeviceKind } from '#model/site/schema.ts'
import { type AlarmShape, type EventShape, type Scalar, SHAPES, type VariableShape } from './shapes.ts'

export const NAMESPACE_URI = 'urn:wardwatch:twin:facility'

/** What a variable last said; survives a restart of the server, as in the controllers behind a real one. */
export interface Kept {
  value: boolean | number | string
  /** Source time, ms. */
  time: number
  status: StatusCode
  /** Bad status without a value. */
  empty?: boolean
}

export type TwinDevice = Pick<Device, 'id' | 'kind' | 'root'>

const TYPES: Record<Scalar, DataType> = {
  Boolean: DataType.Boolean,
  Int32: DataType.Int32,
  Double: DataType.Double,
  String: DataType.String,
}

/** Node id of a device's root: as the site file says, else by kind, `ns=2;s=Doors/C204`. */
export function rootOfDevice(device: TwinDevice): string {
  return device.root ?? `ns=2;s=${SHAPES[device.kind as DeviceKind]?.folder ?? 'Devices'}/${device.id}`
}

export class TwinAddressSpace {
  readonly #server: OPCUAServer
  readonly #ns: Namespace
  readonly #kept: Map<string, Kept>
  readonly #clock: Clock
  readonly #variables = new Map<string, UAVariable>()
  readonly #objects = new Map<string, UAObject>()
  readonly #alarms = new Map<string, UAAlarmConditionEx>()
  readonly #eventTypes = new Map<string, UAEventType>()
  readonly #folders = new Map<string, UAObject>()
  /** Clock fault: device clock minus true time, ms. */
  offsetMs = 0

  constructor(server: OPCUAServer, kept: Map<string, Kept>, clock: Clock) {
    this.#server = server
    this.#kept = kept
    this.#clock = clock
    const space = server.engine.addressSpace
    if (!space) throw new Error('the server has no address space yet: initialize it first')
    this.#ns = space.registerNamespace(NAMESPACE_URI)
    // Acknowledge, ConditionRefresh and their like answer only when asked to.
    space.installAlarmsAndConditionsService()
    this.#bindCurrentTime()
  }

  /** The server's own clock follows the clock fault: its status object is wrapped the way node-opcua wraps it itself. */
  #bindCurrentTime(): void {
    const status = this.#server.engine.addressSpace?.findNode('i=2256') as unknown as {
      $extensionObject: object
      currentTime: { touchValue(): void }
    }
    status.$extensionObject = new Proxy(status.$extensionObject, {
      get: (target, property) => {
        if (property !== 'currentTime') return Reflect.get(target, property)
        status.currentTime.touchValue()
        return new Date(this.#clock.now() + this.offsetMs)
      },
    })
  }

  add(device: TwinDevice): void {
    const shape = SHAPES[device.kind as DeviceKind]
    if (!shape) return
    const root = rootOfDevice(device)
    const hasEvents = shape.events.length > 0 || shape.alarms.length > 0
    const server = this.#server.engine.addressSpace?.rootFolder.objects.server
    const object = this.#ns.addObject({
      organizedBy: this.#folder(shape.folder),
      browseName: root.slice(root.lastIndexOf('/') + 1).replace(/^.*s=/, ''),
      nodeId: root,
      ...(hasEvents ? { eventSourceOf: server } : {}),
    })
    this.#objects.set(device.id, object)
    for (const variable of shape.variables) this.#addVariable(device.id, object, root, variable)
    for (const alarm of shape.alarms) this.#addAlarm(device.id, object, root, alarm)
  }

  #folder(name: string): UAObject {
    const known = this.#folders.get(name)
    if (known) return known
    const folder = this.#ns.addFolder('ObjectsFolder', { browseName: name, nodeId: `ns=2;s=${name}` })
    this.#folders.set(name, folder)
    return folder
  }

  #addVariable(device: string, root: UAObject, rootId: string, shape: VariableShape): void {
    const steps = shape.path.split('/')
    const name = steps.pop() as string
    let parent = root
    let path = rootId
    for (const step of steps) {
      path += `/${step}`
      const known = this.#ns.findNode(path) as UAObject | null
      parent = known ?? this.#ns.addObject({ componentOf: parent, browseName: step, nodeId: path })
    }
    const key = `${device}\0${shape.path}`
    const variable = this.#ns.addVariable({
      componentOf: parent,
      browseName: name,
      nodeId: `${path}/${name}`,
      dataType: TYPES[shape.dataType],
      minimumSamplingInterval: 50,
    })
    this.#variables.set(key, variable)
    if (!this.#kept.has(key))
      this.#kept.set(key, { value: shape.initial, time: this.#clock.now(), status: StatusCodes.Good })
    this.#write(key, shape.dataType)
  }

  #addAlarm(device: string, source: UAObject, rootId: string, shape: AlarmShape): void {
    const alarm = this.#ns.instantiateAlarmCondition('AlarmConditionType', {
      componentOf: source,
      browseName: shape.name,
      nodeId: `${rootId}/${shape.name}`,
      conditionName: shape.name,
      conditionSource: source,
      inputNode: NodeIdClass.nullNodeId as NodeId,
      optionals: ['ConfirmedState', 'Confirm', 'ActiveState.TransitionTime'],
    } as Parameters<Namespace['instantiateAlarmCondition']>[1])
    this.#alarms.set(`${device}\0${shape.type}`, alarm)
  }

  #eventType(shape: EventShape): UAEventType {
    const known = this.#eventTypes.get(shape.eventType)
    if (known) return known
    const type = this.#ns.addEventType({ browseName: shape.eventType, subtypeOf: 'BaseEventType' })
    for (const [name, dataType] of Object.values(shape.fields))
      this.#ns.addVariable({
        propertyOf: type,
        browseName: name,
        dataType: TYPES[dataType],
        modellingRule: 'Mandatory',
      })
    this.#eventTypes.set(shape.eventType, type)
    return type
  }

  /** Registers all event types at once, so that a client that browses them at connection finds them. */
  declareEventTypes(): void {
    for (const shape of Object.values(SHAPES)) for (const event of shape?.events ?? []) this.#eventType(event)
  }

  #write(key: string, dataType: Scalar): void {
    const kept = this.#kept.get(key)
    const variable = this.#variables.get(key)
    if (!kept || !variable) return
    const value = new DataValue({
      ...(kept.empty ? {} : { value: new Variant({ dataType: TYPES[dataType], value: kept.value }) }),
      statusCode: kept.status,
      sourceTimestamp: new Date(kept.time + this.offsetMs),
    })
    // setValueFromSource cannot say a status without a value.
    ;(variable as unknown as { _internal_set_dataValue(v: DataValue): void })._internal_set_dataValue(value)
  }

  /** Says a reading. False when the device or type is unknown here. */
  say(device: TwinDevice, type: string, value: Record<string, unknown>, time: number): boolean {
    const shape = SHAPES[device.kind as DeviceKind]
    if (!shape || !this.#objects.has(device.id)) return false
    const belongs = (when?: Readonly<Record<string, string>>) =>
      Object.entries(when ?? {}).every(([field, wanted]) => value[field] === wanted)
    let said = false
    for (const variable of shape.variables) {
      const raw = variable.field === undefined ? undefined : value[variable.field]
      if (variable.type !== type || raw === undefined || raw === null || !belongs(variable.when)) continue
      const key = `${device.id}\0${variable.path}`
      this.#kept.set(key, { value: encode(variable, raw), time, status: StatusCodes.Good })
      this.#write(key, variable.dataType)
      said = true
    }
    for (const event of shape.events)
      if (event.type === type && belongs(event.when)) {
        this.#raise(device.id, event, value, time)
        said = true
      }
    for (const alarm of shape.alarms)
      if (alarm.type === type) {
        this.#alarm(device.id, alarm, value, time)
        said = true
      }
    return said
  }

  #raise(device: string, shape: EventShape, value: Record<string, unknown>, time: number): void {
    const object = this.#objects.get(device)
    if (!object) return
    const fields: Record<string, { dataType: DataType; value: unknown }> = {}
    for (const [field, [name, dataType]] of Object.entries(shape.fields)) {
      const raw = value[field]
      if (raw !== undefined && raw !== null)
        fields[name.charAt(0).toLowerCase() + name.slice(1)] = { dataType: TYPES[dataType], value: raw }
    }
    const at = new Date(time + this.offsetMs)
    object.raiseEvent(this.#eventType(shape), {
      ...(fields as object),
      time: { dataType: DataType.DateTime, value: at },
      message: { dataType: DataType.LocalizedText, value: { text: shape.type } },
      severity: { dataType: DataType.UInt16, value: 300 },
    } as Parameters<UAObject['raiseEvent']>[1])
  }

  #alarm(device: string, shape: AlarmShape, value: Record<string, unknown>, time: number): void {
    const alarm = this.#alarms.get(`${device}\0${shape.type}`)
    if (!alarm) return
    const at = new Date(time + this.offsetMs)
    // A second alarm while the first stands: the zone returned and was disturbed again.
    if (alarm.currentBranch().getActiveState()) this.#setAlarm(alarm, false, at, 100)
    this.#setAlarm(alarm, true, at, shape.severities[String(value[shape.field])] ?? 500)
  }

  #setAlarm(alarm: UAAlarmConditionEx, active: boolean, at: Date, severity: number): void {
    const branch = alarm.currentBranch() as ReturnType<UAAlarmConditionEx['currentBranch']> & {
      setActiveState(on: boolean, options?: { effectiveTransitionTime?: Date; transitionTime?: Date }): StatusCode
    }
    branch.setActiveState(active, { transitionTime: at, effectiveTransitionTime: at })
    if (active) branch.setAckedState(false)
    alarm.raiseNewCondition({
      time: at,
      severity,
      message: active ? 'alarm' : 'normal',
      quality: StatusCodes.Good,
      retain: active || !branch.getAckedState(),
    })
  }

  /** The alarm's condition ends (the acknowledgement stays open). */
  clearAlarm(device: TwinDevice, type: string): void {
    const alarm = this.#alarms.get(`${device.id}\0${type}`)
    if (alarm?.currentBranch().getActiveState())
      this.#setAlarm(alarm, false, new Date(this.#clock.now() + this.offsetMs), 100)
  }

  isAcknowledged(device: TwinDevice, type: string): boolean | null {
    return this.#alarms.get(`${device.id}\0${type}`)?.currentBranch().getAckedState() ?? null
  }

  /** Sets the status of the device's variables (of one reading type, or all). @param empty no value beside the status. */
  setStatus(device: TwinDevice, status: StatusCode, type: string | undefined, empty: boolean): void {
    for (const variable of SHAPES[device.kind as DeviceKind]?.variables ?? []) {
      if (type !== undefined && variable.type !== type) continue
      const key = `${device.id}\0${variable.path}`
      const kept = this.#kept.get(key)
      if (!kept) continue
      this.#kept.set(key, { value: kept.value, time: this.#clock.now(), status, empty })
      this.#write(key, variable.dataType)
    }
  }

  /** Writes something that no enumeration or range of the device knows. */
  nonsense(device: TwinDevice): boolean {
    const variable = SHAPES[device.kind as DeviceKind]?.variables.find((v) => v.codes)
    if (!variable) return false
    const key = `${device.id}\0${variable.path}`
    this.#kept.set(key, { value: 77, time: this.#clock.now(), status: StatusCodes.Good })
    this.#write(key, variable.dataType)
    return true
  }

  /** Takes a device's node out of the address space, with all below it. */
  remove(device: TwinDevice): void {
    const node = this.#ns.findNode(coerceNodeId(rootOfDevice(device)))
    if (node) this.#ns.deleteNode(node)
    this.#objects.delete(device.id)
    for (const map of [this.#variables, this.#alarms])
      for (const key of map.keys()) if (key.startsWith(`${device.id}\0`)) map.delete(key)
  }
}

function encode(shape: VariableShape, raw: unknown): boolean | number | string {
  if (shape.codes) return shape.codes.indexOf(String(raw))
  if (shape.factor) return Number(raw) * shape.factor
  if (shape.dataType === 'Boolean') return raw === true
  if (shape.dataType === 'String') return String(raw)
  return Number(raw)
}
