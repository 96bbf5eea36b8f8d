/** `wardwatch edge`: starts the agent of one facility and ends it within five seconds. */
import { WardwatchError } from '#model/errors.ts'
import { systemClock } from '#model/system-clock.ts'
import { startEdge } from '../edge.ts'
import { openLog } from '../log.ts'
import { loadSiteFile } from '../site-file.ts'
import { testSurface } from '../test-surface.ts'

export interface EdgeFlags {
  site: string
  data: string
  json: boolean
  testApi: boolean
}

const STOP_MS = 4500
/** So long the log has to be written before a process that can do nothing more ends. */
const FAILED_MS = 1000

export async function runEdge(flags: EdgeFlags): Promise<number> {
  const log = openLog('edge')
  try {
    if (flags.testApi && process.env.WARDWATCH_DEMO !== '1')
      throw new WardwatchError(
        'usage',
        '--test-api raises alerts that nobody meant; it is refused outside wardwatch demo and simulate',
      )
    const { site, warnings } = loadSiteFile(flags.site, { secrets: true })
    for (const w of warnings)
      log.warn('site.warning', { at: `${flags.site}:${w.line}:${w.column}`, field: w.field, message: w.message })
    const stopped = untilStopped()
    const edge = await startEdge({
      site,
      siteFile: flags.site,
      dataDir: flags.data,
      clock: systemClock,
      log,
      random: Math.random,
      // Whoever supervises the process starts it again; readings that were not acknowledged are sent again.
      onFailed: () => systemClock.after(FAILED_MS, () => process.exit(1)),
      ...(flags.testApi ? { extend: testSurface } : {}),
    })
    const ready = { event: 'ready', facility: site.facility.id, url: edge.url, ports: edge.ports }
    if (flags.json) process.stdout.write(`${JSON.stringify(ready)}\n`)
    else {
      process.stdout.write(`控制台 console  ${edge.url}/duty/alerts\n接口 API        ${edge.url}/api/docs\n`)
      if (edge.ports.mqtt) process.stdout.write(`MQTT           mqtt://127.0.0.1:${edge.ports.mqtt}\n`)
      if (edge.ports.mqtts) process.stdout.write(`MQTT TLS       mqtts://127.0.0.1:${edge.ports.mqtts}\n`)
    }
    process.on('SIGHUP', () => void edge.siteWatch.reload())
    await stopped
    systemClock.after(STOP_MS, () => process.exit(1))
    await edge.close()
    return 0
  } catch (error) {
    if (!(error instanceof WardwatchError)) throw error
    if (flags.json)
      process.stdout.write(`${JSON.stringify({ event: 'error', code: error.code, message: error.message })}\n`)
    process.stderr.write(`wardwatch edge: ${error.message}\n`)
    return error.code === 'usage' ? 2 : 1
  }
}

/** Resolves at a signal, or when the demo that started this process is gone. */
function untilStopped(): Promise<void> {
  // The clock's timers do not keep a process alive; this does.
  const awake = setInterval(() => {}, 60_000)
  return new Promise<void>((resolve) => {
    // Not `once`: a library (signal-exit) that finds no listener left kills the process before it has closed its stores.
    process.on('SIGINT', () => resolve())
    process.on('SIGTERM', () => resolve())
    process.once('disconnect', () => resolve())
  }).finally(() => clearInterval(awake))
}
