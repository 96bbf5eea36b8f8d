/**
 * Lines of a file, a chunk at a time, so that a file of any length needs little memory. Only whole lines are made text: no
 * character is cut, and nothing is copied twice.
 */
import { createReadStream } from 'node:fs'

const LINE_FEED = 10
const CHUNK_BYTES = 1 << 18

/** `bytes`: read so far. A last line without a line feed counts. */
export async function* linesOf(
  file: string,
  chunkBytes = CHUNK_BYTES,
): AsyncGenerator<{ lines: string[]; bytes: number }> {
  /** What was read of a line that has not ended yet. */
  let begun: Buffer[] = []
  let bytes = 0
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    const end = chunk.lastIndexOf(LINE_FEED)
    if (end === -1) {
      begun.push(chunk)
      continue
    }
    const whole = chunk.subarray(0, end)
    const text = begun.length > 0 ? Buffer.concat([...begun, whole]) : whole
    begun = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : []
    yield { lines: text.toString('utf8').split('\n'), bytes }
  }
  if (begun.length > 0) yield { lines: [Buffer.concat(begun).toString('utf8')], bytes }
}
