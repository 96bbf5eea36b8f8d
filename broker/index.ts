/** The front door of `broker/`: what the edge may use. */
export { createBroker } from './broker.ts'
export { type BrokerDevice, type BrokerSubscriber, brokerDevices, type Identities } from './identities.ts'
export type { Ports, TlsOptions } from './listeners.ts'
export type { BrokerMetrics } from './metrics.ts'
export { type Broker, type BrokerLimits, type BrokerOptions, DEFAULT_LIMITS, type DeviceSession } from './options.ts'
export type { InboundPublish } from './publish-batch.ts'
export type { Rejection, RejectionCause } from './rejections.ts'
