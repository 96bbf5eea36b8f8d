/**
 * The command `wardwatch province`. It reads the configuration, starts the tier, says where it listens and ends within
 * five seconds on SIGINT or SIGTERM. It decides nothing about alerts.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { pino } from 'pino'
import { WardwatchError } from '#model/errors.ts'
import { systemClock } from '#model/system-clock.ts'
import { loadProvinceConfig } from './config.ts'
import type { Log } from './log.ts'
import { type Province, startProvince } from './province.ts'

const STOP_MS = 5_000

interface ProvinceFlags {
  config: string
  data: string
  json?: boolean
}

/** Logs go to stderr, so that stdout holds results only. */
function logger(): Log {
  return pino(
    { level: process.env.WARDWATCH_LOG ?? 'info', name: 'province' },
    pino.destination({ dest: 2, sync: false }),
  ) as Log
}

function announce(province: Province, config: string, json: boolean): void {
  const { urls, ports, needsAccount } = province
  if (json) {
    process.stdout.write(`${JSON.stringify({ event: 'ready', config, urls, ports, needsAccount })}\n`)
    return
  }
  const lines = [
    `省级平台 Province   ${urls.overview}`,
    `接口 API            ${urls.api}`,
    ...(urls.mqtts ? [`上联 MQTT over TLS  ${urls.mqtts}`] : []),
    ...(urls.mqtt ? [`上联 MQTT           ${urls.mqtt}`] : []),
    ...(needsAccount
      ? ['尚无账号，请先建立：wardwatch user add … --role provincial · nobody can log in yet: add an account']
      : []),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Resolves with the exit code once a signal has come and everything is closed. */
function untilStopped(province: Province): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false
    const stop = (): void => {
      // A second signal means now.
      if (stopping) {
        resolve(1)
        return
      }
      stopping = true
      systemClock.after(STOP_MS - 500, () => resolve(1))
      province.close().then(
        () => resolve(0),
        () => resolve(1),
      )
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    // The demo that started this process is gone, however it went.
    process.once('disconnect', stop)
  })
}

async function run(flags: ProvinceFlags): Promise<number> {
  const json = flags.json === true
  try {
    const config = loadProvinceConfig(flags.config)
    const province = await startProvince({ config, dataDir: flags.data, clock: systemClock, log: logger() })
    announce(province, flags.config, json)
    return await untilStopped(province)
  } catch (error) {
    if (!(error instanceof WardwatchError)) throw error
    if (json) process.stdout.write(`${JSON.stringify({ event: 'error', code: error.code, message: error.message })}\n`)
    process.stderr.write(`${error.message}\n`)
    return 2
  }
}

const nonEmpty = (value: string): string => {
  if (value.trim() === '') throw new InvalidArgumentError('it must not be empty.')
  return value
}

export function registerProvinceCommands(program: Command): void {
  program
    .command('province')
    .description('省级平台：接收各单位上报 · the provincial tier: receives from facilities, shows all of them')
    .requiredOption('--config <file>', 'configuration (YAML)', nonEmpty)
    .option('--data <dir>', 'data folder', nonEmpty, 'data/province')
    .option('--json', 'one JSON line when ready, or on an error')
    .action(async (flags: ProvinceFlags) => {
      process.exit(await run(flags))
    })
}
