/** The small part of JSON path that model files need: `a.b[0]["c.d"]`, with an optional `$.` in front. No wildcards. */
import { WardwatchError } from '#model/errors.ts'

export type Path = readonly (string | number)[]

const STEP = /^(?:\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\])/

/** @throws WardwatchError `model-invalid` */
export function compilePath(text: string): Path {
  const steps: (string | number)[] = []
  let rest = text.startsWith('$') ? text.slice(1) : text
  while (rest !== '') {
    const match = STEP.exec(rest)
    if (!match)
      throw new WardwatchError(
        'model-invalid',
        `path "${text}" cannot be read at "${rest}"; write it like a.b[0]["c.d"]`,
      )
    steps.push(match[1] ?? (match[2] === undefined ? JSON.parse(`"${match[3]}"`) : Number(match[2])))
    rest = rest.slice(match[0].length)
  }
  return steps
}

/** The value there, or undefined; own properties only. */
export function follow(path: Path, from: unknown): unknown {
  let at = from
  for (const step of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}
