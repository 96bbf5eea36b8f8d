/** How far a long run is, as one line that is drawn over itself: on a terminal only, and only when it has moved on. */
import type { CommandIo } from './cli-io.ts'

const WIDTH = 30

export interface Progress {
  /** @param done of the total, in the same unit. */
  show(done: number, lines: number): void
  /** Leaves the last line standing. */
  end(): void
}

/** @param runs how often the whole is gone through; each begins anew. */
export function progressBar(io: CommandIo, total: number, runs = 1): Progress {
  let drawn = ''
  let run = 1
  let before = 0
  return {
    show(done, lines) {
      if (!io.isTerminal) return
      if (done < before && run < runs) run++
      before = done
      const share = total > 0 ? Math.min(1, done / total) : 1
      const percent = Math.floor(share * 100)
      const which = runs > 1 ? `  ${run}/${runs}` : ''
      if (`${percent}${which}` === drawn) return
      drawn = `${percent}${which}`
      const full = Math.round(share * WIDTH)
      io.err(
        `\r[${'='.repeat(full)}${' '.repeat(WIDTH - full)}] ${String(percent).padStart(3)} %${which}  ${lines} lines `,
      )
    },
    end() {
      if (drawn !== '') io.err('\n')
      drawn = ''
    },
  }
}
