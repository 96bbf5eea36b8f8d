/**
 * Every element of the console in every state, with its word, on made-up data: for people who change the look. Language
 * and theme are those of the frame; nothing here comes from a server, and no button does anything.
 */
import { type ReactNode, useState } from 'react'
import { LEVELS } from '#model/alert/alert.ts'
import type { Verb } from '../api/types.ts'
import duty from '../duty/duty.module.css'
import { RowFace } from '../duty/row.tsx'
import frame from '../frame/frame.module.css'
import { ConnectionFace } from '../frame/status-bar.tsx'
import type { TextKey } from '../i18n/dictionary.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Bar, Button, Choices, Field, Hatch, Message, Segments } from '../kit/controls.tsx'
import { Dialog } from '../kit/dialog.tsx'
import { ICONS, Icon } from '../kit/icons.tsx'
import kit from '../kit/kit.module.css'
import { CameraSymbol, DoorSymbol, SensorSymbol } from '../plan/symbols.tsx'
import css from './gallery.module.css'
import { sampleRow } from './sample.ts'

function Part({ title, children, column = false }: { title: TextKey; children: ReactNode; column?: boolean }) {
  const t = useText()
  return (
    <section className={css.part} aria-labelledby={`gallery-${title}`}>
      <h2 id={`gallery-${title}`}>{t(title)}</h2>
      <div className={column ? css.column : css.row}>{children}</div>
    </section>
  )
}

const NO_ROW = { index: 2, top: null, lane: false, opened: false, cursor: false, focusToken: 0, unfolded: false }
const ACKED = { state: 'acknowledged', ackAt: 1, assignee: '李×' } as const
const ROWS: { word: TextKey; row: Parameters<typeof sampleRow>; face?: object; pending?: Verb; members?: number }[] = [
  { word: 'state.unacknowledged', row: ['g1', 'red', {}, 18_000], face: { lane: true } },
  { word: 'gallery.overdue', row: ['g2', 'orange', {}, 95_000] },
  { word: 'state.acknowledged', row: ['g3', 'orange', ACKED] },
  { word: 'handling.dispatched', row: ['g4', 'yellow', { ...ACKED, handling: 'dispatched' }] },
  { word: 'handling.pending-review', row: ['g5', 'red', { ...ACKED, handling: 'pending-review' }] },
  { word: 'state.returned-unacknowledged', row: ['g6', 'yellow', { state: 'returned-unacknowledged' }] },
  { word: 'state.latched', row: ['g7', 'yellow', { ...ACKED, state: 'latched' }] },
  { word: 'state.shelved', row: ['g8', 'yellow', { state: 'shelved' }] },
  { word: 'state.suppressed-by-design', row: ['g9', 'blue', { state: 'suppressed-by-design' }] },
  { word: 'state.out-of-service', row: ['g10', 'blue', { state: 'out-of-service' }] },
  { word: 'state.resolved', row: ['g11', 'blue', { state: 'resolved', handling: 'closed', closedAt: 1 }] },
  { word: 'state.dismissed', row: ['g12', 'yellow', { state: 'dismissed', handling: 'closed', closedAt: 1 }] },
  { word: 'gallery.folded', row: ['g13', 'blue'], members: 7 },
  { word: 'gallery.opened', row: ['g14', 'orange'], face: { opened: true } },
  { word: 'gallery.chosen', row: ['g15', 'yellow'], face: { chosen: true } },
  { word: 'list.pending', row: ['g16', 'orange'], pending: 'acknowledge' },
  { word: 'row.drill', row: ['g17', 'orange', { drill: true }] },
  { word: 'row.test', row: ['g18', 'blue', { test: true }] },
  { word: 'row.delayed', row: ['g19', 'yellow', { delayed: true }] },
  { word: 'row.stale', row: ['g20', 'yellow', { stale: true }] },
]

function Rows() {
  const t = useText()
  return (
    <div className={css.rows} tabIndex={0} role="group" aria-label={t('gallery.rows')}>
      {ROWS.map(({ word, row, face, pending, members = 1 }) => {
        const alert = sampleRow(...row)
        const ids = Array.from({ length: members }, (_, i) => `${alert.id}${i}`)
        return (
          <div key={alert.id} className={css.sample}>
            <span className={css.word}>{t(word)}</span>
            <div role="grid" aria-label={t(word)}>
              <RowFace
                {...NO_ROW}
                chosen={false}
                {...face}
                row={{ id: alert.id, members: ids, child: false }}
                alert={alert}
                pending={pending}
              />
            </div>
          </div>
        )
      })}
    </div>
  )
}

function Banners() {
  const t = useText()
  return (
    <>
      <div className={`${frame.banner} ${frame.lost} hatch`}>
        <Hatch />
        <b>{t('lost.title', { time: '19:32:22' })}</b>
        <span className={frame.bannerNote}>{t('lost.actions')}</span>
        <span className={frame.bannerEnd}>{t('lost.retry', { n: 3, s: 4 })}</span>
      </div>
      <div className={frame.banner}>
        <b>{t('recovered.n', { n: 8 })}</b>
        <span className="muted">{t('recovered.noGap', { from: '88 213', to: '88 220' })}</span>
      </div>
      <div className={frame.banner}>
        <b>{t('recovered.n', { n: 8 })}</b>
        <span className="muted">{t('recovered.gap', { from: '88 213', to: '88 220' })}</span>
      </div>
      <button type="button" className={`${frame.banner} ${frame.muteBar}`}>
        <Icon name="mute" />
        <b>{t('sound.enable')}</b>
        <span className={frame.bannerEnd}>{t('sound.recorded')}</span>
      </button>
      <div className={frame.banner}>
        <b>{t('storm.title', { n: 64 })}</b>
        <span className="muted">{t('storm.note')}</span>
      </div>
    </>
  )
}

function Lists() {
  const t = useText()
  return (
    <>
      <Message title={t('list.empty')} icon="check">
        <p>{t('list.emptyProof', { time: '19:32:40', seq: '88 213' })}</p>
      </Message>
      <Message title={t('list.emptyUnproved')} />
      <Message title={t('list.filteredEmpty', { n: 17 })}>
        <Button>{t('filter.clear')}</Button>
      </Message>
      <Message title={t('list.loading')} />
      <Message title={t('region.failed', { why: t('act.noAnswer') })}>
        <Button small>{t('region.retry')}</Button>
      </Message>
      <Message title={t('denied.title')}>
        <p>{t('denied.needs', { role: t.code('role', 'chief'), mine: t.code('role', 'engineer') })}</p>
      </Message>
    </>
  )
}

function Strips() {
  const t = useText()
  const end = <span className={duty.stripEnd}>{t('list.checked', { time: '19:32:40', seq: '88 213' })}</span>
  return (
    <>
      {[
        t('list.fresh'),
        t('list.progress', { have: '1 200', total: '5 000' }),
        t('list.mismatch', { server: 41, local: 40 }),
        t('lost.list', { time: '19:32:22' }),
      ].map((text) => (
        <span key={text} className={duty.strip}>
          <span className="muted">{text}</span>
          {end}
        </span>
      ))}
      <button type="button" className={duty.strip} data-new="true">
        <Icon name="up" size={14} />
        <b>{t('list.new', { n: 12, levels: `${t('level.red')} 1 ${t('level.orange')} 2` })}</b>
        <span className="muted">{t('list.newHint')}</span>
        <kbd>Home</kbd>
        <span className="muted">{t('list.newShow')}</span>
      </button>
    </>
  )
}

function Answers() {
  const t = useText()
  const verb = t('verb.acknowledge')
  return (
    <ul className={css.answers}>
      <li>{t('act.done', { verb })}</li>
      <li>
        {t('act.conflict', { by: '李×', at: '14:03:29', what: t('state.acknowledged') })} · {t('act.notInForce')}
      </li>
      <li>{t('act.partial', { ok: 5, skipped: 2, why: t('state.acknowledged') })}</li>
      <li>{t('act.allDone', { ok: 5 })}</li>
      <li>{t('act.missing', { field: t('act.dismiss.cause') })}</li>
      <li>{t('act.forbidden', { role: t.code('role', 'chief') })}</li>
      <li>
        {t('act.failed', { verb, why: t('act.noAnswer') })} <Button small>{t('act.retry')}</Button>
      </li>
      <li>{t('act.notAllowed', { verb })}</li>
      <li>{t('act.lost')}</li>
    </ul>
  )
}

function Controls() {
  const t = useText()
  const [value, setValue] = useState(1)
  const [choice, setChoice] = useState<string | null>('animal')
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button primary shortcut="A">
        {t('verb.acknowledge')}
      </Button>
      <Button shortcut="D">{t('verb.dispatch')}</Button>
      <Button disabled shortcut="E">
        {t('verb.escalate')}
      </Button>
      <Button small>{t('region.retry')}</Button>
      <Button onClick={() => setOpen(true)}>{t('act.dismiss.title')}</Button>
      <Segments
        label={t('plan.floors')}
        value={value}
        onChange={setValue}
        options={[1, 2, 3].map((n) => ({ value: n, text: String(n) }))}
      />
      <Field label={t('act.note')}>
        <input className={kit.input} defaultValue="2" />
      </Field>
      <Choices
        label={t('act.dismiss.cause')}
        name="gallery-cause"
        options={(['weather', 'animal', 'equipment'] as const).map((v) => ({
          value: v as string,
          text: t(`cause.${v}`),
        }))}
        value={choice}
        onChange={setChoice}
      />
      <p className={kit.fault}>{t('act.missing', { field: t('act.dismiss.cause') })}</p>
      {open && (
        <Dialog title={t('act.dismiss.title')} description={t('act.resolve.toReview')} onClose={() => setOpen(false)}>
          <div className={kit.dialogActions}>
            <Button primary onClick={() => setOpen(false)}>
              {t('act.cancel')}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  )
}

const Drawn = ({ children }: { children: ReactNode }) => (
  <svg width="32" height="24" viewBox="-12 -10 24 20" aria-hidden="true">
    {children}
  </svg>
)

export default function GalleryPage() {
  const t = useText()
  return (
    <div className={css.page}>
      <h1>{t('gallery.title')}</h1>
      <Part title="gallery.badges">
        {LEVELS.map((level) => (
          <span key={level} className={css.cell}>
            <Badge level={level} filled ring size={36} /> {t(`level.${level}.long`)} · {t('state.unacknowledged')}
            <Badge level={level} filled={false} /> {t('state.acknowledged')}
            <Badge level={level} filled={false} dashed size={20} /> {t('state.shelved')}
          </span>
        ))}
      </Part>
      <Part title="gallery.rows" column>
        <Rows />
      </Part>
      <Part title="gallery.liveness">
        <ConnectionFace phase="connecting" age={null} />
        <ConnectionFace phase="live" age={300} />
        <ConnectionFace phase="late" age={6000} />
        <ConnectionFace phase="lost" age={78_000} />
        {(['on', 'off', 'blocked'] as const).map((state) => (
          <span key={state} className={css.cell}>
            <Icon name={state === 'on' ? 'sound' : 'mute'} /> {t(`status.sound.${state}`)}
          </span>
        ))}
        <span className={css.cell}>
          <Icon name="mute" /> {t('status.sound.silenced', { s: 42 })}
        </span>
      </Part>
      <Part title="gallery.banners" column>
        <Banners />
      </Part>
      <Part title="gallery.lists" column>
        <Lists />
      </Part>
      <Part title="gallery.strips" column>
        <Strips />
      </Part>
      <Part title="gallery.answers" column>
        <Answers />
      </Part>
      <Part title="gallery.controls">
        <Controls />
      </Part>
      <Part title="gallery.bars">
        {[0.2, 0.6, 0.9, 1.2].map((part) => (
          <span key={part} className={css.cell}>
            <Bar part={part} width={120} tone={part > 0.8 ? 'red' : part > 0.5 ? 'strong' : undefined} />
            {Math.round(part * 100)} %
          </span>
        ))}
        <span className={css.cell}>
          <Hatch /> {t('plan.legend.noData')}
        </span>
      </Part>
      <Part title="gallery.symbols">
        {(['closed', 'open', 'forced', 'unknown'] as const).map((shape) => (
          <span key={shape} className={css.cell}>
            <Drawn>
              <DoorSymbol shape={shape} />
            </Drawn>
            {t(`plan.legend.${shape}`)}
          </span>
        ))}
        <span className={css.cell}>
          <Drawn>
            <CameraSymbol lost={false} />
          </Drawn>
          {t('nav.cameras')}
        </span>
        <span className={css.cell}>
          <Drawn>
            <CameraSymbol lost />
          </Drawn>
          {t('plan.legend.cameraLost')}
        </span>
        <span className={css.cell}>
          <Drawn>
            <SensorSymbol lost={false} />
          </Drawn>
          {t('eng.state.online')}
        </span>
        <span className={css.cell}>
          <Drawn>
            <SensorSymbol lost />
          </Drawn>
          {t('eng.state.offline')}
        </span>
      </Part>
      <Part title="gallery.icons">
        {ICONS.map((name) => (
          <span key={name} className={css.cell}>
            <Icon name={name} /> {name}
          </span>
        ))}
      </Part>
    </div>
  )
}
