/**
 * Lays a report out on A4 pages. Type is Noto Sans SC, of which only the glyphs that are used are embedded, so that the
 * file reads the same on every machine and for ever. Must never fetch anything.
 */
import { createRequire } from 'node:module'
import PDFDocument from 'pdfkit'
import type { Block, ReportDocument, Words } from './document.ts'

const find = createRequire(import.meta.url)
const REGULAR = '@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf'
const BOLD = '@expo-google-fonts/noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf'

const MARGIN = 48
const FOOT = 44
const INK = '#111418'
const MUTED = '#5a626c'
const LINE = '#b9c0c8'
const CELL = 4

type Doc = PDFKit.PDFDocument

export async function drawReport(report: ReportDocument): Promise<Uint8Array> {
  const doc = new PDFDocument({
    size: 'A4',
    margins: { top: MARGIN, left: MARGIN, right: MARGIN, bottom: MARGIN + FOOT },
    bufferPages: true,
    lang: 'zh-CN',
    displayTitle: true,
    info: {
      Title: `${report.title.zh} · ${report.title.en}`,
      Subject: report.subtitle,
      Creator: 'wardwatch',
      Producer: 'wardwatch',
      CreationDate: new Date(report.madeAt),
      ModDate: new Date(report.madeAt),
    },
  })
  const parts: Buffer[] = []
  const done = new Promise<void>((resolve, reject) => {
    doc.on('data', (part: Buffer) => parts.push(part))
    doc.on('end', resolve)
    doc.on('error', reject)
  })
  doc.registerFont('text', find.resolve(REGULAR))
  doc.registerFont('bold', find.resolve(BOLD))
  doc.fillColor(INK)
  doc.font('bold').fontSize(19).text(clean(report.title.zh))
  doc.font('text').fontSize(11).fillColor(MUTED).text(clean(report.title.en))
  doc.moveDown(0.3).fontSize(10).fillColor(INK).text(clean(report.subtitle))
  doc.moveDown(0.6)
  for (const block of report.blocks) draw(doc, block)
  frame(doc, report)
  doc.end()
  await done
  return Buffer.concat(parts)
}

const width = (doc: Doc): number => doc.page.width - 2 * MARGIN
const bottom = (doc: Doc): number => doc.page.height - MARGIN - FOOT
/** Control characters have no glyph; what is left of them would be boxes. */
const clean = (text: string): string => text.replace(/\r\n?/g, '\n').replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')

function room(doc: Doc, height: number): void {
  if (doc.y + height > bottom(doc)) doc.addPage()
}

function draw(doc: Doc, block: Block): void {
  switch (block.kind) {
    case 'heading':
      // With the head of a table and a line of it: no heading stands alone at the foot of a page.
      room(doc, 130)
      doc.moveDown(0.7)
      pair(doc, block.words, 'bold', 13, 10, doc.y)
      doc.y += 22
      return
    case 'verdict':
      verdict(doc, block.tone, block.words)
      return
    case 'facts':
      for (const { label, value } of block.rows) fact(doc, label, value)
      doc.moveDown(0.3)
      return
    case 'table':
      table(doc, block)
      return
    case 'text':
      doc
        .font('text')
        .fontSize(10)
        .fillColor(INK)
        .text(clean(block.words.zh), MARGIN, doc.y, { width: width(doc) })
      if (block.words.en)
        doc
          .fontSize(9)
          .fillColor(MUTED)
          .text(clean(block.words.en), { width: width(doc) })
      doc.fillColor(INK).moveDown(0.3)
      return
    case 'small':
      doc
        .font('text')
        .fontSize(7.5)
        .fillColor(MUTED)
        .text(clean(block.text), MARGIN, doc.y, { width: width(doc) })
      doc.fillColor(INK).moveDown(0.2)
      return
    case 'picture':
      picture(doc, block)
      return
  }
}

function verdict(doc: Doc, tone: 'good' | 'bad', words: Words): void {
  const inner = width(doc) - 40
  doc.font('bold').fontSize(11)
  const zh = clean(words.zh)
  const en = clean(words.en)
  const high = doc.heightOfString(zh, { width: inner })
  doc.font('text').fontSize(9)
  const all = high + doc.heightOfString(en, { width: inner }) + 16
  room(doc, all)
  const top = doc.y
  doc
    .lineWidth(tone === 'bad' ? 2 : 0.8)
    .rect(MARGIN, top, width(doc), all)
    .stroke(INK)
  mark(doc, tone, MARGIN + 16, top + 16)
  doc
    .font('bold')
    .fontSize(11)
    .fillColor(INK)
    .text(zh, MARGIN + 32, top + 8, { width: inner })
  doc
    .font('text')
    .fontSize(9)
    .fillColor(MUTED)
    .text(en, MARGIN + 32, top + 8 + high, { width: inner })
  doc.fillColor(INK)
  doc.y = top + all + 8
}

/** A tick or a cross, drawn: not every reader's machine shows a sign the same. */
function mark(doc: Doc, tone: 'good' | 'bad', x: number, y: number): void {
  doc.lineWidth(2)
  if (tone === 'good')
    doc
      .moveTo(x - 6, y)
      .lineTo(x - 1, y + 5)
      .lineTo(x + 7, y - 6)
      .stroke(INK)
  else
    doc
      .moveTo(x - 5, y - 5)
      .lineTo(x + 5, y + 5)
      .moveTo(x + 5, y - 5)
      .lineTo(x - 5, y + 5)
      .stroke(INK)
}

/** Chinese and, on the same base line, English; both short. */
function pair(doc: Doc, words: Words, font: string, size: number, small: number, y: number): void {
  const zh = clean(words.zh)
  doc.font(font).fontSize(size).fillColor(INK)
  const x = MARGIN + doc.widthOfString(zh) + 6
  doc.text(zh, MARGIN, y, { lineBreak: false })
  // Noto's ascent is 1.16 of its size.
  doc
    .font('text')
    .fontSize(small)
    .fillColor(MUTED)
    .text(clean(words.en), x, y + (size - small) * 1.16, { lineBreak: false })
  doc.fillColor(INK)
  doc.x = MARGIN
  doc.y = y
}

function fact(doc: Doc, label: Words, value: string): void {
  const left = 168
  const text = clean(value) || '—'
  doc.font('text').fontSize(9.5)
  const high = Math.max(doc.heightOfString(text, { width: width(doc) - left }), 15)
  room(doc, Math.min(high, 300))
  const top = doc.y
  pair(doc, label, 'text', 9.5, 8, top)
  const below = top + 14
  doc
    .font('text')
    .fontSize(9.5)
    .fillColor(INK)
    .text(text, MARGIN + left, top, { width: width(doc) - left })
  doc.y = Math.max(doc.y, below) + 2
  doc.x = MARGIN
}

function table(doc: Doc, block: Extract<Block, { kind: 'table' }>): void {
  const shares = block.columns.reduce((sum, c) => sum + c.share, 0)
  const widths = block.columns.map((c) => (c.share / shares) * width(doc))
  const lefts = widths.map((_, i) => MARGIN + widths.slice(0, i).reduce((a, b) => a + b, 0))
  const head = (): void => {
    room(doc, 60)
    const top = doc.y
    let low = top
    block.columns.forEach(({ label }, i) => {
      const place = { width: widths[i]! - CELL }
      doc.font('bold').fontSize(8.5).fillColor(INK).text(clean(label.zh), lefts[i]!, top, place)
      doc.font('text').fontSize(7).fillColor(MUTED).text(clean(label.en), lefts[i]!, doc.y, place)
      low = Math.max(low, doc.y)
    })
    rule(doc, low + 2, INK)
    doc.y = low + 5
  }
  head()
  if (block.rows.length === 0) {
    doc.font('text').fontSize(9).fillColor(MUTED).text(`${block.empty.zh}  ${block.empty.en}`, MARGIN, doc.y)
    doc.fillColor(INK).moveDown(0.5)
    return
  }
  for (const row of block.rows) {
    doc.font('text').fontSize(8.5).fillColor(INK)
    const cells = row.map((cell) => clean(cell))
    const high = Math.max(...cells.map((cell, i) => doc.heightOfString(cell || ' ', { width: widths[i]! - CELL })))
    if (doc.y + Math.min(high, bottom(doc) - MARGIN - 40) + 4 > bottom(doc)) {
      doc.addPage()
      head()
      doc.font('text').fontSize(8.5).fillColor(INK)
    }
    const top = doc.y
    // One cell longer than a page is cut there; the whole text stands in the NDJSON and CSV beside the report.
    const height = Math.max(10, Math.min(high, bottom(doc) - top))
    cells.forEach((cell, i) => {
      doc.text(cell, lefts[i]!, top, { width: widths[i]! - CELL, height, ellipsis: true })
    })
    doc.y = top + height + 3
    rule(doc, doc.y - 1.5, LINE)
  }
  doc.x = MARGIN
  doc.moveDown(0.5)
}

function rule(doc: Doc, y: number, colour: string): void {
  doc
    .lineWidth(0.5)
    .moveTo(MARGIN, y)
    .lineTo(doc.page.width - MARGIN, y)
    .stroke(colour)
}

function picture(doc: Doc, block: Extract<Block, { kind: 'picture' }>): void {
  const box = { width: Math.min(width(doc), 420), height: 236 }
  room(doc, box.height + 40)
  const top = doc.y
  try {
    doc.image(Buffer.from(block.jpeg), MARGIN, top, { fit: [box.width, box.height] })
    doc.y = top + box.height + 4
  } catch {
    doc
      .font('text')
      .fontSize(9)
      .fillColor(MUTED)
      .text('（图片无法显示，原件见压缩包 · the picture cannot be shown, the original lies in the ZIP）')
  }
  doc
    .font('text')
    .fontSize(9)
    .fillColor(INK)
    .text(clean(block.caption.zh), MARGIN, doc.y, { width: width(doc) })
  doc
    .fontSize(8)
    .fillColor(MUTED)
    .text(clean(block.caption.en), { width: width(doc) })
  doc.fillColor(INK).moveDown(0.5)
}

/** Watermark and foot of every page, when it is known how many there are. */
function frame(doc: Doc, report: ReportDocument): void {
  const { start, count } = doc.bufferedPageRange()
  for (let i = start; i < start + count; i++) {
    doc.switchToPage(i)
    // Text below the margin would open a new page.
    doc.page.margins.bottom = 0
    const { width: wide, height: high } = doc.page
    doc.save().fillColor('#000000').fillOpacity(0.09).font('text').fontSize(17)
    for (const y of [0.2, 0.45, 0.7, 0.93]) {
      doc.save().rotate(-24, { origin: [wide / 2, high * y] })
      doc.text(clean(report.watermark), 0, high * y, { width: wide, align: 'center', lineBreak: false })
      doc.restore()
    }
    doc.restore().fillOpacity(1)
    const y = high - MARGIN - 14
    doc
      .lineWidth(0.5)
      .moveTo(MARGIN, y - 6)
      .lineTo(wide - MARGIN, y - 6)
      .stroke(LINE)
    doc.font('text').fontSize(7.5).fillColor(MUTED)
    doc.text(clean(report.footer), MARGIN, y, { width: wide - 2 * MARGIN - 90, height: 22, ellipsis: true })
    doc.text(`${i + 1} / ${count}`, wide - MARGIN - 80, y, { width: 80, align: 'right', lineBreak: false })
  }
}
