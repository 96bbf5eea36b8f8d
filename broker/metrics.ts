/** What the broker counts. Plain numbers; the edge turns them into Prometheus lines. */
export interface BrokerMetrics {
  clients: number
  connections: number
  /** Connections refused, by reason. */
  refused: Record<string, number>
  published: number
  publishedBytes: number
  /** Messages handed to the journal and not yet durable, and their bytes. */
  waiting: number
  waitingBytes: number
  /** Times that reading was stopped because too much waited. */
  journalBackpressure: number
  journalFailures: number
  topicDenied: number
  subscribeDenied: number
  oversize: number
  malformed: number
  throttled: number
  overrun: number
  retainIgnored: number
  wills: number
  localPublished: number
  slowSubscribers: number
  sessionQueueFull: number
  /** Rejections that were counted but, above the limit, not reported one by one. */
  rejectionsFolded: number
}

export function newMetrics(): BrokerMetrics {
  return {
    clients: 0,
    connections: 0,
    refused: {},
    published: 0,
    publishedBytes: 0,
    waiting: 0,
    waitingBytes: 0,
    journalBackpressure: 0,
    journalFailures: 0,
    topicDenied: 0,
    subscribeDenied: 0,
    oversize: 0,
    malformed: 0,
    throttled: 0,
    overrun: 0,
    retainIgnored: 0,
    wills: 0,
    localPublished: 0,
    slowSubscribers: 0,
    sessionQueueFull: 0,
    rejectionsFolded: 0,
  }
}

/** Counters that are not levels, i.e. everything that only rises. */
export type Counter = {
  [K in keyof BrokerMetrics]: BrokerMetrics[K] extends number ? K : never
}[keyof BrokerMetrics]
