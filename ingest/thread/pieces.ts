/**
 * Work over many items on the main thread, piece by piece: between two pieces everybody else there has a turn, so that
 * what nobody waits for never holds up what a person waits for. Must never change what the work gives.
 */

/** One turn of the event loop for the others. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export async function inPieces<T, R>(items: readonly T[], size: number, work: (item: T) => R): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i++) {
    if (i > 0 && i % size === 0) await turn()
    results.push(work(items[i]!))
  }
  return results
}
