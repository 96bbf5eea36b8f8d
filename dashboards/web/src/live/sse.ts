/**
 * Server-sent events over `fetch`. The browser's own EventSource cannot send `Last-Event-ID` after a reconnect of our
 * making, has no jitter and hides silence; this one gives all three to the caller. Parsing follows the HTML standard.
 */
export interface ServerEvent {
  id: string | null
  event: string
  data: string
}

/** Feeds text in pieces, calls `emit` for each complete event. */
export class EventParser {
  #rest = ''
  #event = ''
  #data: string[] = []
  #id: string | null = null
  readonly #emit: (event: ServerEvent) => void

  constructor(emit: (event: ServerEvent) => void) {
    this.#emit = emit
  }

  push(text: string): void {
    this.#rest += text
    for (;;) {
      const end = /\r\n|\n|\r(?=[\s\S])/.exec(this.#rest)
      if (!end) return
      const line = this.#rest.slice(0, end.index)
      this.#rest = this.#rest.slice(end.index + end[0].length)
      this.#line(line)
    }
  }

  #line(line: string): void {
    if (line === '') {
      if (this.#data.length > 0)
        this.#emit({ id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') })
      this.#event = ''
      this.#data = []
      this.#id = null
      return
    }
    if (line.startsWith(':')) return
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'event') this.#event = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id') this.#id = value
  }
}

export interface OpenStream {
  /** Resolves when the stream ended, for whatever reason; never rejects. */
  ended: Promise<{ status: number }>
  close(): void
}

export function openEvents(
  path: string,
  lastEventId: string | null,
  on: { open(): void; event(event: ServerEvent): void; bytes(): void },
): OpenStream {
  const abort = new AbortController()
  const headers: Record<string, string> = { accept: 'text/event-stream' }
  if (lastEventId) headers['last-event-id'] = lastEventId
  const run = async (): Promise<{ status: number }> => {
    try {
      const response = await fetch(path, {
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: abort.signal,
      })
      if (!response.ok || !response.body) return { status: response.status }
      on.open()
      const parser = new EventParser(on.event)
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return { status: 200 }
        on.bytes()
        parser.push(value)
      }
    } catch {
      return { status: 0 }
    }
  }
  return { ended: run(), close: () => abort.abort() }
}

/** Waiting time before attempt n (1, 2, …): doubles from 0.5 s to 30 s, spread so that consoles do not return in step. */
export function backoffMs(attempt: number, chance: number): number {
  const full = Math.min(30_000, 500 * 2 ** Math.min(attempt - 1, 10))
  return Math.round(full * (0.5 + chance * 0.5))
}
