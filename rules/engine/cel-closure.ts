/**
 * The plain part of CEL (comparisons, logic, arithmetic on doubles) as nested functions with a third truth value. Rule files
 * are full of conditions over what was not measured; in the library each of those costs an error object. Whatever is not
 * plain answers null here and stays with the library.
 */

/** Not known: an error in CEL. */
const UNKNOWN = Symbol('unknown')
type Value = number | string | boolean | null | typeof UNKNOWN
type Eval = (values: Record<string, unknown>) => Value

interface Node {
  op: string
  args: unknown
}

/** @returns true, false, or null where CEL would have found an error. Null instead of a function: not plain. */
export function closureOf(
  ast: unknown,
  constants: Readonly<Record<string, unknown>>,
): ((values: Record<string, unknown>) => boolean | null) | null {
  const run = build(ast as Node, constants)
  if (!run) return null
  return (values) => {
    const result = run(values)
    return typeof result === 'boolean' ? result : null
  }
}

const COMPARE: Readonly<Record<string, (a: number | string, b: number | string) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}
const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
}

function build(node: Node, constants: Readonly<Record<string, unknown>>): Eval | null {
  const { op } = node
  if (op === 'value') {
    const value = typeof node.args === 'bigint' ? Number(node.args) : (node.args as Value)
    return isPlain(value) ? () => value : null
  }
  if (op === 'id') {
    const name = node.args as string
    if (name in constants) {
      const value = constants[name] as Value
      return isPlain(value) ? () => value : null
    }
    return (values) => {
      const value = values[name]
      return isPlain(value) ? value : UNKNOWN
    }
  }
  if (op === '!_' || op === '-_') {
    const inner = build(node.args as Node, constants)
    if (!inner) return null
    return op === '!_'
      ? (values) => {
          const value = inner(values)
          return typeof value === 'boolean' ? !value : UNKNOWN
        }
      : (values) => {
          const value = inner(values)
          return typeof value === 'number' ? -value : UNKNOWN
        }
  }
  if (!Array.isArray(node.args)) return null
  if (op === '?:') {
    const [test, yes, no] = node.args.map((n) => build(n as Node, constants))
    if (!test || !yes || !no) return null
    return (values) => {
      const verdict = test(values)
      return verdict === true ? yes(values) : verdict === false ? no(values) : UNKNOWN
    }
  }
  const [left, right] = node.args as [Node, Node]
  if (node.args.length !== 2 || !left?.op || !right?.op) return null
  // Two whole numbers have an arithmetic of their own.
  if (op in ARITHMETIC && isWhole(left) && isWhole(right)) return null
  const a = build(left, constants)
  const b = build(right, constants)
  if (!a || !b) return null
  switch (op) {
    case '&&':
      return (values) => {
        const x = a(values)
        if (x === false) return false
        const y = b(values)
        return y === false ? false : x === true && y === true ? true : UNKNOWN
      }
    case '||':
      return (values) => {
        const x = a(values)
        if (x === true) return true
        const y = b(values)
        return y === true ? true : x === false && y === false ? false : UNKNOWN
      }
    case '==':
    case '!=': {
      const wanted = op === '=='
      return (values) => {
        const x = a(values)
        const y = b(values)
        return x === UNKNOWN || y === UNKNOWN ? UNKNOWN : (x === y) === wanted
      }
    }
  }
  const compare = COMPARE[op]
  if (compare)
    return (values) => {
      const x = a(values)
      const y = b(values)
      return (typeof x === 'number' && typeof y === 'number') || (typeof x === 'string' && typeof y === 'string')
        ? compare(x, y)
        : UNKNOWN
    }
  const arithmetic = ARITHMETIC[op]
  if (arithmetic)
    return (values) => {
      const x = a(values)
      const y = b(values)
      return typeof x === 'number' && typeof y === 'number' ? arithmetic(x, y) : UNKNOWN
    }
  return null
}

const isPlain = (value: unknown): value is number | string | boolean | null =>
  value === null || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'
const isWhole = (node: Node): boolean => node.op === 'value' && typeof node.args === 'bigint'
