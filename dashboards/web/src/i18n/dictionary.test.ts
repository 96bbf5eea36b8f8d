import { describe, expect, test } from 'vitest'
import { DICTIONARIES, fill, translateCode } from './dictionary.ts'

const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()

describe('the dictionaries', () => {
  test('have the same keys in both languages', () => {
    expect(Object.keys(DICTIONARIES.en).sort()).toEqual(Object.keys(DICTIONARIES.zh).sort())
  })
  test('fill in the same places in both languages', () => {
    for (const [key, zh] of Object.entries(DICTIONARIES.zh))
      expect({ key, places: places(DICTIONARIES.en[key as keyof typeof DICTIONARIES.en]) }).toEqual({
        key,
        places: places(zh),
      })
  })
  test('leave no text empty', () => {
    for (const dictionary of Object.values(DICTIONARIES))
      for (const [key, text] of Object.entries(dictionary)) expect(text, key).not.toBe('')
  })
  test('show a place without a parameter and a code without a text as they are', () => {
    expect(fill('{a} of {b}', { a: 1 })).toBe('1 of {b}')
    expect(translateCode('zh', 'advice', 'brand-new-advice')).toBe('brand-new-advice')
  })
})
