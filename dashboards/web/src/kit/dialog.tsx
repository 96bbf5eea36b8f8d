/** The dialog: Radix supplies the focus handling. Apart from the other controls, so that only what opens one loads it. */
import { Dialog as Radix } from 'radix-ui'
import { type KeyboardEvent, type ReactNode, useState } from 'react'
import { useText } from '../i18n/use-text.ts'
import { Icon } from './icons.tsx'
import css from './kit.module.css'

/** Who opened a dialog by a key wants to write or choose next, not to close it. */
function focusFirstField(event: Event): void {
  const field = (event.currentTarget as HTMLElement).querySelector<HTMLElement>('input, textarea, select')
  if (!field) return
  event.preventDefault()
  field.focus()
}

/** Ctrl+Enter sends the form from wherever one is in it; Enter alone belongs to the text. */
function sendByKey(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.nativeEvent.isComposing) return
  const form = (event.target as HTMLElement).closest('form')
  if (!form) return
  event.preventDefault()
  form.requestSubmit()
}

export function Dialog(p: {
  title: string
  onClose(): void
  children: ReactNode
  description?: string
  wide?: boolean
}) {
  const t = useText()
  // Opened by a key there is no button to go back to: who closes it stands again on the row he came from.
  const [before] = useState(() => document.activeElement)
  const goBack = (event: Event) => {
    event.preventDefault()
    const to = before instanceof HTMLElement && before.isConnected ? before : document.getElementById('main')
    to?.focus({ preventScroll: true })
  }
  return (
    <Radix.Root open onOpenChange={(open) => !open && p.onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={css.overlay} />
        <Radix.Content
          className={css.dialog}
          data-wide={p.wide ?? false}
          aria-describedby={undefined}
          onOpenAutoFocus={focusFirstField}
          onCloseAutoFocus={goBack}
          onKeyDown={sendByKey}
        >
          <div className={css.dialogHead}>
            <div>
              <Radix.Title className={css.dialogTitle}>{p.title}</Radix.Title>
              {p.description && <p className="muted">{p.description}</p>}
            </div>
            <Radix.Close className={css.closeButton} aria-label={t('panel.close')}>
              <Icon name="close" />
            </Radix.Close>
          </div>
          {p.children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
