/** The dialog: Radix supplies the focus handling. Apart from the other controls, so that only what opens one loads it. */
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { useText } from '../i18n/use-text.ts'
import { Icon } from './icons.tsx'
import css from './kit.module.css'

export function Dialog(p: { title: string; onClose(): void; children: ReactNode; description?: string }) {
  const t = useText()
  return (
    <Radix.Root open onOpenChange={(open) => !open && p.onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={css.overlay} />
        <Radix.Content className={css.dialog} aria-describedby={undefined}>
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
