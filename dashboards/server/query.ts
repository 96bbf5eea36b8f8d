/** Queries as text: times (ms or RFC 3339), comma-separated lists, durations, cursors. Every fault names the field. */
import { durationMs } from '#model/local-time.ts'
import { fieldProblem, type ProblemError, problem } from './problem.ts'

export type Query = Record<string, unknown>

/** A parameter given twice is a list too: `?zone=A&zone=B` equals `?zone=A,B`. */
export function textOf(query: Query, field: string): string | undefined {
  const value = query[field]
  if (value === undefined || value === '') return undefined
  return Array.isArray(value) ? value.join(',') : String(value)
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/i

/** ms since 1970 UTC, or RFC 3339 with its offset. */
export function timeOf(query: Query, field: string): number | undefined {
  const text = textOf(query, field)
  if (text === undefined) return undefined
  // "+" of an offset is a space after URL decoding when the caller forgot to escape it.
  const fixed = text.replace(/ (\d{2}:\d{2})$/, '+$1')
  const ms = /^\d{1,15}$/.test(fixed) ? Number(fixed) : RFC3339.test(fixed) ? Date.parse(fixed) : Number.NaN
  if (!Number.isFinite(ms))
    throw fieldProblem(
      field,
      `"${field}" must be ms since 1970 UTC or an RFC 3339 time such as 2026-11-22T14:03:00+08:00.`,
    )
  return ms
}

export function listOf(query: Query, field: string): string[] | undefined {
  const text = textOf(query, field)
  if (text === undefined) return undefined
  const items = text
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
  if (items.length > 500) throw fieldProblem(field, `"${field}" may name at most 500 items.`)
  return items.length ? items : undefined
}

export function choicesOf<T extends string>(query: Query, field: string, choices: readonly T[]): T[] | undefined {
  const items = listOf(query, field)
  const wrong = items?.find((i) => !choices.includes(i as T))
  if (wrong !== undefined) throw fieldProblem(field, `"${field}": "${wrong}" is not one of ${choices.join(', ')}.`)
  return items as T[] | undefined
}

export function choiceOf<T extends string>(query: Query, field: string, choices: readonly T[]): T | undefined {
  const items = choicesOf(query, field, choices)
  if (items && items.length > 1) throw fieldProblem(field, `"${field}" takes one value.`)
  return items?.[0]
}

export function flagOf(query: Query, field: string): boolean | undefined {
  const text = textOf(query, field)
  if (text === undefined) return undefined
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw fieldProblem(field, `"${field}" must be true or false.`)
}

export const DEFAULT_LIMIT = 200
export const MAX_LIMIT = 5_000

export function limitOf(query: Query, standard = DEFAULT_LIMIT, max = MAX_LIMIT): number {
  const text = textOf(query, 'limit')
  if (text === undefined) return standard
  const limit = Number(text)
  if (!/^\d{1,9}$/.test(text) || limit < 1 || limit > max)
    throw fieldProblem('limit', `"limit" must be a whole number from 1 to ${max}.`)
  return limit
}

/** `10s`, `1m`, `1h`; 0 or `raw` = raw points. */
export function everyOf(query: Query, field: string): number | undefined {
  const text = textOf(query, field)
  if (text === undefined) return undefined
  if (text === '0' || text === 'raw') return 0
  const ms = durationMs(text)
  if (ms === null || ms < 100) throw fieldProblem(field, `"${field}" must be a duration such as 10s, 1m or 1h.`)
  return ms
}

export interface Page<T> {
  items: T[]
  next: string | null
  total: number
}

// What a cursor begins with, so that any other text is told from one: it would answer an empty page, which says "the end".
const MARK = 'after:'
const toCursor = (key: string): string => Buffer.from(MARK + key).toString('base64url')

export const badCursor = (): ProblemError =>
  problem(400, '"cursor" must be the "next" of an earlier answer of this list; leave it out to begin anew.', {
    field: 'cursor',
    code: 'bad-cursor',
  })

export function fromCursor(query: Query): string | undefined {
  const text = textOf(query, 'cursor')
  if (text === undefined) return undefined
  const key = Buffer.from(text, 'base64url').toString()
  if (!/^[A-Za-z0-9_-]{1,400}$/.test(text) || !key.startsWith(MARK) || toCursor(key.slice(MARK.length)) !== text)
    throw badCursor()
  return key.slice(MARK.length)
}

/** One page of a list in memory, ordered by key; stays right when items come and go between two pages. */
export function page<T>(items: readonly T[], keyOf: (item: T) => string, query: Query): Page<T> {
  const after = fromCursor(query)
  const limit = limitOf(query)
  const sorted = items
    .map((item) => [keyOf(item), item] as const)
    .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
  const rest = after === undefined ? sorted : sorted.filter(([key]) => key > after)
  const some = rest.slice(0, limit)
  return {
    items: some.map(([, item]) => item),
    next: rest.length > limit ? toCursor(some[some.length - 1]![0]) : null,
    total: items.length,
  }
}

export { toCursor }
