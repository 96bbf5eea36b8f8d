/**
 * Which standing devices are drawn: those in sight, of the layers that are on. More than a picture can hold are never
 * dropped silently: what is wrong is drawn first, and the number left out is told. Pure.
 */
import type { DeviceItem } from '../api/types.ts'
import { type DoorShape, doorShape, isDoor } from './symbols.tsx'

/** More than this is a grey carpet that nobody reads, and slow to style. */
export const MAX_SYMBOLS = 300
const EDGE_PX = 20

export interface PlacedSymbol {
  device: DeviceItem
  kind: 'door' | 'camera' | 'sensor'
  shape: DoorShape | null
  /** Forced, unknown, open, without signal: what a watch must see. */
  wrong: boolean
  x: number
  y: number
}

interface Shown {
  doors: boolean
  cameras: boolean
  sensors: boolean
}

export function chooseSymbols(
  devices: Iterable<DeviceItem>,
  floor: number,
  layers: Shown,
  size: { width: number; height: number },
  screen: (x: number, y: number) => [number, number],
  forced: ReadonlySet<string>,
  now: number,
): { symbols: PlacedSymbol[]; left: number } {
  const found: PlacedSymbol[] = []
  for (const device of devices) {
    if (!device.at || (device.at.floor ?? 1) !== floor || device.kind === 'band' || device.kind === 'tag') continue
    const kind = isDoor(device) ? 'door' : device.kind === 'camera' ? 'camera' : 'sensor'
    if (!layers[`${kind}s`]) continue
    const [x, y] = screen(device.at.x_m, device.at.y_m)
    if (x < -EDGE_PX || y < -EDGE_PX || x > size.width + EDGE_PX || y > size.height + EDGE_PX) continue
    const shape = kind === 'door' ? doorShape(device, forced.has(device.id), now) : null
    const wrong = shape === null ? device.online === false : shape !== 'closed'
    found.push({ device, kind, shape, wrong, x, y })
  }
  if (found.length <= MAX_SYMBOLS) return { symbols: found, left: 0 }
  const serious = (s: PlacedSymbol) => (s.shape === 'forced' ? 2 : s.wrong ? 1 : 0)
  const symbols = found.sort((a, b) => serious(b) - serious(a) || (a.device.id < b.device.id ? -1 : 1))
  return { symbols: symbols.slice(0, MAX_SYMBOLS), left: found.length - MAX_SYMBOLS }
}

/** What lies under the pointer, within reach of a finger's error; the nearest. */
export function nearest<T extends { x: number; y: number }>(
  items: Iterable<T>,
  x: number,
  y: number,
  reachPx: number,
): T | null {
  let best: T | null = null
  let bestAt = reachPx
  for (const item of items) {
    const away = Math.hypot(item.x - x, item.y - y)
    if (away <= bestAt) {
      best = item
      bestAt = away
    }
  }
  return best
}
