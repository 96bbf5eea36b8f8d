/** The few words of a log that the province needs; pino fits, and so does silence. */
export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
