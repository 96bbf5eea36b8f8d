/**
 * The facility of the edge benchmark: bands on their persons, and officers' tags behind gateways, each of which can call
 * once for an alert of its own. As large as the case needs and otherwise uneventful.
 */
export interface BenchSite {
  facility: string
  bands: string[]
  tags: { gateway: string; tag: string }[]
  yaml: string
}

const CELL_M = 4
const PER_CELL = 4
const TAGS_PER_GATEWAY = 100

export function benchSite(options: { bands: number; tags: number; influxUrl: string | null }): BenchSite {
  const facility = 'bench-01'
  const pad = (n: number) => String(n).padStart(4, '0')
  const bands = Array.from({ length: options.bands }, (_, i) => `W${pad(i)}`)
  const tags = Array.from({ length: options.tags }, (_, i) => ({
    gateway: `G${pad(Math.floor(i / TAGS_PER_GATEWAY))}`,
    tag: `T${pad(i)}`,
  }))
  const cells = Math.ceil(bands.length / PER_CELL)
  const lines = [
    `facility: { id: ${facility}, name: { zh: 测试监所, en: Bench }, kind: prison, timezone: Asia/Shanghai }`,
    'zones:',
    '  - { id: W1, kind: ward, floor: 1 }',
    ...Array.from({ length: cells }, (_, i) => {
      const x = (i % 25) * CELL_M
      const y = Math.floor(i / 25) * CELL_M
      const corners = [
        [x, y],
        [x + CELL_M, y],
        [x + CELL_M, y + CELL_M],
        [x, y + CELL_M],
      ]
      return `  - { id: C${pad(i)}, parent: W1, kind: cell, floor: 1, capacity: 8, polygon: ${JSON.stringify(corners)} }`
    }),
    'devices:',
    ...[...new Set(tags.map((t) => t.gateway))].map((g) => `  - { id: ${g}, driver: mqtt, kind: gateway, zone: W1 }`),
    ...bands.map((b, i) => `  - { id: ${b}, driver: mqtt, kind: band, model: ww-json, subject: P${pad(i)} }`),
    ...tags.map((t) => `  - { id: ${t.tag}, driver: mqtt, kind: tag, model: ww-json, via: ${t.gateway} }`),
    'people:',
    ...bands.map((_, i) => {
      const cell = `C${pad(Math.floor(i / PER_CELL))}`
      return `  - { id: P${pad(i)}, number: "2026-${pad(i)}", cell: ${cell}, ward: W1, allowed: [W1, ${cell}] }`
    }),
    'staff:',
    ...tags.map((t, i) => `  - { id: S${pad(i)}, tag: ${t.tag}, role: officer }`),
    'broker: { tcp: 0, anonymous: true, limits: { connections: 5000 } }',
    'console: { port: 0 }',
    ...(options.influxUrl
      ? [
          `sinks: { influx: { url: ${JSON.stringify(options.influxUrl)}, version: 1, database: bench, l4: pseudonymous } }`,
        ]
      : []),
  ]
  return { facility, bands, tags, yaml: `${lines.join('\n')}\n` }
}

/** Where the person of a band is, inside its own cell, at a moment. */
export function placeOf(band: number, tick: number): { x_m: number; y_m: number } {
  const cell = Math.floor(band / PER_CELL)
  const x = (cell % 25) * CELL_M + 0.5 + (band % PER_CELL) * 0.8
  const y = Math.floor(cell / 25) * CELL_M + 0.5 + ((tick * 7 + band) % 30) / 10
  return { x_m: Number(x.toFixed(2)), y_m: Number(y.toFixed(2)) }
}
