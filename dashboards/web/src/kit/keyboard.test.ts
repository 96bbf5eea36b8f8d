import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { meantBy, REMAPPABLE, takenBy } from './keyboard.ts'

describe('own keys', () => {
  test('a moved key works at its new place and no more at its old one', () => {
    const own = { a: 'q' }
    expect(meantBy('q', own)).toBe('a')
    expect(meantBy('a', own)).toBe('')
    expect(meantBy('d', own)).toBe('d')
  })

  test('two acts never share a key: what another act or a level has is taken, a place left free is not', () => {
    expect(takenBy('a', 'd', {})).toBe('d')
    expect(takenBy('a', '1', {})).toBe('1')
    expect(takenBy('a', 'q', { d: 'q' })).toBe('d')
    expect(takenBy('a', 'd', { d: 'q' })).toBeNull()
    expect(takenBy('a', 'a', {})).toBeNull()
  })

  test('whatever is moved by the rules, each pressed key means one act and each act can be pressed', () => {
    const moves = fc.array(fc.tuple(fc.constantFrom(...REMAPPABLE), fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz')), {
      maxLength: 20,
    })
    fc.assert(
      fc.property(moves, (list) => {
        const own: Record<string, string> = {}
        for (const [meant, key] of list)
          if (takenBy(meant, key, own) === null) {
            if (key === meant) delete own[meant]
            else own[meant] = key
          }
        const pressed = REMAPPABLE.map((meant) => own[meant] ?? meant)
        expect(new Set(pressed).size).toBe(pressed.length)
        REMAPPABLE.forEach((meant, i) => {
          expect(meantBy(pressed[i]!, own)).toBe(meant)
        })
      }),
    )
  })
})
