/** `wardwatch backup` and `wardwatch restore`: of an edge or of a province, by what lies in the folder. Only dispatches. */
import type { Command } from 'commander'

interface Flags {
  data: string
  config?: string
  json: boolean
}

export function registerBackupCommands(program: Command): void {
  program
    .command('backup')
    .description('备份：运行中的边缘节点或省级平台的一致副本 · a consistent copy of a running edge or province')
    .requiredOption('--out <dir>', 'new folder for the copy')
    .option('--data <dir>', 'data folder of the edge or the province', 'data/edge')
    .option('--config <file>', 'configuration of the province, where its store is a PostgreSQL server')
    .option('--json', 'as JSON', false)
    .action(async (flags: Flags & { out: string }) => {
      const province = await import('#province/commands.ts')
      process.exitCode = province.isProvince(flags)
        ? await province.runProvinceBackup(flags)
        : await (await import('#edge/commands/backup.ts')).runBackup(flags)
    })

  program
    .command('restore')
    .description('恢复：核对副本并放入空的数据目录 · checks a copy and lays it into an empty data folder')
    .requiredOption('--from <dir>', 'copy made by wardwatch backup')
    .option('--data <dir>', 'data folder of the edge or the province', 'data/edge')
    .option('--config <file>', 'configuration of the province, where its store is a PostgreSQL server')
    .option('--json', 'as JSON', false)
    .action(async (flags: Flags & { from: string }) => {
      const { kindOfBackup } = await import('#province/backup.ts')
      process.exitCode =
        (await kindOfBackup(flags.from)) === 'province'
          ? await (await import('#province/commands.ts')).runProvinceRestore(flags)
          : await (await import('#edge/commands/backup.ts')).runRestore(flags)
    })
}
