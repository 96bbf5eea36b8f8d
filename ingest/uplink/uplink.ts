/**
 * Sends to the province what may cross: alert changes reduced to the sharing catalogue, health, anchors, indicators. Each
 * envelope gets its number when it is enqueued and keeps it; it leaves the outbox when the province has acknowledged it
 * (at least once). Alerts overtake everything else. Must never send a field that `model/uplink.ts` does not share.
 */
import type { AlertChange } from '#model/alert/alert.ts'
import { WardwatchError } from '#model/errors.ts'
import type { Journal } from '#model/ports/journal.ts'
import { topics, type UplinkKind } from '#model/topics.ts'
import {
  type AnchorUp,
  type DownAct,
  type HealthUp,
  type IndicatorUp,
  readDownAct,
  shareAlertChange,
  type UplinkEnvelope,
} from '#model/uplink.ts'
import { type Pump, startPump } from '../pump.ts'
import { openStoreInline, openStoreThread, type StoreLink } from '../thread/store-thread.ts'
import type { Damage } from '../thread/whole.ts'
import { Link, type LinkOptions, type UplinkLink } from './link.ts'
import type { OutboxItem, OutboxRow } from './outbox-storage.ts'
import * as storage from './outbox-storage.ts'

export interface UplinkOptions extends Omit<LinkOptions, 'onUp' | 'onDown' | 'clientId' | 'downTopic' | 'onAct'> {
  dir: string
  facility: string
  journal: Journal
  /** Keyed pseudonym of a person or an account. */
  alias(id: string): string
  /** Chain hash of the ledger entry of a change, which has this number in the journal, or of the ledger's head. */
  ledgerHash(change: AlertChange | null, seq?: number): Promise<string> | string
  /** Asked every 30 s while the link is up. */
  health(): HealthUp
  /** Asked every minute while the link is up; null when nothing is new. */
  anchor?(): AnchorUp | null
  /** The province has acknowledged an anchor. */
  onAnchored?(anchor: AnchorUp): Promise<void> | void
  /** Up to which place in the journal the province is known to have everything; asked when the outbox is lost. */
  acknowledgedUpTo?(): Promise<number>
  /** The outbox was not whole: it lies elsewhere. The new one counts from 1, which the province takes for a new epoch. */
  onDamage?(damage: Damage): void
  healthEveryMs?: number
  clientId?: string
  /** Envelopes that may be on their way at once. */
  window?: number
  /** Envelopes that may wait here; beyond that alerts wait in the journal. */
  maxWaiting?: number
  thread?: boolean
  /** Test aid: stands between sender and outbox. */
  intercept?(link: StoreLink): StoreLink
  /** An act of the province on an alert of this facility; resolves when it is durable. */
  onAct?(act: DownAct): Promise<void>
  /** Another way to the province than MQTT (simulation). */
  openLink?(options: LinkOptions): UplinkLink
  onEvent?(event: { event: 'uplink-up' | 'uplink-down' | 'down-act-refused'; detail: string }): void
}

export interface Uplink {
  state(): {
    configured: true
    connected: boolean
    path: string
    lag: number
    waiting: number
    sequence: number
    sent: number
    skippedHealth: number
    lastError: string | null
  }
  sendIndicators(indicators: IndicatorUp[]): Promise<void>
  close(): Promise<void>
}

const CONSUMER = 'uplink'
const BACKLOG_MS = 60_000
const ANCHOR_MS = 60_000
const TYPES: Record<UplinkKind, UplinkEnvelope['type']> = {
  alert: 'wardwatch.alert.change.v1',
  indicator: 'wardwatch.indicator.v1',
  health: 'wardwatch.health.v1',
  anchor: 'wardwatch.anchor.v1',
}
const SCHEMAS: Record<UplinkKind, string> = {
  alert: 'https://wardwatch.invalid/schema/alert-up.v1.json',
  indicator: 'https://wardwatch.invalid/schema/indicator-up.v1.json',
  health: 'https://wardwatch.invalid/schema/health-up.v1.json',
  anchor: 'https://wardwatch.invalid/schema/anchor-up.v1.json',
}

export async function startUplink(options: UplinkOptions): Promise<Uplink> {
  const storageOptions = { dir: options.dir, facility: options.facility, now: options.clock.now() }
  let store: StoreLink =
    options.thread === false
      ? openStoreInline(storage as never, storageOptions)
      : await openStoreThread(new URL('./outbox-storage.ts', import.meta.url), storageOptions)
  if (options.intercept) store = options.intercept(store)
  const damage = await store.call<Damage | null>('damage')
  if (damage) {
    options.onDamage?.(damage)
    // What had not left it is sent again; the province takes an alert that it knows already as the same one.
    const from = (await options.acknowledgedUpTo?.()) ?? 0
    await options.journal.forget(CONSUMER)
    ;(await options.journal.cursor(CONSUMER, 'alert', from)).close()
  }
  const sender = new Sender(options, store, await store.call('size'))
  await sender.start()
  return sender
}

class Sender implements Uplink {
  readonly #options: UplinkOptions
  readonly #store: StoreLink
  readonly #link: UplinkLink
  readonly #underWay = new Map<number, Promise<void>>()
  #pump: Pump | null = null
  #waiting: number
  #sequence: number
  #sent = 0
  #skippedHealth = 0
  /** Numbers up to here were given while the link was down. */
  #heldUpTo = 0
  #sending: Promise<void> | null = null
  #again = false
  #lastError: string | null = null
  #open = true

  constructor(options: UplinkOptions, store: StoreLink, size: { waiting: number; sequence: number }) {
    this.#options = options
    this.#store = store
    this.#waiting = size.waiting
    this.#sequence = size.sequence
    const { onAct, ...forLink } = options
    const linkOptions: LinkOptions = {
      ...forLink,
      clientId: options.clientId ?? `edge-${options.facility}`,
      downTopic: topics.downActs(options.facility),
      // The link wants the text, the facility the act; without somebody to act nothing is asked for.
      onUp: () => {
        this.#lastError = null
        this.#heldUpTo = this.#sequence
        options.onEvent?.({ event: 'uplink-up', detail: this.#link.url })
        this.#kick()
        // The province learns at once that the facility is back, not only at the next period.
        void this.#sendHealth()?.catch(() => {})
      },
      ...(onAct
        ? {
            onAct: async (text: string) => {
              const act = readDownAct(text)
              // What cannot be read will not be read better later: acknowledged, said, and done with.
              if (act) await onAct(act)
              else
                options.onEvent?.({
                  event: 'down-act-refused',
                  detail: 'The province sent an act that cannot be read.',
                })
            },
          }
        : {}),
      onDown: (reason) => {
        if (this.#lastError === null) options.onEvent?.({ event: 'uplink-down', detail: reason })
        this.#lastError = reason
      },
    }
    this.#link = options.openLink?.(linkOptions) ?? new Link(linkOptions)
  }

  async start(): Promise<void> {
    const { clock, journal, random } = this.#options
    this.#pump = await startPump({
      name: CONSUMER,
      journal,
      clock,
      random,
      lanes: ['alert'],
      batch: 200,
      deliver: async (records) => {
        while (this.#open && this.#waiting >= (this.#options.maxWaiting ?? 100_000))
          await new Promise<void>((resolve) => clock.after(1000, resolve))
        const items: OutboxItem[] = []
        for (const { seq, body } of records) {
          if (body.kind !== 'alert') continue
          const data = shareAlertChange(body.change, this.#options.alias)
          const hash = await this.#options.ledgerHash(body.change, seq)
          items.push(this.#item('alert', data, hash, body.change.at, seq, body.change.alert.id))
        }
        // What is not in the outbox must not count as taken over, or the next run would skip it.
        if (!this.#open) throw new WardwatchError('uplink-down', 'The edge is ending; the next run takes this over.')
        await this.#enqueue(items)
      },
    })
    this.#every(this.#options.healthEveryMs ?? 30_000, () => this.#sendHealth())
    this.#every(ANCHOR_MS, () => this.#sendAnchor())
  }

  state(): ReturnType<Uplink['state']> {
    return {
      configured: true,
      connected: this.#link.connected,
      path: this.#link.url,
      lag: this.#waiting + (this.#pump?.state().lag ?? 0),
      waiting: this.#waiting,
      sequence: this.#sequence,
      sent: this.#sent,
      skippedHealth: this.#skippedHealth,
      lastError: this.#lastError ?? this.#pump?.state().lastError ?? null,
    }
  }

  async sendIndicators(indicators: IndicatorUp[]): Promise<void> {
    const hash = await this.#options.ledgerHash(null)
    const at = this.#options.clock.now()
    await this.#enqueue(indicators.map((data) => this.#item('indicator', data, hash, at, null, data.indicator)))
  }

  async close(): Promise<void> {
    this.#open = false
    await this.#pump?.close()
    await this.#link.close()
    await Promise.allSettled(this.#underWay.values())
    while (this.#sending) await this.#sending
    await this.#store.close()
  }

  #item(
    kind: UplinkKind,
    data: unknown,
    ledgerhash: string,
    timeMs: number,
    journalSeq: number | null,
    subject?: string,
  ): OutboxItem {
    const envelope: OutboxItem['envelope'] = {
      specversion: '1.0',
      source: `/wardwatch/${this.#options.facility}`,
      type: TYPES[kind],
      ...(subject === undefined ? {} : { subject }),
      time: new Date(timeMs).toISOString(),
      datacontenttype: 'application/json',
      dataschema: SCHEMAS[kind],
      ledgerhash,
      data,
    }
    return { kind, journalSeq, at: this.#options.clock.now(), envelope }
  }

  async #enqueue(items: OutboxItem[]): Promise<void> {
    if (items.length === 0 || !this.#open) return
    const given = await this.#store.call<number[]>('enqueue', items)
    this.#waiting += given.length
    this.#sequence = given.at(-1) ?? this.#sequence
    this.#kick()
  }

  /** Health speaks of now: while the link is down none is kept, so that it cannot delay what matters afterwards. */
  async #sendHealth(): Promise<void> {
    if (!this.#link.connected) {
      this.#skippedHealth++
      return
    }
    const health = this.#options.health()
    await this.#enqueue([this.#item('health', health, await this.#options.ledgerHash(null), health.at, null)])
  }

  async #sendAnchor(): Promise<void> {
    const anchor = this.#link.connected ? (this.#options.anchor?.() ?? null) : null
    if (anchor) await this.#enqueue([this.#item('anchor', anchor, anchor.ledgerHash, anchor.at, null)])
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#options.clock.after(ms, () => {
      if (!this.#open) return
      work()
        .catch((error) => {
          this.#lastError = (error as Error).message
        })
        .finally(() => this.#every(ms, work))
    })
  }

  #kick(): void {
    this.#again = true
    if (this.#sending || !this.#open) return
    this.#sending = this.#fillWindow().finally(() => {
      this.#sending = null
      if (this.#again && this.#open && this.#link.connected) this.#kick()
    })
  }

  /** Keeps `window` envelopes on their way; what is acknowledged leaves the outbox, what is not stays in it. */
  async #fillWindow(): Promise<void> {
    const window = this.#options.window ?? 32
    while (this.#again && this.#open && this.#link.connected) {
      this.#again = false
      const room = window - this.#underWay.size
      if (room <= 0) return
      const rows = await this.#store.call<OutboxRow[]>('next', room, [...this.#underWay.keys()])
      for (const row of rows) this.#send(row)
    }
  }

  #send(row: OutboxRow): void {
    const late = this.#options.clock.now() - row.at > BACKLOG_MS
    const payload = `${row.body.slice(0, -1)},"backlog":${late || row.sequence <= this.#heldUpTo}}`
    const way = this.#link
      .publish(topics.up(this.#options.facility, row.kind), payload)
      .then(async () => {
        // Before it leaves the outbox: after a cut in between the province hears it twice, and the edge knows it once.
        if (row.kind === 'anchor') await this.#options.onAnchored?.((JSON.parse(row.body) as { data: AnchorUp }).data)
        await this.#store.call('done', [row.sequence])
        this.#waiting--
        this.#sent++
      })
      .catch((error) => {
        this.#lastError ??= (error as Error).message
      })
      .finally(() => {
        this.#underWay.delete(row.sequence)
        this.#kick()
      })
    this.#underWay.set(row.sequence, way)
  }
}
