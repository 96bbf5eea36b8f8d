/**
 * One camera's SOAP: the package `onvif` knows the operations (services, profiles, snapshot, stream, PTZ), this class
 * owns the wire beneath it: limits, abort, both kinds of authentication, and addresses that can really be reached.
 * The package's own event loop is never started (it storms on reconnect, and ends silently on a SOAP fault).
 */
import { Agent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import onvif from 'onvif'
import soapUtils from 'onvif/lib/utils.js'
import type { Clock } from '#model/clock.ts'
import { WardwatchError } from '#model/errors.ts'
import { ClockOffset } from './clock-offset.ts'
import { type HttpAnswer, httpCall } from './http-call.ts'
import { reachableAddress } from './reachable-address.ts'
import { openEnvelope } from './soap-header.ts'
import { children, escapeXml, find, isAuthText, soapBody, textOf, type XmlNode } from './xml.ts'

const MAX_SOAP_BYTES = 1024 * 1024
const MAX_JPEG_BYTES = 8 * 1024 * 1024
const CALL_MS = 8000
const MEDIA2 = 'http://www.onvif.org/ver20/media/wsdl'

/** The parts of the package's `Cam` that are used; its own types are partly `any`. */
interface Cam {
  uri?: Record<string, { href?: string } | undefined>
  profiles?: unknown
  activeSource?: { profileToken?: string }
  digestAuth(challenges: string[], request: { method: string; path: string }): string
  _parseUrl(address: string): { href: string; path: string | null }
  _envelopeHeader(open?: boolean): string
  _requestPart2(options: CamRequest, callback: CamCallback): void
  getServices(includeCapability: boolean, callback: CamCallback): void
  getCapabilities(callback: CamCallback): void
  getProfiles(callback: CamCallback): void
  getVideoSources(callback: CamCallback): void
  getActiveSources(): void
  getDeviceInformation(callback: CamCallback): void
  getSnapshotUri(options: { profileToken?: string }, callback: CamCallback): void
  getStreamUri(options: { protocol?: string; profileToken?: string }, callback: CamCallback): void
  getPresets(options: { profileToken?: string }, callback: CamCallback): void
  gotoPreset(options: { preset: string; profileToken?: string }, callback: CamCallback): void
  presets?: Record<string, { name?: unknown }>
  on(event: string, listener: (...args: unknown[]) => void): void
}
type CamCallback = (error: unknown, result?: unknown, xml?: string, status?: number) => void
interface CamRequest {
  service?: string
  action: string
  body: string
  url?: { href: string }
}

export interface CameraAddress {
  url: URL
  user: string
  password: string
}

export interface DeviceInformation {
  manufacturer: string
  model: string
  firmwareVersion: string
  serialNumber: string
}

export class CameraClient {
  readonly offset = new ClockOffset()
  readonly #address: CameraAddress
  readonly #clock: Clock
  readonly #agent: Agent
  readonly #abort = new AbortController()
  readonly #cam: Cam
  /** Last challenge of the camera by kind of request; saves a round trip until the nonce is stale. */
  #challenges: string[] = []
  #media: Promise<void> | null = null
  #snapshotUrl: URL | null = null
  /** The last answer that could not be read, for the quarantine. */
  lastNonsense = ''
  /** Called for every answer of any kind: the camera lives. */
  onAnswer: () => void = () => {}

  constructor(address: CameraAddress, clock: Clock) {
    this.#address = address
    this.#clock = clock
    const options = { keepAlive: true, maxSockets: 4, timeout: 120_000 }
    // Cameras sign their certificates themselves; the password never crosses in clear with either authentication.
    this.#agent =
      address.url.protocol === 'https:' ? new HttpsAgent({ ...options, rejectUnauthorized: false }) : new Agent(options)
    const { Cam } = onvif as unknown as { Cam: new (options: object) => Cam }
    this.#cam = new Cam({
      hostname: address.url.hostname,
      port: Number(address.url.port) || (address.url.protocol === 'https:' ? 443 : 80),
      path: address.url.pathname + address.url.search,
      username: address.user,
      password: address.password,
      useSecure: address.url.protocol === 'https:',
      autoconnect: false,
    })
    this.#cam.on('error', () => {})
    this.#cam._parseUrl = (text) => {
      const url = this.reachable(text)
      return { href: url.href, path: url.pathname + url.search }
    }
    this.#cam._envelopeHeader = (open) => this.#header() + (open ? '' : '</s:Header><s:Body>')
    this.#cam._requestPart2 = (options, callback) => this.#serve(options, callback)
  }

  get clock(): Clock {
    return this.#clock
  }

  /** Ends everything under way on this camera at once. */
  close(reason = 'the connection was ended'): void {
    this.#abort.abort(reason)
    this.#agent.destroy()
  }

  get closed(): boolean {
    return this.#abort.signal.aborted
  }

  /** @see reachableAddress */
  reachable(text: string): URL {
    return reachableAddress(text, this.#address.url)
  }

  #header(): string {
    return openEnvelope(this.#address.user, this.#address.password, this.#clock.now() + (this.offset.offsetMs ?? 0))
  }

  /** HTTP with Digest when the camera asks for it. */
  async #http(
    method: 'GET' | 'POST',
    url: URL,
    body: string | undefined,
    headers: Record<string, string>,
    timeoutMs: number,
    maxBytes: number,
  ): Promise<HttpAnswer> {
    const once = (extra: Record<string, string>) =>
      httpCall({
        url,
        method,
        body,
        headers: { ...headers, ...extra },
        agent: this.#agent,
        clock: this.#clock,
        timeoutMs,
        maxBytes,
        signal: this.#abort.signal,
      })
    const call = async (extra: Record<string, string>) => {
      try {
        return await once(extra)
      } catch (error) {
        if (error instanceof WardwatchError && error.fields.stale === true && !this.closed) return once(extra)
        throw error
      }
    }
    const authorization = (): Record<string, string> => {
      if (this.#challenges.length === 0) return {}
      return { Authorization: this.#cam.digestAuth(this.#challenges, { method, path: url.pathname + url.search }) }
    }
    let answer = await call(authorization())
    this.onAnswer()
    if (answer.status === 401 && this.#address.user) {
      const digest = answer.challenges
        .filter((c) => /^digest /i.test(c))
        .map((c) => c.replace(/qop="auth, ?auth-int"/, 'qop="auth"'))
      if (digest.length > 0) {
        this.#challenges = digest
        try {
          answer = await call(authorization())
        } catch (error) {
          this.#challenges = []
          if (error instanceof WardwatchError) throw error
          throw new WardwatchError('device-refused', `${url.host} asks for an authentication that cannot be read`)
        }
      } else if (answer.challenges.some((c) => /^basic/i.test(c))) {
        if (url.protocol !== 'https:')
          throw new WardwatchError(
            'bad-credential',
            `${url.host} asks for the password in clear text; switch it to digest or to https`,
          )
        const basic = Buffer.from(`${this.#address.user}:${this.#address.password}`).toString('base64')
        answer = await call({ Authorization: `Basic ${basic}` })
      }
    }
    if (answer.status === 401) {
      this.#challenges = []
      throw new WardwatchError(
        'bad-credential',
        `${url.host} refuses user or password (HTTP 401); set them in the site file`,
      )
    }
    return answer
  }

  /**
   * Sends one SOAP body and gives the answer's Body.
   * @param headerXml further header blocks (WS-Addressing of subscriptions).
   */
  async soap(
    url: URL,
    action: string,
    bodyXml: string,
    options: { headerXml?: string; timeoutMs?: number; secured?: boolean } = {},
  ): Promise<{ body: XmlNode; xml: string }> {
    const head =
      options.secured === false
        ? '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>'
        : this.#header()
    const envelope = `${head}${options.headerXml ?? ''}</s:Header><s:Body>${bodyXml}</s:Body></s:Envelope>`
    const xml = await this.#post(url, action, envelope, options.timeoutMs ?? CALL_MS)
    return { body: this.#body(xml.text, xml.status), xml: xml.text }
  }

  #body(text: string, status: number): XmlNode {
    try {
      return soapBody(text, status)
    } catch (error) {
      this.lastNonsense = text
      throw error
    }
  }

  async #post(
    url: URL,
    action: string,
    envelope: string,
    timeoutMs: number,
  ): Promise<{ text: string; status: number }> {
    const headers = { 'Content-Type': `application/soap+xml;charset=utf-8;action="${action}"` }
    const answer = await this.#http('POST', url, envelope, headers, timeoutMs, MAX_SOAP_BYTES)
    return { text: answer.body.toString('utf8'), status: answer.status }
  }

  /** The wire under the package's operations. Whatever its callbacks throw stays in here. */
  #serve(options: CamRequest, callback: CamCallback): void {
    const service = options.service ? this.#cam.uri?.[options.service]?.href : undefined
    if (options.service && !service) {
      callback(new WardwatchError('device-refused', `the camera has no ${options.service} service`))
      return
    }
    const url = options.url ? new URL(options.url.href) : service ? new URL(service) : this.#address.url
    this.#post(url, options.action, options.body, CALL_MS)
      .then(({ text, status }) => {
        this.#body(text, status)
        let told = false
        soapUtils.parseSOAPString(
          text,
          (error, data, xml) => {
            if (told) throw error
            told = true
            callback(error, data, xml, status)
          },
          status,
        )
      })
      .catch((error: unknown) => callback(error))
  }

  /** One operation of the package as a promise; nonsense that makes it throw becomes an error with a code. */
  #ask<T>(what: string, run: (callback: CamCallback) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) =>
        reject(
          error instanceof WardwatchError
            ? error
            : isAuthText(String(error))
              ? new WardwatchError('bad-credential', `the camera refuses user or password for ${what}`)
              : new WardwatchError(
                  'bad-payload',
                  `the camera's answer to ${what} makes no sense: ${(error as Error)?.message ?? error}`,
                ),
        )
      try {
        run((error, result) => (error ? fail(error) : resolve(result as T)))
      } catch (error) {
        fail(error)
      }
    })
  }

  /** Asks the camera's clock, which needs no password, and learns its offset. */
  async measureClock(): Promise<void> {
    const action = 'http://www.onvif.org/ver10/device/wsdl/GetSystemDateAndTime'
    const body = '<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/>'
    const ask = async (secured: boolean) => {
      const sent = this.#clock.now()
      const answer = await this.soap(this.#address.url, action, body, { secured })
      const utc = find(answer.body, 'GetSystemDateAndTimeResponse', 'SystemDateAndTime', 'UTCDateTime')
      const part = (...path: string[]) => Number(textOf(find(utc, ...path)))
      const time = Date.UTC(
        part('Date', 'Year'),
        part('Date', 'Month') - 1,
        part('Date', 'Day'),
        part('Time', 'Hour'),
        part('Time', 'Minute'),
        part('Time', 'Second'),
      )
      // Cheap cameras leave UTCDateTime out: then the offset cannot be measured, and none is invented.
      if (Number.isFinite(time)) this.offset.add(time, 1000, sent, this.#clock.now())
      else if (!find(answer.body, 'GetSystemDateAndTimeResponse'))
        throw new WardwatchError('bad-payload', 'the camera answered GetSystemDateAndTime with something else')
    }
    try {
      await ask(false)
    } catch (error) {
      // Some makers want a password even here.
      if (!(error instanceof WardwatchError) || error.code !== 'bad-credential') throw error
      await ask(true)
    }
  }

  /** Learns the service addresses. Returns the address of the event service, null when the camera has none. */
  async services(): Promise<{ events: URL | null }> {
    try {
      await this.#ask('GetServices', (cb) => this.#cam.getServices(false, cb))
    } catch (error) {
      if (error instanceof WardwatchError && (error.code === 'bad-credential' || error.code === 'device-unreachable'))
        throw error
      // The first ONVIF had no GetServices.
      await this.#ask('GetCapabilities', (cb) => this.#cam.getCapabilities(cb))
    }
    const events = this.#cam.uri?.events?.href
    return { events: events ? new URL(events) : null }
  }

  deviceInformation(): Promise<DeviceInformation> {
    return this.#ask<Record<string, unknown>>('GetDeviceInformation', (cb) => this.#cam.getDeviceInformation(cb)).then(
      (i) => ({
        manufacturer: String(i?.manufacturer ?? ''),
        model: String(i?.model ?? ''),
        firmwareVersion: String(i?.firmwareVersion ?? ''),
        serialNumber: String(i?.serialNumber ?? ''),
      }),
    )
  }

  /** Topics that the camera says it sends, prefixes removed. */
  async topicSet(events: URL): Promise<string[]> {
    const action = 'http://www.onvif.org/ver10/events/wsdl/EventPortType/GetEventPropertiesRequest'
    const { body } = await this.soap(
      events,
      action,
      '<GetEventProperties xmlns="http://www.onvif.org/ver10/events/wsdl"/>',
    )
    const topics: string[] = []
    const walk = (node: XmlNode, path: string, depth: number) => {
      for (const name of Object.keys(node)) {
        if (name.startsWith('@') || name === '#' || depth > 8 || topics.length > 500) continue
        if (name === 'MessageDescription') topics.push(path)
        else for (const child of children(node, name)) walk(child, path ? `${path}/${name}` : name, depth + 1)
      }
    }
    const set = find(body, 'GetEventPropertiesResponse', 'TopicSet')
    if (set) walk(set, '', 0)
    return topics
  }

  /** Profiles are asked for only when a picture, a stream or a preset is wanted: 500 cameras rarely need them. */
  async #needMedia(): Promise<string> {
    this.#media ??= (async () => {
      if (!this.#cam.uri) await this.services()
      await this.#ask('GetProfiles', (cb) => this.#cam.getProfiles(cb))
      try {
        // Cameras of Profile T alone have no such operation.
        await this.#ask('GetVideoSources', (cb) => this.#cam.getVideoSources(cb))
        this.#cam.getActiveSources()
      } catch (error) {
        if (error instanceof WardwatchError && ['bad-credential', 'device-unreachable'].includes(error.code))
          throw error
        // "Unrecognized configuration": the first profile will do.
      }
    })()
    try {
      await this.#media
    } catch (error) {
      this.#media = null
      throw error
    }
    const first = [this.#cam.profiles].flat()[0] as { $?: { token?: unknown } } | undefined
    const token = this.#cam.activeSource?.profileToken ?? first?.$?.token
    if (token === undefined) throw new WardwatchError('device-refused', 'the camera has no media profile')
    return String(token)
  }

  async snapshot(): Promise<Uint8Array> {
    if (!this.#snapshotUrl) {
      const profileToken = await this.#needMedia()
      const uri = await this.#mediaUri('GetSnapshotUri', '', profileToken, (cb) =>
        this.#cam.getSnapshotUri({ profileToken }, cb),
      )
      if (!uri) throw new WardwatchError('device-refused', 'the camera names no snapshot address')
      this.#snapshotUrl = this.reachable(uri)
    }
    const answer = await this.#http('GET', this.#snapshotUrl, undefined, {}, CALL_MS, MAX_JPEG_BYTES)
    if (answer.status !== 200) {
      this.#snapshotUrl = null
      throw new WardwatchError(
        'device-refused',
        `the camera answered with HTTP status ${answer.status} instead of a picture`,
      )
    }
    if (answer.body.length < 4 || answer.body[0] !== 0xff || answer.body[1] !== 0xd8)
      throw new WardwatchError('bad-payload', 'the camera sent something that is not a JPEG picture')
    return answer.body
  }

  async streamUri(): Promise<string> {
    const profileToken = await this.#needMedia()
    const uri = await this.#mediaUri('GetStreamUri', '<Protocol>RTSP</Protocol>', profileToken, (cb) =>
      this.#cam.getStreamUri({ protocol: 'RTSP', profileToken }, cb),
    )
    if (!uri) throw new WardwatchError('device-refused', 'the camera names no stream address')
    return this.reachable(uri).href
  }

  /** The package asks the first media service alone; cameras of Profile T may have only the second. */
  async #mediaUri(
    what: 'GetSnapshotUri' | 'GetStreamUri',
    option: string,
    profileToken: string,
    first: (callback: CamCallback) => void,
  ): Promise<string | null> {
    const second = this.#cam.uri?.media2?.href
    try {
      if (this.#cam.uri?.media?.href || !second) {
        const answer = await this.#ask<{ uri?: unknown }>(what, first)
        if (answer?.uri || !second) return answer?.uri ? String(answer.uri) : null
      }
    } catch (error) {
      if (
        !second ||
        !(error instanceof WardwatchError) ||
        ['bad-credential', 'device-unreachable'].includes(error.code)
      )
        throw error
    }
    const body = `<${what} xmlns="${MEDIA2}">${option}<ProfileToken>${escapeXml(profileToken)}</ProfileToken></${what}>`
    const { body: answer } = await this.soap(new URL(second as string), `${MEDIA2}/${what}`, body)
    return textOf(find(answer, `${what}Response`, 'Uri'))
  }

  /** Turns the camera; `preset` is a token or a name of the camera's own list. */
  async gotoPreset(preset: string): Promise<void> {
    const profileToken = await this.#needMedia()
    await this.#ask('GetPresets', (cb) => this.#cam.getPresets({ profileToken }, cb))
    const known = Object.entries(this.#cam.presets ?? {})
    const hit = known.find(([token]) => token === preset) ?? known.find(([, p]) => String(p.name) === preset)
    if (!hit)
      throw new WardwatchError(
        'not-found',
        `the camera has no preset "${preset}"; it has ${known.map(([t]) => t).join(', ') || 'none'}`,
      )
    await this.#ask('GotoPreset', (cb) => this.#cam.gotoPreset({ preset: escapeXml(hit[0]), profileToken }, cb))
  }
}
