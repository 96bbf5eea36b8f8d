/** Where in a YAML file something stands, for faults that people must find. Reads text, never files. */
import { type Document, LineCounter, parseDocument } from 'yaml'
import { WardwatchError } from '#model/errors.ts'

export interface Place {
  line: number
  column: number
}
export type Path = readonly (string | number)[]

/** The value at a path, as far as the path leads; with `key` the key itself of that name. */
export function locate(document: Document, lines: LineCounter, where: Path, key?: string): Place {
  let node: unknown = document.contents
  for (const step of where) node = (node as { get?: (k: unknown, keep: boolean) => unknown })?.get?.(step, true) ?? node
  if (key !== undefined) {
    const items = (node as { items?: { key?: { value?: unknown } }[] } | null)?.items
    node = items?.find((item) => item.key?.value === key)?.key ?? node
  }
  const { line, col } = lines.linePos((node as { range?: number[] } | null)?.range?.[0] ?? 0)
  return { line, column: col }
}

/** Path of the first scalar that holds a text below a path: some faults know their words, not their place. */
export function findScalar(document: Document, text: string, below: Path = []): (string | number)[] | null {
  const walk = (value: unknown, path: (string | number)[]): (string | number)[] | null => {
    if (value === text) return path
    if (value === null || typeof value !== 'object') return null
    for (const [key, child] of Object.entries(value)) {
      const found = walk(child, [...path, Array.isArray(value) ? Number(key) : key])
      if (found) return found
    }
    return null
  }
  let start: unknown = document.toJS()
  for (const step of below) start = (start as Record<string, unknown> | null)?.[step]
  return walk(start, [...below])
}

/** Line and column of a field of a file that is known to be YAML. */
export function placeIn(text: string, field: Path): Place {
  const lines = new LineCounter()
  return locate(parseDocument(text, { lineCounter: lines }), lines, field)
}

/** The same error with the place in the site file of what it speaks of, when it speaks of a field. */
export function placedIn(error: unknown, file: string, text: string): unknown {
  if (!(error instanceof WardwatchError) || !Array.isArray(error.fields.field)) return error
  const { line, column } = placeIn(text, error.fields.field as string[])
  return new WardwatchError(error.code, `${file}:${line}:${column}: ${error.message}`, error.fields)
}
