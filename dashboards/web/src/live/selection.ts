/** Rows chosen for one act on many: by X, a range by Shift+X, all filtered by Ctrl+A. What is gone from the list is let go. */
import { Signal } from './signal.ts'

export interface Selection {
  ids: ReadonlySet<string>
  /** Where a range begins. */
  anchor: string | null
}
const empty: Selection = { ids: new Set(), anchor: null }
export const selection = new Signal<Selection>(empty)

export function clearSelection(): void {
  if (selection.get() !== empty) selection.set(empty)
}

export function toggle(members: readonly string[], rowId: string): void {
  const ids = new Set(selection.get().ids)
  const all = members.every((id) => ids.has(id))
  for (const id of members) {
    if (all) ids.delete(id)
    else ids.add(id)
  }
  selection.set({ ids, anchor: rowId })
}

/** From the last chosen row to this one, both included. */
export function range(rows: readonly { id: string; members: string[] }[], rowId: string): void {
  const { ids, anchor } = selection.get()
  const to = rows.findIndex((r) => r.id === rowId)
  const from = rows.findIndex((r) => r.id === anchor)
  if (to < 0) return
  const [a, b] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)]
  const added = new Set(ids)
  for (const row of rows.slice(a, b + 1)) for (const id of row.members) added.add(id)
  selection.set({ ids: added, anchor: from < 0 ? rowId : anchor })
}

export function selectAll(rows: readonly { id: string; members: string[] }[]): void {
  selection.set({ ids: new Set(rows.flatMap((r) => r.members)), anchor: rows[0]?.id ?? null })
}

/** Only what still stands in the list stays chosen. */
export function keepOnly(present: (id: string) => boolean): void {
  const { ids, anchor } = selection.get()
  const kept = [...ids].filter(present)
  if (kept.length !== ids.size) selection.set({ ids: new Set(kept), anchor })
}
