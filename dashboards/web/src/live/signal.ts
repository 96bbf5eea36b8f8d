/** The smallest store there is: one value, its listeners, `useSyncExternalStore`-shaped. Knows no React. */
export class Signal<T> {
  #value: T
  readonly #listeners = new Set<() => void>()

  constructor(value: T) {
    this.#value = value
  }

  readonly get = (): T => this.#value

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.put(value)
    this.tell()
  }

  /** Takes the value and tells nobody yet: for what changes hundreds of times a second. `tell` must follow soon. */
  protected put(value: T): void {
    this.#value = value
  }
  protected tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
