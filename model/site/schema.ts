/**
 * The site file, section by section (`site-file.md`), as one schema: it validates, types the code, drives editor
 * completion (`site.schema.json` is printed from it) and the forms. Unknown keys are errors. Words and units belong here.
 */
import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const text = (description: string) => Type.String({ minLength: 1, description })
// Keys of alerts are ids joined by "|", device ids stand in topics: neither may hold the joining characters.
const Id = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[^\\s|/+#]+$',
  description: 'identifier without white space, "|", "/", "+" and "#"',
})
const Ids = Type.Array(Id)
const Iso = Type.Union([
  Type.String({ description: 'RFC 3339 time' }),
  Type.Number({ description: 'ms since 1970 UTC' }),
])
const Duration = Type.String({ pattern: '^\\d+(\\.\\d+)?(ms|s|m|h|d|y)$', description: 'duration, e.g. 90s, 5m, 7d' })
const CLOCK = '(([01]\\d|2[0-3]):[0-5]\\d|24:00)'
const HourRange = Type.String({
  pattern: `^${CLOCK}-${CLOCK}$`,
  description: 'local hours, e.g. 22:00-06:00',
})
const HourMinute = Type.String({ pattern: `^${CLOCK}$`, description: 'local time, HH:MM' })
// A reference is an address too: what it stands for is read when the edge starts.
const address = (schemes: string, description: string) =>
  Type.String({ pattern: `^((${schemes})://|\\$\\{)`, description })
const MQTT = 'mqtts?|tcp|ssl|tls|wss?'
const Point = Type.Tuple([Type.Number(), Type.Number()], { description: '[x_m, y_m] in metres on the floor plan' })
const Names = Type.Object(
  { zh: Type.String(), en: Type.String() },
  { ...closed, description: 'name in both languages' },
)

export const ZONE_KINDS = [
  'building',
  'ward',
  'cell',
  'dormitory',
  'toilet',
  'washroom',
  'corridor',
  'yard',
  'workshop',
  'canteen',
  'class-room',
  'visit',
  'medical',
  'isolation',
  'office',
  'post',
  'machine-room',
  'boiler',
  'kitchen',
  'store',
  'dock',
  'sally-port',
  'gate',
  'belt',
  'fence',
  'wall',
  'roof',
  'outside',
  'blind',
] as const
export type ZoneKind = (typeof ZONE_KINDS)[number]

export const DEVICE_KINDS = [
  'camera',
  'door',
  'reader',
  'gate',
  'plate-reader',
  'life-detector',
  'fence',
  'climate',
  'smoke',
  'gas',
  'noise',
  'light',
  'leak',
  'call-point',
  'power',
  'band',
  'tag',
  'bed-radar',
  'gateway',
  'panic-button',
  'patrol-point',
  'tool-cabinet',
  'roll-call',
  'call-button',
  'clinic-terminal',
  'drone-detector',
  'edge-agent',
] as const
export type DeviceKind = (typeof DEVICE_KINDS)[number]

const oneOf = <T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>(Type.String({ enum: [...values], description }))

export const ZoneSchema = Type.Object(
  {
    id: Id,
    name: Type.Optional(Names),
    parent: Type.Optional(Type.Union([Id, Type.Null()])),
    kind: Type.Optional(oneOf(ZONE_KINDS, 'what the zone is')),
    class: Type.Optional(
      oneOf(
        ['none', 'blue', 'yellow', 'orange', 'red'] as const,
        'colour of a geofence breach; none = never forbidden',
      ),
    ),
    floor: Type.Optional(Type.Number({ description: 'floor number' })),
    polygon: Type.Optional(Type.Array(Point, { minItems: 3 })),
    holes: Type.Optional(Type.Array(Type.Array(Point, { minItems: 3 }))),
    adjacent: Type.Optional(Ids),
    'allowed-with': Type.Optional(
      Type.Array(Id, { description: 'zones that belong to this one: toilet, washroom of a cell' }),
    ),
    capacity: Type.Optional(Type.Integer({ minimum: 0, description: 'persons' })),
    perimeter: Type.Optional(Type.Boolean()),
    security: Type.Optional(oneOf(['normal', 'high'] as const, 'security class of the zone')),
    blind: Type.Optional(Type.Boolean({ description: 'no camera sees it' })),
    quiet: Type.Optional(Type.Union([HourRange, Type.Null()])),
    lodges: Type.Optional(
      oneOf(
        ['women', 'men'] as const,
        'who is lodged here; women closes the video of the zone and all that lies in it to all whom no entry of console.viewing names for it',
      ),
    ),
    manning: Type.Optional(
      Type.Union([Type.String(), Type.Null()], { description: 'officers needed, e.g. ceil(inmates/20)' }),
    ),
  },
  { ...closed, description: 'a place: building, ward, cell, belt…' },
)

export const DoorPairSchema = Type.Object({ id: Id, a: Id, b: Id, zone: Type.Optional(Id) }, closed)

export const DeviceSchema = Type.Object(
  {
    id: Id,
    name: Type.Optional(Names),
    driver: Type.Optional(oneOf(['mqtt', 'opcua', 'onvif'] as const, 'protocol family; edge-agent devices need none')),
    kind: Type.Optional(oneOf(DEVICE_KINDS, 'what the device is')),
    model: Type.Optional(text('model file: device-drivers/<driver>/models/<model>.yaml')),
    zone: Type.Optional(Id),
    at: Type.Optional(
      Type.Object({ x_m: Type.Number(), y_m: Type.Number(), floor: Type.Optional(Type.Number()) }, closed),
    ),
    door: Type.Optional(Id),
    subject: Type.Optional(Id),
    via: Type.Optional(Type.String({ minLength: 1, description: 'gateway that publishes for it' })),
    periods: Type.Optional(
      Type.Record(Type.String(), Duration, {
        description: 'how often it says a type, where that is not the period of the catalogue: {band.position: 5s}',
      }),
    ),
    watches: Type.Optional(Ids),
    adjacent: Type.Optional(Ids),
    lines: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object(
          {
            door: Type.Optional(Id),
            inward: Type.Optional(oneOf(['in', 'out'] as const, 'direction that means inward')),
          },
          closed,
        ),
      ),
    ),
    area: Type.Optional(Type.Object({ from: Type.Optional(Type.String()), to: Type.Optional(Type.String()) }, closed)),
    url: Type.Optional(text('address: http(s):// for onvif, opc.tcp:// for opcua')),
    user: Type.Optional(Type.String()),
    password: Type.Optional(Type.String({ description: 'a reference: ${file:…} or ${env:…}' })),
    root: Type.Optional(Type.String({ description: 'OPC UA node the model file starts from' })),
    nodes: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'OPC UA node ids that replace those of the model file',
      }),
    ),
    security: Type.Optional(
      Type.Object(
        {
          policy: Type.Optional(
            oneOf(
              ['None', 'Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const,
              'OPC UA security policy',
            ),
          ),
          mode: Type.Optional(oneOf(['None', 'Sign', 'SignAndEncrypt'] as const, 'OPC UA message security')),
          trust: Type.Optional(
            oneOf(
              ['listed', 'first-use'] as const,
              'listed = only certificates in the store (default); first-use = the first certificate of the server is taken into it',
            ),
          ),
        },
        closed,
      ),
    ),
    presets: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'PTZ preset token by zone' })),
    certificate: Type.Optional(Type.String({ description: 'CN of the client certificate when it is not the id' })),
    maker: Type.Optional(Type.String()),
    firmware: Type.Optional(Type.String()),
    limits: Type.Optional(
      Type.Record(Type.String(), Type.Number(), {
        description: 'limits of this device, e.g. rate: messages per second',
      }),
    ),
  },
  { ...closed, description: 'a device and how to reach it' },
)

export const PersonSchema = Type.Object(
  {
    id: Id,
    number: Type.Optional(Type.String()),
    initials: Type.Optional(Type.String()),
    name: Type.Optional(Names),
    sex: Type.Optional(oneOf(['m', 'f'] as const, 'sex')),
    cell: Type.Optional(Id),
    ward: Type.Optional(Id),
    allowed: Type.Optional(Ids),
    risk: Type.Optional(oneOf(['low', 'normal', 'medium', 'high'] as const, 'risk class')),
    watch: Type.Optional(Type.Boolean({ description: 'on the watch list' })),
    detox: Type.Optional(
      Type.Object(
        {
          phase: oneOf(['physical', 'education', 'consolidation', 'return'] as const, 'phase of treatment'),
          since: Type.String({ description: 'date' }),
        },
        closed,
      ),
    ),
    face: Type.Optional(Type.String()),
  },
  closed,
)

export const StaffSchema = Type.Object(
  {
    id: Id,
    tag: Type.Optional(Id),
    credentials: Type.Optional(Type.Array(Type.String())),
    role: Type.Optional(Type.String()),
    name: Type.Optional(Names),
    initials: Type.Optional(Type.String()),
    face: Type.Optional(Type.String()),
  },
  closed,
)

const Windowed = { from: Type.Optional(Iso), to: Type.Optional(Iso), name: Type.Optional(Names) }
export const CONTEXT_SCHEMAS = {
  zones: ZoneSchema,
  'door-pairs': DoorPairSchema,
  devices: DeviceSchema,
  people: PersonSchema,
  staff: StaffSchema,
  groups: Type.Object({ id: Id, members: Ids }, closed),
  'keep-apart': Type.Object({ id: Id, persons: Ids }, closed),
  passes: Type.Object({ id: Id, person: Id, zones: Ids, ...Windowed }, closed),
  escorts: Type.Object(
    { id: Id, persons: Ids, officers: Ids, route: Type.Optional(Type.Array(Type.String())), ...Windowed },
    closed,
  ),
  'work-orders': Type.Object({ id: Id, zones: Ids, persons: Type.Optional(Ids), ...Windowed }, closed),
  lists: Type.Object({ id: Id, persons: Ids }, closed),
  posts: Type.Object(
    { id: Id, zone: Id, hours: Type.Optional(HourRange), count: Type.Optional(Type.Integer({ minimum: 1 })) },
    closed,
  ),
  patrols: Type.Object(
    {
      id: Id,
      kind: oneOf(['day', 'night', 'watch'] as const, 'kind of round'),
      points: Ids,
      every: Type.Optional(Duration),
      tolerance: Type.Optional(Duration),
      hours: Type.Optional(HourRange),
      persons: Type.Optional(Ids),
    },
    closed,
  ),
  manning: Type.Object(
    {
      id: Type.Optional(Id),
      zone: Id,
      officers: Type.Union([Type.String(), Type.Number()], { description: 'e.g. ceil(inmates/20)' }),
    },
    closed,
  ),
  shifts: Type.Object({ id: Id, from: HourMinute, to: HourMinute }, closed),
  timetable: Type.Object(
    {
      id: Type.Optional(Id),
      zone: Id,
      days: Type.Optional(Type.String({ pattern: '^[1-7](-[1-7])?(,[1-7](-[1-7])?)*$', description: 'Monday = 1' })),
      from: HourMinute,
      to: HourMinute,
      activity: Type.String(),
      wards: Type.Optional(Ids),
      gathering: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  tools: Type.Object({ id: Id, cabinet: Id, name: Type.Optional(Names) }, closed),
  modes: Type.Object(
    {
      id: Id,
      mode: oneOf(['fire', 'maintenance', 'lockdown', 'drill'] as const, 'mode'),
      zones: Type.Optional(Ids),
      rules: Type.Optional(Type.Array(Type.String())),
      devices: Type.Optional(Ids),
      from: Type.Optional(Iso),
      to: Type.Optional(Iso),
      note: Type.Optional(Type.String()),
    },
    closed,
  ),
  links: Type.Object({ id: Type.Optional(Id), fence: Id, zone: Id }, closed),
  baselines: Type.Object(
    { id: Id, person: Type.Optional(Id), features: Type.Optional(Type.Record(Type.String(), Type.Unknown())) },
    { additionalProperties: true },
  ),
} as const

const Port = Type.Union([Type.Integer({ minimum: 0, maximum: 65535 }), Type.Null()], {
  description: 'TCP port; 0 = any free one; null = off',
})

const LevelLimit = Type.Optional(Type.Union([Duration, Type.Null()]))
const LevelLimits = Type.Object(
  { red: LevelLimit, orange: LevelLimit, yellow: LevelLimit, blue: LevelLimit },
  { ...closed, description: 'duration by level; null = no limit' },
)

/** Whose telephone it is; what a number is for when a zone says nothing. */
export const PHONE_ROLES = [
  'command',
  'chief',
  'leader',
  'post',
  'medical',
  'fire',
  'armed-police',
  'police',
  'engineer',
  'province',
] as const
export type PhoneRole = (typeof PHONE_ROLES)[number]

export const RUNTIME_SCHEMAS = {
  broker: Type.Object(
    {
      host: Type.Optional(Type.String({ description: 'address to listen on' })),
      tcp: Type.Optional(Port),
      tls: Type.Optional(Port),
      ws: Type.Optional(Port),
      url: Type.Optional(
        Type.Union([address(MQTT, 'mqtts://HOST:PORT'), Type.Null()], {
          description: 'use this broker instead of the embedded one',
        }),
      ),
      user: Type.Optional(Type.String()),
      password: Type.Optional(Type.String()),
      cert: Type.Optional(Type.String()),
      key: Type.Optional(Type.String()),
      ca: Type.Optional(Type.String()),
      subscribers: Type.Optional(
        Type.Array(
          Type.Object({ user: Type.String(), password: Type.String(), topics: Type.Array(Type.String()) }, closed),
        ),
      ),
      limits: Type.Optional(
        Type.Object(
          {
            'packet-kb': Type.Optional(Type.Number()),
            connections: Type.Optional(Type.Integer()),
            rate: Type.Optional(Type.Number({ description: 'messages per second per device' })),
            burst: Type.Optional(Type.Number()),
          },
          closed,
        ),
      ),
      anonymous: Type.Optional(
        Type.Boolean({
          description: 'devices without a password may connect under their id (closed test networks only)',
        }),
      ),
    },
    closed,
  ),
  rules: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()), {
    description: 'overrides by rule slug: parameters, enabled',
  }),
  sinks: Type.Object(
    {
      local: Type.Optional(Type.Object({ retention: Type.Optional(Duration) }, closed)),
      influx: Type.Optional(
        Type.Object(
          {
            url: address('https?', 'http://HOST:PORT'),
            version: Type.Optional(
              Type.Integer({
                minimum: 1,
                maximum: 3,
                description: 'generation of InfluxDB; 2 also for VictoriaMetrics',
              }),
            ),
            database: Type.Optional(Type.String()),
            org: Type.Optional(Type.String()),
            bucket: Type.Optional(Type.String()),
            token: Type.Optional(Type.String()),
            user: Type.Optional(Type.String()),
            password: Type.Optional(Type.String()),
            l4: Type.Optional(oneOf(['none', 'pseudonymous'] as const, 'may L4 types leave for Influx')),
          },
          closed,
        ),
      ),
      webhook: Type.Optional(
        Type.Object(
          {
            url: Type.String({ pattern: '^https?://', description: 'where dispatches and escalations are posted' }),
            secret: Type.String({ minLength: 1, description: 'key of the signature: a reference' }),
            on: Type.Optional(
              Type.Array(oneOf(['dispatch', 'escalation', 'red'] as const, 'what is told'), {
                description: 'default: dispatch, escalation',
              }),
            ),
          },
          { ...closed, description: 'outward channel: signed HTTP POST with receipt (Standard Webhooks)' },
        ),
      ),
    },
    closed,
  ),
  uplink: Type.Object(
    {
      url: address(MQTT, 'mqtts://HOST:PORT of the province'),
      backup: Type.Optional(address(MQTT, 'another way to it')),
      paths: Type.Optional(Type.Array(Type.String())),
      'one-way': Type.Optional(Type.Boolean()),
      user: Type.Optional(Type.String()),
      password: Type.Optional(Type.String()),
      ca: Type.Optional(Type.String()),
      cert: Type.Optional(Type.String()),
      key: Type.Optional(Type.String()),
    },
    closed,
  ),
  video: Type.Object(
    {
      /** Cameras streamed at one time; default 8, 0 = off. */
      live: Type.Optional(Type.Integer({ minimum: 0, maximum: 64 })),
      /** Cameras whose last ten seconds are held; default 32, 0 = off. */
      preroll: Type.Optional(Type.Integer({ minimum: 0, maximum: 32 })),
    },
    closed,
  ),
  console: Type.Object(
    {
      host: Type.Optional(Type.String()),
      port: Type.Optional(Port),
      desks: Type.Optional(Type.Array(Type.Object({ id: Id, zones: Type.Array(Type.String()) }, closed))),
      duty: Type.Optional(Type.Array(Type.Object({ shift: Id, chief: Id, officers: Type.Optional(Ids) }, closed))),
      viewing: Type.Optional(
        Type.Array(
          Type.Object(
            {
              zones: Ids,
              roles: Type.Optional(Type.Array(Type.String())),
              accounts: Type.Optional(Type.Array(Type.String())),
            },
            closed,
          ),
          {
            description:
              'zones whose pictures only these roles and accounts may see; toilets are seen by nobody, medical zones and those that lodge women by those named for them alone',
          },
        ),
      ),
      closing: Type.Optional(
        Type.Object(
          {
            steps: Type.Optional(
              oneOf(
                ['advised', 'required'] as const,
                'may a red or orange alert be resolved with required plan steps open: yes, and the console says so (default); or not',
              ),
            ),
          },
          closed,
        ),
      ),
      phones: Type.Optional(
        Type.Array(
          Type.Object(
            {
              name: Type.Object(
                { zh: Type.String({ minLength: 1 }), en: Type.String({ minLength: 1 }) },
                { ...closed, description: 'whose telephone it is, in both languages' },
              ),
              number: Type.String({
                maxLength: 32,
                pattern: '^\\+?[0-9*#][0-9*# ()/-]*[0-9*#]$',
                description: 'telephone number: digits, with + * # ( ) / - and blanks between them',
              }),
              zones: Type.Optional(Ids),
              role: Type.Optional(oneOf(PHONE_ROLES, 'whose telephone it is')),
            },
            closed,
          ),
          {
            maxItems: 200,
            description:
              'numbers that a console holds for the hour in which the link is cut: on the screen, in the printed plan, in the print-out',
          },
        ),
      ),
      /** How long no console may be attended before S05 is raised; default 60s. */
      unattended: Type.Optional(Duration),
      escalation: Type.Optional(
        Type.Object(
          {
            mode: Type.Optional(
              oneOf(
                ['sequential', 'broadcast'] as const,
                'one person of the duty list after the other (default), or all of them at the first step',
              ),
            ),
            respond: Type.Optional(LevelLimits),
            resolve: Type.Optional(LevelLimits),
          },
          { ...closed, description: 'when an alert that waits is carried on; limits of acknowledgement are fixed' },
        ),
      ),
      cert: Type.Optional(Type.String()),
      key: Type.Optional(Type.String()),
    },
    closed,
  ),
  retention: Type.Object(
    {
      L2: Type.Optional(Duration),
      L3: Type.Optional(Duration),
      L4: Type.Optional(Duration),
      alerts: Type.Optional(Duration),
      'max-gb': Type.Optional(Type.Number()),
    },
    closed,
  ),
  ledger: Type.Object(
    {
      hash: Type.Optional(oneOf(['sha256', 'sm3'] as const, 'hash of the chain from the next entry on')),
      signature: Type.Optional(oneOf(['ed25519', 'sm2'] as const, 'signature of checkpoints, certificates, evidence')),
      cipher: Type.Optional(
        oneOf(['aes-256-gcm', 'sm4-ctr-hmac-sm3'] as const, 'how payloads about persons are sealed'),
      ),
    },
    closed,
  ),
} as const

export const FacilitySchema = Type.Object(
  {
    id: Id,
    name: Type.Optional(Names),
    kind: Type.Optional(oneOf(['prison', 'detox'] as const, 'kind of facility')),
    timezone: Type.Optional(Type.String()),
    night: Type.Optional(HourRange),
    key: Type.Optional(Type.String({ description: 'secret for pseudonyms: a reference' })),
  },
  closed,
)

export type FacilityInfo = Static<typeof FacilitySchema>
export type BrokerSection = Static<typeof RUNTIME_SCHEMAS.broker>
export type SinksSection = Static<typeof RUNTIME_SCHEMAS.sinks>
export type UplinkSection = Static<typeof RUNTIME_SCHEMAS.uplink>
export type VideoSection = Static<typeof RUNTIME_SCHEMAS.video>
export type ConsoleSection = Static<typeof RUNTIME_SCHEMAS.console>
export type Phone = NonNullable<ConsoleSection['phones']>[number]
export type RetentionSection = Static<typeof RUNTIME_SCHEMAS.retention>
export type LedgerSection = Static<typeof RUNTIME_SCHEMAS.ledger>

/** The whole file. Everything is optional but `facility`. */
export const SiteSchema = Type.Object(
  {
    facility: FacilitySchema,
    ...(Object.fromEntries(
      Object.entries(CONTEXT_SCHEMAS).map(([kind, schema]) => [kind, Type.Optional(Type.Array(schema as never))]),
    ) as Record<string, never>),
    ...(Object.fromEntries(
      Object.entries(RUNTIME_SCHEMAS).map(([name, schema]) => [name, Type.Optional(schema as never)]),
    ) as Record<string, never>),
  },
  { ...closed, $id: 'https://wardwatch.invalid/schema/site.schema.json', title: 'wardwatch site file' },
)
