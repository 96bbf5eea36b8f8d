/**
 * `wardwatch demo`: a simulated facility over real protocols, its edge agent, a province and the consoles, each in a
 * process of its own, all on localhost. It only prepares files, spawns, waits, prints and ends what it has spawned.
 */
import { type Command, InvalidArgumentError } from 'commander'

export interface DemoFlags {
  facilities: number
  full: boolean
  scenario: string
  speed: number
  influx?: string
  port?: number
  data: string
  testApi: boolean
  json: boolean
}

const whole =
  (low: number, high: number) =>
  (text: string): number => {
    const n = Number(text)
    if (!Number.isInteger(n) || n < low || n > high)
      throw new InvalidArgumentError(`a whole number from ${low} to ${high} is needed.`)
    return n
  }

export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      '演示：模拟单位、边缘节点、省级平台与控制台 · a simulated facility, its edge, a province and the consoles on localhost',
    )
    .option('--facilities <n>', 'number of facilities', whole(1, 34), 1)
    .option('--full', 'the size of a real facility: 3,000 bands, 500 cameras, 800 doors', false)
    .option(
      '--scenario <id>',
      'scenario that begins 5 s after the addresses are printed; "none" for quiet life',
      'INC-01',
    )
    .option(
      '--speed <x>',
      'shortens quiet stretches of background life',
      (text) => {
        const x = Number(text)
        if (!(x > 0)) throw new InvalidArgumentError('a number above 0 is needed.')
        return x
      },
      1,
    )
    .option('--influx <url>', 'write to this InfluxDB (1.x or the v2 write API)')
    .option(
      '--port <p>',
      'console = P, province = P+1, MQTT = P+10 …; 0 = any free ports (default 8080, or free ones when taken)',
      whole(0, 65_000),
    )
    .option('--data <dir>', 'data folder; a second start continues there', 'data/demo')
    .option('--test-api', 'offer POST /sim/… for tests', false)
    .option('--json', 'print one JSON line when ready', false)
    .action(async (flags: DemoFlags) => {
      const { runDemo } = await import('./run-demo.ts')
      process.exit(await runDemo(flags))
    })
}
