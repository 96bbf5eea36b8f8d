import { expect, test } from 'vitest'
import { csvOf } from './csv.ts'

test('CSV keeps Chinese, quotes and line breaks, and runs nothing in a spreadsheet', () => {
  expect(
    csvOf([
      ['编号', 'a,b'],
      ['说 "好"', '=SUM(A1)'],
      ['两\n行', '+86'],
    ]),
  ).toBe('\uFEFF编号,"a,b"\r\n"说 ""好""",\'=SUM(A1)\r\n"两\n行",\'+86\r\n')
})
