import { inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { pdfReport, type ReportDocument } from './pdf-report.ts'

const AT = Date.UTC(2026, 10, 22, 6)
const report = (more: Partial<ReportDocument> = {}): ReportDocument => ({
  title: { zh: '值班日报', en: 'Daily report' },
  subtitle: '青岚监狱 · 2026-11-22',
  watermark: 'S01 · 2026-11-22 14:00',
  footer: 'wardwatch',
  madeAt: AT,
  blocks: [],
  ...more,
})
const row = (n: number) => [`14:03:${n}`, `K${n}`, '围栏与摄像机同时发现目标，置信度 0.93 '.repeat(3)]
const columns = [
  { label: { zh: '时间', en: 'Time' }, share: 20 },
  { label: { zh: '设备', en: 'Device' }, share: 20 },
  { label: { zh: '内容', en: 'What' }, share: 60 },
]
const empty = { zh: '无', en: 'none' }
const pagesOf = (pdf: Buffer): number => Number(/\/Count (\d+)/.exec(pdf.toString('latin1'))?.[1])
/** Characters that the embedded fonts can give back to a reader that searches or copies. */
function readable(pdf: Buffer): string {
  const text: string[] = []
  for (let at = pdf.indexOf('stream\n'); at >= 0; at = pdf.indexOf('stream\n', at + 1)) {
    try {
      const map = inflateSync(pdf.subarray(at + 7)).toString('latin1')
      if (map.includes('beginbfrange')) text.push(map.slice(map.indexOf('beginbfrange')))
    } catch {
      // A picture or the end of a stream.
    }
  }
  return text.join('\n')
}

describe('reports as PDF', () => {
  test('embed the glyphs they use and no others, so that Chinese reads the same everywhere', async () => {
    const pdf = await pdfReport(report({ blocks: [{ kind: 'text', words: { zh: '喆堃㛃犇淼赟', en: 'rare names' } }] }))
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    // The whole font has ten million bytes.
    expect(pdf.length).toBeLessThan(60_000)
    const map = readable(pdf)
    for (const sign of '喆堃㛃犇淼赟值') expect(map, sign).toContain(sign.codePointAt(0)!.toString(16))
  })

  test('break long tables over pages, repeat their heads, and number every page', async () => {
    const rows = Array.from({ length: 120 }, (_, n) => row(n))
    const pdf = await pdfReport(report({ blocks: [{ kind: 'table', columns, rows, empty }] }))
    expect(pagesOf(pdf)).toBeGreaterThan(4)
    expect(pagesOf(pdf)).toBeLessThan(9)
  })

  test('take whatever a text holds: nothing, control characters, one word longer than a page, a broken picture', async () => {
    const pdf = await pdfReport(
      report({
        blocks: [
          { kind: 'table', columns, rows: [], empty },
          { kind: 'table', columns, rows: [['', '\u0000\u202e\u2028x', '字'.repeat(20_000)]], empty },
          { kind: 'facts', rows: [{ label: { zh: '说明', en: 'Text' }, value: '' }] },
          { kind: 'picture', jpeg: Buffer.from('no picture'), caption: { zh: '图', en: 'picture' } },
        ],
      }),
    )
    expect(pagesOf(pdf)).toBeGreaterThan(0)
  })

  test('are the same bytes for the same document: the time in them is the one that is given', async () => {
    const [one, two] = await Promise.all([pdfReport(report()), pdfReport(report())])
    expect(two.equals(one)).toBe(true)
  })

  test('wait in a queue that is bounded, and say so beyond it', async () => {
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => pdfReport(report())))
    expect(all.filter((a) => a.status === 'fulfilled').length).toBe(8)
    expect(all.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'too-busy' } })
  })
})
