/** Writes a site as a site file that people like to read: one line an item. */
import { stringify } from 'yaml'
import type { Site } from '#model/site/load.ts'

/** @param comment first lines, without the leading "# ". */
export function writeSiteFile(site: Site, comment: string[]): string {
  const flow = (value: unknown): string =>
    stringify(value, { collectionStyle: 'flow', lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()
  const sections = Object.entries(site).filter(([, value]) => value !== undefined)
  const lines = sections.flatMap(([name, value]) => {
    if (!Array.isArray(value)) return [`${name}: ${flow(value)}`]
    return value.length === 0 ? [`${name}: []`] : [`${name}:`, ...value.map((item) => `  - ${flow(item)}`)]
  })
  return [...comment.map((c) => `# ${c}`), ...lines, ''].join('\n')
}
