import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { type Accounts, openAccounts } from '../accounts.ts'
import { readZip } from '../evidence/zip.ts'
import { xlsx } from '../report/xlsx.ts'
import { SampleDesk, SampleFacility, sampleAlert } from '../sample-facility.ts'
import { type ConsoleServer, createConsoleServer } from '../server.ts'
import { daysOf } from './reports.ts'

/** Noon of 2026-11-22 in Shanghai. */
const NOON = Date.UTC(2026, 10, 22, 4)
const folder = mkdtempSync(join(tmpdir(), 'ww-reports-'))
const clock = new VirtualClock(NOON + 86_400_000)
let accounts: Accounts
let server: ConsoleServer
const tokens: Record<string, string> = {}

beforeAll(async () => {
  accounts = openAccounts({ dir: folder, clock, scryptLog2: 4 })
  for (const role of ['chief', 'secadmin'] as const) {
    await accounts.add({ id: `a-${role}`, role, password: 'Geheim-1234' })
    tokens[role] = accounts.token(`a-${role}`).token
  }
  const desk = new SampleDesk(clock)
  const at = (hours: number) => ({ raisedAt: NOON + hours * 3_600_000, eventTime: NOON + hours * 3_600_000 })
  desk.publish(
    sampleAlert('a1', { ...at(0), number: '1122-0001', ackAt: NOON + 10_000, state: 'resolved', result: 'confirmed' }),
  )
  desk.publish(sampleAlert('a2', { ...at(1), number: '1122-0002', ackAt: NOON + 3_630_000, state: 'latched' }))
  desk.publish(sampleAlert('a3', { ...at(2), level: 'yellow', state: 'dismissed', result: 'false', ackAt: null }))
  desk.publish(sampleAlert('a4', { ...at(3), test: true }))
  // The day before and the day after, local time.
  desk.publish(sampleAlert('a5', at(-13)))
  desk.publish(sampleAlert('a6', at(12.1)))
  server = await createConsoleServer({
    id: 'js-03',
    title: { zh: '青岚监狱', en: 'Qinglan Prison' },
    clock,
    accounts,
    alerts: desk,
    facility: new SampleFacility(),
    logger: pino({ level: 'silent' }),
    webRoot: null,
  })
})
afterAll(async () => {
  await server.close()
  accounts.close()
  rmSync(folder, { recursive: true, force: true })
})

const get = (path: string, role = 'chief') =>
  server.inject({ method: 'GET', url: `/api/v1/reports/${path}`, headers: { authorization: `Bearer ${tokens[role]}` } })

/** Cells of a sheet by row, as a spreadsheet would show them. */
function cells(file: Buffer, sheet: number): string[][] {
  const parser = new XMLParser({
    ignoreAttributes: false,
    isArray: (name) => name === 'row' || name === 'c',
    trimValues: false,
  })
  const xml = readZip(file).get(`xl/worksheets/sheet${sheet}.xml`)!.toString()
  type Cell = { v?: number; is?: { t: { '#text': string } | string } }
  const rows = (parser.parse(xml) as { worksheet: { sheetData: { row: { c?: Cell[] }[] } } }).worksheet.sheetData.row
  return rows.map((row) =>
    (row.c ?? []).map((c) => String(c.v ?? (typeof c.is?.t === 'object' ? c.is.t['#text'] : c.is?.t))),
  )
}

describe('reports of a facility', () => {
  test('the day counts its own alerts by level, leaves tests out, and gives the median to acknowledgement', async () => {
    const answer = await get('daily.xlsx?day=2026-11-22')
    expect(answer.headers['content-disposition']).toBe('attachment; filename="daily-js-03-2026-11-22.xlsx"')
    const [head, red, orange, yellow] = cells(answer.rawPayload, 1)
    expect(head![0]).toBe('级别 level')
    expect(red).toEqual(['红色 red', '2', '2', '20', '1', '1', '1', '0', '0'])
    expect(orange!.slice(0, 2)).toEqual(['橙色 orange', '0'])
    expect(yellow).toEqual(['黄色 yellow', '1', '0', '1', '0', '0', '1', '0'])
    expect(cells(answer.rawPayload, 2).map((row) => row[0])).toEqual(['编号 number', '1122-0001', '1122-0002'])
    expect(cells(answer.rawPayload, 3)[1]).toEqual(['R29', '低氧 Hypoxia', '3', '1'])
    expect(cells(answer.rawPayload, 4).length).toBeGreaterThan(30)
    for (const [path, data] of readZip(answer.rawPayload)) {
      expect(XMLValidator.validate(data.toString()), path).toBe(true)
      // A report of the facility names nobody.
      expect(data.toString(), path).not.toContain('P017')
    }
  })

  test('a week ends with its day, a month holds it, and yesterday is the default', async () => {
    expect(daysOf('weekly', '2026-03-02')).toEqual(['2026-02-24', '2026-03-02'])
    expect(daysOf('monthly', '2028-02-10')).toEqual(['2028-02-01', '2028-02-29'])
    expect(cells((await get('weekly.xlsx?day=2026-11-23')).rawPayload, 1)[1]![1]).toBe('4')
    expect((await get('daily.pdf')).headers['content-disposition']).toContain('daily-js-03-2026-11-22.pdf')
  })

  test('comes as PDF; a date that is none and a role without the right are refused', async () => {
    const pdf = await get('monthly.pdf?day=2026-11-22')
    expect(pdf.headers['content-type']).toBe('application/pdf')
    expect(pdf.rawPayload.subarray(0, 5).toString()).toBe('%PDF-')
    expect((await get('daily.pdf?day=2026-02-30')).json()).toMatchObject({ status: 422, field: 'day' })
    expect((await get('daily.xlsx', 'secadmin')).statusCode).toBe(403)
  })

  test('a sheet takes whatever a text holds, and nothing in it computes', async () => {
    const texts = ['=cmd()', '<b>&"\'</b>', 'a\u0000\u0008b', 'half \ud800', '两\n行', ' spaced ']
    const rows = [...texts.map((text) => [text, 1.5, null]), ['n', Number.NaN, 2]]
    const columns = Array.from({ length: 3 }, (_, i) => ({ title: `c${i}`, width: 10 }))
    const file = await xlsx(
      [
        { name: 'a/b:c', columns, rows },
        { name: 'a b c', columns: [], rows: [] },
      ],
      NOON,
    )
    for (const [path, data] of readZip(file)) expect(XMLValidator.validate(data.toString()), path).toBe(true)
    expect(cells(file, 1).map((row) => row[0])).toEqual([
      'c0',
      '=cmd()',
      '<b>&"\'</b>',
      'a  b',
      'half \ufffd',
      '两\n行',
      ' spaced ',
      'n',
    ])
    expect(readZip(file).get('xl/workbook.xml')!.toString()).toMatch(/name="a b c".*name="a b c 2"/)
    expect(readZip(file).get('xl/worksheets/sheet1.xml')!.toString()).not.toContain('<f>')
  })
})
