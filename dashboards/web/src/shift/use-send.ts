/** Sends what a person signs and says in the reader's own language what went wrong; the server's words are for machines. */
import { useState } from 'react'
import { ApiError, type Problem, postJson, requestKey } from '../api/client.ts'
import { type Text, useText } from '../i18n/use-text.ts'
import { clockTime } from '../live/format.ts'

export function faultWords(t: Text, problem: Problem): string {
  const { status } = problem
  const by = problem.by ?? '—'
  const at = typeof problem.at === 'number' ? clockTime(problem.at) : '—'
  if (status === 409 && problem.reason === 'red-since')
    return t('shift.fault.redSince', { by, numbers: t.list(problem.since ?? []) })
  if (status === 409 && problem.state === 'withdrawn') return t('shift.fault.withdrawn', { by, at })
  if (status === 409 && problem.state) return t('shift.fault.taken', { by, at })
  if (status === 409) return t('shift.fault.waiting', { by, at })
  if (status === 422 && problem.field === 'acceptOpenRed') return t('shift.fault.red')
  if (status === 403) return t('shift.fault.second')
  return t('shift.fault.other', { why: problem.detail ?? problem.title ?? `HTTP ${status}` })
}

export function useSend(onDone: () => Promise<unknown>) {
  const t = useText()
  const [fault, setFault] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const send = async (path: string, body: unknown): Promise<boolean> => {
    setBusy(true)
    setFault(null)
    try {
      await postJson(path, body, requestKey())
      await onDone()
      return true
    } catch (error) {
      setFault(error instanceof ApiError ? faultWords(t, error.problem) : String(error))
      // Somebody else was faster: what stands now must be on the screen beside the words.
      await onDone()
      return false
    } finally {
      setBusy(false)
    }
  }
  return { send, fault, busy }
}
