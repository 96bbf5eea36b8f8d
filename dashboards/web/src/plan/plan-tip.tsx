/** What the pointer is over, in words; the same words stand in the panel of the place, for those who have no pointer. */
import type { DeviceItem } from '../api/types.ts'
import type { Text } from '../i18n/use-text.ts'
import { useText } from '../i18n/use-text.ts'
import { kindName } from '../kit/reading-words.ts'
import { zoneName } from '../kit/wording.ts'
import { type FacilityData, facility } from '../live/facility-data.ts'
import { headcount } from '../live/headcount.ts'
import { serverClock } from '../live/server-clock.ts'
import { settings } from '../live/settings.ts'
import { useSignal } from '../live/use-signal.ts'
import type { Chosen } from './floor-plan.tsx'
import css from './plan.module.css'
import { doorShape, isDoor } from './symbols.tsx'

const WIDTH_PX = 260

export function deviceState(t: Text, device: DeviceItem, forced: ReadonlySet<string>): string {
  if (isDoor(device)) return t(`plan.door.${doorShape(device, forced.has(device.id), serverClock.now())}`)
  return t(`eng.state.${device.online === false ? 'offline' : device.online ? 'online' : 'unknown'}`)
}

export function personName(data: FacilityData, id: string): string {
  const person = data.people.get(id)
  return person ? [person.number ?? person.id, person.initials].filter(Boolean).join(' ') : id
}

export function PlanTip(p: Chosen & { x: number; y: number; width: number; forced: ReadonlySet<string> }) {
  const t = useText()
  const data = useSignal(facility)
  const { items } = useSignal(headcount)
  const { language } = useSignal(settings)
  const device = p.device ? data.devices.get(p.device) : undefined
  const count = items.find((row) => row.zone === p.zone)
  return (
    <p
      className={css.tip}
      aria-hidden="true"
      style={{ left: Math.max(4, Math.min(p.x + 14, p.width - WIDTH_PX)), top: p.y + 14, maxWidth: WIDTH_PX }}
    >
      {device ? (
        <>
          <b>{device.id}</b> {kindName(device.kind, language)} · {deviceState(t, device, p.forced)}
        </>
      ) : p.person ? (
        <b>{personName(data, p.person)}</b>
      ) : (
        <b>{zoneName(t, data, p.zone)}</b>
      )}
      {!device && !p.person && (count?.expected ?? 0) > 0 && (
        <span>{t('plan.zone.count', { present: count!.present, expected: count!.expected! })}</span>
      )}
      {(device || p.person) && <span>{zoneName(t, data, p.zone)}</span>}
    </p>
  )
}
