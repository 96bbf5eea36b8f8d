/** The log of a process: pino on stderr; silent in tests (WARDWATCH_LOG=silent). Stdout belongs to results. */
import pino from 'pino'

export interface Log {
  info(event: string, fields?: object): void
  warn(event: string, fields?: object): void
  error(event: string, fields?: object): void
}

export function openLog(name: string, level = process.env.WARDWATCH_LOG ?? 'info'): Log {
  const logger = pino({ name, level, base: { name } }, pino.destination({ dest: 2, sync: true }))
  return {
    info: (event, fields = {}) => logger.info(fields, event),
    warn: (event, fields = {}) => logger.warn(fields, event),
    error: (event, fields = {}) => logger.error(fields, event),
  }
}
