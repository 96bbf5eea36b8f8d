/** What several operators ask about a door. */
import type { Signals } from './signals.ts'

/** The mode of a door. One that never said, or said it badly, is taken to be normal: bad is never evidence of an exception. */
export function doorMode(door: string, signals: Signals): string {
  const said = signals.last(door, 'door.mode')
  return said === null || said.bad ? 'normal' : ((said.value.mode as string | undefined) ?? 'normal')
}
