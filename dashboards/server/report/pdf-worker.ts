/** The thread in which a report is drawn: one document in, the bytes of the PDF out. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ReportDocument } from './document.ts'
import { drawReport } from './pdf-drawing.ts'

const bytes = await drawReport(workerData as ReportDocument)
parentPort?.postMessage(bytes)
