/**
 * A changed site file: checked first, then applied without a restart where that is possible. A bad one changes nothing
 * and says why; what needs a restart is named.
 */
import { existsSync, type FSWatcher, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Clock, Timer } from '#model/clock.ts'
import { CONTEXT_KINDS, type ContextChange, contextItemId } from '#model/context/kinds.ts'
import { canonicalJson } from '#model/ids.ts'
import type { Site } from '#model/site/load.ts'
import type { Log } from './log.ts'
import { loadSiteFile } from './site-file.ts'

/** An editor writes a file in several steps; this long after the last one it is read. */
const SETTLE_MS = 500

/** Context changes that lead from one site to the other, in an order in which zones exist before what stands in them. */
export function contextDifference(before: Site, after: Site, time: number): ContextChange[] {
  const changes: ContextChange[] = []
  for (const kind of CONTEXT_KINDS) {
    const old = new Map(
      (before[kind] ?? []).map((item) => [contextItemId(kind, item as Record<string, unknown>), canonicalJson(item)]),
    )
    const present = new Set<string>()
    for (const item of (after[kind] ?? []) as Record<string, unknown>[]) {
      const id = contextItemId(kind, item)
      present.add(id)
      if (old.get(id) !== canonicalJson(item)) changes.push({ context: kind, op: 'put', id, item, time })
    }
    for (const id of old.keys()) if (!present.has(id)) changes.push({ context: kind, op: 'delete', id, time })
  }
  return changes
}

/** Sections that are read at the start only. */
export function restartSections(before: Site, after: Site): string[] {
  const sections = ['facility', 'broker', 'sinks', 'uplink', 'console', 'retention', 'ledger'] as const
  return sections.filter((name) => canonicalJson(before[name] ?? null) !== canonicalJson(after[name] ?? null))
}

export interface SiteWatchOptions {
  file: string
  site: Site
  clock: Clock
  log: Log
  /** Applies the difference; the new site is in force when it resolves. */
  apply(changes: ContextChange[], site: Site): Promise<void>
  /** Checks the rules of a site (throws one sentence) and answers how to bring them into force: how many changes. */
  rules?(site: Site): () => Promise<number>
  /** Other folders whose change means the same: rule files. One beside the site file may come later. */
  folders?: readonly string[]
}

export interface SiteWatch {
  /** Reads the file now. Resolves with what was applied. */
  reload(): Promise<{ applied: number; restart: string[]; fault: string | null }>
  close(): void
}

export function watchSiteFile(options: SiteWatchOptions): SiteWatch {
  let site = options.site
  let timer: Timer | null = null
  const watchers: FSWatcher[] = []
  let turn: Promise<unknown> = Promise.resolve()

  const beside = resolve(dirname(options.file))
  const followed = new Set<string>()
  const followFolders = (): void => {
    for (const folder of options.folders ?? []) {
      if (followed.has(folder) || (!existsSync(folder) && resolve(dirname(folder)) === beside)) continue
      followed.add(folder)
      follow(folder, (name) => /\.ya?ml$/.test(name))
    }
  }

  const load = async (): Promise<{ applied: number; restart: string[]; fault: string | null }> => {
    followFolders()
    try {
      const { site: next, warnings } = loadSiteFile(options.file, { secrets: true })
      // Everything is checked before anything is applied.
      const bringRules = options.rules?.(next)
      const changes = contextDifference(site, next, options.clock.now())
      const restart = restartSections(site, next)
      for (const w of warnings)
        options.log.warn('site.warning', {
          at: `${options.file}:${w.line}:${w.column}`,
          field: w.field,
          message: w.message,
        })
      if (changes.length > 0) await options.apply(changes, next)
      const rules = (await bringRules?.()) ?? 0
      const applied = changes.length + rules
      if (restart.length > 0)
        options.log.warn('site.restart-needed', {
          sections: restart,
          message: 'these sections are read at the start; restart the edge to apply them',
        })
      if (applied > 0) options.log.info('site.applied', { changes: changes.length, rules })
      site = next
      return { applied, restart, fault: null }
    } catch (error) {
      const fault = (error as Error).message
      options.log.error('site.refused', { message: `the changed site file was not applied: ${fault}` })
      return { applied: 0, restart: [], fault }
    }
  }
  const reload = (): ReturnType<typeof load> => {
    const next = turn.then(load)
    turn = next
    return next
  }
  const soon = (): void => {
    timer?.cancel()
    timer = options.clock.after(SETTLE_MS, () => void reload())
  }
  const follow = (folder: string, isOurs: (name: string) => boolean): void => {
    try {
      const watcher = watch(folder, (_event, name) => {
        if (name === null || isOurs(name)) soon()
      })
      watcher.on('error', () => {})
      watchers.push(watcher)
    } catch (error) {
      options.log.warn('site.not-watched', {
        message: `changes in ${folder} are not noticed by themselves (${(error as Error).message}); send SIGHUP`,
      })
    }
  }
  // The folder, not the file: editors replace files, and a watch on the old one would go with it.
  const names = new Set(
    [options.file, ...(options.folders ?? []).filter((f) => resolve(dirname(f)) === beside)].map((f) => basename(f)),
  )
  follow(dirname(options.file), (name) => names.has(name))
  followFolders()
  return {
    reload,
    close() {
      timer?.cancel()
      for (const watcher of watchers) watcher.close()
    },
  }
}
