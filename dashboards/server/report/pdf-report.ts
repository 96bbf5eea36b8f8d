/**
 * Reports as PDF/A4 with embedded Chinese type. The drawing runs in a thread of its own, one report after the other:
 * laying out some thousand lines takes a second, which no alert may wait for. The queue is bounded.
 */
import { Worker } from 'node:worker_threads'
import { WardwatchError } from '#model/errors.ts'
import type { ReportDocument } from './document.ts'

export type { Block, ReportDocument, Words } from './document.ts'

/** Reports that may wait; beyond that a caller is told to come again. */
const MAX_WAITING = 8
const LIMIT_MS = 60_000

let turn: Promise<unknown> = Promise.resolve()
let waiting = 0

/** @throws WardwatchError `too-busy` when too many reports wait already. */
export async function pdfReport(document: ReportDocument): Promise<Buffer> {
  if (waiting >= MAX_WAITING)
    throw new WardwatchError('too-busy', `${waiting} reports are being made; ask again in a minute`)
  waiting++
  const mine = turn.then(() => draw(document))
  turn = mine.catch(() => undefined)
  try {
    return await mine
  } finally {
    waiting--
  }
}

function draw(document: ReportDocument): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./pdf-worker.ts', import.meta.url), { workerData: document })
    const limit = setTimeout(() => {
      void worker.terminate()
      reject(
        new WardwatchError('too-busy', `the report was not drawn within ${LIMIT_MS / 1000} s; ask for a shorter one`),
      )
    }, LIMIT_MS)
    worker.once('message', (bytes: Uint8Array) => resolve(Buffer.from(bytes)))
    worker.once('error', reject)
    worker.once('exit', (code) => {
      clearTimeout(limit)
      reject(new Error(`the drawing of a report ended with code ${code}`))
    })
  })
}
