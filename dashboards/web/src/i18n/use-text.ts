/** The language as React sees it: switches without a reload. Formatting of times and numbers goes through `Intl` only. */
import { useSyncExternalStore } from 'react'
import { settings } from '../live/settings.ts'
import { type Language, type Params, type TextKey, translate, translateCode } from './dictionary.ts'

export interface Text {
  (key: TextKey, params?: Params): string
  code(prefix: string, code: string): string
  /** The text of a bilingual name; the other language, then the fallback, where one is missing. */
  pick(name: { zh?: string; en?: string } | null | undefined, fallback: string): string
  /** Several words one after the other, as the language sets them apart. */
  list(items: readonly string[]): string
  language: Language
}

function make(language: Language): Text {
  const text = ((key, params) => translate(language, key, params)) as Text
  text.code = (prefix, code) => translateCode(language, prefix, code)
  text.pick = (name, fallback) => (name ? name[language] || name.zh || name.en || fallback : fallback)
  text.list = (items) => items.join(language === 'zh' ? '、' : ', ')
  text.language = language
  return text
}

const texts: Record<Language, Text> = { zh: make('zh'), en: make('en') }

export function useText(): Text {
  return useSyncExternalStore(settings.subscribe, () => texts[settings.get().language])
}
