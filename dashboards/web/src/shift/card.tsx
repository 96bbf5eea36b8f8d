/** The one frame of every part of a handover: a title, a quiet note, the part itself. */
import css from './shift.module.css'

export function Card({ title, note, children }: { title: string; note?: string; children: React.ReactNode }) {
  return (
    <section className={css.card}>
      <h2>
        {title} {note && <span className="muted">{note}</span>}
      </h2>
      {children}
    </section>
  )
}
