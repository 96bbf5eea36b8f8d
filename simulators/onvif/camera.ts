/** One twin camera: its identity, its clock, its faults, and the answers of its device, media and PTZ services. */
import type { Clock } from '#model/clock.ts'
import { CameraDoor } from './camera-auth.ts'
import { EventService } from './event-service.ts'
import { drawScene, EMPTY_SCENE, type Scene } from './scene-picture.ts'
import { content, envelope, soapFault, xmlText } from './soap-text.ts'

export interface TwinCamera {
  id: string
  user: string
  password: string
  name?: string
  scene?: Partial<Scene>
  maker?: string
  model?: string
  /** Preset names by token; default HOME and the ids 1 to 3. */
  presets?: Record<string, string>
  /** What the camera accepts: `both` as most do, one of them as strict ones. */
  auth?: 'both' | 'token' | 'digest'
}

/** Faults that a twin plays on demand; several may be on at once. */
export const FAULTS = [
  'gone', // hangs up on everything, as after a power cut
  'silent', // accepts, never answers
  'slow', // answers after 4 s
  'refuse-auth', // refuses every password
  'hang-up-events', // advertises events, hangs up on the event service
  'hang-up-idle', // hangs up at the end of a pull in which nothing happened
  'garbage', // answers with something that is not XML
  'truncated', // answers with half of its XML
  'huge', // answers without end
  'instant-empty', // answers PullMessages at once with nothing, for ever
  'reject-renew', // refuses Renew
  'soap-fault', // answers the event service with a SOAP fault
  'http-500', // answers with status 500 and no SOAP
  'no-picture', // refuses pictures
  'no-events', // does not advertise an event service
  'foreign-address', // names an unreachable host in every address
  'zero-time', // sends 0000-00-00T00:00:00Z with every event
  'clock-offset', // its clock is wrong by `ms`
] as const
export type TwinFault = (typeof FAULTS)[number]

export const SLOW_MS = 4000

export class Camera {
  readonly config: TwinCamera
  readonly door: CameraDoor
  readonly events: EventService
  readonly faults = new Set<TwinFault>()
  /** Requests by operation since the start. */
  readonly requests = new Map<string, number>()
  connections = 0
  offsetMs = 0
  scene: Scene
  preset: string | null = null
  readonly #clock: Clock
  readonly #seed: number
  /** Where the streams of the twin are; without any, the address names the usual port, on which nobody answers. */
  rtspPort: number | null = null
  #picture: { second: number; key: string; jpeg: Uint8Array } | null = null

  constructor(config: TwinCamera, clock: Clock) {
    this.config = config
    this.#clock = clock
    this.scene = { ...EMPTY_SCENE, ...config.scene }
    this.door = new CameraDoor(config.user, config.password, `ONVIF ${config.id}`)
    this.events = new EventService(clock, () => this.now())
    this.#seed = [...config.id].reduce((sum, c) => (Math.imul(sum, 31) + c.charCodeAt(0)) | 0, 7)
  }

  /** The camera's own clock. */
  now(): number {
    return this.#clock.now() + this.offsetMs
  }

  count(operation: string): void {
    this.requests.set(operation, (this.requests.get(operation) ?? 0) + 1)
  }

  get presets(): Record<string, string> {
    return this.config.presets ?? { HOME: 'Home', '1': 'Left', '2': 'Right', '3': 'Far' }
  }

  /** Newest picture: drawn at most once a second and scene. */
  picture(): Uint8Array {
    const second = Math.floor(this.now() / 1000)
    const key = JSON.stringify([this.scene, this.preset])
    if (this.#picture?.second !== second || this.#picture.key !== key) {
      const time = `${new Date(second * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`
      const preset = this.preset === null ? null : `PTZ ${this.preset}`
      const jpeg = drawScene(this.scene, { title: this.config.id, time, preset }, this.#seed)
      this.#picture = { second, key, jpeg }
    }
    return this.#picture.jpeg
  }

  /** Answers of the device, media and PTZ services; null for an operation it does not know. */
  answer(operation: string, args: Record<string, unknown>, base: string): { status: number; xml: string } | null {
    const ok = (xml: string) => ({ status: 200, xml: envelope(xml) })
    const { config } = this
    switch (operation) {
      case 'GetSystemDateAndTime':
        return ok(this.#dateAndTime())
      case 'GetDeviceInformation':
        return ok(
          `<tds:GetDeviceInformationResponse><tds:Manufacturer>${xmlText(config.maker ?? 'Wardwatch')}</tds:Manufacturer><tds:Model>${xmlText(config.model ?? 'Twin 1')}</tds:Model>` +
            `<tds:FirmwareVersion>1.0.0</tds:FirmwareVersion><tds:SerialNumber>00012345678901234567</tds:SerialNumber><tds:HardwareId>${xmlText(config.id)}</tds:HardwareId></tds:GetDeviceInformationResponse>`,
        )
      case 'GetServices':
        return ok(`<tds:GetServicesResponse>${this.#services(base)}</tds:GetServicesResponse>`)
      case 'GetCapabilities':
        return ok(
          `<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Device><tt:XAddr>${base}/device_service</tt:XAddr></tt:Device>` +
            (this.faults.has('no-events')
              ? ''
              : `<tt:Events><tt:XAddr>${base}/events</tt:XAddr><tt:WSPullPointSupport>true</tt:WSPullPointSupport></tt:Events>`) +
            `<tt:Media><tt:XAddr>${base}/media</tt:XAddr></tt:Media><tt:PTZ><tt:XAddr>${base}/ptz</tt:XAddr></tt:PTZ></tds:Capabilities></tds:GetCapabilitiesResponse>`,
        )
      case 'GetScopes':
        return ok(
          `<tds:GetScopesResponse>${scopesOf(config)
            .map(
              (scope) =>
                `<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>${xmlText(scope)}</tt:ScopeItem></tds:Scopes>`,
            )
            .join('')}</tds:GetScopesResponse>`,
        )
      case 'GetHostname':
        return ok(
          `<tds:GetHostnameResponse><tds:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP><tt:Name>${xmlText(config.id)}</tt:Name></tds:HostnameInformation></tds:GetHostnameResponse>`,
        )
      case 'GetNetworkInterfaces':
        return ok(
          '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled><tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>02:00:00:00:00:01</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info></tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>',
        )
      case 'GetProfiles':
        return ok(
          '<trt:GetProfilesResponse><trt:Profiles token="Profile_1" fixed="true"><tt:Name>Main</tt:Name><tt:VideoSourceConfiguration token="VSC_1"><tt:Name>VSC_1</tt:Name><tt:UseCount>1</tt:UseCount><tt:SourceToken>VideoSource_1</tt:SourceToken><tt:Bounds x="0" y="0" width="480" height="270"/></tt:VideoSourceConfiguration>' +
            '<tt:VideoEncoderConfiguration token="VEC_1"><tt:Name>VEC_1</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>JPEG</tt:Encoding><tt:Resolution><tt:Width>480</tt:Width><tt:Height>270</tt:Height></tt:Resolution><tt:Quality>4</tt:Quality></tt:VideoEncoderConfiguration>' +
            '<tt:PTZConfiguration token="PTZ_1"><tt:Name>PTZ_1</tt:Name><tt:UseCount>1</tt:UseCount><tt:NodeToken>PTZNode_1</tt:NodeToken></tt:PTZConfiguration></trt:Profiles></trt:GetProfilesResponse>',
        )
      case 'GetVideoSources':
        return ok(
          '<trt:GetVideoSourcesResponse><trt:VideoSources token="VideoSource_1"><tt:Framerate>12</tt:Framerate><tt:Resolution><tt:Width>480</tt:Width><tt:Height>270</tt:Height></tt:Resolution></trt:VideoSources></trt:GetVideoSourcesResponse>',
        )
      case 'GetStreamUri': {
        const host = new URL(base).hostname
        return ok(
          `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://${host}:${this.rtspPort ?? 554}/cam/${encodeURIComponent(config.id)}/stream</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>`,
        )
      }
      case 'GetSnapshotUri':
        return ok(
          `<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>${base.replace(/\/onvif$/, '')}/snapshot.jpg</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetSnapshotUriResponse>`,
        )
      case 'GetPresets':
        return ok(
          `<tptz:GetPresetsResponse>${Object.entries(this.presets)
            .map(
              ([token, name]) =>
                `<tptz:Preset token="${xmlText(token)}"><tt:Name>${xmlText(name)}</tt:Name></tptz:Preset>`,
            )
            .join('')}</tptz:GetPresetsResponse>`,
        )
      case 'GotoPreset': {
        const token = content(args.PresetToken)
        if (this.presets[token] === undefined)
          return { status: 400, xml: soapFault('Sender', 'ter:NoToken', 'the preset does not exist') }
        this.preset = token
        return ok('<tptz:GotoPresetResponse/>')
      }
      case 'GetStatus':
        return ok(
          `<tptz:GetStatusResponse><tptz:PTZStatus><tt:MoveStatus><tt:PanTilt>IDLE</tt:PanTilt><tt:Zoom>IDLE</tt:Zoom></tt:MoveStatus><tt:UtcTime>${new Date(this.now()).toISOString()}</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>`,
        )
      default:
        return null
    }
  }

  #services(base: string): string {
    const services: [string, string][] = [
      ['http://www.onvif.org/ver10/device/wsdl', 'device_service'],
      ['http://www.onvif.org/ver10/media/wsdl', 'media'],
      ['http://www.onvif.org/ver20/ptz/wsdl', 'ptz'],
    ]
    if (!this.faults.has('no-events')) services.push(['http://www.onvif.org/ver10/events/wsdl', 'events'])
    return services
      .map(
        ([namespace, path]) =>
          `<tds:Service><tds:Namespace>${namespace}</tds:Namespace><tds:XAddr>${base}/${path}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>`,
      )
      .join('')
  }

  #dateAndTime(): string {
    const d = new Date(this.now())
    return (
      '<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone>' +
      `<tt:UTCDateTime><tt:Time><tt:Hour>${d.getUTCHours()}</tt:Hour><tt:Minute>${d.getUTCMinutes()}</tt:Minute><tt:Second>${d.getUTCSeconds()}</tt:Second></tt:Time>` +
      `<tt:Date><tt:Year>${d.getUTCFullYear()}</tt:Year><tt:Month>${d.getUTCMonth() + 1}</tt:Month><tt:Day>${d.getUTCDate()}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`
    )
  }
}

export function scopesOf(config: TwinCamera): string[] {
  const scope = (kind: string, text: string) => `onvif://www.onvif.org/${kind}/${encodeURIComponent(text)}`
  return [
    'onvif://www.onvif.org/type/Network_Video_Transmitter',
    'onvif://www.onvif.org/Profile/Streaming',
    scope('name', config.id),
    scope('hardware', config.model ?? 'Twin 1'),
    scope('location', config.name ?? config.id),
  ]
}
