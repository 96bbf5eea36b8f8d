/** Prints the JSON Schema of the site file: `node model/site/print-schema.ts > model/site/site.schema.json`. It only prints. */
import { SiteSchema } from './schema.ts'

/** Draft 7, the dialect that the loader (Ajv) and the YAML language server of editors both speak. */
export function siteSchemaText(): string {
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...SiteSchema }, null, 2)}\n`
}

if (import.meta.main) process.stdout.write(siteSchemaText())
