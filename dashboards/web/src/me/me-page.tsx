/** Own settings: language, theme, row height, shortcuts, sound test. Kept in this browser only. */
import { Link } from 'react-router'
import type { Me } from '../api/types.ts'
import { useNav } from '../frame/frame.tsx'
import { useText } from '../i18n/use-text.ts'
import { Button, Choices, Field } from '../kit/controls.tsx'
import { Icon } from '../kit/icons.tsx'
import { logOut, me } from '../live/session.ts'
import { chooseLanguage, settings } from '../live/settings.ts'
import { sound, unlockSound } from '../live/sound.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './me.module.css'
import { OwnKeys } from './own-keys.tsx'

/** The bar of a phone has room for five pages: here are all. */
function Pages({ account }: { account: Me }) {
  const t = useText()
  const nav = useNav(account)
  return (
    <nav className={css.pages} aria-label={t('me.pages')}>
      <h2>{t('me.pages')}</h2>
      <ul>
        {nav.map((item) => (
          <li key={item.to}>
            <Link to={item.to}>{item.text}</Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}

export default function MePage() {
  const t = useText()
  const now = useSignal(settings)
  const { state } = useSignal(sound)
  const account = me()
  const words = {
    on: 'status.sound.on',
    blocked: 'status.sound.blocked',
    off: 'status.sound.off',
    silenced: 'sound.recorded',
  } as const
  return (
    <div className={css.page}>
      <h1>{t('me.title')}</h1>
      <p className="muted">{t('me.saved')}</p>
      {account && (
        <p>
          {t('me.account')} <b>{account.id}</b> ·{' '}
          {account.name.includes(' ')
            ? account.name
            : t('status.account', { role: t.code('role', account.role), name: account.name })}
          {account.desk ? ` · ${account.desk}` : ''}
        </p>
      )}
      {(account?.factors?.length ?? 1) < 2 && (
        <p className={css.factor} data-testid="one-factor">
          <Icon name="lock" /> {t('me.oneFactor')}
        </p>
      )}
      <Choices
        label={t('me.language')}
        name="language"
        value={now.language}
        onChange={(language) => void chooseLanguage(language)}
        options={[
          { value: 'zh', text: '中文' },
          { value: 'en', text: 'English' },
        ]}
      />
      <Choices
        label={t('me.theme')}
        name="theme"
        value={now.theme}
        onChange={(theme) => settings.change({ theme })}
        options={(['auto', 'dark', 'light'] as const).map((value) => ({ value, text: t(`me.theme.${value}`) }))}
      />
      <Choices
        label={t('me.density')}
        name="density"
        value={now.density}
        onChange={(density) => settings.change({ density })}
        options={(['compact', 'normal', 'comfortable'] as const).map((value) => ({
          value,
          text: t(`me.density.${value}`),
        }))}
      />
      <Choices
        label={t('me.shortcuts')}
        name="shortcuts"
        value={now.shortcuts ? 'on' : 'off'}
        onChange={(value) => settings.change({ shortcuts: value === 'on' })}
        options={(['on', 'off'] as const).map((value) => ({ value, text: t(`me.shortcuts.${value}`) }))}
      />
      <OwnKeys />
      <Field label={t('me.sound.volume')}>
        <input
          className={css.volume}
          type="range"
          min={0.2}
          max={1}
          step={0.1}
          value={now.volume}
          onChange={(e) => settings.change({ volume: Number(e.target.value) })}
        />
      </Field>
      <p className={css.sound}>
        <Button onClick={() => void unlockSound()}>{t('me.sound.test')}</Button>
        <span className="muted">{t('me.sound.state', { state: t(words[state]) })}</span>
      </p>
      {account && <Pages account={account} />}
      <p className={css.sound}>
        <Button onClick={() => void logOut()}>{t('nav.logout')}</Button>
      </p>
    </div>
  )
}
