/** Buttons, bars, choices, fields: thin, accessible, one look. The dialog, which is heavy, is in `dialog.tsx`. */
import type { ReactNode } from 'react'
import { Icon, type IconName } from './icons.tsx'
import { shownKey } from './keyboard.ts'
import css from './kit.module.css'

interface ButtonProps {
  children: ReactNode
  onClick?: () => void
  primary?: boolean
  small?: boolean
  disabled?: boolean
  type?: 'button' | 'submit'
  title?: string
  shortcut?: string
  label?: string
  pressed?: boolean
}

export function Button(p: ButtonProps) {
  return (
    <button
      type={p.type ?? 'button'}
      className={css.button}
      data-primary={p.primary ?? false}
      data-small={p.small ?? false}
      disabled={p.disabled}
      title={p.title}
      aria-label={p.label}
      aria-pressed={p.pressed}
      aria-keyshortcuts={p.shortcut && shownKey(p.shortcut)}
      onClick={p.onClick}
    >
      {p.children}
      {p.shortcut && <kbd aria-hidden="true">{shownKey(p.shortcut)}</kbd>}
    </button>
  )
}

/** Part of a limit used up; words stand beside it. */
export function Bar({
  part,
  tone,
  width,
}: {
  part: number
  tone?: 'strong' | 'red' | 'orange'
  width?: number | string
}) {
  return (
    <span className={css.bar} data-tone={tone} style={{ width }} aria-hidden="true">
      <i style={{ transform: `scaleX(${Math.max(0, Math.min(1, part))})` }} />
    </span>
  )
}

interface SegmentsProps<T extends string | number> {
  label: string
  options: readonly { value: NoInfer<T>; text: string }[]
  value: T
  onChange(value: NoInfer<T>): void
}

export function Segments<T extends string | number>({ label, options, value, onChange }: SegmentsProps<T>) {
  return (
    <div className={css.segments} role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.text}
        </button>
      ))}
    </div>
  )
}

export function Field({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child that the caller hands in
    <label className={css.field}>
      <span>{label}</span>
      {children}
    </label>
  )
}

interface ChoicesProps<T extends string> {
  label: string
  name: string
  options: readonly { value: T; text: string }[]
  value: T | null
  onChange(value: T): void
}

export function Choices<T extends string>({ label, name, options, value, onChange }: ChoicesProps<T>) {
  return (
    <fieldset className={css.field}>
      <legend>{label}</legend>
      <div className={css.choices}>
        {options.map((option) => (
          <label key={option.value} className={css.choice}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            {option.text}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

export function Hatch() {
  return <span className={css.hatchBox} aria-hidden="true" />
}

export function Message({ title, children, icon }: { title: string; children?: ReactNode; icon?: IconName }) {
  return (
    <div className={css.message}>
      {icon && <Icon name={icon} size={24} />}
      <p className={css.messageTitle}>{title}</p>
      {children}
    </div>
  )
}
