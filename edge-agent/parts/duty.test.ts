import { describe, expect, test } from 'vitest'
import { DEFAULT_ESCALATION } from '#model/alert/escalation.ts'
import { ladderAt, policyOf } from './duty.ts'

const duty = [
  { shift: 'A', chief: 'S01', officers: ['S05', 'S06'] },
  { shift: 'N', chief: 'S02', officers: ['S06', 'S07'] },
]
const shifts = [
  { id: 'A', from: '08:00', to: '20:00' },
  { id: 'N', from: '20:00', to: '08:00' },
]
const at = (hour: string) => Date.parse(`2026-11-22T${hour}:00+08:00`)

describe('duty list', () => {
  test('names the officers of the shift that is on, then its chief, over midnight too', () => {
    expect(ladderAt(duty, shifts, 'Asia/Shanghai', at('09:00'))).toEqual(['S05', 'S06', 'S01'])
    expect(ladderAt(duty, shifts, 'Asia/Shanghai', at('23:30'))).toEqual(['S06', 'S07', 'S02'])
    expect(ladderAt(duty, shifts, 'Asia/Shanghai', at('07:59'))).toEqual(['S06', 'S07', 'S02'])
  })

  test('a shift whose hours nobody wrote down is always on; nobody twice; no list is an empty one', () => {
    expect(ladderAt(duty, [], 'Asia/Shanghai', at('09:00'))).toEqual(['S05', 'S06', 'S07', 'S01', 'S02'])
    expect(ladderAt(undefined, shifts, 'Asia/Shanghai', at('09:00'))).toEqual([])
  })
})

test('limits of the site file replace those it names and leave acknowledgement as it is measured', () => {
  const policy = policyOf({ mode: 'broadcast', respond: { red: '90s', yellow: null }, resolve: { blue: '7d' } })
  expect(policy.mode).toBe('broadcast')
  expect(policy.limits.respond).toEqual({ ...DEFAULT_ESCALATION.limits.respond, red: 90_000, yellow: null })
  expect(policy.limits.resolve.blue).toBe(7 * 86_400_000)
  expect(policy.limits.acknowledge).toEqual({ red: 30_000, orange: 60_000, yellow: 180_000, blue: 1_800_000 })
  expect(policyOf(undefined)).toEqual(DEFAULT_ESCALATION)
})
