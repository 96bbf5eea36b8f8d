/** All keys on one card. */
import { useText } from '../i18n/use-text.ts'
import { Dialog } from '../kit/dialog.tsx'
import { shownKey } from '../kit/keyboard.ts'
import css from './frame.module.css'

export default function Help({ onClose }: { onClose(): void }) {
  const t = useText()
  const rows: [string[], string][] = [
    [['J', 'K', '↓', '↑'], t('help.j')],
    [['Enter', 'Esc'], t('help.enter')],
    [['A'], t('verb.acknowledge')],
    [['D'], t('verb.dispatch')],
    [['E'], t('verb.escalate')],
    [['F'], t('verb.dismiss')],
    [['R'], t('verb.resolve')],
    [['Y', 'N'], t('help.verify')],
    [['V'], t('help.v')],
    [['X', 'Shift X', 'Ctrl A'], t('help.x')],
    [['Ctrl K'], t('palette.title')],
    [['S'], t('help.s')],
    [['1', '2', '3', '4', '0'], t('help.level')],
    [['/'], t('help.search')],
    [['M'], t('help.m')],
    [['T'], t('help.t')],
    [['P'], t('help.p')],
    [['Space'], t('help.space')],
    [['Home'], t('help.home')],
    [['G', 'A', 'M', 'C', 'S', 'I', 'F', 'R', 'D', 'H'], t('help.g')],
  ]
  return (
    <Dialog title={t('help.title')} description={t('help.note')} onClose={onClose}>
      <dl className={css.keys}>
        {rows.map(([keys, text]) => (
          <div key={text} className={css.keyRow}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key.length === 1 ? shownKey(key) : key}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
