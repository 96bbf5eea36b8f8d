/** node-opcua writes to the console by itself; this sends its warnings into the driver's log and the rest nowhere. */
import { setDebugLogger, setErrorLogger, setWarningLogger } from 'node-opcua-client'

const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** What the library says of its ordinary work. */
const EXPECTED = /Creating default certificate|operational limits|Cannot find suitable endpoints|CallMethodRequest/i

type Sink = (line: string) => void
const sinks = new Set<Sink>()
let routed = false

/** @returns takes the sink away again. */
export function routeLibraryWarnings(sink: Sink): () => void {
  silenceLibrary()
  sinks.add(sink)
  return () => sinks.delete(sink)
}

export function silenceLibrary(): void {
  if (routed) return
  routed = true
  const forward = (...parts: unknown[]) => {
    if (sinks.size === 0) return
    const line = parts
      .filter((part) => typeof part === 'string' || part instanceof Error)
      .map(String)
      .join(' ')
      .replace(COLOUR, '')
      .trim()
      .slice(0, 500)
    if (line && !EXPECTED.test(line)) for (const sink of sinks) sink(line)
  }
  setDebugLogger(() => {})
  setWarningLogger(forward)
  setErrorLogger(forward)
}
