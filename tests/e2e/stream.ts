/** Test aid: the event stream of a console, read by a client of our own. */
import type { AlertView } from './demo-run.ts'

export interface StreamEvent {
  event: string
  id: string | null
  /** When it arrived here, ms. */
  at: number
  data: { change?: string; alert?: AlertView & { explanation?: unknown }; openAlerts?: number }
}

export async function openStream(
  console: string,
  token: string,
  lastEventId?: string | null,
): Promise<{ events: StreamEvent[]; close(): void }> {
  const control = new AbortController()
  const answer = await fetch(`${console}/api/v1/stream`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
    signal: control.signal,
  })
  if (answer.status !== 200) throw new Error(`the stream answered ${answer.status}`)
  const events: StreamEvent[] = []
  const read = async (): Promise<void> => {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const field = (name: string): string | null =>
          part
            .split('\n')
            .find((l) => l.startsWith(`${name}:`))
            ?.slice(name.length + 1)
            .trim() ?? null
        const data = field('data')
        if (data)
          events.push({ event: field('event') ?? 'message', id: field('id'), at: Date.now(), data: JSON.parse(data) })
      }
    }
  }
  read().catch(() => {})
  return { events, close: () => control.abort() }
}
