/**
 * Commands of the edge: a thin table. The work stands in `commands/`, one file each, loaded only when asked for, so
 * that `--help` and small commands do not pay for protocols they do not speak.
 */
import type { Command } from 'commander'

const set = async (work: Promise<number>): Promise<void> => {
  process.exitCode = await work
}

export async function registerEdgeCommands(program: Command): Promise<void> {
  program
    .command('edge')
    .description('边缘节点：一个单位的采集、规则、存储与控制台 · the edge agent of one facility')
    .requiredOption('--site <file>', 'site file of the facility')
    .option('--data <dir>', 'data folder', 'data/edge')
    .option('--json', 'one JSON line when ready, or on an error', false)
    .option('--test-api', 'offer POST /sim/… (only in a demo)', false)
    .action(async (flags) => process.exit(await (await import('./commands/edge.ts')).runEdge(flags)))

  program
    .command('export')
    .description('导出一段日志，作为完整的回放文件 · a part of the journal as a complete replay file')
    .requiredOption('--from <time>', 'RFC 3339 or ms since 1970')
    .requiredOption('--to <time>', 'RFC 3339 or ms since 1970')
    .requiredOption('--out <file>', 'NDJSON file to write')
    .option('--data <dir>', 'data folder of the edge', 'data/edge')
    .option('--json', 'print counts as JSON', false)
    .action(async (flags) => set((await import('./commands/export.ts')).runExport(flags)))

  program
    .command('doctor')
    .description('体检：设备、时钟、证书、磁盘、上联，每项一行 · checks every device, clock, certificate, disk, uplink')
    .requiredOption('--site <file>', 'site file of the facility')
    .option('--data <dir>', 'data folder of the edge', 'data/edge')
    .option('--json', 'as JSON', false)
    .action(async (flags) => process.exit(await (await import('./commands/doctor.ts')).runDoctor(flags)))

  const discover = program
    .command('discover')
    .description('搜寻设备，写出站点文件条目 · finds devices and writes their site file entries')
  discover
    .command('onvif')
    .description('WS-Discovery')
    .option('--interface <name>', 'network interface to ask on, e.g. lo')
    .option('--seconds <n>', 'how long to listen', '3')
    .option('--json', 'as JSON', false)
    .action(async (flags) => process.exit(await (await import('./commands/commission.ts')).runDiscoverOnvif(flags)))

  const browse = program.command('browse').description('浏览服务器节点 · shows what a server offers')
  browse
    .command('opcua')
    .description('OPC UA node tree with values, and a proposal of site file entries')
    .argument('<url>', 'opc.tcp://HOST:PORT/…')
    .option('--user <name>')
    .option('--password <text>', 'or ${file:…} in the site file')
    .option('--policy <name>', 'None, Basic256Sha256 …', 'None')
    .option('--depth <n>', 'levels below Objects', '4')
    .option('--data <dir>', 'folder for certificates', 'data/edge')
    .option('--json', 'as JSON', false)
    .action(async (url, flags) =>
      process.exit(await (await import('./commands/commission.ts')).runBrowseOpcua(url, flags)),
    )

  const provision = program.command('provision').description('为设备开户 · makes an identity for a device')
  provision
    .command('mqtt')
    .description('password or client certificate of an MQTT device, and its site file entry')
    .argument('<device>', 'device id')
    .option('--site <file>', 'site file: its facility, and the folder that the password is kept beside')
    .option('--facility <id>', 'facility id, for the topic, where there is no site file yet', 'FACILITY')
    .option('--kind <kind>', 'kind of device', 'band')
    .option('--via <gateway>', 'gateway that publishes for it')
    .option('--certificate', 'issue a client certificate as well', false)
    .option('--data <dir>', 'data folder of the edge', 'data/edge')
    .option('--json', 'as JSON', false)
    .action(async (device, flags) => set((await import('./commands/commission.ts')).runProvisionMqtt(device, flags)))

  const pki = program.command('pki').description('单位证书机构 · the certificate authority of the facility')
  const pkiOption = (command: Command): Command =>
    command.option('--data <dir>', 'data folder of the edge', 'data/edge').option('--json', 'as JSON', false)
  pkiOption(pki.command('init').description('makes the authority if there is none')).action(async (flags) =>
    set((await import('./commands/pki.ts')).runPkiInit(flags)),
  )
  pkiOption(
    pki
      .command('issue')
      .description('issues a certificate: CN = device id or host name')
      .argument('<name>')
      .option('--server', 'for a server', false)
      .option('--host <names>', 'further host names and addresses, comma-separated'),
  ).action(async (name, flags) => set((await import('./commands/pki.ts')).runPkiIssue(name, flags)))
  pkiOption(
    pki
      .command('renew')
      .description('续期：某张证书，或 30 天内到期的全部 · renews one certificate, or all that end within 30 days')
      .argument('[name]'),
  ).action(async (name, flags) => set((await import('./commands/pki.ts')).runPkiRenew(name, flags)))
  pkiOption(
    pki
      .command('revoke')
      .description('吊销：立即拒绝该设备的证书 · the certificate of this device is refused from now on')
      .argument('<name>'),
  ).action(async (name, flags) => set((await import('./commands/pki.ts')).runPkiRevoke(name, flags)))
  pkiOption(pki.command('list').description('certificates and when they end')).action(async (flags) =>
    set((await import('./commands/pki.ts')).runPkiList(flags)),
  )

  const user = program.command('user').description('账号与角色 · accounts and roles')
  const userOption = (command: Command): Command =>
    command
      .option('--data <dir>', 'data folder of the edge or the province', 'data/edge')
      .option('--json', 'as JSON', false)
  userOption(user.command('list')).action(async (flags) => set((await import('./commands/user.ts')).runUserList(flags)))
  userOption(
    user
      .command('add')
      .argument('<account>')
      .requiredOption('--role <role>', 'officer, chief, engineer, provincial, sysadmin, secadmin, auditor, wall')
      .option('--name <name>')
      .option('--password <text>', 'default: drawn and shown once'),
  ).action(async (account, flags) => set((await import('./commands/user.ts')).runUserAdd(account, flags)))
  userOption(
    user.command('password').argument('<account>').option('--password <text>', 'default: drawn and shown once'),
  ).action(async (account, flags) => set((await import('./commands/user.ts')).runUserPassword(account, flags)))
  userOption(user.command('disable').argument('<account>')).action(async (account, flags) =>
    set((await import('./commands/user.ts')).runUserDisable(account, flags)),
  )
  userOption(
    user.command('token').argument('<account>').option('--label <text>').option('--days <n>', 'days until it ends'),
  ).action(async (account, flags) => set((await import('./commands/user.ts')).runUserToken(account, flags)))

  const ledger = program.command('ledger').description('账本 · the hash-chained ledger')
  ledger
    .command('verify')
    .description('verifies the chain; names the first bad entry')
    .option('--data <dir>', 'data folder of the edge', 'data/edge')
    .option('--from <seq>', 'first entry to look at')
    .option('--anchors <source>', 'compare with anchors of the province: its address, or a file of GET /api/v1/anchors')
    .option('--token <token>', 'bearer token for the province')
    .option('--facility <id>', 'where the anchors are of several facilities')
    .option('--copy <file>', 'verify a copy made by ledger copy instead, with the independent verifier')
    .option('--proof <file>', 'verify a proof made by ledger proof instead')
    .option('--certificate <file>', 'verify the signature of a certificate of a day instead')
    .option('--key <pem...>', 'public keys to trust for --copy, --proof and --certificate')
    .option('--json', 'as JSON', false)
    .action(async (flags) => set((await import('./commands/ledger.ts')).runLedgerVerify(flags)))
  const ledgerOption = (command: Command): Command =>
    command
      .option('--data <dir>', 'data folder of the edge', 'data/edge')
      .option('--site <file>', 'site file, where it names the key of the facility')
      .option('--json', 'as JSON', false)
  ledgerOption(
    ledger
      .command('copy')
      .description('副本：任何人都能独立核验的文本 · a copy as text that anybody can verify (docs/ledger-format.md)')
      .requiredOption('--out <file>', 'NDJSON file to write')
      .option('--from <seq>', 'first entry; widened to whole checkpoints')
      .option('--to <seq>', 'last entry; widened to whole checkpoints'),
  ).action(async (flags) => set((await import('./commands/ledger.ts')).runLedgerCopy(flags)))
  ledgerOption(
    ledger
      .command('proof')
      .description('证明：某条记录在签名检查点之下 · proof that an entry lies under a signed checkpoint')
      .requiredOption('--entry <seq>', 'number of the entry')
      .option('--out <file>', 'JSON file to write'),
  ).action(async (flags) => set((await import('./commands/ledger.ts')).runLedgerProof(flags)))
  ledgerOption(
    ledger
      .command('certificate')
      .description('日证明：某日账本与日志是否完整，缺口逐条列出或明言为零 · signed certificate of a day, JSON and PDF')
      .requiredOption('--day <date>', 'local date, such as 2026-11-22')
      .option('--out <path>', 'without ending; default certificate-FACILITY-DAY'),
  ).action(async (flags) => set((await import('./commands/certificate.ts')).runLedgerCertificate(flags)))
  ledgerOption(
    ledger
      .command('forget')
      .description('遗忘：销毁某人的密钥，账本中关于其本人的内容永久不可读，链保持完整 · destroys the key of a person')
      .requiredOption('--person <id>', 'person id')
      .requiredOption('--reason <text>', 'why; stands in the ledger')
      .requiredOption('--by <account>', 'who orders it; stands in the ledger')
      .option('--yes', 'do it: there is no way back', false),
  ).action(async (flags) => set((await import('./commands/ledger.ts')).runLedgerForget(flags)))

  const quarantine = program
    .command('quarantine')
    .description('隔离区：无法读取的数据，修复后重放 · what could not be read, and reading it again after repair')
  const quarantineOption = (command: Command): Command =>
    command
      .option('--url <url>', 'console of the running edge', 'http://127.0.0.1:8080')
      .option('--token <text>', 'bearer token of an engineer; or WARDWATCH_TOKEN')
      .option('--device <ids>', 'comma-separated')
      .option('--cause <codes>', 'comma-separated; see docs/errors.md')
      .option('--limit <n>', 'at most so many', '1000')
      .option('--json', 'as JSON', false)
  const whichOption = (command: Command): Command =>
    quarantineOption(command)
      .option('--id <ids>', 'items, e.g. q812,q813')
      .option('--all', 'every item that waits', false)
  quarantineOption(quarantine.command('list').description('newest first'))
    .option('--state <states>', 'waiting, replayed, dropped')
    .action(async (flags) => set((await import('./commands/quarantine.ts')).runQuarantineList(flags)))
  whichOption(
    quarantine.command('replay').description('reads items again with the model files and the site file of now'),
  ).action(async (flags) => set((await import('./commands/quarantine.ts')).runQuarantineReplay(flags)))
  whichOption(quarantine.command('drop').description('gives items up'))
    .option('--note <text>', 'why; stands in the ledger')
    .action(async (flags) => set((await import('./commands/quarantine.ts')).runQuarantineDrop(flags)))

  program
    .command('evidence')
    .description('证据包 · evidence bundles')
    .command('verify')
    .description('核验证据包：文件、签名、账本证明 · verifies files, signature and ledger proofs of a bundle')
    .argument('<file>', 'ZIP taken from the console')
    .option('--key <pem...>', 'public keys to trust; default: those in the file')
    .option('--json', 'as JSON', false)
    .action(async (file, flags) => {
      process.exitCode = (await import('./commands/evidence.ts')).runEvidenceVerify(file, flags)
    })

  const { registerRulesCommands } = await import('#rules/commands.ts')
  registerRulesCommands(program)
}
