/** Languages of the console: typed dictionaries and the filling-in of `{name}` places. Knows no React and no DOM. */
import { en } from './en.ts'
import { type TextKey, zh } from './zh.ts'

export type Language = 'zh' | 'en'
export type { TextKey }
export const DICTIONARIES: Record<Language, Record<TextKey, string>> = { zh, en }
export const HTML_LANG: Record<Language, string> = { zh: 'zh-CN', en: 'en' }

export type Params = Record<string, string | number>

/** Replaces `{name}` by its parameter; a place without one keeps its braces, so that it is seen. */
export function fill(text: string, params?: Params): string {
  return params ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole)) : text
}

export function translate(language: Language, key: TextKey, params?: Params): string {
  return fill(DICTIONARIES[language][key], params)
}

/** Codes come from the server and may be newer than this console: an unknown one is shown as it is, never hidden. */
export function translateCode(language: Language, prefix: string, code: string): string {
  const dictionary = DICTIONARIES[language] as Record<string, string>
  return dictionary[`${prefix}.${code}`] ?? code
}
