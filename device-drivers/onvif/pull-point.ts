/**
 * A PullPoint subscription: create, pull, renew, unsubscribe (ONVIF Core 9). Holds the term by the camera's own clock
 * and keeps the reference parameters that Axis wants back; decides nothing about retries.
 */
import { WardwatchError } from '#model/errors.ts'
import type { CameraClient } from './camera-client.ts'
import { parseTime } from './notification.ts'
import { children, escapeXml, find, textOf, type XmlNode } from './xml.ts'

const EVENTS = 'http://www.onvif.org/ver10/events/wsdl'
const WSNT = 'http://docs.oasis-open.org/wsn/bw-2'
/** Asked for; cameras grant what they like. */
const TERM = 'PT10M'
const SHORTEST_TERM_MS = 10_000

export interface PullAnswer {
  messages: XmlNode[]
  xml: string
  /** The camera's own clock at the answer, ms; null when it names none. */
  currentTime: number | null
  elapsedMs: number
}

export class PullPoint {
  readonly #client: CameraClient
  readonly #address: URL
  readonly #reference: string
  #termMs: number
  #renewedAt: number

  private constructor(client: CameraClient, address: URL, reference: string, termMs: number) {
    this.#client = client
    this.#address = address
    this.#reference = reference
    this.#termMs = termMs
    this.#renewedAt = client.clock.now()
  }

  static async create(client: CameraClient, events: URL): Promise<PullPoint> {
    const sent = client.clock.now()
    const { body, xml } = await client.soap(
      events,
      `${EVENTS}/EventPortType/CreatePullPointSubscriptionRequest`,
      `<CreatePullPointSubscription xmlns="${EVENTS}"><InitialTerminationTime>${TERM}</InitialTerminationTime></CreatePullPointSubscription>`,
    )
    const answer = find(body, 'CreatePullPointSubscriptionResponse')
    const reference = find(answer, 'SubscriptionReference')
    const address = textOf(find(reference, 'Address'))
    if (!answer || !address)
      throw new WardwatchError(
        'bad-payload',
        'the camera answered CreatePullPointSubscription without the address of a subscription',
      )
    learnClock(client, answer, sent)
    return new PullPoint(client, client.reachable(address), referenceXml(xml), termOf(answer))
  }

  get termMs(): number {
    return this.#termMs
  }

  /** Half of the term is over: time to renew. */
  get renewalDue(): boolean {
    return this.#client.clock.now() - this.#renewedAt >= this.#termMs / 2
  }

  /** How long the camera may keep a pull open: never past the next renewal. */
  get longestPullMs(): number {
    return Math.max(5000, Math.min(60_000, this.#termMs / 2))
  }

  #header(action: string): string {
    return `<a:Action>${action}</a:Action><a:To>${escapeXml(this.#address.href)}</a:To>${this.#reference}`
  }

  async pull(waitMs: number, limit: number): Promise<PullAnswer> {
    const action = `${EVENTS}/PullPointSubscription/PullMessagesRequest`
    const started = this.#client.clock.now()
    const { body, xml } = await this.#client.soap(
      this.#address,
      action,
      `<PullMessages xmlns="${EVENTS}"><Timeout>PT${Math.round(waitMs / 1000)}S</Timeout><MessageLimit>${limit}</MessageLimit></PullMessages>`,
      { headerXml: this.#header(action), timeoutMs: waitMs + 15_000 },
    )
    const answer = find(body, 'PullMessagesResponse')
    if (!answer) throw new WardwatchError('bad-payload', 'the camera answered PullMessages with something else')
    return {
      messages: children(answer, 'NotificationMessage'),
      xml,
      currentTime: parseTime(textOf(find(answer, 'CurrentTime'))),
      elapsedMs: this.#client.clock.now() - started,
    }
  }

  async renew(): Promise<void> {
    const action = `${WSNT}/SubscriptionManager/RenewRequest`
    const sent = this.#client.clock.now()
    const { body } = await this.#client.soap(
      this.#address,
      action,
      `<Renew xmlns="http://docs.oasis-open.org/wsn/b-2"><TerminationTime>${TERM}</TerminationTime></Renew>`,
      { headerXml: this.#header(action) },
    )
    const answer = find(body, 'RenewResponse')
    if (!answer) throw new WardwatchError('bad-payload', 'the camera answered Renew with something else')
    learnClock(this.#client, answer, sent)
    this.#termMs = termOf(answer)
    this.#renewedAt = this.#client.clock.now()
  }

  async unsubscribe(timeoutMs: number): Promise<void> {
    const action = `${WSNT}/SubscriptionManager/UnsubscribeRequest`
    await this.#client.soap(this.#address, action, '<Unsubscribe xmlns="http://docs.oasis-open.org/wsn/b-2"/>', {
      headerXml: this.#header(action),
      timeoutMs,
    })
  }
}

function termOf(answer: XmlNode): number {
  const now = parseTime(textOf(find(answer, 'CurrentTime')))
  const end = parseTime(textOf(find(answer, 'TerminationTime')))
  // Without both times (Axis leaves one out of Renew) assume the shortest term that cameras give.
  return now !== null && end !== null ? Math.max(SHORTEST_TERM_MS, end - now) : 60_000
}

/** CurrentTime of Create and Renew is a clock reading too, often finer than whole seconds. */
function learnClock(client: CameraClient, answer: XmlNode, sent: number): void {
  const text = textOf(find(answer, 'CurrentTime'))
  const time = parseTime(text)
  if (time !== null) client.offset.add(time, /\.\d{2,}/.test(text ?? '') ? 1 : 1000, sent, client.clock.now())
}

/** Reference parameters go back in the header as they came, with the namespace they came in (Axis: SubscriptionId). */
export function referenceXml(xml: string): string {
  const inner =
    /<(?:[\w.-]+:)?ReferenceParameters[^>]*>([\s\S]*?)<\/(?:[\w.-]+:)?ReferenceParameters\s*>/.exec(xml)?.[1] ?? ''
  let out = ''
  for (const [, prefix, name, attributes, text] of inner.matchAll(/<(?:([\w.-]+):)?([\w.-]+)([^>]*)>([^<]*)<\//g)) {
    const declaration = new RegExp(
      `xmlns${prefix ? `:${prefix.replace(/[.-]/g, '\\$&')}` : ''}\\s*=\\s*["']([^"']*)["']`,
    )
    const namespace = declaration.exec(attributes ?? '')?.[1] ?? declaration.exec(xml)?.[1]
    out += `<${name}${namespace ? ` xmlns="${namespace}"` : ''} a:IsReferenceParameter="true">${text}</${name}>`
  }
  return out
}
