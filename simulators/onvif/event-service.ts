/**
 * PullPoint subscriptions of one camera: queues with a limit, long poll, terms by the camera's clock, present state of
 * properties told to each new subscription as `Initialized`.
 */
import { randomUUID } from 'node:crypto'
import type { Clock, Timer } from '#model/clock.ts'
import { TOPICS } from './reading-events.ts'
import { content, envelope, soapFault, xmlText } from './soap-text.ts'

const MOST_QUEUED = 1000
const MOST_SUBSCRIPTIONS = 10
const DEFAULT_TERM_MS = 60_000

export interface EventToTell {
  topic: string
  source?: Record<string, string>
  key?: Record<string, string>
  data?: Record<string, string>
  operation?: 'Initialized' | 'Changed' | 'Deleted'
  /** The camera's time as text, or null for none. */
  utcTime: string | null
  property: boolean
}

interface Subscription {
  id: string
  ends: number
  queue: string[]
  waiting: { answer: () => void; timer: Timer } | null
}

export interface Answer {
  status: number
  xml: string
}

export class EventService {
  readonly #clock: Clock
  readonly #now: () => number
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #properties = new Map<string, EventToTell>()
  /** Longest term that the camera grants, ms. */
  longestTermMs = 600_000
  rejectRenew = false
  /** Answers every PullMessages at once and with nothing. */
  instantEmpty = false
  /** Messages that no queue could hold. */
  dropped = 0

  constructor(clock: Clock, cameraNow: () => number) {
    this.#clock = clock
    this.#now = cameraNow
  }

  get subscriptions(): number {
    this.#expire()
    return this.#subscriptions.size
  }

  tell(event: EventToTell): void {
    this.#expire()
    if (event.property) {
      const { source, key, topic } = event
      this.#properties.set(JSON.stringify([topic, source, key]), event)
    }
    const xml = notification(event, event.operation ?? 'Changed')
    for (const subscription of this.#subscriptions.values()) this.#enqueue(subscription, xml)
  }

  #enqueue(subscription: Subscription, xml: string): void {
    subscription.queue.push(xml)
    if (subscription.queue.length > MOST_QUEUED) {
      subscription.queue.shift()
      this.dropped++
    }
    subscription.waiting?.answer()
  }

  create(args: Record<string, unknown>, addressOf: (id: string) => string): Answer {
    this.#expire()
    if (this.#subscriptions.size >= MOST_SUBSCRIPTIONS)
      return { status: 500, xml: soapFault('Receiver', 'ter:Action', 'too many pull points') }
    const now = this.#now()
    const subscription: Subscription = {
      id: randomUUID(),
      ends: now + this.#term(content(args.InitialTerminationTime)),
      queue: [],
      waiting: null,
    }
    this.#subscriptions.set(subscription.id, subscription)
    for (const event of this.#properties.values()) subscription.queue.push(notification(event, 'Initialized'))
    return {
      status: 200,
      xml: envelope(
        `<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa:Address>${xmlText(addressOf(subscription.id))}</wsa:Address></tev:SubscriptionReference>` +
          `<wsnt:CurrentTime>${iso(now)}</wsnt:CurrentTime><wsnt:TerminationTime>${iso(subscription.ends)}</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>`,
      ),
    }
  }

  /** @param gone called when the asker has hung up. */
  pull(id: string, args: Record<string, unknown>, answer: (answer: Answer) => void): { gone: () => void } {
    this.#expire()
    const subscription = this.#subscriptions.get(id)
    if (!subscription) {
      answer(unknownSubscription())
      return { gone: () => {} }
    }
    // A second pull takes the place of the first, which is answered with nothing.
    subscription.waiting?.answer()
    const limit = Math.max(1, Math.min(100, Number(content(args.MessageLimit)) || 1))
    const reply = () => {
      subscription.waiting?.timer.cancel()
      subscription.waiting = null
      const messages = this.instantEmpty ? [] : subscription.queue.splice(0, limit)
      answer({
        status: 200,
        xml: envelope(
          `<tev:PullMessagesResponse><tev:CurrentTime>${iso(this.#now())}</tev:CurrentTime><tev:TerminationTime>${iso(subscription.ends)}</tev:TerminationTime>${messages.join('')}</tev:PullMessagesResponse>`,
        ),
      })
    }
    const waitMs = durationMs(content(args.Timeout)) ?? 0
    if (this.instantEmpty || subscription.queue.length > 0 || waitMs === 0) {
      reply()
      return { gone: () => {} }
    }
    const waiting = { answer: reply, timer: this.#clock.after(Math.min(waitMs, 60_000), reply) }
    subscription.waiting = waiting
    return {
      gone: () => {
        waiting.timer.cancel()
        if (subscription.waiting === waiting) subscription.waiting = null
      },
    }
  }

  renew(id: string, args: Record<string, unknown>): Answer {
    this.#expire()
    const subscription = this.#subscriptions.get(id)
    if (!subscription) return unknownSubscription()
    if (this.rejectRenew)
      return { status: 500, xml: soapFault('Receiver', 'ter:ActionNotSupported', 'Renew is not supported') }
    const now = this.#now()
    subscription.ends = now + this.#term(content(args.TerminationTime))
    return {
      status: 200,
      xml: envelope(
        `<wsnt:RenewResponse><wsnt:TerminationTime>${iso(subscription.ends)}</wsnt:TerminationTime><wsnt:CurrentTime>${iso(now)}</wsnt:CurrentTime></wsnt:RenewResponse>`,
      ),
    }
  }

  unsubscribe(id: string): Answer {
    const subscription = this.#subscriptions.get(id)
    if (!subscription) return unknownSubscription()
    subscription.waiting?.answer()
    this.#subscriptions.delete(id)
    return { status: 200, xml: envelope('<wsnt:UnsubscribeResponse/>') }
  }

  /** The camera restarts: subscriptions and waiting pulls are gone, the state of properties is kept. */
  forget(): void {
    for (const subscription of this.#subscriptions.values()) subscription.waiting?.timer.cancel()
    this.#subscriptions.clear()
  }

  #term(text: string): number {
    return Math.min(this.longestTermMs, durationMs(text) ?? DEFAULT_TERM_MS)
  }

  #expire(): void {
    for (const subscription of this.#subscriptions.values())
      if (subscription.ends <= this.#now()) {
        subscription.waiting?.answer()
        this.#subscriptions.delete(subscription.id)
      }
  }
}

export function eventProperties(): string {
  const tree = (topics: [string[], string[]][]): string => {
    const heads = [...new Set(topics.map(([path]) => path[0] as string))]
    return heads
      .map((head) => {
        const below = topics.filter(([path]) => path[0] === head)
        const leaf = below.find(([path]) => path.length === 1)
        const deeper = below
          .filter(([path]) => path.length > 1)
          .map(([path, items]): [string[], string[]] => [path.slice(1), items])
        const description = leaf
          ? `<tt:MessageDescription IsProperty="true"><tt:Source><tt:SimpleItemDescription Name="Source" Type="tt:ReferenceToken"/></tt:Source><tt:Data>${leaf[1].map((name) => `<tt:SimpleItemDescription Name="${name}" Type="xs:string"/>`).join('')}</tt:Data></tt:MessageDescription>`
          : ''
        return `<${head}${leaf ? ' wstop:topic="true"' : ''}>${description}${tree(deeper)}</${head}>`
      })
      .join('')
  }
  const topics = Object.entries(TOPICS).map(([topic, items]): [string[], string[]] => [topic.split('/'), items])
  return (
    `<tev:GetEventPropertiesResponse><tev:TopicNamespaceLocation>http://www.onvif.org/onvif/ver10/topics/topicns.xml</tev:TopicNamespaceLocation>` +
    `<wsnt:FixedTopicSet>true</wsnt:FixedTopicSet><wstop:TopicSet xmlns:wstop="http://docs.oasis-open.org/wsn/t-1">${tree(topics)}</wstop:TopicSet>` +
    `<wsnt:TopicExpressionDialect>http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet</wsnt:TopicExpressionDialect></tev:GetEventPropertiesResponse>`
  )
}

function notification(event: EventToTell, operation: string): string {
  const part = (name: string, items: Record<string, string> | undefined) =>
    items && Object.keys(items).length > 0
      ? `<tt:${name}>${Object.entries(items)
          .map(([key, value]) => `<tt:SimpleItem Name="${xmlText(key)}" Value="${xmlText(value)}"/>`)
          .join('')}</tt:${name}>`
      : ''
  const time = event.utcTime === null ? '' : ` UtcTime="${xmlText(event.utcTime)}"`
  return (
    `<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">${xmlText(event.topic)}</wsnt:Topic>` +
    `<wsnt:Message><tt:Message${time} PropertyOperation="${operation}">${part('Source', event.source)}${part('Key', event.key)}${part('Data', event.data)}</tt:Message></wsnt:Message></wsnt:NotificationMessage>`
  )
}

const iso = (time: number) => new Date(time).toISOString()

function unknownSubscription(): Answer {
  return {
    status: 400,
    xml: soapFault('Sender', 'wsrf-rw:ResourceUnknownFault', 'the subscription is unknown or has ended'),
  }
}

/** xs:duration of hours, minutes and seconds to ms. */
function durationMs(text: string): number | null {
  const match = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$/.exec(text.trim())
  if (!match) return null
  return (Number(match[1] ?? 0) * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0)) * 1000
}
