import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { ROLES } from '#model/permissions.ts'
import { type Accounts, LOCK_MS, openAccounts, passwordFault } from './accounts.ts'

const PASSWORD = 'Geheim-1234'
let dir: string
let clock: VirtualClock
let accounts: Accounts

const open = () => openAccounts({ dir, clock, scryptLog2: 4 })

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ww-accounts-'))
  clock = new VirtualClock(1_795_300_000_000)
  accounts = open()
  await accounts.add({ id: 'chen', role: 'officer', password: PASSWORD })
})
afterEach(() => {
  accounts.close()
  rmSync(dir, { recursive: true })
})

test('the right password opens, a wrong one says how many attempts are left', async () => {
  expect(await accounts.check('chen', PASSWORD)).toMatchObject({ ok: true, account: { id: 'chen', role: 'officer' } })
  expect(await accounts.check('chen', 'nope')).toEqual({ ok: false, reason: 'wrong', left: 4 })
})

test('five wrong passwords lock the account for a quarter of an hour, also over a restart, also for the right password', async () => {
  for (let i = 0; i < 4; i++) await accounts.check('chen', 'nope')
  const unlockAt = clock.now() + LOCK_MS
  expect(await accounts.check('chen', 'nope')).toEqual({ ok: false, reason: 'locked', unlockAt })
  accounts.close()
  accounts = open()
  expect(await accounts.check('chen', PASSWORD)).toEqual({ ok: false, reason: 'locked', unlockAt })
  clock.advanceTo(unlockAt)
  expect(await accounts.check('chen', 'nope')).toEqual({ ok: false, reason: 'wrong', left: 4 })
  expect(await accounts.check('chen', PASSWORD)).toMatchObject({ ok: true })
})

test('five attempts at the same moment lock as five in a row do', async () => {
  await Promise.all(Array.from({ length: 5 }, () => accounts.check('chen', 'nope')))
  expect(await accounts.check('chen', PASSWORD)).toMatchObject({ ok: false, reason: 'locked' })
})

test('an unknown name is locked exactly like a known one', async () => {
  for (let i = 0; i < 4; i++) await accounts.check('nobody', 'x')
  expect(await accounts.check('nobody', 'x')).toMatchObject({ ok: false, reason: 'locked' })
})

test('neither password nor token nor session stands in the file', async () => {
  const { token } = accounts.token('chen')
  const session = accounts.openSession('chen')
  accounts.close()
  const bytes = readFileSync(join(dir, 'accounts.sqlite')).toString('latin1')
  for (const secret of [PASSWORD, token, session]) expect(bytes).not.toContain(secret)
  accounts = open()
  expect(accounts.byToken(token)?.id).toBe('chen')
})

test('a disabled account loses its sessions and its tokens at once, also when another process disables it', async () => {
  const { token } = accounts.token('chen')
  const session = accounts.openSession('chen')
  const limits = { idleMs: () => 1e9, maxAgeMs: 1e9 }
  expect(accounts.bySession(session, limits)?.id).toBe('chen')
  const other = open()
  other.disable('chen')
  other.close()
  expect(accounts.bySession(session, limits)).toBeNull()
  expect(accounts.byToken(token)).toBeNull()
  expect(await accounts.check('chen', PASSWORD)).toMatchObject({ ok: false })
})

test('a session ends when idle, when too old, and not while it is used', () => {
  const limits = { idleMs: () => 1_000, maxAgeMs: 3_000 }
  const session = accounts.openSession('chen')
  for (let i = 0; i < 3; i++) {
    clock.advanceTo(clock.now() + 900)
    expect(accounts.bySession(session, limits)?.id).toBe('chen')
  }
  clock.advanceTo(clock.now() + 900)
  expect(accounts.bySession(session, limits), 'older than its greatest age').toBeNull()
  const idle = accounts.openSession('chen')
  clock.advanceTo(clock.now() + 1_001)
  expect(accounts.bySession(idle, limits)).toBeNull()
})

test('a token ends at its time and when it is revoked', () => {
  const short = accounts.token('chen', { ttlMs: 1_000 })
  const long = accounts.token('chen', { label: 'import' })
  clock.advanceTo(clock.now() + 1_000)
  expect(accounts.byToken(short.token)).toBeNull()
  expect(accounts.byToken(long.token)?.id).toBe('chen')
  expect(accounts.revokeToken(long.info.id)).toBe(true)
  expect(accounts.byToken(long.token)).toBeNull()
})

test.each([
  ['short', 'Ab1-', 'at least 10'],
  ['of one kind', 'aaaaaaaaaaaa', 'three of'],
  ['made of the name', 'Chen-123456', 'account name'],
])('a password that is %s is refused in one sentence', (_words, password, text) => {
  expect(passwordFault('chen', password)).toContain(text)
})

test('a role that does not exist, a name taken twice and a bad name are refused with their field', async () => {
  await expect(accounts.add({ id: 'x1', role: 'root' })).rejects.toMatchObject({
    code: 'field-missing',
    fields: { field: 'role' },
  })
  await expect(accounts.add({ id: 'chen', role: 'chief' })).rejects.toMatchObject({ code: 'conflict' })
  await expect(accounts.add({ id: 'a b', role: 'chief' })).rejects.toMatchObject({ fields: { field: 'id' } })
  for (const role of ROLES) expect((await accounts.add({ id: `is-${role}`, role })).role).toBe(role)
  expect(accounts.list()).toHaveLength(ROLES.length + 1)
})

test('the stream epoch is made once and kept', () => {
  expect(accounts.fact('e', () => 'one')).toBe('one')
  expect(accounts.fact('e', () => 'two')).toBe('one')
})
