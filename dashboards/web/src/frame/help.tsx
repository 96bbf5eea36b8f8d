/** All keys on one card, by what they are for. */
import { useText } from '../i18n/use-text.ts'
import { Dialog } from '../kit/dialog.tsx'
import { shownKey } from '../kit/keyboard.ts'
import css from './frame.module.css'

type Line = [keys: string[], text: string]

export default function Help({ onClose }: { onClose(): void }) {
  const t = useText()
  const groups: [string, Line[]][] = [
    [
      t('help.group.list'),
      [
        [['J', 'K', '↓', '↑'], t('help.j')],
        [['Enter', 'Esc'], t('help.enter')],
        [['1', '2', '3', '4', '0'], t('help.level')],
        [['X', 'Shift X', 'Ctrl A'], t('help.x')],
        [['Space'], t('help.space')],
        [['Home'], t('help.home')],
        [['/'], t('help.search')],
      ],
    ],
    [
      t('help.group.act'),
      [
        [['A'], t('verb.acknowledge')],
        [['D'], t('verb.dispatch')],
        [['E'], t('verb.escalate')],
        [['F'], t('verb.dismiss')],
        [['R'], t('verb.resolve')],
        [['Y', 'N'], t('help.verify')],
        [['Ctrl Enter'], t('help.send')],
      ],
    ],
    [
      t('help.group.look'),
      [
        [['V'], t('help.v')],
        [['T'], t('help.t')],
        [['P'], t('help.p')],
        [['M'], t('help.m')],
        [['+', '-'], t('help.zoom')],
        [['←', '→'], t('help.items')],
      ],
    ],
    [
      t('help.group.all'),
      [
        [['S'], t('help.s')],
        [['Ctrl K'], t('palette.title')],
        [['?'], t('help.title')],
      ],
    ],
    [
      t('help.group.go', { key: shownKey('G') }),
      [
        [['A'], t('nav.alerts')],
        [['M'], t('nav.plan')],
        [['C'], t('nav.cameras')],
        [['S'], t('nav.shift')],
        [['I'], t('nav.incidents')],
        [['F'], t('nav.search')],
        [['R'], t('nav.reports')],
        [['D'], t('nav.devices')],
        [['H'], t('nav.health')],
      ],
    ],
  ]
  const fixed = new Set(['0', '1', '2', '3', '4'])
  return (
    <Dialog wide title={t('help.title')} description={t('help.note')} onClose={onClose}>
      <div className={css.keys} data-testid="keys">
        {groups.map(([title, lines], g) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {lines.map(([keys, text]) => (
                <div key={text} className={css.keyRow}>
                  <dt>
                    {keys.map((key) => (
                      // What follows G stays where it is; single keys stand where the person has put them.
                      <kbd key={key}>
                        {key.length > 1 || fixed.has(key) || g === groups.length - 1 ? key : shownKey(key)}
                      </kbd>
                    ))}
                  </dt>
                  <dd>{text}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
