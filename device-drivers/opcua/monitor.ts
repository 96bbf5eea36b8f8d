/** One request that monitors many nodes with the same sampling and deadband. */
import {
  AttributeIds,
  type ClientMonitoredItemBase,
  type ClientSubscription,
  DataChangeFilter,
  DataChangeTrigger,
  type DataValue,
  DeadbandType,
  TimestampsToReturn,
} from 'node-opcua-client'
import { type WireValue, wireValue } from './wire.ts'

/** Changes that a server keeps for a node between two publishings. */
const QUEUE = 20

export async function monitorNodes(
  subscription: ClientSubscription,
  nodes: readonly string[],
  how: { samplingMs: number; deadband: number },
  tell: { value(nodeId: string, value: WireValue): void; refused(nodeId: string): void },
): Promise<void> {
  const created = await subscription.monitorItems(
    nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })),
    {
      samplingInterval: how.samplingMs,
      discardOldest: true,
      queueSize: QUEUE,
      ...(how.deadband > 0
        ? {
            filter: new DataChangeFilter({
              trigger: DataChangeTrigger.StatusValue,
              deadbandType: DeadbandType.Absolute,
              deadbandValue: how.deadband,
            }),
          }
        : {}),
    },
    TimestampsToReturn.Both,
  )
  created.on('changed', (_item: ClientMonitoredItemBase, value: DataValue, index: number) => {
    const nodeId = nodes[index]
    if (nodeId !== undefined) tell.value(nodeId, wireValue(value))
  })
  for (const [index, item] of created.monitoredItems.entries()) {
    const nodeId = nodes[index]
    if (nodeId !== undefined && item.statusCode && !item.statusCode.isGood()) tell.refused(nodeId)
  }
}
