import { beforeAll, describe, expect, test } from 'vitest'
import { fill, knowsLanguage, loadDictionary, translate, translateCode } from './dictionary.ts'
import { en } from './en.ts'
import { zh } from './zh.ts'

const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()

describe('the dictionaries', () => {
  test('have the same keys in both languages', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
  })
  test('fill in the same places in both languages', () => {
    for (const [key, text] of Object.entries(zh))
      expect({ key, places: places(en[key as keyof typeof en]) }).toEqual({ key, places: places(text) })
  })
  test('leave no text empty', () => {
    for (const dictionary of [zh, en])
      for (const [key, text] of Object.entries(dictionary)) expect(text, key).not.toBe('')
  })
})

describe('saying a text', () => {
  beforeAll(() => loadDictionary('zh'))
  test('a place without a parameter and a code without a text are shown as they are', () => {
    expect(fill('{a} of {b}', { a: 1 })).toBe('1 of {b}')
    expect(translateCode('zh', 'advice', 'brand-new-advice')).toBe('brand-new-advice')
  })
  test('a language that has not come yet is shown by its keys, never as an empty place', async () => {
    expect(translate('zh', 'nav.alerts')).toBe(zh['nav.alerts'])
    expect(knowsLanguage('en')).toBe(false)
    expect(translate('en', 'nav.alerts')).toBe('nav.alerts')
    await loadDictionary('en')
    expect(translate('en', 'nav.alerts')).toBe(en['nav.alerts'])
  })
})
