/** Prints the JSON Schema of a rule file: `node rules/print-schema.ts > rules/rule.schema.json`. It only prints. */
import { RULE_SCHEMA } from './rule-schema.ts'

export function ruleSchemaText(): string {
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...RULE_SCHEMA }, null, 2)}\n`
}

if (import.meta.main) process.stdout.write(ruleSchemaText())
