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

// Whoever reads (head, less) has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync(process.argv)
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version end well; commander has already said what is wrong with the rest.
    // A command that lacks its own command is answered with the help too, and has done nothing.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else if (error instanceof WardwatchError) {
    process.stderr.write(`wardwatch: ${error.message}\n`)
    process.exitCode = error.code === 'usage' ? 2 : 1
  } else if ((error as NodeJS.ErrnoException)?.syscall) {
    const { path, message } = error as NodeJS.ErrnoException
    process.stderr.write(
      `wardwatch: ${path ?? 'a file'} cannot be used (${message}); check the path and who may use it\n`,
    )
    process.exit(1)
  } else {
    process.stderr.write(`wardwatch: ${(error as Error)?.stack ?? String(error)}\n`)
    // Whatever a half-started command has open must not keep it up.
    process.exit(1)
  }
}
