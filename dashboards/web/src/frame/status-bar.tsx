/** Second line of the frame: navigation, proof of liveness, sound, server clock, duty name, language and theme. */
import { NavLink } from 'react-router'
import type { Me } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Icon } from '../kit/icons.tsx'
import { ServerTime } from '../kit/time.tsx'
import { ageMs, connection, type Phase } from '../live/connection.ts'
import { perimeterCover } from '../live/coverage.ts'
import { facility } from '../live/facility-data.ts'
import { ageSeconds, duration, grouped } from '../live/format.ts'
import { lease, takeLease } from '../live/lease.ts'
import { PROOF_VALID_MS, proof } from '../live/proof.ts'
import { fifth, second } from '../live/server-clock.ts'
import { isProvince, logOut, mayDo } from '../live/session.ts'
import { chooseLanguage, otherLanguage, settings, shownTheme } from '../live/settings.ts'
import { silence, sound, unlockSound } from '../live/sound.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './frame.module.css'
import type { NavItem } from './frame.tsx'
import { HeadCount } from './head-count.tsx'

export function ConnectionChip() {
  useSignal(fifth)
  const state = useSignal(connection)
  return (
    <span data-testid="connection" data-phase={state.phase}>
      <ConnectionFace phase={state.phase} age={ageMs(state)} />
    </span>
  )
}

/** How fresh what we see is, in a word and a number. */
export function ConnectionFace({ phase, age }: { phase: Phase; age: number | null }) {
  const t = useText()
  const text =
    phase === 'connecting' || age === null
      ? t('status.connecting')
      : phase === 'live'
        ? t('status.live', { age: ageSeconds(age) })
        : phase === 'late'
          ? t('status.late', { age: Math.round(age / 1000) })
          : t('status.lost', { age: duration(age) })
  return (
    <span className={css.chip} data-phase={phase}>
      <Icon name="live" size={14} />
      {text}
    </span>
  )
}

function Sequence() {
  const t = useText()
  const { seq, phase } = useSignal(connection)
  if (seq === null) return null
  return (
    <span className={css.quiet} data-gap={phase === 'lost'} data-testid="sequence">
      {t(phase === 'lost' ? 'status.seqStopped' : 'status.seq', { seq: grouped(seq) })}
    </span>
  )
}

function Coverage() {
  const t = useText()
  const data = useSignal(facility)
  const cover = perimeterCover(data)
  if (cover.total === 0) return null
  return (
    <span className={css.quiet} data-gap={cover.seen < cover.total}>
      {t('status.coveragePerimeter', { seen: cover.seen, total: cover.total })}
    </span>
  )
}

/** 端到端: the age and latency of the last test alert over the broker; hatched words when it is failing or old. */
function EndToEnd() {
  const t = useText()
  const now = useSignal(second)
  const { okAt, latencyMs, failing, hereMs } = useSignal(proof)
  if (okAt === null && !failing) return null
  const age = okAt === null ? null : now - okAt
  const bad = failing || age === null || age > PROOF_VALID_MS
  return (
    <span
      className={css.quiet}
      data-gap={bad}
      data-testid="end-to-end"
      title={hereMs === null ? undefined : t('status.test.here', { ms: hereMs })}
    >
      {bad
        ? t('status.test.failing', { age: age === null ? '—' : duration(age) })
        : t('status.test.ok', { ms: hereMs ?? latencyMs ?? 0, age: duration(age) })}
    </span>
  )
}

export function SoundSwitch() {
  const t = useText()
  useSignal(fifth)
  const { state, silencedUntil } = useSignal(sound)
  const { role, holder, here } = useSignal(lease)
  const other = state === 'on' && role === 'other'
  const text = other
    ? t('status.sound.other', { who: holder ?? '—' })
    : state === 'on'
      ? t(here > 1 ? 'status.sound.own' : 'status.sound.on')
      : state === 'silenced'
        ? t('status.sound.silenced', { s: Math.max(0, Math.ceil(((silencedUntil ?? 0) - performance.now()) / 1000)) })
        : t(state === 'blocked' ? 'status.sound.blocked' : 'status.sound.off')
  return (
    <button
      type="button"
      className={css.tool}
      aria-keyshortcuts="S"
      data-alarm={state === 'blocked'}
      data-role={role}
      data-testid="sound"
      title={other ? t('status.sound.take') : undefined}
      onClick={() => (other ? void takeLease() : state === 'on' ? silence() : void unlockSound())}
    >
      <Icon name={state === 'on' && !other ? 'sound' : 'mute'} />
      <span className={css.soundWord} data-own={state === 'on' && !other}>
        {text}
      </span>
      {other && <b className={css.take}>{t('status.sound.takeShort')}</b>}
    </button>
  )
}

export function StatusBar({ account, nav, onHelp }: { account: Me; nav: NavItem[]; onHelp(): void }) {
  const t = useText()
  useSignal(settings)
  const dark = shownTheme() === 'dark'
  return (
    <div className={css.statusBar}>
      <nav className={css.nav} aria-label={t('nav.main')}>
        {nav.map((item) => (
          <NavLink key={item.to} to={item.to} className={css.navLink}>
            {item.text}
          </NavLink>
        ))}
      </nav>
      <div className={css.status} role="group" aria-label={t('status.label')}>
        <ConnectionChip />
        {mayDo(account, 'headcount:read') && !isProvince(account) && <HeadCount />}
        <span className={css.facts}>
          <EndToEnd />
          <Coverage />
          <Sequence />
        </span>
        <SoundSwitch />
        <span className={css.clock}>
          <b>
            <ServerTime />
          </b>
          <span className="muted">{t('status.beijing')}</span>
        </span>
        <span className={css.whoBox}>
          <span className={css.who}>
            {account.name.includes(' ')
              ? account.name
              : t('status.account', { role: t.code('role', account.role), name: account.name })}
          </span>
        </span>
        <button type="button" className={`${css.tool} ${css.desktop}`} onClick={() => void logOut()}>
          {t('nav.logout')}
        </button>
        <button
          type="button"
          className={`${css.tool} ${css.desktop} ${css.wideOnly}`}
          aria-label={`${t(dark ? 'status.themeDark' : 'status.themeLight')} ${t('status.theme')}`}
          onClick={() => settings.change({ theme: dark ? 'light' : 'dark' })}
        >
          {t(dark ? 'status.themeDark' : 'status.themeLight')}
        </button>
        <button
          type="button"
          className={css.tool}
          aria-label={`中 / EN ${t('status.language')}`}
          onClick={() => void chooseLanguage(otherLanguage())}
        >
          中 / EN
        </button>
        <button type="button" className={css.helpKey} aria-label={`? ${t('status.help')}`} onClick={onHelp}>
          <kbd>?</kbd>
        </button>
      </div>
    </div>
  )
}
