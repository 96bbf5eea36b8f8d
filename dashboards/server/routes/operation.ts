/** Running the place: collection list, health, probes, metrics. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Gauge, Registry } from 'prom-client'
import { READING_TYPES, valueSchema } from '#model/catalogue/index.ts'
import type { ReadingType } from '#model/catalogue/type.ts'
import { may } from '#model/permissions.ts'
import { allow } from '../authentication.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { notFound, problem, problemBody, sendProblem } from '../problem.ts'
import { choiceOf, choicesOf, listOf, page, type Query } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

function catalogueItem(type: ReadingType) {
  return { ...type, producers: [...type.producers], schema: valueSchema(type) }
}

const cell = (value: unknown): string => {
  const text = value === undefined || value === null ? '' : String(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** 信息数据采集清单: one line per field; with a byte order mark, so that spreadsheets read the Chinese. */
export function catalogueCsv(types: Iterable<ReadingType>): string {
  const head = [
    '类型 type',
    '名称 name_zh',
    '英文 name_en',
    '分级 class',
    '信号 signal',
    '周期秒 period_s',
    '有效秒 valid_s',
    '来源设备 producers',
    '责任部门 owner',
    '字段 field',
    '字段类型 field_type',
    '必填 required',
    '单位 unit',
    '最小 min',
    '最大 max',
    '取值 values',
  ]
  const rows = [...types].flatMap((t) => {
    const own = [
      t.type,
      t.name.zh,
      t.name.en,
      t.class,
      t.signal.kind,
      t.signal.periodMs && t.signal.periodMs / 1000,
      t.signal.validMs && t.signal.validMs / 1000,
      t.producers.join(' '),
      t.owner,
    ]
    const fields = t.fields.length ? t.fields : [null]
    return fields.map((f) => [
      ...own,
      f?.name,
      f?.type,
      f ? (f.optional ? 'no' : 'yes') : '',
      f?.unit,
      f?.min,
      f?.max,
      f?.values?.join(' '),
    ])
  })
  return `\uFEFF${[head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
}

export function registerOperationRoutes(app: FastifyInstance, kit: ConsoleKit): void {
  registerCatalogue(app)
  registerProbes(app, kit)
}

function registerCatalogue(app: FastifyInstance): void {
  const onRequest = allow('catalogue:read')
  app.get<{ Querystring: Query }>(
    '/api/v1/catalogue',
    {
      onRequest,
      schema: describeRoute('The collection list; ?format=csv as a table', 'catalogue', {
        query: {
          format: 'json (default) or csv',
          class: 'L1 to L4',
          type: 'types',
          cursor: 'page',
          limit: '1 to 5000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async ({ query, headers }, reply) => {
      const classes = choicesOf(query, 'class', ['L1', 'L2', 'L3', 'L4'] as const)
      const named = listOf(query, 'type')
      const types = [...READING_TYPES.values()].filter(
        (t) => (!classes || classes.includes(t.class)) && (!named || named.includes(t.type)),
      )
      const format =
        choiceOf(query, 'format', ['json', 'csv'] as const) ?? (headers.accept?.startsWith('text/csv') ? 'csv' : 'json')
      if (format === 'csv') {
        reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="catalogue.csv"')
          .serializer(String)
        return catalogueCsv(types)
      }
      const found = page(types, (t) => t.type, query)
      return { ...found, items: found.items.map(catalogueItem) }
    },
  )
  app.get<{ Params: { type: string } }>(
    '/api/v1/catalogue/:type',
    { onRequest, schema: describeRoute('One reading type with its JSON Schema', 'catalogue', { errors: [404] }) },
    async ({ params }) => {
      const type = READING_TYPES.get(params.type)
      if (!type) throw notFound('reading type', params.type)
      return catalogueItem(type)
    },
  )
}

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])

function registerProbes(app: FastifyInstance, kit: ConsoleKit): void {
  const { options, hub } = kit
  const startedAt = options.clock.now()
  const notReady = (): string[] => options.notReady?.() ?? []

  app.get('/healthz', { schema: describeRoute('The process lives', 'operation', { open: true }) }, async () => ({
    status: 'ok',
    time: options.clock.now(),
    upMs: options.clock.now() - startedAt,
  }))
  app.get(
    '/readyz',
    { schema: describeRoute('The server can do its work', 'operation', { open: true, errors: [503] }) },
    async (_request, reply: FastifyReply) => {
      const reasons = notReady()
      if (reasons.length) return sendProblem(reply, problemBody(503, reasons.join('; '), { reasons }))
      return { status: 'ready' }
    },
  )

  app.get(
    '/api/v1/health',
    {
      onRequest: allow('health:read'),
      schema: describeRoute('Journal, drivers, stores, uplink, streams', 'operation'),
    },
    async () => ({
      ...((options.facility ? options.facility.health() : options.health?.()) as object | undefined),
      at: options.clock.now(),
      notReady: notReady(),
      stream: hub.stats(),
      consoles: { attended: kit.consoles.attended(), sounding: kit.consoles.sounding() },
    }),
  )

  const registry = new Registry()
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      },
    })
  gauge('wardwatch_console_streams', 'Open event streams', () => hub.stats().clients)
  gauge('wardwatch_console_stream_seq', 'Durable sequence number of the newest alert change', () => hub.stats().seq)
  gauge('wardwatch_console_stream_events', 'Events published since the start', () => hub.stats().published)
  gauge(
    'wardwatch_console_streams_dropped',
    'Streams dropped because the client did not read',
    () => hub.stats().dropped,
  )
  gauge('wardwatch_console_streams_refused', 'Streams refused because there were too many', () => hub.stats().refused)
  gauge('wardwatch_console_attended', 'Consoles at which somebody who may act can hear', () => kit.consoles.attended())
  gauge(
    'wardwatch_console_sounding',
    'Desks with a console that sounds',
    () => Object.values(kit.consoles.sounding()).filter((holder) => holder !== null).length,
  )
  gauge('wardwatch_console_stream_gaps', 'Gaps told to clients', () => hub.stats().gaps)

  app.get(
    '/metrics',
    {
      schema: describeRoute('Prometheus metrics; from another machine with a token', 'operation', {
        open: true,
        media: 'text/plain',
      }),
    },
    async (request, reply) => {
      // No personal data stands here, but the size of the watch is nobody's business outside.
      if (!LOOPBACK.has(request.ip) && !(request.account && may(request.account.role, 'health:read')))
        throw problem(
          request.account ? 403 : 401,
          'Metrics are given to this machine, or to a token that may read the health.',
        )
      const tier = options.facility ? await options.facility.metrics() : ((await options.metrics?.()) ?? '')
      reply.type(registry.contentType).serializer(String)
      return `${tier}${tier === '' || tier.endsWith('\n') ? '' : '\n'}${await registry.metrics()}`
    },
  )
}
