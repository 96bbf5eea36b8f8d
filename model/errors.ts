/**
 * The error catalogue. Every error that an operator, an engineer or a program can meet has a code, a meaning and a
 * remedy here; `docs/errors.md` is printed from it and a test keeps both equal.
 */
export type Retry = 'retriable' | 'fatal' | 'partial'

export interface ErrorKind {
  code: string
  retry: Retry
  meaning: string
  remedy: string
}

const kinds = {
  'unknown-type': {
    retry: 'fatal',
    meaning: 'The reading has a type that the collection list does not hold.',
    remedy: 'Map it in the model file of the device, or add the type to the catalogue.',
  },
  'bad-value': {
    retry: 'fatal',
    meaning: 'A field of the value is missing, of the wrong type or out of range.',
    remedy: 'Compare the payload with GET /api/v1/catalogue; correct the model file or the device.',
  },
  'bad-reading': {
    retry: 'fatal',
    meaning: 'The message is not a reading.',
    remedy: 'Send {"time":…, …value fields} or a full reading as JSON.',
  },
  'bad-json': {
    retry: 'fatal',
    meaning: 'The payload is not JSON.',
    remedy: 'Check the encoding of the device; the original is kept in the quarantine.',
  },
  'bad-payload': {
    retry: 'fatal',
    meaning: 'The payload could not be decoded by the model file.',
    remedy: 'Correct the mapping, then replay the quarantine.',
  },
  'unknown-device': {
    retry: 'fatal',
    meaning: 'The device is not in the site file.',
    remedy:
      'Add it to the site file (wardwatch provision, discover or browse writes the entry), or remove it from the network.',
  },
  unmapped: {
    retry: 'fatal',
    meaning: 'A topic or node of a known device is not mapped to a reading type.',
    remedy: 'Add a line to the model file of the device.',
  },
  'bad-credential': {
    retry: 'fatal',
    meaning: 'User name, password or certificate is wrong.',
    remedy: 'Set the password in the site file or provision the device again.',
  },
  'topic-denied': {
    retry: 'fatal',
    meaning: 'A client used a topic that is not its own.',
    remedy: 'Devices publish below their own id only; gateways are named by "via".',
  },
  'too-busy': {
    retry: 'retriable',
    meaning: 'Work that takes long (reports, evidence) is asked for faster than it is done.',
    remedy: 'Try again in a minute; ask for a shorter span.',
  },
  'limit-exceeded': {
    retry: 'retriable',
    meaning: 'A limit of packets, connections or rate was passed.',
    remedy: 'Slow the client down or raise broker.limits in the site file.',
  },
  'site-invalid': {
    retry: 'fatal',
    meaning: 'The site file does not follow its schema.',
    remedy: 'Correct the line that the message names.',
  },
  'rule-invalid': {
    retry: 'fatal',
    meaning: 'A rule file does not follow its schema or its conditions do not type-check.',
    remedy: 'Correct the line that the message names; wardwatch rules check shows all of them.',
  },
  'model-invalid': {
    retry: 'fatal',
    meaning: 'A model file of a driver is missing or wrong.',
    remedy: 'Correct the file and line that the message names.',
  },
  'secret-missing': {
    retry: 'fatal',
    meaning: 'A secret that the site file refers to cannot be read.',
    remedy: 'Create the file or set the variable that the message names.',
  },
  'data-unwritable': {
    retry: 'fatal',
    meaning: 'The data folder cannot be written.',
    remedy: 'Give the user of the service write access, or name another folder with --data.',
  },
  'port-taken': {
    retry: 'fatal',
    meaning: 'Another program listens on the port.',
    remedy: 'Stop it, or choose another port in the site file or with --port.',
  },
  'disk-full': {
    retry: 'retriable',
    meaning: 'The disk is full; telemetry of class L2 is shed first, alerts never.',
    remedy: 'Free space or lower retention.max-gb; the edge recovers by itself.',
  },
  'journal-corrupt': {
    retry: 'partial',
    meaning: 'A part of the journal, or another file of the data folder, cannot be read and has been set aside.',
    remedy: 'Keep the named file, restore from backup if the lost range matters.',
  },
  'device-unreachable': {
    retry: 'retriable',
    meaning: 'The device does not answer.',
    remedy: 'Check power, cable and address; it is retried for ever.',
  },
  'device-refused': {
    retry: 'retriable',
    meaning: 'The device answered with an error.',
    remedy: 'Check user, password and permissions on the device.',
  },
  'video-unavailable': {
    retry: 'fatal',
    meaning: 'The edge cannot give live video; pictures go on.',
    remedy: 'Install ffmpeg on the edge, or set video.live in the site file above 0.',
  },
  'sink-unreachable': {
    retry: 'retriable',
    meaning: 'The time-series store does not answer.',
    remedy: 'Nothing is lost: the journal is the outbox and drains when the store is back.',
  },
  'sink-rejected': {
    retry: 'partial',
    meaning: 'The time-series store refused a point.',
    remedy: 'The point is isolated and named; the rest of the batch is written.',
  },
  'uplink-down': {
    retry: 'retriable',
    meaning: 'The province cannot be reached.',
    remedy: 'Nothing is lost: alerts wait in the journal and go first when the link is back.',
  },
  'not-shareable': {
    retry: 'fatal',
    meaning: 'A message to the province holds a field that is not in the sharing catalogue.',
    remedy: 'Correct the sender; the province keeps the refusal, never the value.',
  },
  'sequence-conflict': {
    retry: 'fatal',
    meaning: 'A facility sent another message under a sequence number that it had used before.',
    remedy: 'Check whether two edges speak for one facility, or whether its data folder was restored from a backup.',
  },
  'config-invalid': {
    retry: 'fatal',
    meaning: 'The configuration of the province does not follow its schema.',
    remedy: 'Correct the line that the message names.',
  },
  conflict: {
    retry: 'fatal',
    meaning: 'Somebody else has already done this.',
    remedy: 'Look at who and when in the answer.',
  },
  'field-missing': {
    retry: 'fatal',
    meaning: 'A mandatory field is missing or wrong.',
    remedy: 'Fill in the field that the answer names.',
  },
  'not-found': { retry: 'fatal', meaning: 'There is no such thing.', remedy: 'Check the id.' },
  'not-allowed': {
    retry: 'fatal',
    meaning: 'The role of this account may not do this.',
    remedy: 'Ask a person with the role that the answer names.',
  },
  'not-logged-in': { retry: 'fatal', meaning: 'No valid session or token.', remedy: 'Log in, or send a bearer token.' },
  'bad-cursor': {
    retry: 'fatal',
    meaning: 'The place in a list from which to go on is none that the list has given.',
    remedy: 'Give back the "next" of an earlier answer unchanged, or leave "cursor" out.',
  },
  usage: { retry: 'fatal', meaning: 'The command line is not understood.', remedy: 'See --help of the command.' },
  internal: {
    retry: 'fatal',
    meaning: 'A defect of wardwatch itself.',
    remedy: 'Send the incident code and the log to the maintainers.',
  },
} satisfies Record<string, Omit<ErrorKind, 'code'>>

export type ErrorCode = keyof typeof kinds
export const ERRORS = kinds as Record<ErrorCode, Omit<ErrorKind, 'code'>>

/** An error that carries its catalogue code. `message` is one sentence: what happened, where, what to do. */
export class WardwatchError extends Error {
  readonly code: ErrorCode
  readonly fields: Record<string, unknown>

  constructor(code: ErrorCode, message: string, fields: Record<string, unknown> = {}) {
    super(message)
    this.name = 'WardwatchError'
    this.code = code
    this.fields = fields
  }

  get retry(): Retry {
    return ERRORS[this.code].retry
  }
}
