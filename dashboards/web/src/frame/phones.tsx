/** Whom to call when nothing else works: the numbers that the browser holds, nearest to the opened alert first. */
import { type ReactNode, useMemo, useState } from 'react'
import { useLocation } from 'react-router'
import type { PhoneItem } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { zoneName } from '../kit/wording.ts'
import { facility } from '../live/facility-data.ts'
import { dateTime } from '../live/format.ts'
import { nearestFirst, phones, telLink } from '../live/held.ts'
import { store } from '../live/runtime.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './phones.module.css'

const NEAREST = 4

/** The alert that is open on this page, whichever page that is. */
function useOpenAlert(): string | null {
  const { pathname, search } = useLocation()
  const own = /^\/duty\/alerts\/([^/]+)$/.exec(pathname)?.[1]
  return own ? decodeURIComponent(own) : new URLSearchParams(search).get('alert')
}

export function usePhones(zone: string | null): PhoneItem[] {
  const { items } = useSignal(phones)
  const { zones } = useSignal(facility)
  return useMemo(() => nearestFirst(items, zone, zones), [items, zone, zones])
}

export function PhoneNumber({ phone }: { phone: PhoneItem }) {
  const t = useText()
  const name = t.pick(phone.name, phone.number)
  return (
    <a
      className={css.number}
      href={telLink(phone.number)}
      aria-label={t('phones.call', { name, number: phone.number })}
      data-testid="phone"
    >
      <b>{phone.number}</b> <span>{name}</span>
    </a>
  )
}

/** The nearest few, and all of them at a press. */
export function NearestPhones({ zone, children }: { zone: string | null; children?: ReactNode }) {
  const t = useText()
  const list = usePhones(zone)
  const [all, setAll] = useState(false)
  if (list.length === 0) return null
  const shown = all ? list : list.slice(0, NEAREST)
  return (
    <div className={css.phones} data-all={all} role="group" aria-label={t('phones.title')} data-testid="phones">
      <span className={css.title}>{t('phones.title')}</span>
      {shown.map((phone) => (
        <PhoneNumber key={phone.id} phone={phone} />
      ))}
      {list.length > NEAREST && (
        <Button small onClick={() => setAll(!all)}>
          {all ? t('phones.less') : t('phones.all', { n: list.length })}
        </Button>
      )}
      {children}
    </div>
  )
}

/** In the bar of the lost connection: those near the alert that is open here. */
export function PhonesOfPage() {
  const id = useOpenAlert()
  return <NearestPhones zone={(id ? store.get(id)?.zone : null) ?? null} />
}

/** On the log-in page, while nobody answers: what this browser has held, and of when it is. */
export function HeldPhones() {
  const t = useText()
  const { at } = useSignal(phones)
  return (
    <NearestPhones zone={null}>
      <span className={css.asOf}>{t('phones.asOf', { time: dateTime(at) })}</span>
    </NearestPhones>
  )
}

/** All of them, for paper. */
export function PhoneSheet({ zone }: { zone: string | null }) {
  const t = useText()
  const data = useSignal(facility)
  const { at } = useSignal(phones)
  const list = usePhones(zone)
  /** Where a number is at home, unless its name says so. */
  const places = (phone: PhoneItem): string => {
    const name = t.pick(phone.name, '')
    return t.list(phone.zones.map((id) => zoneName(t, data, id)).filter((place) => !name.includes(place)))
  }
  return (
    <section className={css.sheet} data-testid="phone-sheet">
      <h2>
        {t('phones.title')}
        {at > 0 && <span className="muted">{t('phones.asOf', { time: dateTime(at) })}</span>}
      </h2>
      {list.length === 0 && <p className="muted">{t('phones.none')}</p>}
      <ul>
        {list.map((phone) => (
          <li key={phone.id}>
            <b>{phone.number}</b> {t.pick(phone.name, phone.number)}
            {places(phone) && <span className="muted"> {places(phone)}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
