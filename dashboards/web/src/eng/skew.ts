/** Clock offsets in bins of 100 ms; what lies beyond ±2.5 s is counted in the outermost ones. Pure. */
export interface Bin {
  from: number
  width: number
  count: number
}

const WIDTH = 100
const EDGE = 2500

export function histogram(offsets: readonly number[]): { bins: Bin[]; within: number; beyond: number } {
  const bins: Bin[] = []
  for (let from = -EDGE; from < EDGE; from += WIDTH) bins.push({ from, width: WIDTH, count: 0 })
  for (const offset of offsets) {
    const at = Math.floor((offset + EDGE) / WIDTH)
    bins[Math.max(0, Math.min(bins.length - 1, at))]!.count++
  }
  return {
    bins,
    within: offsets.filter((o) => Math.abs(o) <= 500).length,
    beyond: offsets.filter((o) => Math.abs(o) > 2000).length,
  }
}
