/** The thread side of `store-thread.ts`: opens one store and answers its calls one after the other. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { type StoreMethods, type StoreModule, toWire } from './store-thread.ts'

const { module, options, behind } = workerData as { module: string; options: unknown; behind: boolean }
/** Steps of `nice` for a store that nobody waits for: beside a busy thread it gets a tenth of its share. */
const BEHIND = 10
// Of this thread on Linux; elsewhere the same call would mean the whole process.
if (behind && process.platform === 'linux')
  try {
    setPriority(BEHIND)
  } catch {
    // Forbidden in some containers: then it works beside the others.
  }
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
