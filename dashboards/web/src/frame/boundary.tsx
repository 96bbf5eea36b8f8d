/**
 * Keeps one broken part from taking the screen away: a fault while drawing, or a file of the console that did not come
 * (the server was cut off, or was updated under an open page), is said in words with the way out. Its own words are
 * bilingual and need no dictionary: that may be the very file that is missing.
 */
import { Component, type ReactNode, useState } from 'react'
import { reloadIfAnswered } from '../live/reload.ts'
import css from './frame.module.css'

/** A screen that nobody sits at tries again by itself after so long. */
const RELOAD_AFTER_MS = 30_000

/** What must be read even when nothing else of the console is there. */
export function Broken(p: { why: string; unattended?: boolean; over?: boolean }) {
  const [dead, setDead] = useState(false)
  return (
    <div className={css.broken} data-over={p.over ?? false} role="alert" data-testid="broken">
      <p className={css.brokenTitle}>
        此部分无法显示，请重新加载；警情仍在服务器上，未丢失。
        {p.unattended && ' 30 秒后自动重试。'}
      </p>
      <p lang="en">
        This part cannot be shown. Reload the page; the alerts are safe on the server.
        {p.unattended && ' Tries again by itself in 30 s.'}
      </p>
      <p>
        <button type="button" onClick={() => void reloadIfAnswered().then((done) => setDead(!done))}>
          重新加载 / Reload
        </button>
      </p>
      {dead && (
        <p role="status">
          服务器没有应答，未重新加载，以免丢失屏幕上的内容；其他部分仍可阅读。{' '}
          <span lang="en">The server does not answer: not reloaded, so that what is on the screen is not lost.</span>
        </p>
      )}
      <p className="muted">{p.why}</p>
    </div>
  )
}

interface Props {
  children: ReactNode
  /** Another value gives the part a new chance: the address of the page, for example. */
  of?: string
  unattended?: boolean
  /** The part lies over the page, as a dialog does, and so does what stands in for it. */
  over?: boolean
}

export class Boundary extends Component<Props, { why: string | null; of: string | undefined }> {
  override state = { why: null as string | null, of: this.props.of }
  #timer: ReturnType<typeof setInterval> | undefined

  static getDerivedStateFromError(error: unknown) {
    return { why: error instanceof Error ? error.message : String(error) }
  }
  static getDerivedStateFromProps(props: Props, state: { of: string | undefined }) {
    return props.of === state.of ? null : { why: null, of: props.of }
  }
  override componentDidUpdate(): void {
    if (this.state.why !== null && this.props.unattended)
      this.#timer ??= setInterval(() => void reloadIfAnswered(), RELOAD_AFTER_MS)
  }
  override componentWillUnmount(): void {
    clearInterval(this.#timer)
  }
  override render(): ReactNode {
    const { why } = this.state
    return why === null ? (
      this.props.children
    ) : (
      <Broken why={why} unattended={this.props.unattended} over={this.props.over} />
    )
  }
}
