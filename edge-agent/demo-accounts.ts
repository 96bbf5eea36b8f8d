/**
 * Accounts of the demo: one person and one bearer token per role, made at the first start and the same ever after.
 * Only the demo calls this; a real installation starts without any account (`wardwatch user add`).
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openAccounts } from '#dashboards/accounts.ts'
import type { Clock } from '#model/clock.ts'

export interface DemoAccount {
  role: string
  account: string
  password: string
  token: string
}

/** Two officers and two chiefs, so that a second person can approve. */
const PEOPLE: [account: string, role: string, name: string][] = [
  ['officer', 'officer', '值班民警 王×'],
  ['officer2', 'officer', '值班民警 李×'],
  ['chief', 'chief', '值班长 赵×'],
  ['engineer', 'engineer', '运维工程师 陈×'],
  ['provincial', 'provincial', '省局监管 周×'],
  ['sysadmin', 'sysadmin', '系统管理员 吴×'],
  ['secadmin', 'secadmin', '安全管理员 郑×'],
  ['auditor', 'auditor', '审计员 冯×'],
  ['wall', 'wall', '指挥大屏'],
]

/** Makes the accounts in each of the given account folders with the same passwords; tokens differ per folder. */
export async function prepareDemoAccounts(
  folder: string,
  clock: Clock,
  passwords: Record<string, string>,
): Promise<DemoAccount[]> {
  const known = join(folder, 'demo-tokens.json')
  const kept = existsSync(known) ? (JSON.parse(readFileSync(known, 'utf8')) as Record<string, string>) : {}
  const accounts = openAccounts({ dir: folder, clock })
  try {
    const made: DemoAccount[] = []
    for (const [account, role, name] of PEOPLE) {
      const password = passwords[account] as string
      if (!accounts.get(account)) await accounts.add({ id: account, role, name, password })
      const before = kept[account]
      const token = before && accounts.byToken(before) ? before : accounts.token(account, { label: 'demo' }).token
      kept[account] = token
      made.push({ role, account, password, token })
    }
    writeFileSync(known, JSON.stringify(kept), { mode: 0o600 })
    return made
  } finally {
    accounts.close()
  }
}

/** Passwords of the demo, drawn once per data folder. */
export function demoPasswords(file: string): Record<string, string> {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  const passwords = Object.fromEntries(
    PEOPLE.map(([account], index) => [account, `Ward-${randomBytes(4).toString('hex')}-${index + 10}`]),
  )
  writeFileSync(file, JSON.stringify(passwords), { mode: 0o600 })
  return passwords
}
