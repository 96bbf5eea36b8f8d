/** Own small icons, 16 px, drawn with the text colour. Decorative: words always stand beside them. */
const PATHS = {
  live: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11zM8 6a2 2 0 1 1 0 4a2 2 0 0 1 0-4z',
  sound: 'M2.5 6v4h2.7L9 13V3L5.2 6zM11 5.5a3.6 3.6 0 0 1 0 5M12.8 3.6a6.2 6.2 0 0 1 0 8.8',
  mute: 'M2.5 6v4h2.7L9 13V3L5.2 6zM11.5 6l3 4M14.5 6l-3 4',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9zM10.4 10.4L14 14',
  up: 'M8 13V3M4 7l4-4l4 4',
  down: 'M4 6l4 4l4-4',
  right: 'M6 4l4 4l-4 4',
  left: 'M10 4l-4 4l4 4',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  close: 'M4 4l8 8M12 4l-8 8',
  locate: 'M8 4.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 0 1 0-7zM8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3',
  list: 'M5.5 4h8.5M5.5 8h8.5M5.5 12h8.5M2.5 4h.5M2.5 8h.5M2.5 12h.5',
  plan: 'M2.5 3h11v10h-11zM8 3v5h5.5M2.5 9.5H6',
  devices: 'M3 4.5h10v7H3zM6 14h4M8 11.5V14',
  person: 'M8 2.5a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 0 1 0-5.2zM3 13.5c.6-3 2.6-4 5-4s4.400 1 5 4',
  theme: 'M8 2.500a5.500 5.500 0 1 1 0 11zM8 2.500a5.500 5.500 0 1 0 0 11',
  lock: 'M4 7.500h8v6H4zM5.500 7.500V5.200a2.500 2.500 0 0 1 5 0v2.300',
  camera: 'M2 5h8.500v6.500H2zM10.500 7.500L14 5.500v5.500l-3.500-2',
  incident: 'M8 2.500L14 13H2zM8 6.500v3M8 11v.5',
  shift: 'M2.500 5.500h9l-2.500-2.500M13.500 10.500h-9l2.500 2.500',
  health: 'M2 8.500h3l1.500-4 3 7 1.500-3h3',
  gov: 'M2.500 13.500h11M4 11V7M8 11V7M12 11V7M2.500 5.500L8 2.500l5.500 3z',
} as const

export type IconName = keyof typeof PATHS
export const ICONS = Object.keys(PATHS) as IconName[]

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      aria-hidden="true"
    >
      <path d={PATHS[name]} strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}
