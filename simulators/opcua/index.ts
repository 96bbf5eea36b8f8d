/** The OPC UA twin and what it can say. */

export type { TwinDevice } from './address-space.ts'
export { SHAPES, typesOf } from './shapes.ts'
export { createOpcuaTwin, type OpcuaFault, type OpcuaTwin, type OpcuaTwinOptions, type TwinReading } from './twin.ts'
