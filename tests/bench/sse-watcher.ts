/**
 * A console's stream in a process of its own: notes when each raised alert arrives. Arguments: URL of the stream, token.
 * Prints `{"event":"open"}`, and at the end of its standard input what it saw.
 */
import { monotonicMs } from './figures.ts'

export interface Seen {
  /** Device, code and arrival (monotonic) of each raised alert. */
  raised: [device: string, code: string, atMs: number][]
  changes: number
  gaps: number
}

const [url, token] = process.argv.slice(2) as [string, string]
const seen: Seen = { raised: [], changes: 0, gaps: 0 }
const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
if (response.status !== 200) throw new Error(`the stream answered ${response.status}: ${await response.text()}`)
process.stdout.write('{"event":"open"}\n')
process.stdin.on('end', () => process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0)))
process.stdin.resume()

let rest = ''
for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
  const now = monotonicMs()
  const events = (rest + chunk).split('\n\n')
  rest = events.pop() ?? ''
  for (const event of events) {
    if (event.startsWith('event: gap')) seen.gaps++
    if (!event.startsWith('event: alert')) continue
    seen.changes++
    const change = JSON.parse(event.slice(event.indexOf('\ndata: ') + 7)) as {
      change: string
      alert: { device: string | null; code: string; evidence: string[] }
    }
    if (change.change === 'raised') seen.raised.push([change.alert.device ?? '', change.alert.code, now])
  }
}
