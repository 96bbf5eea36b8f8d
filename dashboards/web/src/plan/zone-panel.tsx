/**
 * The chosen place in words: 实到/应到 as the server counts, who belongs here and is elsewhere, who is inside, officers and
 * devices. Number and initials only. It is also what a screen reader has instead of the canvas.
 */
import { useState } from 'react'
import { Link } from 'react-router'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import kit from '../kit/kit.module.css'
import { kindName } from '../kit/reading-words.ts'
import { zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { duration } from '../live/format.ts'
import { headcount } from '../live/headcount.ts'
import { positions } from '../live/positions.ts'
import { second, serverClock } from '../live/server-clock.ts'
import { mayDo, me } from '../live/session.ts'
import { settings } from '../live/settings.ts'
import { useSignal } from '../live/use-signal.ts'
import { fixAge } from './dots.ts'
import type { Chosen } from './floor-plan.tsx'
import css from './plan.module.css'
import { deviceState, personName } from './plan-tip.tsx'
import { contentOf, type Whereabouts } from './zone-content.ts'

const SHOWN = 12

interface Props {
  chosen: Chosen
  forced: ReadonlySet<string>
  onChoose(chosen: Chosen | null): void
  onTrack(person: string): void
}

export function ZonePanel({ chosen, forced, onChoose, onTrack }: Props) {
  const t = useText()
  const data = useSignal(facility)
  const { items } = useSignal(headcount)
  const { language } = useSignal(settings)
  useSignal(second)
  const now = serverClock.now()
  const zone = data.zones.get(chosen.zone)
  const count = items.find((row) => row.zone === chosen.zone)
  const content = contentOf(data, chosen.zone, positions.values(), now)
  const seesPeople = mayDo(me(), 'positions:read')
  const where = (one: Whereabouts): string =>
    one.fix === null
      ? t('plan.zone.noFix')
      : one.old
        ? t('plan.zone.lastFix', { zone: zoneName(t, data, one.fix.zone), age: duration(fixAge(one.fix, now)) })
        : zoneName(t, data, one.fix.zone)
  const person = (one: Whereabouts, word: string) => (
    <li key={one.person} data-strong={one.old} data-chosen={one.person === chosen.person}>
      <button
        type="button"
        className={css.rowButton}
        aria-pressed={one.person === chosen.person}
        onClick={() => onTrack(one.person)}
      >
        {personName(data, one.person)}
      </button>
      <span className="muted">{word}</span>
    </li>
  )
  return (
    <section className={css.group} aria-label={t('plan.zone.title')} data-testid="zone-panel">
      <h2 className={css.zoneHead}>
        {zoneName(t, data, chosen.zone)}
        <Button small shortcut="Esc" onClick={() => onChoose(null)}>
          {t('plan.zone.close')}
        </Button>
      </h2>
      {zone && !zone.polygon && <p className={css.strong}>{t('plan.zone.noDrawing')}</p>}
      {count && (count.expected ?? 0) > 0 ? (
        <p data-testid="zone-count">
          <b>{t('plan.zone.count', { present: count.present, expected: count.expected! })}</b>
          {(count.unknown ?? 0) > 0 && ` · ${t('count.unknown', { n: count.unknown! })}`}
        </p>
      ) : (
        count && <p data-testid="zone-count">{t('plan.zone.inside', { n: count.inside ?? count.present })}</p>
      )}
      {seesPeople && content.missing.length > 0 && (
        <Part title={t('plan.zone.missing', { n: content.missing.length })}>
          {content.missing.map((one) => person(one, where(one)))}
        </Part>
      )}
      {seesPeople && (
        <Part title={t('plan.zone.people', { n: content.inside.length })}>
          {content.inside.map((one) =>
            person(one, one.old ? where(one) : one.fix?.zone === chosen.zone ? '' : where(one)),
          )}
        </Part>
      )}
      {seesPeople && (
        <Part title={t('plan.zone.officers', { n: content.officers.length })}>
          {content.officers.map((one) =>
            person(one, one.old ? where(one) : one.fix?.zone === chosen.zone ? '' : where(one)),
          )}
        </Part>
      )}
      <Part title={t('plan.zone.devices', { n: content.devices.length })}>
        {content.devices.map((device) => (
          <li key={device.id} data-strong={device.online === false} data-chosen={device.id === chosen.device}>
            <button
              type="button"
              className={css.rowButton}
              aria-pressed={device.id === chosen.device}
              onClick={() => onChoose({ ...chosen, person: undefined, device: device.id })}
            >
              {device.id}
            </button>
            <span className="muted">
              {kindName(device.kind, language)} · {deviceState(t, device, forced)}
            </span>
            {device.kind === 'camera' && device.viewable !== false && mayDo(me(), 'video:read') && (
              <Link
                className={kit.button}
                data-small="true"
                to={`/duty/cameras?camera=${encodeURIComponent(device.id)}`}
              >
                {t('plan.zone.view')}
              </Link>
            )}
          </li>
        ))}
      </Part>
    </section>
  )
}

/** A list that shows its first dozen and, at a press, all. */
function Part({ title, children }: { title: string; children: React.ReactNode[] }) {
  const t = useText()
  const [all, setAll] = useState(false)
  return (
    <>
      <h3 className={css.partHead}>{title}</h3>
      <ul className={css.partList}>{all ? children : children.slice(0, SHOWN)}</ul>
      {children.length > SHOWN && (
        <Button small onClick={() => setAll(!all)}>
          {all ? t('plan.zone.less') : t('plan.zone.all', { n: children.length })}
        </Button>
      )}
    </>
  )
}
