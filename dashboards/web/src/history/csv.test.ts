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

test('wide signs, signs behind blanks and line breaks start no formula either; emoji, long and right-to-left names stay as they are', () => {
  const long = '长'.repeat(5000)
  expect(csvOf([['＝HYPERLINK("x")', ' =1+1', '\n@SUM', '－1', '🔑 a', 'مرحبا', long]])).toBe(
    `\uFEFF"'＝HYPERLINK(""x"")",' =1+1,"'\n@SUM",'－1,🔑 a,مرحبا,${long}\r\n`,
  )
})
