/** The lines of one instant before they are printed: an alert gets one rising line, with the highest level that holds. */
import type { Alert, ChangeKind } from '#model/alert/alert.ts'
import type { Step } from '#model/alert/lifecycle.ts'

export interface Staged {
  id: string
  kind: ChangeKind
  alert: Alert
  by: string | null
  note: string | null
  /** Of a raise, an escalation or a re-activation: these may join incidents and sound. */
  stirs: boolean
  reactivated: boolean
}

const RISING: ReadonlySet<ChangeKind> = new Set(['raised', 'escalated', 'updated'])

export class Stage {
  #lines: Staged[] = []

  add(step: Step, note: string | null, stirs: boolean, reactivated: boolean): void {
    const last = this.#lines.findLast((s) => s.id === step.alert.id)
    if (last && RISING.has(last.kind) && (step.change === 'escalated' || step.change === 'updated')) {
      last.kind = last.kind === 'updated' ? step.change : last.kind
      last.alert = step.alert
      last.note = last.note ?? step.note ?? note
      last.stirs = last.stirs || stirs
      last.reactivated = last.reactivated || reactivated
      return
    }
    this.#lines.push({
      id: step.alert.id,
      kind: step.change,
      alert: step.alert,
      by: step.by,
      note: step.note ?? note,
      stirs,
      reactivated,
    })
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0
  }

  /** Takes all lines: in order of alert id, those of one alert as they happened. */
  take(): Staged[] {
    const lines = this.#lines
    this.#lines = []
    return lines
      .map((s, i) => ({ s, i }))
      .sort((a, b) => (a.s.id < b.s.id ? -1 : a.s.id > b.s.id ? 1 : a.i - b.i))
      .map(({ s }) => s)
  }

  snapshot(): Staged[] {
    return this.#lines
  }
  restore(lines: Staged[]): void {
    this.#lines = lines
  }
}
