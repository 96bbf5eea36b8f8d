/**
 * Trouble with storage, told loudly: files that were not whole at the start and lie elsewhere now, a disk that is full. Each
 * becomes an alert S04, a note in the ledger and a line of the health page. Must never stop a start, and never forget one
 * that came before the desk was open.
 */
import { readdirSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import type { EdgeDesk } from '#ingest/desk/desk.ts'
import type { JournalEvent } from '#ingest/journal/journal.ts'
import type { EdgeLedger } from '#ingest/ledger/ledger.ts'
import type { Alert, Bilingual, Level } from '#model/alert/alert.ts'
import type { Clock } from '#model/clock.ts'
import type { Log } from '../log.ts'
import { clearedAt, systemAlert } from './system-alerts.ts'

export const STORAGE_TROUBLE = 'storage-trouble'

export type StoreName =
  | 'journal'
  | 'ledger'
  | 'desk'
  | 'series'
  | 'uplink'
  | 'quality'
  | 'context'
  | 'accounts'
  | 'sessions'

/** What became of each: what was lost, and from where it is made again. */
const STORES: Record<StoreName, { name: Bilingual; level: Level; fate: Bilingual }> = {
  journal: {
    name: { zh: '日志', en: 'journal' },
    level: 'orange',
    fate: {
      zh: '可读部分已转入新文件，缺失的序号已列出',
      en: 'what can be read is in a new file, and the missing numbers are named',
    },
  },
  ledger: {
    name: { zh: '账本', en: 'ledger' },
    level: 'orange',
    fate: {
      zh: '可读条目保留原编号，缺失部分已记入账本，能从日志补记的已补记；核验与日证明会列出缺口',
      en: 'entries that can be read keep their numbers; what is missing is an entry of its own, and what the journal has is entered again; verification and certificates name the gap',
    },
  },
  desk: {
    name: { zh: '告警台账', en: 'alert lists' },
    level: 'yellow',
    fate: { zh: '已由日志重建', en: 'made again from the journal' },
  },
  series: {
    name: { zh: '本地时序库', en: 'embedded time series' },
    level: 'yellow',
    fate: {
      zh: '由日志中仍保存的数据重新填充，更早的历史只在损坏文件中',
      en: 'filled again from what the journal still has; older history is in the damaged file alone',
    },
  },
  uplink: {
    name: { zh: '上联发件箱', en: 'outbox of the uplink' },
    level: 'yellow',
    fate: {
      zh: '未确认的告警由日志重新发送；待发的锚点与指标丢失',
      en: 'alerts that the province may not have are sent again from the journal; anchors and indicators that waited are lost',
    },
  },
  quality: {
    name: { zh: '数据质量与指标库', en: 'data quality and indicators' },
    level: 'yellow',
    fate: {
      zh: '最近三天由日志重新统计，可读的日指标已保留',
      en: 'the last three days are counted again from the journal; values of whole days are kept where they can be read',
    },
  },
  context: {
    name: { zh: '现场上下文', en: 'context' },
    level: 'yellow',
    fate: { zh: '已由站点文件与日志重建', en: 'made again from site file and journal' },
  },
  sessions: {
    name: { zh: '消息代理会话库', en: 'sessions of the broker' },
    level: 'yellow',
    fate: {
      zh: '为本地订阅者排队的消息丢失，读数与告警都在日志中',
      en: 'what waited for local subscribers is lost; readings and alerts are in the journal',
    },
  },
  accounts: {
    name: { zh: '账号库', en: 'accounts' },
    level: 'orange',
    fate: {
      zh: '账号为空：请从备份恢复，或用 wardwatch user add 重建',
      en: 'there are no accounts: restore a backup or make them with wardwatch user add',
    },
  },
}

export interface StorageTroublePart {
  facility: string
  clock: Clock
  log: Log
  root: string
}

interface Told {
  id: string
  level: Level
  code: string
  params: Record<string, unknown>
  text: Bilingual
  /** Goes on until it is over; a file that was set aside is over with the telling. */
  lasts: boolean
}

export class StorageTroubles {
  readonly #part: StorageTroublePart
  #desk: EdgeDesk | null = null
  #waiting: (() => Promise<unknown>)[] = []
  #full: Alert | null = null
  #unreadable = false
  #aside: string[] = []

  constructor(part: StorageTroublePart) {
    this.#part = part
  }

  /** A file that was not whole: it lies as `file` now. */
  damaged(store: StoreName, { file, reason, ...more }: { file: string; reason: string; [key: string]: unknown }): void {
    const { log, root } = this.#part
    log.error('store.damaged', { store, file, reason, ...more })
    const { name, level, fate } = STORES[store]
    const path = relative(root, file) || basename(file)
    this.#later((desk, ledger) => {
      const told = this.#tell(desk, {
        id: store,
        level,
        code: 'store-damaged',
        params: { store, file: path, reason, ...more },
        text: {
          zh: `启动时发现${name.zh}文件损坏，已移开保存为 ${path}；${fate.zh}。`,
          en: `The file of the ${name.en} was found damaged at the start (${reason}) and lies as ${path}; ${fate.en}.`,
        },
        lasts: false,
      })
      const payload = { what: 'store-damaged', store, file: path, reason, ...more }
      return Promise.all([told, ledger.append([{ kind: 'note', by: 'system', payload }])])
    })
  }

  journal(event: JournalEvent): void {
    if (event.event === 'journal-corrupt') {
      const { file, saved, lost } = event
      this.damaged('journal', { file, reason: 'it cannot be read', saved, lost })
    } else if (event.event === 'disk-full' || event.event === 'journal-unreserved') {
      const full = event.event === 'disk-full'
      this.#later(async (desk) => {
        this.#full ??= await this.#tell(desk, {
          id: 'disk',
          level: 'orange',
          code: full ? 'disk-full' : 'disk-unreserved',
          params: {},
          text: full
            ? {
                zh: '磁盘已满：L2 遥测被舍弃并计数，告警与操作照常保存；请清理空间或调低 retention.max-gb。',
                en: 'The disk is full: L2 telemetry is shed and counted, alerts and acts are kept; free space or lower retention.max-gb.',
              }
            : {
                zh: '启动时磁盘几乎没有空间：为告警预留的空间无法占用，再写满就连告警也保存不下；请立即清理空间或调低 retention.max-gb。',
                en: 'The disk had hardly any room at the start: the reserve for alerts could not be had, and once it is full not even alerts can be kept; free space now or lower retention.max-gb.',
              },
          lasts: true,
        })
      })
    } else if (event.event === 'disk-recovered') {
      this.#later(async (desk) => {
        if (this.#full) await desk.apply(clearedAt(this.#full, this.#part.clock.now()), { source: 'ordered' })
        this.#full = null
      })
    } else if (event.event === 'journal-unreadable' && !this.#unreadable) {
      this.#unreadable = true
      this.#later((desk) =>
        this.#tell(desk, {
          id: 'journal-record',
          level: 'yellow',
          code: 'record-unreadable',
          params: { seq: event.seq },
          text: {
            zh: `日志第 ${event.seq} 条内容已损坏，无法读取；其余照常，磁盘可能有故障。`,
            en: `Record ${event.seq} of the journal is damaged and cannot be read; the others are; the disk may be failing.`,
          },
          lasts: false,
        }),
      )
    }
  }

  /** From now on there is somebody to tell; what came before is told now. */
  async open(desk: EdgeDesk, ledger: EdgeLedger, startedAt: number): Promise<void> {
    const { clock, log } = this.#part
    this.#desk = desk
    this.#aside = setAsideFiles(this.#part.root)
    this.#ledger = ledger
    for (const loss of await ledger.losses())
      if (loss.at >= startedAt) {
        const { file, reason, kept, part, lost, restored } = loss
        this.damaged('ledger', { file, reason, kept, part, lost, restored })
      }
    // Of a run that ended on a full disk.
    const { items } = await desk.list({ rule: [STORAGE_TROUBLE], open: true })
    for (const alert of items)
      if (alert.conditionActive)
        await desk
          .apply(clearedAt(alert, clock.now()), { source: 'ordered' })
          .catch((error: Error) => log.warn('storage-trouble.failed', { error: error.message }))
    for (const work of this.#waiting.splice(0)) this.#run(work)
  }

  /** Damaged files that lie in the data folder still. */
  setAside(): string[] {
    return this.#aside
  }

  #ledger: EdgeLedger | null = null

  #later(work: (desk: EdgeDesk, ledger: EdgeLedger) => Promise<unknown>): void {
    const run = () => work(this.#desk!, this.#ledger!)
    if (this.#desk) this.#run(run)
    else this.#waiting.push(run)
  }

  #run(work: () => Promise<unknown>): void {
    work().catch((error: Error) => this.#part.log.warn('storage-trouble.failed', { error: error.message }))
  }

  async #tell(desk: EdgeDesk, { id, level, code, params, text, lasts }: Told): Promise<Alert> {
    const { facility, clock } = this.#part
    const at = clock.now()
    const change = systemAlert({
      rule: STORAGE_TROUBLE,
      code: 'S04',
      level,
      domain: 'equipment',
      facility,
      key: `${facility}|${id}`,
      at,
      since: at,
      reason: { code, params },
      text,
    })
    const [raised] = await desk.apply(change, { source: 'ordered' })
    if (!lasts) await desk.apply(clearedAt(change, at), { source: 'ordered' })
    return raised?.alert ?? change.alert
  }
}

/** By name: every store calls what it moves aside so. The newest first. */
export function setAsideFiles(root: string): string[] {
  const found: string[] = []
  const look = (dir: string, depth: number): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (entry.isDirectory() && depth > 0 && entry.name !== 'pictures') look(join(dir, entry.name), depth - 1)
      else if (/\.corrupt-\d/.test(entry.name) && !/-(wal|shm)$/.test(entry.name))
        found.push(relative(root, join(dir, entry.name)))
    }
  }
  try {
    look(root, 2)
  } catch {
    // A folder that cannot be listed is told by others.
  }
  return found.sort().reverse()
}
