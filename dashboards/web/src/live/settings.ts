/** What a person chose for this browser: language, theme, density, shortcuts, volume. Never anything about alerts. */
import { HTML_LANG, LANGUAGES, type Language, loadDictionary } from '../i18n/dictionary.ts'
import { Signal } from './signal.ts'

export interface Settings {
  language: Language
  theme: 'auto' | 'dark' | 'light'
  density: 'compact' | 'normal' | 'comfortable'
  shortcuts: boolean
  /** Own single keys by the key they stand for, e.g. { a: 'q' }; only what differs. */
  keys: Record<string, string>
  volume: number
}

const STORE_KEY = 'wardwatch.settings'
const defaults: Settings = { language: 'zh', theme: 'auto', density: 'normal', shortcuts: true, keys: {}, volume: 0.7 }

function read(): Settings {
  try {
    const kept = { ...defaults, ...(JSON.parse(localStorage.getItem(STORE_KEY) ?? '{}') as Partial<Settings>) }
    return LANGUAGES.includes(kept.language) ? kept : { ...kept, language: defaults.language }
  } catch {
    return defaults
  }
}

class SettingsStore extends Signal<Settings> {
  change(part: Partial<Settings>): void {
    this.set({ ...this.get(), ...part })
    try {
      localStorage.setItem(STORE_KEY, JSON.stringify(this.get()))
    } catch {
      // A kiosk browser may refuse storage: the choice then holds until the page is closed.
    }
    apply()
  }
}

export const settings = new SettingsStore(read())

/**
 * Another language is shown once its dictionary is here; when it cannot be fetched everything stays as it is, readable.
 * Answers whether the language has changed.
 */
export async function chooseLanguage(language: Language): Promise<boolean> {
  try {
    await loadDictionary(language)
  } catch {
    return false
  }
  settings.change({ language })
  return true
}
export const otherLanguage = (): Language => (settings.get().language === 'zh' ? 'en' : 'zh')

let pageTheme: 'dark' | 'light' = 'dark'

/** Dark for the console and the wall, light for engineers and the province, unless the person chose. */
export function shownTheme(): 'dark' | 'light' {
  const { theme } = settings.get()
  return theme === 'auto' ? pageTheme : theme
}

export function setPageTheme(theme: 'dark' | 'light'): void {
  pageTheme = theme
  apply()
}

function apply(): void {
  const { language, density } = settings.get()
  document.documentElement.lang = HTML_LANG[language]
  document.documentElement.dataset.theme = shownTheme()
  document.documentElement.dataset.density = density
}
