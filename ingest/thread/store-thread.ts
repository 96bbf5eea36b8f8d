/**
 * Runs a store (a module with `open(options)`) in a worker thread, so that waiting for the disk never holds up readings
 * or people. Calls are answered in the order in which they were made. Must never know what a store holds.
 */
import { Worker } from 'node:worker_threads'
import { ERRORS, type ErrorCode, WardwatchError } from '#model/errors.ts'

/** A store's methods: synchronous, with structured-cloneable arguments and answers. */
// biome-ignore lint/suspicious/noExplicitAny: the caller's type parameter says what each method takes
export type StoreMethods = Record<string, (...args: any[]) => unknown> & { close(): void }

export interface StoreModule {
  open(options: unknown): StoreMethods
}

export interface StoreLink {
  call<T>(method: string, ...args: unknown[]): Promise<T>
  /** Ends the thread after everything asked before is done. */
  close(): Promise<void>
}

export interface WireError {
  message: string
  code: string | null
  fields: Record<string, unknown>
  stack: string | undefined
}

export function toWire(error: unknown): WireError {
  const e = error as Error & { code?: unknown; fields?: Record<string, unknown> }
  return {
    message: String(e?.message ?? error),
    code: error instanceof WardwatchError ? error.code : null,
    fields: error instanceof WardwatchError ? error.fields : {},
    stack: e?.stack,
  }
}

export function fromWire(wire: WireError): Error {
  if (wire.code !== null && wire.code in ERRORS)
    return new WardwatchError(wire.code as ErrorCode, wire.message, wire.fields)
  const error = new Error(wire.message)
  if (wire.stack) error.stack = wire.stack
  return error
}

/**
 * Opens the store of `module` (a file URL) in its own thread; rejects with the store's own sentence when it cannot.
 * @param how `behind`: nobody waits for this store; where processors are scarce it works after the alerts.
 */
export async function openStoreThread(
  module: URL,
  options: unknown,
  how: { behind?: boolean } = {},
): Promise<StoreLink> {
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), {
    workerData: { module: module.href, options, behind: how.behind === true },
    // What a store makes lives for one call; V8 would let the space for it grow to 128 MB in every thread.
    resourceLimits: { maxYoungGenerationSizeMb: 16 },
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let nextId = 1
  let ended: Error | null = null
  const end = (error: Error) => {
    ended ??= error
    for (const call of waiting.values()) call.reject(ended)
    waiting.clear()
  }
  worker.on('message', (message: { id: number; result?: unknown; error?: WireError }) => {
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.error) call?.reject(fromWire(message.error))
    else call?.resolve(message.result)
  })
  worker.on('error', (error) => end(error as Error))
  worker.on('exit', () => end(new WardwatchError('internal', `The store thread of ${module.pathname} has ended.`)))
  const call = <T>(method: string, ...args: unknown[]): Promise<T> => {
    if (ended) return Promise.reject(ended)
    const id = nextId++
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      worker.postMessage({ id, method, args })
    })
  }
  try {
    await call('#open')
  } catch (error) {
    await worker.terminate()
    throw error
  }
  return {
    call,
    async close() {
      if (ended) return
      await call('close').finally(() => worker.terminate())
    },
  }
}

/** The same store on the calling thread: for the simulation, and for files that are hardly ever written. */
export function openStoreInline(module: StoreModule, options: unknown): StoreLink {
  const store = module.open(options)
  let closed = false
  return {
    async call<T>(method: string, ...args: unknown[]) {
      return store[method]!(...args) as T
    },
    async close() {
      if (closed) return
      closed = true
      store.close()
    },
  }
}
