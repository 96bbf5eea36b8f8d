/** Own single keys (WCAG 2.1.4): choose an act, press the key that is to mean it. No two acts share one. */
import { type KeyboardEvent, useState } from 'react'
import type { TextKey } from '../i18n/dictionary.ts'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { keyName, REMAPPABLE, takenBy } from '../kit/keyboard.ts'
import { settings } from '../live/settings.ts'
import { useSignal } from '../live/use-signal.ts'
import css from './me.module.css'

const WORDS: Record<(typeof REMAPPABLE)[number], TextKey> = {
  j: 'keys.next',
  k: 'keys.previous',
  a: 'verb.acknowledge',
  d: 'verb.dispatch',
  e: 'verb.escalate',
  f: 'verb.dismiss',
  r: 'verb.resolve',
  y: 'verify.real',
  n: 'verify.false',
  v: 'help.v',
  t: 'help.t',
  p: 'help.p',
  m: 'help.m',
  s: 'help.s',
  x: 'help.x',
  g: 'keys.go',
  '/': 'help.search',
  '?': 'help.title',
}
/** Letters alone: digits choose levels, the rest lies elsewhere on other keyboards. */
const isFree = (key: string): boolean => /^[a-z]$/.test(key)

export function OwnKeys() {
  const t = useText()
  const { keys, shortcuts } = useSignal(settings)
  const [asking, setAsking] = useState<string | null>(null)
  const [said, setSaid] = useState('')

  const pressed = (meant: string) => (event: KeyboardEvent) => {
    if (asking !== meant || event.key === 'Tab' || event.nativeEvent.isComposing || event.keyCode === 229) return
    event.preventDefault()
    event.stopPropagation()
    if (event.key === 'Escape') return setAsking(null)
    const key = keyName(event.nativeEvent)
    if (event.ctrlKey || event.metaKey || event.altKey || (!isFree(key) && key !== meant))
      return setSaid(t('keys.lettersOnly'))
    const other = takenBy(meant, key, keys)
    if (other !== null) {
      const word = WORDS[other as keyof typeof WORDS]
      return setSaid(t('keys.taken', { key: key.toUpperCase(), what: word ? t(word) : t('help.level') }))
    }
    const { [meant]: _before, ...rest } = keys
    settings.change({ keys: key === meant ? rest : { ...rest, [meant]: key } })
    setSaid(t('keys.set', { key: key.toUpperCase(), what: t(WORDS[meant as keyof typeof WORDS]) }))
    setAsking(null)
  }

  return (
    <section className={css.keys} aria-labelledby="own-keys">
      <h2 id="own-keys">{t('keys.title')}</h2>
      <p className="muted">{t('keys.note')}</p>
      <ul>
        {REMAPPABLE.map((meant) => {
          const key = keys[meant] ?? meant
          return (
            <li key={meant}>
              <span>{t(WORDS[meant])}</span>
              <button
                type="button"
                className={css.key}
                disabled={!shortcuts}
                data-own={keys[meant] !== undefined}
                data-key={meant}
                aria-label={t('keys.change', { what: t(WORDS[meant]), key: key.toUpperCase() })}
                onClick={() => {
                  setSaid('')
                  setAsking(asking === meant ? null : meant)
                }}
                onBlur={() => setAsking(null)}
                onKeyDown={pressed(meant)}
              >
                {asking === meant ? t('keys.press') : <kbd>{key.toUpperCase()}</kbd>}
              </button>
            </li>
          )
        })}
      </ul>
      <p role="status" data-testid="keys-said">
        {said}
      </p>
      <Button small disabled={Object.keys(keys).length === 0} onClick={() => settings.change({ keys: {} })}>
        {t('keys.reset')}
      </Button>
    </section>
  )
}
