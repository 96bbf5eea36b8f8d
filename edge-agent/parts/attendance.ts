/**
 * S05: nobody who may act can hear the consoles. Consoles are counted by their open streams and the state of their
 * sound. Armed by the first console that ever attended here, so that an edge without a command centre stays silent.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Alert, AlertChange } from '#model/alert/alert.ts'
import type { Clock, Timer } from '#model/clock.ts'
import type { AlertDesk } from '#model/ports/alert-desk.ts'
import type { Log } from '../log.ts'
import { clearedAt, systemAlert } from './system-alerts.ts'

export const UNATTENDED_RULE = 'no-attended-console'

export interface AttendancePart {
  facility: string
  clock: Clock
  log: Log
  /** Holds the mark that a console has attended here. */
  dir: string
  consoles: { attended(): number; onChange(listener: () => void): () => void }
  desk: Pick<AlertDesk, 'list'> & {
    apply(change: AlertChange, origin: { source: 'eager' | 'ordered' }): Promise<AlertChange[]>
  }
  /** How long nobody may be there, ms. */
  afterMs?: number
}

export interface Attendance {
  state(): { attended: number; armed: boolean; since: number | null; open: boolean }
  close(): void
}

const AFTER_MS = 60_000

export async function openAttendance(part: AttendancePart): Promise<Attendance> {
  const { clock, consoles, desk, facility, log } = part
  const afterMs = part.afterMs ?? AFTER_MS
  const mark = join(part.dir, 'console-attended')
  let armed = existsSync(mark)
  let open: Alert | null = (await desk.list({ open: true, rule: [UNATTENDED_RULE] })).items[0] ?? null
  /** Since when nobody is there; after a start nobody is, until somebody comes. */
  let since: number | null = clock.now()
  let timer: Timer | null = null
  let closed = false
  let turn: Promise<unknown> = Promise.resolve()
  const say = (change: AlertChange) => {
    turn = turn
      .then(() => desk.apply(change, { source: 'ordered' }))
      .catch((error: Error) => log.error('attendance.not-told', { error: error.message }))
  }
  const wait = () => {
    timer?.cancel()
    timer = null
    if (closed || !armed || since === null || open?.conditionActive) return
    timer = clock.after(Math.max(0, since + afterMs - clock.now()), () => {
      timer = null
      if (closed || since === null || consoles.attended() > 0) return
      const seconds = Math.round(afterMs / 1000)
      const change = systemAlert({
        rule: UNATTENDED_RULE,
        code: 'S05',
        level: 'orange',
        domain: 'duty',
        facility,
        at: clock.now(),
        since,
        plan: 'RP11',
        reason: { code: 'no-console', params: { since, seconds } },
        text: {
          zh: `${seconds} 秒内无人值守任何控制台（无在线席位或声音均未启用）`,
          en: `No console has been attended for ${seconds} s (none connected, or none can be heard)`,
        },
      })
      open = change.alert
      say(change)
    })
  }
  const look = () => {
    if (closed) return
    if (consoles.attended() > 0) {
      since = null
      timer?.cancel()
      timer = null
      if (!armed) {
        armed = true
        try {
          writeFileSync(mark, '')
        } catch (error) {
          log.warn('attendance.mark-not-kept', { error: (error as Error).message })
        }
      }
      if (open?.conditionActive) {
        say(clearedAt(open, clock.now()))
        open = null
      }
    } else if (since === null) {
      since = clock.now()
      wait()
    }
  }
  const leave = consoles.onChange(look)
  look()
  wait()
  return {
    state: () => ({ attended: consoles.attended(), armed, since, open: open?.conditionActive === true }),
    close() {
      closed = true
      leave()
      timer?.cancel()
    },
  }
}
