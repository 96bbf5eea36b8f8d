/** What the open page can do by key, offered by the palette (Ctrl+K) as well: the way for whoever has turned single keys off. */
import type { TextKey } from '../i18n/dictionary.ts'
import { Signal } from '../live/signal.ts'

export interface PageCommand {
  text: TextKey
  /** What it works on, where that is one alert. */
  note: string | null
  key: string
  run(): void
}

export const noCommands = (): PageCommand[] => []
export const pageCommands = new Signal<() => PageCommand[]>(noCommands)
