/** Import of readings as NDJSON: idempotent by id; what cannot be read is named by its line and quarantined, never dropped. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { FacilityDesk } from '#model/ports/facility.ts'
import type { RawReading } from '#model/reading.ts'
import { accountOf, allow } from '../authentication.ts'
import { describeRoute } from '../openapi.ts'
import { problem } from '../problem.ts'
import type { ConsoleKit } from '../server.ts'

const BODY_LIMIT = 32 * 1024 * 1024
const MAX_LINES = 100_000
const NDJSON = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']

/** One entry per line that is not blank, with its number in the body; unreadable lines stay in as their text. */
export function linesOf(body: string): { line: number; item: unknown; broken: boolean }[] {
  const found: { line: number; item: unknown; broken: boolean }[] = []
  // Some editors begin a file with a mark of its encoding.
  for (const [index, text] of body
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (text.trim() === '') continue
    try {
      found.push({ line: index + 1, item: JSON.parse(text), broken: false })
    } catch {
      found.push({ line: index + 1, item: text, broken: true })
    }
  }
  return found
}

export function registerReadingRoutes(app: FastifyInstance, kit: ConsoleKit, desk: FacilityDesk): void {
  app.addContentTypeParser(NDJSON, { parseAs: 'string', bodyLimit: BODY_LIMIT }, (_request, text, done) =>
    done(null, text),
  )
  app.post(
    '/api/v1/readings',
    {
      onRequest: allow('readings:import'),
      bodyLimit: BODY_LIMIT,
      schema: describeRoute('Import readings, one JSON object per line', 'readings', {
        consumes: NDJSON,
        body: Type.Unsafe<string>({ description: 'one reading per line: {"device","type","value","time"?, …}' }),
        ok: {
          type: 'object',
          properties: {
            accepted: { type: 'integer' },
            duplicates: { type: 'integer' },
            quarantined: { type: 'array', items: { type: 'object' } },
          },
        },
        errors: [400, 413, 415],
      }),
    },
    async (request) => {
      const { body } = request
      // A single JSON object or an array is a courtesy; the contract is NDJSON.
      const lines =
        typeof body === 'string'
          ? linesOf(body)
          : (Array.isArray(body) ? body : [body]).map((item, i) => ({ line: i + 1, item, broken: false }))
      if (lines.length > MAX_LINES) throw problem(413, `At most ${MAX_LINES} lines at once; send them in parts.`)
      if (lines.length === 0) return { accepted: 0, duplicates: 0, quarantined: [] }
      const account = accountOf(request)
      await kit.audit({
        at: kit.options.clock.now(),
        by: account.id,
        what: 'readings-imported',
        ref: null,
        success: true,
        detail: { lines: lines.length },
      })
      // A broken line goes through as its text: the border behind refuses and quarantines it with the original.
      const outcome = await desk.importReadings(lines.map((l) => l.item as RawReading))
      const quarantined = outcome.quarantined.map(({ line, cause }) => {
        const own = lines[line - 1]
        return { line: own?.line ?? line, cause: own?.broken ? 'bad-json' : cause }
      })
      return { accepted: outcome.accepted, duplicates: outcome.duplicates, quarantined }
    },
  )
}
