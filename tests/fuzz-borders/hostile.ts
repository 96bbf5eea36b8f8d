/**
 * Makes hostile inputs out of good ones: bytes flipped, spans cut, doubled and mixed, fields replaced by what no device
 * should say. Most results are nearly right, because what is wholly wrong is refused at the first look.
 */
import type { Chance } from './chance.ts'

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

export const HOSTILE_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  1e308,
  -1e308,
  5e-324,
  2 ** 53,
  2 ** 31,
  -(2 ** 63),
  1_795_300_352,
  8.64e15,
  8.64e15 + 1,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '\u202e右から',
  '囚'.repeat(300),
  'a'.repeat(5000),
  '__proto__',
  'constructor',
  'toString',
  '../../../../etc/passwd',
  "'; DROP TABLE alerts; --",
  '<script>alert(1)</script>',
  '${file:/etc/hostname}',
  '1970-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '0000-00-00T00:00:00Z',
  '2026-11-22T10:00:00',
  'NaN',
  'Infinity',
  '1e999',
  '0x10',
  [],
  {},
  [null],
  [[[]]],
  [1, 2],
  { a: { b: { c: {} } } },
  nested(30),
  nested(300),
  Array.from({ length: 600 }, () => ({})),
]

const TOKENS: readonly string[] = [
  '\u0000',
  '\ufeff',
  '\u2028',
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  '{',
  '}',
  '[',
  ']',
  '[[[[[[[[[[[[[[[[[[[[',
  '['.repeat(20_000),
  '{"a":'.repeat(5000),
  '{"a":{"a":{"a":',
  ',',
  ':',
  '/',
  '//',
  '#',
  '+',
  '$SYS/',
  '%00',
  '%ff',
  '..',
  '<',
  '>',
  '</',
  '<!--',
  '<![CDATA[',
  ']]>',
  '<!DOCTYPE x [<!ENTITY a "aaaa">]>',
  '&a;',
  '&#0;',
  '&#x110000;',
  '<?xml version="1.1"?>',
  'xmlns:x="y"',
  '&anchor ',
  '*anchor',
  '!!js/function ',
  '<<: *x',
  '- - - - -',
  '|\n',
  '\t',
  '\r',
  '\n',
  ': ',
  '? ',
  '"__proto__":{"x":1},',
  'NaN',
  '-',
  '1e999',
  '99999999999999999999999',
  'null',
  'true',
]

/** One of the good inputs, changed at one to four places. */
export function hostileBytes(chance: Chance, samples: readonly Uint8Array[]): Buffer {
  let bytes: Buffer = Buffer.from(chance.pick(samples))
  if (chance.maybe(0.02)) return randomBytes(chance, chance.below(200))
  for (let i = 1 + chance.below(4); i > 0; i--) bytes = oneChange(chance, bytes, samples)
  return bytes
}

export const hostileText = (chance: Chance, samples: readonly string[]): string =>
  hostileBytes(
    chance,
    [chance.pick(samples), chance.pick(samples)].map((text) => Buffer.from(text)),
  ).toString()

function randomBytes(chance: Chance, n: number): Buffer {
  const bytes = Buffer.alloc(n)
  for (let i = 0; i < n; i++) bytes[i] = chance.below(256)
  return bytes
}

function oneChange(chance: Chance, bytes: Buffer, samples: readonly Uint8Array[]): Buffer {
  const at = chance.below(bytes.length + 1)
  const to = Math.min(bytes.length, at + 1 + chance.below(chance.maybe(0.8) ? 12 : bytes.length + 1))
  const [head, cut, tail] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
  switch (chance.below(9)) {
    case 0: {
      const changed = Buffer.from(bytes)
      if (at < changed.length) changed[at]! ^= 1 << chance.below(8)
      return changed
    }
    case 1:
      return Buffer.concat([head, tail])
    case 2:
      return Buffer.concat([head, cut, cut, tail])
    case 3:
      return Buffer.concat([head, randomBytes(chance, 1 + chance.below(6)), tail])
    case 4:
      return Buffer.concat([head, Buffer.from(chance.pick(TOKENS)), cut, tail])
    case 5:
      return Buffer.from(head)
    case 6: {
      const other = Buffer.from(chance.pick(samples))
      return Buffer.concat([head, other.subarray(chance.below(other.length + 1))])
    }
    case 7:
      return Buffer.concat([head, Buffer.from(JSON.stringify(chance.pick(HOSTILE_VALUES)) ?? ''), tail])
    default:
      return Buffer.concat([head, ...Array.from({ length: 1 + chance.below(40) }, () => cut), tail].slice(0, 60))
  }
}

/** A copy of the value in which one to three things are replaced, removed or added. */
export function hostileJson(chance: Chance, value: unknown): unknown {
  const copy = structuredClone(value)
  const box = { value: copy }
  for (let i = 1 + chance.below(3); i > 0; i--) changeSomewhere(chance, box)
  return box.value
}

function changeSomewhere(chance: Chance, box: Record<string, unknown>): void {
  let holder: Record<string, unknown> = box
  let key = 'value'
  for (let depth = 0; depth < 8; depth++) {
    const inner = holder[key]
    if (inner === null || typeof inner !== 'object' || chance.maybe(0.15)) break
    const keys = Object.keys(inner)
    if (keys.length === 0) break
    holder = inner as Record<string, unknown>
    key = chance.pick(keys)
  }
  const how = chance.below(10)
  const was = holder[key]
  if (how === 0) delete holder[key]
  else if (how === 1) holder[`${key}x`] = holder[key]
  else if (how === 2)
    Object.defineProperty(holder, '__proto__', {
      value: { x: 1 },
      enumerable: true,
      configurable: true,
      writable: true,
    })
  else if (how === 3) holder[key] = [holder[key], holder[key]]
  else if (how === 4 && typeof was === 'number') holder[key] = was * chance.pick([-1, 0, 1e3, 1e-3, 1e12])
  else if (how === 5 && typeof was === 'string') holder[key] = hostileText(chance, [was, 'x'])
  else if (how === 6 && typeof was === 'number') holder[key] = String(was)
  else holder[key] = structuredClone(chance.pick(HOSTILE_VALUES))
}

/** As text, sometimes broken once more. */
export function hostileJsonText(chance: Chance, value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(hostileJson(chance, value)) ?? '')
  return chance.maybe(0.25) ? hostileBytes(chance, [text]) : text
}
