/**
 * `Idempotency-Key` on POSTs: the same key and body of one account gets the first answer again, so that a retry after
 * a lost answer never acts twice. Bounded in number, age and size; a server error is not kept, it may be tried again.
 */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '#model/clock.ts'
import { fieldProblem, problem } from './problem.ts'

interface Kept {
  body: string
  at: number
  answer: { status: number; type: string; payload: string } | null
  done: Promise<void>
  finish: () => void
}

export interface IdempotencyOptions {
  clock: Clock
  /** Answers kept. */
  max?: number
  ttlMs?: number
}

const MAX_PAYLOAD = 64 * 1024

declare module 'fastify' {
  interface FastifyRequest {
    idempotency: { slot: string; kept: Kept } | null
  }
}

export function registerIdempotency(
  app: FastifyInstance,
  { clock, max = 10_000, ttlMs = 24 * 3_600_000 }: IdempotencyOptions,
): void {
  const store = new Map<string, Kept>()
  app.decorateRequest('idempotency', null)

  const forget = (request: FastifyRequest): void => {
    const own = request.idempotency
    if (!own || own.kept.answer) return
    if (store.get(own.slot) === own.kept) store.delete(own.slot)
    own.kept.finish()
  }

  app.addHook('preHandler', async (request: FastifyRequest, reply: FastifyReply) => {
    const key = request.headers['idempotency-key']
    if (key === undefined || request.method !== 'POST' || !request.account) return
    if (typeof key !== 'string' || key.length < 1 || key.length > 255)
      throw fieldProblem('Idempotency-Key', 'The header Idempotency-Key must have 1 to 255 characters.')
    const slot = `${request.account.id}\0${request.url}\0${key}`
    const body = createHash('sha256')
      .update(typeof request.body === 'string' ? request.body : JSON.stringify(request.body ?? null))
      .digest('base64')
    for (;;) {
      const kept = store.get(slot)
      if (!kept || clock.now() - kept.at > ttlMs) break
      if (kept.body !== body)
        throw problem(422, 'This Idempotency-Key was used with another body.', { field: 'Idempotency-Key' })
      if (kept.answer) {
        const { status, type, payload } = kept.answer
        return reply
          .code(status)
          .header('content-type', type)
          .header('idempotency-replayed', 'true')
          .serializer(String)
          .send(payload)
      }
      // The first one is still at work: its answer is ours too.
      await kept.done
    }
    let finish = () => {}
    const done = new Promise<void>((resolve) => {
      finish = resolve
    })
    const kept: Kept = { body, at: clock.now(), answer: null, done, finish }
    store.delete(slot)
    store.set(slot, kept)
    if (store.size > max) {
      const oldest = store.keys().next().value
      if (oldest !== undefined) store.delete(oldest)
    }
    request.idempotency = { slot, kept }
  })

  app.addHook('onSend', async (request, reply, payload) => {
    const own = request.idempotency
    if (!own || own.kept.answer) return payload
    if (reply.statusCode < 500 && typeof payload === 'string' && payload.length <= MAX_PAYLOAD) {
      own.kept.answer = {
        status: reply.statusCode,
        type: String(reply.getHeader('content-type') ?? 'application/json'),
        payload,
      }
      own.kept.finish()
    } else forget(request)
    return payload
  })
  // A caller that goes away changes nothing: the act ends, its answer is kept, and his retry gets it.
}
