/** Prometheus metrics of an edge. Labels stay few: by driver, sink, level; single devices are for the API. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export interface MetricSources {
  readings(): { accepted: number; duplicates: number; quarantined: number; causes: Record<string, number> }
  journal(): {
    lastSeq: number
    pending: number
    bytes: number
    commits: number
    duplicates: number
    shed: number
    lag: Record<string, number>
  }
  drivers(): { name: string; devices: number; online: number; counts: Record<string, number> }[]
  /** By sink: numbers by what they count. */
  sinks(): ({ name: string } & Record<string, string | number>)[]
  broker(): Record<string, number> | null
  uplink(): { connected: boolean; lag: number; sent: number } | null
  alerts(): Record<string, { open: number; unacknowledged: number }>
  rules(): { evaluated: number; faults: number }
  test(): {
    latencyMs: number | null
    p95Ms: number | null
    okAt: number | null
    sent: number
    lost: number
    failing: boolean
  } | null
  escalation(): { watched: number; steps: number; failed: number; postponed: number }
  webhook(): Record<string, number> | null
  pictures(): { kept: number; failed: number }
  video(): { streams: number; viewers: number; started: number; failed: number; rings: number; ringBytes: number }
  quality(): Record<string, number>
  /** Removed since the start, by store and class. */
  retention(): Record<string, number>
}

export function createMetrics(sources: MetricSources): () => Promise<string> {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'wardwatch_' })
  const gauge = (
    name: string,
    help: string,
    labels: string[],
    collect: (set: (value: number, labels?: Record<string, string>) => void) => void,
  ): void => {
    new Gauge({
      name: `wardwatch_${name}`,
      help,
      labelNames: labels,
      registers: [registry],
      collect() {
        this.reset()
        collect((value, labelValues = {}) => this.set(labelValues, value))
      },
    })
  }
  gauge('readings', 'Readings by outcome since the start', ['outcome'], (set) => {
    const { accepted, duplicates, quarantined } = sources.readings()
    set(accepted, { outcome: 'accepted' })
    set(duplicates, { outcome: 'duplicate' })
    set(quarantined, { outcome: 'quarantined' })
  })
  gauge('quarantine', 'Quarantined by cause since the start', ['cause'], (set) => {
    for (const [cause, n] of Object.entries(sources.readings().causes)) set(n, { cause })
  })
  gauge(
    'journal',
    'Journal: last sequence number, rows waiting for the disk, bytes, commits, duplicates, rows shed',
    ['what'],
    (set) => {
      const { lag: _lag, ...rest } = sources.journal()
      for (const [what, n] of Object.entries(rest)) set(n, { what })
    },
  )
  gauge('consumer_lag', 'Journal records that a consumer has still to take', ['consumer'], (set) => {
    for (const [consumer, n] of Object.entries(sources.journal().lag)) set(n, { consumer })
  })
  gauge('devices', 'Devices by driver and state', ['driver', 'state'], (set) => {
    for (const { name, devices, online } of sources.drivers()) {
      set(online, { driver: name, state: 'online' })
      set(devices - online, { driver: name, state: 'offline' })
    }
  })
  gauge('driver_events', 'Counters of the drivers', ['driver', 'what'], (set) => {
    for (const { name, counts } of sources.drivers())
      for (const [what, n] of Object.entries(counts)) set(n, { driver: name, what })
  })
  gauge(
    'sink',
    'Time-series stores: lag, that of alerts, of now and of a backlog; delivered, failures',
    ['sink', 'what'],
    (set) => {
      for (const { name, ...rest } of sources.sinks())
        for (const [what, n] of Object.entries(rest)) set(Number(n), { sink: name, what })
    },
  )
  gauge('broker', 'Embedded MQTT broker', ['what'], (set) => {
    for (const [what, n] of Object.entries(sources.broker() ?? {})) set(n, { what })
  })
  gauge('uplink', 'Uplink to the province: connected, lag, sent', ['what'], (set) => {
    const state = sources.uplink()
    if (!state) return
    set(state.connected ? 1 : 0, { what: 'connected' })
    set(state.lag, { what: 'lag' })
    set(state.sent, { what: 'sent' })
  })
  gauge('alerts_open', 'Open alerts by level and whether somebody has acknowledged', ['level', 'state'], (set) => {
    for (const [level, { open, unacknowledged }] of Object.entries(sources.alerts())) {
      set(open - unacknowledged, { level, state: 'acknowledged' })
      set(unacknowledged, { level, state: 'unacknowledged' })
    }
  })
  gauge('rules', 'Records evaluated and rule faults', ['what'], (set) => {
    for (const [what, n] of Object.entries(sources.rules())) set(n, { what })
  })
  gauge(
    'end_to_end_test',
    'Test alert over the own broker: latency of the last one and p95 of the last day in ms, time of the last good one, sent, lost, failing now',
    ['what'],
    (set) => {
      const test = sources.test()
      if (!test) return
      for (const [what, n] of Object.entries({
        latency_ms: test.latencyMs,
        p95_ms: test.p95Ms,
        ok_time_seconds: test.okAt === null ? null : test.okAt / 1000,
        sent: test.sent,
        lost: test.lost,
        failing: Number(test.failing),
      }))
        if (n !== null) set(n, { what })
    },
  )
  gauge(
    'escalation',
    'Alerts whose clocks run; steps taken since the start, failed, put off in a storm',
    ['what'],
    (set) => {
      for (const [what, n] of Object.entries(sources.escalation())) set(n, { what })
    },
  )
  gauge('webhook', 'Outward channel: records waiting, sent, failed, given up by age, attempts', ['what'], (set) => {
    for (const [what, n] of Object.entries(sources.webhook() ?? {})) set(n, { what })
  })
  gauge('pictures', 'Evidence pictures kept and failed', ['what'], (set) => {
    for (const [what, n] of Object.entries(sources.pictures())) set(n, { what })
  })
  gauge('video', 'Live streams, viewers, starts, failures; rings and bytes of pre-roll', ['what'], (set) => {
    for (const [what, n] of Object.entries(sources.video())) if (typeof n === 'number') set(n, { what })
  })
  gauge(
    'quality',
    'Data quality: open tickets, quarantined items that wait, streams, streams beyond the limit',
    ['what'],
    (set) => {
      for (const [what, n] of Object.entries(sources.quality())) set(n, { what })
    },
  )
  gauge('retention_removed', 'Removed by age since the start, by store and class', ['what'], (set) => {
    for (const [what, n] of Object.entries(sources.retention())) set(n, { what })
  })
  return () => registry.metrics()
}
