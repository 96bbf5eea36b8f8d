/** `wardwatch user`: accounts and roles of an edge or a province. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Accounts, openAccounts } from '#dashboards/accounts.ts'
import { WardwatchError } from '#model/errors.ts'
import { systemClock } from '#model/system-clock.ts'

interface Flags {
  data: string
  json: boolean
}

/** Accounts stand in a folder of their own below the data folder, of an edge as of the province; the first one makes it. */
async function withAccounts<T>(flags: Flags, work: (accounts: Accounts) => T | Promise<T>, first = false): Promise<T> {
  const dir = join(flags.data, 'accounts')
  if (first) mkdirSync(dir, { recursive: true, mode: 0o700 })
  else if (!existsSync(dir))
    throw new WardwatchError(
      'not-found',
      `there are no accounts in ${flags.data}; name the data folder of the edge or the province with --data`,
    )
  const accounts = openAccounts({ dir, clock: systemClock })
  try {
    return await work(accounts)
  } finally {
    accounts.close()
  }
}

const drawPassword = (): string => `Ww-${randomBytes(9).toString('base64url')}-7`

function show(flags: Flags, value: Record<string, unknown>): number {
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(value)}\n`
      : `${Object.entries(value)
          .map(([k, v]) => `${k.padEnd(10)} ${String(v)}`)
          .join('\n')}\n`,
  )
  return 0
}

export function runUserList(flags: Flags): Promise<number> {
  return withAccounts(flags, (accounts) => {
    const all = accounts.list()
    if (flags.json) process.stdout.write(`${JSON.stringify(all)}\n`)
    else
      for (const { id, role, name, disabled } of all)
        process.stdout.write(`${id.padEnd(16)} ${role.padEnd(11)} ${name}${disabled ? '  (disabled)' : ''}\n`)
    return 0
  })
}

export function runUserAdd(
  account: string,
  flags: Flags & { role: string; name?: string; password?: string },
): Promise<number> {
  return withAccounts(
    flags,
    async (accounts) => {
      const password = flags.password ?? drawPassword()
      const made = await accounts.add({
        id: account,
        role: flags.role,
        password,
        ...(flags.name ? { name: flags.name } : {}),
      })
      return show(flags, { account: made.id, role: made.role, ...(flags.password ? {} : { password }) })
    },
    true,
  )
}

export function runUserPassword(account: string, flags: Flags & { password?: string }): Promise<number> {
  return withAccounts(flags, async (accounts) => {
    const password = flags.password ?? drawPassword()
    await accounts.setPassword(account, password)
    return show(flags, { account, ...(flags.password ? {} : { password }) })
  })
}

export function runUserDisable(account: string, flags: Flags): Promise<number> {
  return withAccounts(flags, (accounts) => show(flags, { account: accounts.disable(account).id, disabled: true }))
}

export function runUserToken(account: string, flags: Flags & { label?: string; days?: string }): Promise<number> {
  return withAccounts(flags, (accounts) => {
    const { token } = accounts.token(account, {
      ...(flags.label ? { label: flags.label } : {}),
      ...(flags.days ? { ttlMs: Number(flags.days) * 86_400_000 } : {}),
    })
    return show(flags, { account, token })
  })
}
