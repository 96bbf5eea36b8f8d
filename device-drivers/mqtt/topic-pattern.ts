/** Topic patterns of model files: `gw/{gateway}/band/{device}/data`, with `+` for one level and `#` for the rest. */
import { WardwatchError } from '#model/errors.ts'

export class TopicPattern {
  readonly text: string
  /** The same as an MQTT subscription filter. */
  readonly filter: string
  readonly #levels: string[]

  /** @throws WardwatchError `model-invalid` */
  constructor(text: string) {
    this.text = text
    this.#levels = text.split('/')
    for (const [i, level] of this.#levels.entries()) {
      // An empty level is one too: many makers begin their topics with "/".
      const legal =
        /^(\{[a-z][a-z0-9_-]*\}|\+|[^+#{}]*)$/.test(level) || (level === '#' && i === this.#levels.length - 1)
      if (!legal)
        throw new WardwatchError(
          'model-invalid',
          `topic pattern "${text}": level "${level}" must be a name, {part}, + or a last #`,
        )
    }
    if (this.#levels.every((level) => level === ''))
      throw new WardwatchError('model-invalid', `topic pattern "${text}" names no topic`)
    if (this.#levels[0] === 'ww')
      throw new WardwatchError(
        'model-invalid',
        `topic pattern "${text}": the branch ww/ has the layout of the contract and needs no model file`,
      )
    this.filter = this.#levels.map((level) => (level.startsWith('{') ? '+' : level)).join('/')
  }

  /** Named parts of the topic, or null when it has another shape. */
  match(topic: string): Record<string, string> | null {
    const have = topic.split('/')
    const parts: Record<string, string> = {}
    for (const [i, level] of this.#levels.entries()) {
      if (level === '#') return parts
      const value = have[i]
      if (value === undefined) return null
      if (level.startsWith('{')) parts[level.slice(1, -1)] = value
      else if (level !== '+' && level !== value) return null
    }
    return have.length === this.#levels.length ? parts : null
  }
}
