/** Commands of the simulators: `simulate` (the device twins alone) and `scenario` (list, check). */
import type { Command } from 'commander'
import { WardwatchError } from '#model/errors.ts'

interface SimulateFlags {
  site: string
  scenario?: string
  seed: string
  rate?: string
  record?: string
  broker?: string
  speed: string
  data?: string
  discovery?: boolean
}

export function registerSimulatorCommands(program: Command): void {
  program
    .command('simulate')
    .description('设备孪生：按站点文件说真实协议 · the device twins alone, so that an edge can be pointed at them')
    .requiredOption('--site <file>', 'site file whose devices are played')
    .option('--scenario <id>', 'scenario that begins 5 s after the start')
    .option('--seed <n>', 'seed of chance', '1')
    .option('--rate <n>', 'extra readings per second')
    .option('--record <file>', 'write what is said as replay lines')
    .option('--broker <url>', 'MQTT broker; default: broker.url or broker.tcp of the site file')
    .option('--speed <x>', 'shorten quiet stretches of life by this factor', '1')
    .option('--data <dir>', 'folder for certificates of the twins')
    .option('--discovery', 'answer WS-Discovery on loopback')
    .action(async (flags: SimulateFlags) => {
      const { runSimulate } = await import('./simulate.ts')
      process.exit(
        await runSimulate({
          site: flags.site,
          scenario: flags.scenario ?? null,
          seed: whole(flags.seed, '--seed'),
          rate: flags.rate ? whole(flags.rate, '--rate') : 0,
          record: flags.record ?? null,
          broker: flags.broker ?? null,
          speed: positive(flags.speed, '--speed'),
          data: flags.data ?? null,
          discovery: flags.discovery ?? false,
        }),
      )
    })

  const scenario = program.command('scenario').description('场景：列出、回放并评分 · scenarios: list, replay and score')
  scenario
    .command('list')
    .description('the scenarios')
    .option('--json', 'as JSON')
    .action(async (flags: { json?: boolean }) => {
      const { readStory, scenarioIds } = await import('./scenario/story.ts')
      const stories = scenarioIds().map((id) => readStory(id).story)
      if (flags.json)
        process.stdout.write(
          `${JSON.stringify(stories.map(({ id, title, start, length }) => ({ id, title, start, lengthS: length })))}\n`,
        )
      else for (const { id, title } of stories) process.stdout.write(`${id.padEnd(8)} ${title.zh} · ${title.en}\n`)
    })
  scenario
    .command('check')
    .description('replays one scenario, or all, and scores it')
    .argument('[id]', 'scenario; default all')
    .option('--json', 'as JSON')
    .action(async (id: string | undefined, flags: { json?: boolean }) => {
      const { checkScenarios } = await import('./scenario/check.ts')
      process.exitCode = await checkScenarios(id ?? null, flags.json ?? false)
    })
}

function whole(text: string, flag: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 0) throw new WardwatchError('usage', `${flag} needs a whole number, not "${text}"`)
  return n
}

function positive(text: string, flag: string): number {
  const n = Number(text)
  if (!(n > 0)) throw new WardwatchError('usage', `${flag} needs a number above 0, not "${text}"`)
  return n
}
