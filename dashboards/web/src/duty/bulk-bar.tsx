/** One act on many rows: what is chosen, what may be done, and afterwards how many took it and why others did not. */
import type { Verb } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Button } from '../kit/controls.tsx'
import { notice } from '../live/acts.ts'
import { connection, phaseOf } from '../live/connection.ts'
import { clearSelection, selection } from '../live/selection.ts'
import { usePart, useSignal } from '../live/use-signal.ts'
import { messageText } from './act-bar.tsx'
import css from './duty.module.css'

const VERBS: [Verb, string][] = [
  ['acknowledge', 'A'],
  ['dispatch', 'D'],
  ['dismiss', 'F'],
  ['resolve', 'R'],
]

export function BulkBar({ onAct }: { onAct(verb: Verb): void }) {
  const t = useText()
  const { ids } = useSignal(selection)
  const said = useSignal(notice)
  const phase = usePart(connection, phaseOf)
  const result = said?.message.kind === 'partial' ? said.message : null
  if (ids.size === 0 && !result) return null
  return (
    <div className={css.bulk} role="status" data-testid="bulk">
      {ids.size > 0 && (
        <>
          <b>{t('bulk.chosen', { n: ids.size })}</b>
          {VERBS.map(([verb, key]) => (
            <Button key={verb} small shortcut={key} disabled={phase === 'lost'} onClick={() => onAct(verb)}>
              {t(`verb.${verb as 'acknowledge'}`)}
            </Button>
          ))}
        </>
      )}
      {result && <span data-testid="bulk-result">{messageText(t, result)}</span>}
      <span className={css.bulkEnd}>
        <Button
          small
          shortcut="Esc"
          onClick={() => {
            clearSelection()
            notice.set(null)
          }}
        >
          {t(ids.size > 0 ? 'bulk.clear' : 'recovered.dismiss')}
        </Button>
      </span>
    </div>
  )
}
