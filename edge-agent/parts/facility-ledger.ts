/**
 * The ledger of a facility with what the site file says about it, and requests to forget a person that another process
 * (`wardwatch ledger forget`) left in the data folder: the running edge alone may write its ledger.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type EdgeLedger, type Forgotten, openLedger } from '#ingest/ledger/ledger.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { Site } from '#model/site/load.ts'
import type { Log } from '../log.ts'
import { facilityKey } from './aliases.ts'

export interface FacilityLedgerPart {
  site: Site
  clock: Clock
  log: Log
  /** Data folder of the edge. */
  root: string
  dir: string
}

export interface ForgetRequest {
  person: string
  by: string
  reason: string
}

export type ForgetAnswer = { ok: true; done: Forgotten } | { ok: false; detail: string }

const LOOK_MS = 1000
const POLL_MS = 200
const folderOf = (dir: string): string => join(dir, 'forget-requests')

export const ledgerOptions = (site: Site, root: string) => ({
  timezone: site.facility.timezone ?? 'Asia/Shanghai',
  facilityKey: facilityKey(site, root),
  ...(site.ledger?.hash ? { hash: site.ledger.hash } : {}),
  ...(site.ledger?.signature ? { signature: site.ledger.signature } : {}),
  ...(site.ledger?.cipher ? { cipher: site.ledger.cipher } : {}),
})

export async function openFacilityLedger(part: FacilityLedgerPart): Promise<EdgeLedger> {
  const { site, clock, log, root, dir } = part
  const ledger = await openLedger({
    dir,
    clock,
    ...ledgerOptions(site, root),
    onEvent: (event) => log.warn(event.event, event),
  })
  const watch = watchForgetRequests(ledger, dir, clock, log)
  const close = ledger.close.bind(ledger)
  ledger.close = async () => {
    await watch.close()
    await close()
  }
  return ledger
}

function watchForgetRequests(ledger: EdgeLedger, dir: string, clock: Clock, log: Log): { close(): Promise<void> } {
  const folder = folderOf(dir)
  let timer: Timer | null = null
  let working: Promise<void> = Promise.resolve()
  let closed = false
  const look = async (): Promise<void> => {
    for (const name of requestsIn(folder)) {
      if (closed) return
      const path = join(folder, name)
      const answer = await answerTo(ledger, path)
      log.info('ledger.forget', answer.ok ? { ok: true, seq: answer.done.seq } : { ok: false, detail: answer.detail })
      writeWhole(path.replace(/\.request$/, '.answer'), answer)
      rmSync(path, { force: true })
    }
  }
  const arm = (): void => {
    timer = clock.after(LOOK_MS, () => {
      working = look()
        .catch((error: Error) => log.warn('ledger.forget-failed', { error: error.message }))
        .finally(() => {
          if (!closed) arm()
        })
    })
  }
  arm()
  return {
    async close() {
      closed = true
      timer?.cancel()
      await working
    },
  }
}

function requestsIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.request'))
  } catch {
    return []
  }
}

async function answerTo(ledger: EdgeLedger, path: string): Promise<ForgetAnswer> {
  try {
    const { person, by, reason } = JSON.parse(readFileSync(path, 'utf8')) as ForgetRequest
    if (typeof person !== 'string' || typeof by !== 'string' || typeof reason !== 'string')
      return { ok: false, detail: 'the request names no person, author or reason' }
    return { ok: true, done: await ledger.forget(person, { by, reason }) }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}

/** Leaves a request for the running edge; answers when it has done it, or null when it did not within `waitMs`. */
export async function askToForget(dir: string, request: ForgetRequest, waitMs: number): Promise<ForgetAnswer | null> {
  const folder = folderOf(dir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const name = join(folder, randomUUID())
  writeWhole(`${name}.request`, request)
  for (let waited = 0; waited < waitMs; waited += POLL_MS) {
    // A timer that holds the process: the one who asks has nothing else to do.
    await setTimeout(POLL_MS)
    try {
      const answer = JSON.parse(readFileSync(`${name}.answer`, 'utf8')) as ForgetAnswer
      rmSync(`${name}.answer`, { force: true })
      return answer
    } catch {
      // Not yet.
    }
  }
  rmSync(`${name}.request`, { force: true })
  return null
}

/** Whole or not at all: the other side reads as soon as it sees the name. */
function writeWhole(path: string, value: unknown): void {
  writeFileSync(`${path}.part`, JSON.stringify(value), { mode: 0o600, flush: true })
  renameSync(`${path}.part`, path)
}
