import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linesOf } from './lines.ts'

test('the lines of a file are the same whatever piece of it is read at once, also of characters of several bytes', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ww-lines-'))
  const file = join(dir, 'lines')
  const line = fc.string({ unit: fc.constantFrom('a', '\r', 'é', '监', '𠮷'), maxLength: 12 })
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        async (all, n) => {
          const text = all.join('\n')
          writeFileSync(file, text)
          const read: string[] = []
          let last = 0
          for await (const { lines, bytes } of linesOf(file, n)) {
            read.push(...lines)
            last = bytes
          }
          // A line feed at the end begins no line.
          expect(read).toEqual(all.at(-1) === '' ? all.slice(0, -1) : all)
          expect(last).toBe(Buffer.byteLength(text))
        },
      ),
      { numRuns: 60 },
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
