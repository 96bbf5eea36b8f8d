/**
 * Answers about a person in a zone that hold until something begins or ends: a pass, a slot of the timetable, a quarter of
 * an hour (no time zone changes within one). They are asked on every fix of everybody and change a few times an hour.
 */
export class Steady {
  #from = Number.POSITIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY
  readonly #spanOf: (at: number) => readonly [from: number, until: number]
  readonly #answers: Map<string, { zone: string; yes: boolean }>[]

  /** @param spanOf the longest known stretch around an instant in which nothing begins or ends. */
  constructor(questions: number, spanOf: (at: number) => readonly [number, number]) {
    this.#spanOf = spanOf
    this.#answers = Array.from({ length: questions }, () => new Map())
  }

  forget(): void {
    this.#from = Number.POSITIVE_INFINITY
    this.#until = Number.NEGATIVE_INFINITY
  }

  /** The answer of that question for the person's zone; undefined when it must be found out. */
  known(question: number, person: string, zone: string, at: number): boolean | undefined {
    if (!(at >= this.#from && at < this.#until)) {
      ;[this.#from, this.#until] = this.#spanOf(at)
      for (const map of this.#answers) map.clear()
      return undefined
    }
    const answer = (this.#answers[question] as Map<string, { zone: string; yes: boolean }>).get(person)
    return answer !== undefined && answer.zone === zone ? answer.yes : undefined
  }

  /** Call right after `known` gave none. */
  learn(question: number, person: string, zone: string, yes: boolean): boolean {
    const map = this.#answers[question] as Map<string, { zone: string; yes: boolean }>
    const answer = map.get(person)
    if (answer === undefined) map.set(person, { zone, yes })
    else {
      answer.zone = zone
      answer.yes = yes
    }
    return yes
  }
}

/** Narrows a stretch around `at` by an instant at which something changes. */
export function narrowed(span: [number, number], change: number, at: number): void {
  if (change <= at) {
    if (change > span[0]) span[0] = change
  } else if (change < span[1]) span[1] = change
}
