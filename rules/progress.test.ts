import { expect, test } from 'vitest'
import { progressBar } from './progress.ts'

function terminal(isTerminal: boolean) {
  const said: string[] = []
  return { said, io: { out: () => {}, err: (text: string) => void said.push(text), isTerminal } }
}

test('on a terminal the bar is drawn over itself, and only when it has moved', () => {
  const { said, io } = terminal(true)
  const bar = progressBar(io, 1000)
  for (let done = 0; done <= 1000; done++) bar.show(done, done * 2)
  bar.end()
  expect(said).toHaveLength(102)
  expect(said[0]).toBe(`\r[${' '.repeat(30)}]   0 %  0 lines `)
  expect(said[50]).toBe(`\r[${'='.repeat(15)}${' '.repeat(15)}]  50 %  1000 lines `)
  expect(said.at(-1)).toBe('\n')
})

test('of several runs it says which one', () => {
  const { said, io } = terminal(true)
  const bar = progressBar(io, 10, 2)
  for (const done of [5, 10, 5, 10]) bar.show(done, done)
  expect(said.map((line) => /\d\/\d/.exec(line)?.[0])).toEqual(['1/2', '1/2', '2/2', '2/2'])
})

test('elsewhere it is silent', () => {
  const { said, io } = terminal(false)
  const bar = progressBar(io, 10)
  bar.show(5, 5)
  bar.end()
  expect(said).toEqual([])
})
