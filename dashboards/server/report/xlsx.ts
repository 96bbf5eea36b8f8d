/**
 * Tables as XLSX (ECMA-376), as far as a report needs it: sheets with a bold head row, texts and numbers. Every text is a
 * text: no cell computes anything when the file is opened.
 */
import { writeZip } from '../evidence/zip.ts'

export interface Sheet {
  name: string
  columns: { title: string /** Width in characters. */; width: number }[]
  rows: (string | number | null)[][]
}

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'
const TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

export function xlsx(sheets: readonly Sheet[], madeAt: number): Promise<Buffer> {
  const names = sheetNames(sheets)
  const numbered = sheets.map((sheet, i) => ({ sheet, n: i + 1, name: names[i]! }))
  const parts: Record<string, string> = {
    '[Content_Types].xml': `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${TYPE}.styles+xml"/>${numbered.map(({ n }) => `<Override PartName="/xl/worksheets/sheet${n}.xml" ContentType="${TYPE}.worksheet+xml"/>`).join('')}</Types>`,
    '_rels/.rels': `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="r1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>${numbered.map(({ n, name }) => `<sheet name="${escaped(name)}" sheetId="${n}" r:id="s${n}"/>`).join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${PACKAGE}/relationships">${numbered.map(({ n }) => `<Relationship Id="s${n}" Type="${OFFICE}/worksheet" Target="worksheets/sheet${n}.xml"/>`).join('')}<Relationship Id="styles" Type="${OFFICE}/styles" Target="styles.xml"/></Relationships>`,
    'xl/styles.xml': `<styleSheet xmlns="${MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs></styleSheet>`,
    ...Object.fromEntries(numbered.map(({ sheet, n }) => [`xl/worksheets/sheet${n}.xml`, sheetXml(sheet)])),
  }
  return writeZip(
    Object.entries(parts).map(([path, text]) => ({ path, data: Buffer.from(HEAD + text) })),
    madeAt,
  )
}

function sheetXml({ columns, rows }: Sheet): string {
  const cols = columns.map((c, i) => `<col min="${i + 1}" max="${i + 1}" width="${c.width}" customWidth="1"/>`).join('')
  const head = rowXml(
    1,
    columns.map((c) => c.title),
    1,
  )
  const body = rows.map((row, i) => rowXml(i + 2, row, 0)).join('')
  const frozen =
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
  return `<worksheet xmlns="${MAIN}">${frozen}<cols>${cols}</cols><sheetData>${head}${body}</sheetData></worksheet>`
}

function rowXml(n: number, cells: readonly (string | number | null)[], style: number): string {
  const xml = cells.map((cell, i) => {
    const at = `r="${letters(i)}${n}" s="${style}"`
    if (cell === null || cell === '') return ''
    if (typeof cell === 'number') return Number.isFinite(cell) ? `<c ${at}><v>${cell}</v></c>` : ''
    return `<c ${at} t="inlineStr"><is><t xml:space="preserve">${escaped(cell)}</t></is></c>`
  })
  return `<row r="${n}">${xml.join('')}</row>`
}

function letters(index: number): string {
  const rest = index % 26
  return (index >= 26 ? letters((index - rest) / 26 - 1) : '') + String.fromCharCode(65 + rest)
}

/** XML allows no control characters at all but three; a lone half of a surrogate pair is none either. */
const escaped = (text: string): string =>
  text
    .toWellFormed()
    .replace(/(?![\t\n\r])\p{Cc}/gu, ' ')
    .replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!)

/** At most 31 characters, none of []:*?/\, each once. */
function sheetNames(sheets: readonly Sheet[]): string[] {
  const used = new Set<string>()
  return sheets.map(({ name }) => {
    const base = name.replace(/[[\]:*?/\\]/g, ' ').slice(0, 28) || 'Sheet'
    let free = base
    for (let n = 2; used.has(free); n++) free = `${base} ${n}`
    used.add(free)
    return free
  })
}
