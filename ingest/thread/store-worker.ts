/** The thread side of `store-thread.ts`: opens one store and answers its calls one after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { type StoreMethods, type StoreModule, toWire } from './store-thread.ts'

const { module, options } = workerData as { module: string; options: unknown }
const port = parentPort!
const imported = (await import(module)) as StoreModule
let store: StoreMethods | null = null

port.on('message', ({ id, method, args }: { id: number; method: string; args: unknown[] }) => {
  try {
    if (method === '#open') {
      store = imported.open(options)
      port.postMessage({ id })
      return
    }
    const work = store?.[method]
    if (!work) throw new Error(`the store of ${module} has no method ${method}`)
    port.postMessage({ id, result: work(...args) })
  } catch (error) {
    port.postMessage({ id, error: toWire(error) })
  }
})
