/** Reads a `.cases` file: points with columns of time → lines of a replay, and the lines that are expected. Text only, no I/O. */
import { parse as parseYaml } from 'yaml'
import { READING_TYPES } from '#model/catalogue/index.ts'
import { durationMs } from '#model/local-time.ts'

export interface RuleCase {
  title: string
  /** Line of `case`, 1-based. */
  line: number
  start: number
  end: number
  site: Record<string, unknown>
  /** Lines of a replay in order of time. */
  input: Record<string, unknown>[]
  expected: string[]
  /** What is missing, in words (`without …`), where the input alone does not tell. */
  without: string | null
  /** First and last line of the expected block (0-based, end exclusive), for rewriting. */
  block: [number, number]
}

export class CaseFault extends Error {
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** Does data fail in the case: bad, late, offline, not measured, not worn, too unsure or inaccurate; or does it say so itself. */
export function lacksData(testCase: RuleCase): boolean {
  return testCase.without !== null || testCase.input.some(isPoor)
}

function isPoor(line: Record<string, unknown>): boolean {
  if (line.quality === 'bad') return true
  const value = line.value as Record<string, unknown> | undefined
  if (!value) return false
  if (Number(line.received ?? line.time) - Number(line.time) > 5_000) return true
  return (
    (line.type === 'device.status' && value.online === false) ||
    Object.values(value).includes(null) ||
    Number(value.confidence ?? 1) < 0.6 ||
    Number(value.accuracy_m ?? 0) > 3 ||
    (line.type === 'band.worn' && value.worn === false)
  )
}

/** What a rule's cases must show before the rule is taken: that it fires, that it stays silent, and what it does without data. */
export function missingKinds(cases: readonly RuleCase[]): string[] {
  return [
    ...(cases.some((c) => c.expected.length > 0) ? [] : ['no case fires']),
    ...(cases.some((c) => c.expected.length === 0) ? [] : ['no case stays silent']),
    ...(cases.some(lacksData)
      ? []
      : [
          'no case has missing, bad or late data; where the input does not tell, a line "without <what is missing>" does',
        ]),
  ]
}

const DEFAULT_START = '2026-03-02T10:00:00+08:00'

/** @throws CaseFault */
export function parseCases(text: string): RuleCase[] {
  const lines = text.split('\n')
  const cases: RuleCase[] = []
  let i = 0
  while (i < lines.length) {
    const line = (lines[i] ?? '').trimEnd()
    if (line === '' || line.startsWith('#')) {
      i++
      continue
    }
    if (!line.startsWith('case ')) throw new CaseFault(i + 1, 'a case begins with "case <a full sentence>"')
    const parsed = parseCase(lines, i)
    cases.push(parsed.result)
    i = parsed.next
  }
  return cases
}

function parseCase(lines: string[], from: number): { result: RuleCase; next: number } {
  const head = (lines[from] ?? '').slice(5).trim()
  let startText = DEFAULT_START
  let stepMs = 1000
  let endMs: number | null = null
  let site: Record<string, unknown> = {}
  const points: { at: number; text: string }[] = []
  const raw: { at: number; text: string }[] = []
  let expected: string[] = []
  let without: string | null = null
  let block: [number, number] = [lines.length, lines.length]
  let i = from + 1
  for (; i < lines.length; i++) {
    const line = (lines[i] ?? '').trimEnd()
    if (line.startsWith('case ')) break
    if (line === '' || line.startsWith('#')) continue
    const word = line.split(/\s+/)[0]
    if (word === 'start') startText = line.slice(6).trim()
    else if (word === 'step') stepMs = duration(line.slice(5), i)
    else if (word === 'without') without = line.slice(8).trim()
    else if (word === 'end') endMs = duration(line.slice(4), i)
    else if (word === 'site' || word === 'expect') {
      const first = i + 1
      let last = first
      while (
        last < lines.length &&
        (/^\s+\S/.test(lines[last] ?? '') || (lines[last] === '' && /^\s+\S/.test(lines[last + 1] ?? '')))
      )
        last++
      const body = lines.slice(first, last)
      if (word === 'site') site = yamlOf(body, first)
      else {
        expected = body.map((l) => l.trim()).filter((l) => l !== '' && l !== 'none')
        block = [first, last]
      }
      i = last - 1
    } else if (line.startsWith('@')) raw.push({ at: i, text: line })
    else if (line.includes('|')) points.push({ at: i, text: line })
    else
      throw new CaseFault(
        i + 1,
        `"${line}" is neither a point (device type … | cells) nor start, step, end, without, site, @…, expect`,
      )
  }
  const start = Date.parse(startText)
  if (Number.isNaN(start))
    throw new CaseFault(from + 1, `"${startText}" is not a time; write 2026-03-02T10:00:00+08:00`)
  const input: { time: number; order: number; line: Record<string, unknown> }[] = []
  let columns = 0
  for (const [order, point] of points.entries()) {
    const { readings, width } = pointReadings(point.text, point.at, start, stepMs)
    columns = Math.max(columns, width)
    for (const line of readings) input.push({ time: line.time as number, order, line })
  }
  let last = start + Math.max(0, columns - 1) * stepMs
  for (const [order, item] of raw.entries()) {
    const match = /^@([\d.]+)\s+(\{.*\})$/.exec(item.text)
    if (!match) throw new CaseFault(item.at + 1, 'write @seconds {…}')
    const time = start + Math.round(Number(match[1]) * 1000)
    let body: Record<string, unknown>
    try {
      body = JSON.parse(match[2] as string)
    } catch {
      throw new CaseFault(item.at + 1, 'what follows the time is not JSON')
    }
    last = Math.max(last, time)
    input.push({ time, order: 1000 + order, line: { time, ...body } })
  }
  input.sort((a, b) => a.time - b.time || a.order - b.order)
  return {
    result: {
      title: head,
      line: from + 1,
      start,
      end: endMs === null ? last : start + endMs,
      site,
      input: input.map((x) => x.line),
      expected,
      without,
      block: block[0] === lines.length ? [i, i] : block,
    },
    next: i,
  }
}

function duration(text: string, at: number): number {
  const ms = durationMs(text.trim())
  if (ms === null) throw new CaseFault(at + 1, `"${text.trim()}" is not a duration such as 5s`)
  return ms
}

function yamlOf(body: string[], at: number): Record<string, unknown> {
  try {
    return (parseYaml(body.join('\n')) ?? {}) as Record<string, unknown>
  } catch (error) {
    throw new CaseFault(at + 1, `the site is not YAML: ${(error as Error).message.split('\n')[0]}`)
  }
}

const scalar = (text: string): unknown => {
  if (text === 'true') return true
  if (text === 'false') return false
  if (text === 'null') return null
  return text !== '' && !Number.isNaN(Number(text)) ? Number(text) : text
}

function fields(text: string): Record<string, unknown> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const [name, ...value] = pair.split('=')
      return [name, scalar(value.join('='))]
    }),
  )
}

function pointReadings(text: string, at: number, start: number, stepMs: number) {
  const bar = text.indexOf('|')
  const [device, type, ...words] = text.slice(0, bar).trim().split(/\s+/)
  if (!device || !type) throw new CaseFault(at + 1, 'a point is "device type [fields] | cells"')
  const spec = READING_TYPES.get(type)
  if (!spec) throw new CaseFault(at + 1, `"${type}" is not a type of the collection list`)
  const fixed: Record<string, unknown> = {}
  const context: Record<string, unknown> = {}
  let field: string | null = null
  for (const word of words) {
    if (word.startsWith('@')) Object.assign(context, fields(word.slice(1)))
    else if (word.includes('=')) Object.assign(fixed, fields(word))
    else field = word
  }
  const cells = text
    .slice(bar + 1)
    .trim()
    .split(/\s+/)
    .filter((c) => c !== '')
    .flatMap((cell) => {
      const match = /^(.*)\*(\d+)$/.exec(cell)
      return match ? Array<string>(Number(match[2])).fill(match[1] as string) : [cell]
    })
  const repeats = spec.signal.kind === 'sample' || spec.signal.kind === 'detection'
  const readings: Record<string, unknown>[] = []
  let last: Record<string, unknown> | null = null
  let offline = false
  for (const [column, cell] of cells.entries()) {
    const time = start + column * stepMs
    const say = (value: Record<string, unknown>, quality?: string): void => {
      if (offline) readings.push({ device, type: 'device.status', time, value: { online: true } })
      offline = false
      readings.push({ device, type, time, ...context, ...(quality ? { quality } : {}), value })
    }
    if (cell === '_') continue
    if (cell === '~') {
      readings.push({ device, type: 'device.status', time, value: { online: false } })
      offline = true
    } else if (cell === '.') {
      if (last && repeats && !offline) say(last)
    } else if (cell === '?') say(last ?? { ...fixed }, 'bad')
    else {
      if (cell === '!') last = { ...fixed }
      else if (cell.includes('=')) last = { ...fixed, ...fields(cell) }
      else if (field === null) throw new CaseFault(at + 1, `the cell "${cell}" needs a field name before the bar`)
      else last = { ...fixed, [field]: scalar(cell) }
      say(last)
    }
  }
  return { readings, width: cells.length }
}

/** The file with the expected lines of its cases replaced. */
export function rewriteCases(text: string, actual: ReadonlyMap<RuleCase, string[]>): string {
  const lines = text.split('\n')
  for (const [testCase, got] of [...actual].sort(([a], [b]) => b.block[0] - a.block[0])) {
    const body = (got.length > 0 ? got : ['none']).map((l) => `  ${l}`)
    const [from, to] = testCase.block
    if (from > 0 && lines[from - 1]?.trim() === 'expect') lines.splice(from, to - from, ...body)
    else {
      let at = from
      while (at > 0 && (lines[at - 1] ?? '').trim() === '') at--
      lines.splice(at, 0, 'expect', ...body)
    }
  }
  return lines.join('\n')
}
