/** Who sits here: the account of the session, or that there is none. The cookie itself is never seen by this code. */
import { ApiError, beginSitting, currentSitting, getJson, postJson, whenLoggedOut } from '../api/client.ts'
import type { Me, Role } from '../api/types.ts'
import { setTimezone } from './format.ts'
import { forgetHeld } from './held.ts'
import { Signal } from './signal.ts'

export type Session = { known: false } | { known: true; me: Me | null; reachable: boolean }

export const session = new Signal<Session>({ known: false })

export const me = (): Me | null => {
  const now = session.get()
  return now.known ? now.me : null
}

function enter(account: Me): void {
  if (account.facility?.timezone) setTimezone(account.facility.timezone)
  session.set({ known: true, me: account, reachable: true })
}

export async function recall(): Promise<void> {
  const asked = currentSitting()
  try {
    enter(await getJson<Me>('/api/v1/me'))
  } catch (error) {
    // Somebody logged in while this question was on its way: its "no" is old.
    if (asked !== currentSitting()) return
    session.set({ known: true, me: null, reachable: error instanceof ApiError && error.status !== 0 })
  }
}

export async function logIn(account: string, password: string): Promise<void> {
  await postJson('/api/v1/login', { account, password })
  beginSitting()
  enter(await getJson<Me>('/api/v1/me'))
}

export async function logOut(): Promise<void> {
  await postJson('/api/v1/logout', {}).catch(() => null)
  forgetHeld()
  session.set({ known: true, me: null, reachable: true })
}

whenLoggedOut(() => session.set({ known: true, me: null, reachable: true }))

const HOME: Record<Role, string> = {
  officer: '/duty/alerts',
  chief: '/duty/alerts',
  wall: '/duty/wall',
  engineer: '/eng/devices',
  sysadmin: '/eng/devices',
  provincial: '/gov/overview',
  secadmin: '/me',
  auditor: '/me',
}
const AREAS: Record<'duty' | 'eng' | 'gov', readonly Role[]> = {
  duty: ['officer', 'chief', 'engineer', 'wall'],
  eng: ['officer', 'chief', 'engineer', 'sysadmin'],
  gov: ['provincial'],
}

export const isProvince = (account: Me): boolean => account.tier === 'province' || account.role === 'provincial'

/** The page a person lands on: the tier of the server decides before the role does. */
export const homeOf = (account: Me): string => (isProvince(account) ? '/gov/overview' : (HOME[account.role] ?? '/me'))

/** Which parts of the console this account is shown. The server alone decides what it may really see. */
export const mayEnter = (account: Me, area: 'duty' | 'eng' | 'gov'): boolean =>
  isProvince(account) ? area === 'gov' : AREAS[area].includes(account.role)
export const rolesOf = (area: 'duty' | 'eng' | 'gov'): readonly Role[] => AREAS[area]

/** What the server said this account may do; a server that says nothing is asked and answers for itself. */
export const mayDo = (account: Me | null, permission: string): boolean =>
  account !== null && (account.permissions === undefined || account.permissions.includes(permission))
