/** Reads a site file from disk with its secrets. The model checks it; this only touches files and the environment. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { WardwatchError } from '#model/errors.ts'
import { parseSite, parseSiteOrThrow, resolveSecrets, type Site, type SiteFault } from '#model/site/load.ts'

export interface LoadedSite {
  site: Site
  /** Names that lead nowhere: told, never fatal. */
  warnings: SiteFault[]
  file: string
}

/** @throws WardwatchError `site-invalid` with file, line and field, or `secret-missing`. */
export function loadSiteFile(file: string, options: { secrets: boolean }): LoadedSite {
  if (!existsSync(file)) throw new WardwatchError('site-invalid', `there is no site file ${file}; name one with --site`)
  const text = readFileSync(file, 'utf8')
  const raw = parseSiteOrThrow(text, file)
  const { warnings } = parseSite(text)
  const folder = dirname(file)
  const site = options.secrets
    ? resolveSecrets(raw, (kind, name) => {
        if (kind === 'env') return process.env[name] ?? null
        const path = isAbsolute(name) ? name : join(folder, name)
        return existsSync(path) ? readFileSync(path, 'utf8') : null
      })
    : raw
  return { site: withAbsoluteFiles(site, folder), warnings, file }
}

/** Certificates and keys are named relative to the site file, as its secrets are, not to wherever the edge was started. */
function withAbsoluteFiles(site: Site, folder: string): Site {
  const section = <T extends object | undefined>(value: T): T => {
    if (value === undefined) return value
    const files = Object.entries(value).filter(
      ([name, path]) =>
        (name === 'cert' || name === 'key' || name === 'ca') && typeof path === 'string' && !isAbsolute(path),
    )
    return { ...value, ...Object.fromEntries(files.map(([name, path]) => [name, join(folder, path as string)])) }
  }
  return {
    ...site,
    ...(site.broker ? { broker: section(site.broker) } : {}),
    ...(site.uplink ? { uplink: section(site.uplink) } : {}),
    ...(site.console ? { console: section(site.console) } : {}),
  }
}
