/** Every small element in every state, for people who change the look: nothing here comes from a server. */
import { LEVELS } from '#model/alert/alert.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Bar, Button, Hatch, Message, Segments } from '../kit/controls.tsx'
import { CameraSymbol, DoorSymbol } from '../plan/symbols.tsx'
import css from './gallery.module.css'

export default function GalleryPage() {
  const t = useText()
  return (
    <div className={css.page}>
      <h1>{t('gallery.title')}</h1>
      <section className={css.row}>
        {LEVELS.map((level) => (
          <span key={level} className={css.cell}>
            <Badge level={level} filled ring size={36} />
            <Badge level={level} filled ring />
            <Badge level={level} filled={false} />
            <Badge level={level} filled={false} dashed size={20} /> {t(`level.${level}.long`)}
          </span>
        ))}
      </section>
      <section className={css.row}>
        <Button primary shortcut="A">
          {t('verb.acknowledge')}
        </Button>
        <Button shortcut="D">{t('verb.dispatch')}</Button>
        <Button disabled shortcut="E">
          {t('verb.escalate')}
        </Button>
        <Button small>{t('region.retry')}</Button>
        <Segments
          label={t('plan.floors')}
          value={1 as number}
          onChange={() => {}}
          options={[1, 2, 3].map((value) => ({ value, text: String(value) }))}
        />
      </section>
      <section className={css.row}>
        {[0.2, 0.6, 0.9, 1.2].map((part) => (
          <Bar key={part} part={part} width={120} tone={part > 0.8 ? 'red' : part > 0.5 ? 'strong' : undefined} />
        ))}
        <Hatch /> {t('plan.legend.noData')}
      </section>
      <section className={css.row}>
        {(['closed', 'open', 'forced', 'unknown'] as const).map((shape) => (
          <span key={shape} className={css.cell}>
            <svg width="32" height="24" viewBox="-12 -10 24 20" aria-hidden="true">
              <DoorSymbol shape={shape} />
            </svg>
            {t(`plan.legend.${shape}`)}
          </span>
        ))}
        <svg width="32" height="24" viewBox="-12 -10 24 20" aria-hidden="true">
          <CameraSymbol lost={false} />
        </svg>
        <svg width="32" height="24" viewBox="-12 -10 24 20" aria-hidden="true">
          <CameraSymbol lost />
        </svg>
      </section>
      <Message title={t('list.empty')}>
        <p>{t('list.emptyProof', { time: '19:32:40', seq: '88 213' })}</p>
      </Message>
    </div>
  )
}
