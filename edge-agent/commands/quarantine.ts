/** `wardwatch quarantine`: asks a running edge over its API, because only the edge may write its journal and ledger. */
import { WardwatchError } from '#model/errors.ts'
import type { QuarantineItem, ReplayOutcome } from '#model/ports/quality.ts'

export interface QuarantineFlags {
  url: string
  token?: string
  device?: string
  cause?: string
  state?: string
  id?: string
  all?: boolean
  limit: string
  note?: string
  json: boolean
}

const listed = (text: string | undefined): string[] | undefined => text?.split(',').map((s) => s.trim())

async function ask<T>(flags: QuarantineFlags, path: string, body?: unknown): Promise<T> {
  const token = flags.token ?? process.env.WARDWATCH_TOKEN
  if (!token)
    throw new WardwatchError(
      'usage',
      'give the token of an engineer with --token or WARDWATCH_TOKEN (wardwatch user token ACCOUNT makes one)',
    )
  const address = `${flags.url.replace(/\/$/, '')}${path}`
  const answer = await fetch(address, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(120_000),
  }).catch((error: Error) => {
    throw new WardwatchError(
      'sink-unreachable',
      `the edge at ${flags.url} does not answer (${error.message}); name its console with --url`,
    )
  })
  const said = (await answer.json().catch(() => ({}))) as T & { detail?: string; title?: string }
  if (!answer.ok)
    throw new WardwatchError('usage', `${flags.url} answered ${answer.status}: ${said.detail ?? said.title ?? ''}`)
  return said
}

function which(flags: QuarantineFlags): Record<string, unknown> {
  const ids = listed(flags.id)
  const device = listed(flags.device)
  const cause = listed(flags.cause)
  if (!ids && !device && !cause && !flags.all)
    throw new WardwatchError('usage', 'say which items: --id q812, --device K31, --cause bad-json, or --all')
  return {
    ...(ids ? { ids } : {}),
    ...(device ? { device } : {}),
    ...(cause ? { cause } : {}),
    ...(flags.all ? { all: true } : {}),
    limit: Number(flags.limit),
  }
}

const print = (flags: QuarantineFlags, value: unknown, lines: string[]): void => {
  process.stdout.write(flags.json ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`)
}

export async function runQuarantineList(flags: QuarantineFlags): Promise<number> {
  const query = new URLSearchParams({ limit: flags.limit })
  for (const name of ['device', 'cause', 'state'] as const) if (flags[name]) query.set(name, flags[name])
  const found = await ask<{ items: QuarantineItem[]; waiting: number }>(flags, `/api/v1/quarantine?${query}`)
  print(flags, found, [
    ...found.items.map(
      (q) =>
        `${q.id.padEnd(9)} ${new Date(q.received).toISOString()} ${q.state.padEnd(8)} ${(q.device ?? '-').padEnd(12)} ${q.cause.padEnd(15)} ${q.detail}`,
    ),
    `${found.waiting} waiting`,
  ])
  return 0
}

export async function runQuarantineReplay(flags: QuarantineFlags): Promise<number> {
  const done = await ask<ReplayOutcome>(flags, '/api/v1/quarantine/replay', which(flags))
  print(flags, done, [
    `${done.replayed} items read again: ${done.readings} readings, ${done.duplicates} were already there`,
    ...done.failed.map((f) => `${f.id} still cannot be read: ${f.cause}: ${f.detail}`),
  ])
  return done.failed.length > 0 ? 1 : 0
}

export async function runQuarantineDrop(flags: QuarantineFlags): Promise<number> {
  if (!flags.note) throw new WardwatchError('usage', 'say why with --note: it stands in the ledger')
  const done = await ask<{ dropped: number }>(flags, '/api/v1/quarantine/drop', { ...which(flags), note: flags.note })
  print(flags, done, [`${done.dropped} items given up`])
  return 0
}
