/** Prints the error catalogue for people: `node model/print-errors.ts > docs/errors.md`. It only prints. */
import { ERRORS, type ErrorKind, type Retry } from './errors.ts'

const RETRY: Record<Retry, string> = {
  retriable: 'retried by itself; nothing is lost meanwhile',
  fatal: 'tried again only after somebody has changed something',
  partial: 'one part failed and is named; the rest went on',
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

export function errorsText(): string {
  const rows = Object.entries(ERRORS as Record<string, Omit<ErrorKind, 'code'>>).map(
    ([code, { retry, meaning, remedy }]) => `| \`${code}\` | ${retry} | ${cell(meaning)} | ${cell(remedy)} |`,
  )
  return [
    '# Errors',
    '',
    '<!-- Printed from model/errors.ts by "npm run schemas"; change that file instead. -->',
    '',
    'Every error that an operator, an engineer or a program can meet has a code. It stands in problem details',
    '(`code`), in the quarantine (`cause`), in logs and in the `--json` output of commands.',
    '',
    ...Object.entries(RETRY).map(([kind, words]) => `- **${kind}**: ${words}.`),
    '',
    '| code | kind | what it means | what to do |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

if (import.meta.main) process.stdout.write(errorsText())
