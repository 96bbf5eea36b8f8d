/**
 * The executable: a dispatch table over the commands of edge-agent, province and simulators, and the demo that spawns
 * them. A command's own module is loaded only when it is asked for, so that `--help` and small commands start at once.
 */
import { Command, CommanderError } from 'commander'
import { WardwatchError } from '#model/errors.ts'

const program = new Command('wardwatch')
  .description('IoT ingestion and real-time monitoring for prisons and compulsory detox centres')
  .version('0.1.0')
  .showHelpAfterError('(--help shows what there is)')
  .exitOverride()

const { registerEdgeCommands } = await import('#edge/cli.ts')
const { registerProvinceCommands } = await import('#province/cli.ts')
const { registerSimulatorCommands } = await import('#simulators/cli.ts')
const { registerDemoCommand } = await import('./demo.ts')
const { registerBackupCommands } = await import('./backup.ts')

registerDemoCommand(program)
await registerEdgeCommands(program)
registerProvinceCommands(program)
registerBackupCommands(program)
registerSimulatorCommands(program)
for (const command of program.commands) command.exitOverride()

try {
  await program.parseAsync(process.argv)
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version end well; commander has already said what is wrong with the rest.
    process.exitCode = ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code) ? 0 : 2
  } else if (error instanceof WardwatchError) {
    process.stderr.write(`wardwatch: ${error.message}\n`)
    process.exitCode = error.code === 'usage' ? 2 : 1
  } else {
    process.stderr.write(`wardwatch: ${(error as Error)?.stack ?? String(error)}\n`)
    // Whatever a half-started command has open must not keep it up.
    process.exit(1)
  }
}
