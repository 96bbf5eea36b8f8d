/** Symbols of things that stand still. A door says its state by shape: closed, open, forced, unknown; never by colour. */
import type { DeviceItem } from '../api/types.ts'
import css from './plan.module.css'

export type DoorShape = 'closed' | 'open' | 'forced' | 'unknown'

const STALE_DOOR_MS = 24 * 3_600_000

export function doorShape(device: DeviceItem, forced: boolean, now: number): DoorShape {
  const state = device.latest['door.state'] ?? device.latest['gate.state']
  if (device.online === false || !state || state.quality === 'bad' || now - state.time > STALE_DOOR_MS) return 'unknown'
  if (state.value.state === 'closed') return 'closed'
  return forced ? 'forced' : 'open'
}

const DOOR_PATHS: Record<DoorShape, string> = {
  closed: 'M-7 0H7',
  open: 'M-7 0H-6M-6.500 0V-9A9 9 0 0 1 2.500 0',
  forced: 'M-8 2L-3-4L-1 2L4-5L7 1',
  unknown: 'M-7 0H-4M-2 0H1M3 0H6',
}

export function DoorSymbol({ shape }: { shape: DoorShape }) {
  return <path className={css.door} data-shape={shape} d={DOOR_PATHS[shape]} />
}

export function CameraSymbol({ lost }: { lost: boolean }) {
  return (
    <g className={css.camera} data-lost={lost}>
      <path d="M-6-3.500H2V3.500H-6ZM2-1L6-3.500V3.500L2 1Z" />
      {lost && <path d="M-7 6L7-6" />}
    </g>
  )
}

export function SensorSymbol({ lost }: { lost: boolean }) {
  return <rect className={css.sensor} data-lost={lost} x={-2.5} y={-2.5} width={5} height={5} />
}

export const isDoor = (d: DeviceItem): boolean => d.kind === 'door' || d.kind === 'gate'
