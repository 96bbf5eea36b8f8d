/** Prometheus text of the provincial tier. Labels are bounded: facilities of the configuration and fixed causes. */
import type { SseStats } from '#dashboards/sse-hub.ts'
import type { Intake } from './intake.ts'
import type { FacilityView } from './overview.ts'
import type { Receiver } from './receiver.ts'

type Sample = [labels: Record<string, string>, value: number]

function family(name: string, kind: 'counter' | 'gauge', help: string, samples: Sample[]): string {
  const lines = samples.map(([labels, value]) => {
    const text = Object.entries(labels).map(([label, content]) => `${label}=${JSON.stringify(content)}`)
    return `wardwatch_province_${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value}`
  })
  return `# HELP wardwatch_province_${name} ${help}\n# TYPE wardwatch_province_${name} ${kind}\n${lines.join('\n')}\n`
}

export function metricsText(
  intake: Pick<Intake, 'counters' | 'queued'>,
  receiver: Receiver | null,
  stream: SseStats,
  facilities: FacilityView[],
): string {
  const { counters } = intake
  const { received, commits, restarts, ...outcomes } = counters
  const stats = receiver?.stats()
  const each = (value: (view: FacilityView) => number): Sample[] =>
    facilities.map((f) => [{ facility: f.id }, value(f)])
  return [
    family('messages_total', 'counter', 'Messages received.', [[{}, received]]),
    family(
      'outcomes_total',
      'counter',
      'What became of them.',
      Object.entries(outcomes).map(([outcome, n]): Sample => [{ outcome }, n]),
    ),
    family('commits_total', 'counter', 'Groups committed to the store.', [[{}, commits]]),
    family('counter_restarts_total', 'counter', 'Facilities whose sequence started anew.', [[{}, restarts]]),
    family('queued', 'gauge', 'Messages that wait for the store.', [[{}, intake.queued()]]),
    family('connections', 'gauge', 'Facilities connected to the receiver.', [[{}, stats?.connected ?? 0]]),
    family(
      'refused_total',
      'counter',
      'Connections and messages turned away.',
      Object.entries(stats?.refused ?? {}).map(([cause, n]): Sample => [{ cause }, n]),
    ),
    family('stream_clients', 'gauge', 'Consoles connected.', [[{}, stream.clients]]),
    family(
      'facility_connected',
      'gauge',
      '1 while the facility is heard.',
      each((f) => (f.connected ? 1 : 0)),
    ),
    family(
      'facility_gaps',
      'gauge',
      'Named gaps that are not filled.',
      each((f) => f.gaps),
    ),
    family(
      'facility_sequence',
      'gauge',
      'Largest sequence number received.',
      each((f) => f.sequence),
    ),
  ].join('')
}
