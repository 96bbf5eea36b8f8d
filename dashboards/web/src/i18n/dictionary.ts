/**
 * Languages of the console: typed dictionaries, each its own file that is fetched when it is first wanted, and the
 * filling-in of `{name}` places. Knows no React and no DOM.
 */
import type { TextKey } from './zh.ts'

export type Language = 'zh' | 'en'
export type { TextKey }
export type Dictionary = Record<TextKey, string>
export const LANGUAGES: readonly Language[] = ['zh', 'en']
export const HTML_LANG: Record<Language, string> = { zh: 'zh-CN', en: 'en' }

const FETCH: Record<Language, () => Promise<Dictionary>> = {
  zh: async () => (await import('./zh.ts')).zh,
  en: async () => (await import('./en.ts')).en,
}
const known: Partial<Record<Language, Dictionary>> = {}

/** Must have ended before anything is said in that language. Rejects when the server does not give the file. */
export async function loadDictionary(language: Language): Promise<void> {
  known[language] ??= await FETCH[language]()
}

export const knowsLanguage = (language: Language): boolean => known[language] !== undefined

export type Params = Record<string, string | number>

/** Replaces `{name}` by its parameter; a place without one keeps its braces, so that it is seen. */
export function fill(text: string, params?: Params): string {
  return params ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole)) : text
}

/** A text whose dictionary did not come is shown by its key: never an empty place. */
export function translate(language: Language, key: TextKey, params?: Params): string {
  return fill(known[language]?.[key] ?? key, params)
}

/** Codes come from the server and may be newer than this console: an unknown one is shown as it is, never hidden. */
export function translateCode(language: Language, prefix: string, code: string): string {
  const dictionary = known[language] as Record<string, string> | undefined
  return dictionary?.[`${prefix}.${code}`] ?? code
}
