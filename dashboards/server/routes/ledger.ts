/** The ledger for those who check it: entries in order, and the proof of the chain. Payloads without persons. */
import type { FastifyInstance } from 'fastify'
import type { AlertChange } from '#model/alert/alert.ts'
import { may, type Role } from '#model/permissions.ts'
import type { Ledger, LedgerEntry } from '#model/ports/ledger.ts'
import { accountOf, allow } from '../authentication.ts'
import { maskChange } from '../masking.ts'
import { describeRoute, listShape } from '../openapi.ts'
import { fieldProblem } from '../problem.ts'
import { badCursor, choiceOf, fromCursor, limitOf, type Query, textOf, timeOf, toCursor } from '../query.ts'
import type { ConsoleKit } from '../server.ts'

/** The auditor checks who did what and when; the person behind an alert is not his business. */
function shown(entry: LedgerEntry, role: Role, kit: ConsoleKit): LedgerEntry & { masked: boolean } {
  if (may(role, 'people:read') || entry.kind !== 'alert') return { ...entry, masked: false }
  const change = entry.payload as AlertChange | null
  if (!change || typeof change !== 'object' || !change.alert) return { ...entry, payload: null, masked: true }
  return { ...entry, payload: { ...maskChange(change, 'technical', kit.masking), by: change.by }, masked: true }
}

export function registerLedgerRoutes(app: FastifyInstance, kit: ConsoleKit, ledger: Ledger): void {
  const onRequest = allow('ledger:read')
  app.get<{ Querystring: Query }>(
    '/api/v1/ledger',
    {
      onRequest,
      schema: describeRoute('Ledger entries, oldest first', 'ledger', {
        query: {
          from: 'at or after',
          to: 'at or before',
          ref: 'alert id or account',
          kind: 'alert, act, note',
          cursor: 'page',
          limit: '1 to 1000',
        },
        ok: listShape(),
        errors: [422],
      }),
    },
    async (request) => {
      const { query } = request
      const limit = limitOf(query, 200, 1_000)
      const cursor = fromCursor(query)
      if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) throw badCursor()
      const filter = {
        from: timeOf(query, 'from'),
        to: timeOf(query, 'to'),
        ref: textOf(query, 'ref'),
        kind: choiceOf(query, 'kind', ['alert', 'act', 'note'] as const),
      }
      const found = await ledger.list({
        ...filter,
        limit: limit + 1,
        ...(cursor === undefined ? {} : { afterSeq: Number(cursor) }),
      })
      const items = found.slice(0, limit)
      const filtered = Object.values(filter).some((v) => v !== undefined)
      const head = ledger.head()
      return {
        items: items.map((e) => shown(e, accountOf(request).role, kit)),
        next: found.length > limit ? toCursor(String(items[items.length - 1]!.seq)) : null,
        // With a filter the number is known only when everything fits in one answer.
        total: filtered ? (found.length <= limit && cursor === undefined ? items.length : null) : head.seq,
        head,
      }
    },
  )
  let running: Promise<unknown> | null = null
  app.get<{ Querystring: Query }>(
    '/api/v1/ledger/verify',
    {
      onRequest,
      schema: describeRoute('Walk the chain; names the first bad entry', 'ledger', {
        query: { from: 'sequence number to start from' },
        errors: [422],
      }),
    },
    async ({ query }) => {
      const from = textOf(query, 'from')
      if (from !== undefined && !/^\d{1,15}$/.test(from))
        throw fieldProblem('from', '"from" must be a sequence number.')
      // One walk at a time: it reads everything.
      while (running) await running.catch(() => {})
      const own = ledger.verify(from === undefined ? undefined : Number(from))
      running = own.finally(() => {
        running = null
      })
      return own
    },
  )
}
