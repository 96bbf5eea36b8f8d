/** For the duty chief: steps that somebody left out, one line each until the chief has seen it. Rings for nobody. */
import { useCallback, useEffect, useState } from 'react'
import { Link } from 'react-router'
import { ApiError, getJson, postJson, requestKey } from '../api/client.ts'
import type { Me, NoticeItem, Page } from '../api/types.ts'
import { useText } from '../i18n/use-text.ts'
import { Badge } from '../kit/badge.tsx'
import { Button } from '../kit/controls.tsx'
import { clockTime } from '../live/format.ts'
import { alertLink } from '../live/links.ts'
import { store } from '../live/runtime.ts'
import css from './frame.module.css'

const SHOWN = 3
const REFRESH_MS = 60_000

export function Notices({ account }: { account: Me }) {
  const t = useText()
  const [items, setItems] = useState<NoticeItem[]>([])
  const chief = account.role === 'chief'
  const load = useCallback(
    () =>
      getJson<Page<NoticeItem>>('/api/v1/notices').then(
        (page) => setItems(page.items.filter((n) => n.seen === null)),
        () => {},
      ),
    [],
  )
  useEffect(() => {
    if (!chief) return
    void load()
    const timer = setInterval(load, REFRESH_MS)
    const stop = store.onChange((change) => {
      if (change.change === 'plan-step' && change.note?.includes('"skipped":true')) void load()
    })
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [chief, load])
  if (!chief) return null
  const seen = (id: string) =>
    postJson(`/api/v1/notices/${id}/seen`, {}, requestKey()).then(load, (error: unknown) => {
      // Another chief was faster: gone all the same.
      if (error instanceof ApiError && error.status === 409) void load()
    })
  return (
    <>
      {items.slice(0, SHOWN).map((n) => (
        <div key={n.id} className={css.banner} role="status" data-testid="notice-skip">
          <Badge level={n.level} filled={false} size={20} />
          <b>
            {t('notice.skipped', {
              who: n.by,
              plan: n.plan ?? '',
              step: t.pick(n.text, n.step),
              time: clockTime(n.at),
            })}
          </b>
          <span className="muted">{n.note}</span>
          <span className={css.bannerEnd}>
            <Link to={alertLink(n.alert)}>{n.number ?? n.alert.slice(0, 9)}</Link>{' '}
            <Button small onClick={() => void seen(n.id)}>
              {t('notice.seen')}
            </Button>
          </span>
        </div>
      ))}
      {items.length > SHOWN && (
        <div className={css.banner}>
          <span className="muted">{t('notice.more', { n: items.length - SHOWN })}</span>
        </div>
      )}
    </>
  )
}
