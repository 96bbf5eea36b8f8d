/**
 * Who may do what: eight fixed roles, one table. Every route asks here and nowhere else; a role without an entry may
 * do nothing. Three administrators are kept apart (GB/T 22239): system, security and audit never share a right.
 */
export const ROLES = ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'secadmin', 'auditor', 'wall'] as const
export type Role = (typeof ROLES)[number]
export const isRole = (value: unknown): value is Role => ROLES.includes(value as Role)

export const ROLE_NAMES: Record<Role, { zh: string; en: string }> = {
  officer: { zh: '值班民警', en: 'Duty officer' },
  chief: { zh: '值班长', en: 'Duty chief' },
  engineer: { zh: '运维工程师', en: 'Facility engineer' },
  provincial: { zh: '省级监管', en: 'Provincial supervisor' },
  sysadmin: { zh: '系统管理员', en: 'System administrator' },
  secadmin: { zh: '安全管理员', en: 'Security administrator' },
  auditor: { zh: '审计管理员', en: 'Auditor' },
  wall: { zh: '大屏', en: 'Wall display' },
}

const TABLE = {
  'alerts:read': ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'wall'],
  /** Which verbs, the alert desk decides by state and role. */
  'alerts:act': ['officer', 'chief', 'engineer'],
  'alerts:raise': ['officer', 'chief'],
  /** Persons behind alerts and devices, people lists, evidence pictures (L3). */
  'people:read': ['officer', 'chief'],
  /** Where an identified person is now (L4). */
  'positions:read': ['officer', 'chief'],
  /** Vital signs, bed radar, clinical scores (L4). */
  'vitals:read': ['officer', 'chief'],
  /** A wall sees cameras near open red and orange alerts alone; zones may be restricted further (`console.viewing`). */
  'video:read': ['officer', 'chief', 'engineer', 'wall'],
  'devices:read': ['officer', 'chief', 'engineer', 'sysadmin', 'wall'],
  'zones:read': ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'wall'],
  /** Drawings of the facility (L3). */
  'plan:read': ['officer', 'chief', 'engineer', 'sysadmin', 'wall'],
  'rules:read': ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'wall'],
  'indicators:read': ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'wall'],
  'headcount:read': ['officer', 'chief', 'engineer', 'provincial', 'wall'],
  'series:read': ['officer', 'chief', 'engineer', 'sysadmin'],
  'catalogue:read': ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'secadmin', 'auditor', 'wall'],
  'quality:read': ['chief', 'engineer', 'sysadmin'],
  /** The original text of what could not be read; it may hold anything. */
  'quarantine:payload': ['engineer'],
  /** Reads items again after a repair, or gives them up; stands in the ledger. */
  'quarantine:resolve': ['engineer'],
  'health:read': ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'wall'],
  'ledger:read': ['auditor', 'chief'],
  'readings:import': ['engineer', 'chief'],
  'context:daily': ['officer', 'chief'],
  'context:people': ['chief'],
  'context:site': ['engineer', 'chief'],
  'facilities:read': ['provincial', 'sysadmin', 'wall', 'chief', 'officer', 'engineer'],
  'accounts:manage': ['secadmin'],
  /** Shift log and handover; every entry goes to the ledger under the account's name. */
  'shift:keep': ['officer', 'chief'],
  /** Numbers for the hour in which the link is cut; no wall, which visitors see. */
  'phones:read': ['officer', 'chief', 'engineer', 'sysadmin'],
  'console:report': ['officer', 'chief', 'engineer', 'provincial', 'sysadmin', 'wall'],
} as const satisfies Record<string, readonly Role[]>

export type Permission = keyof typeof TABLE
export const PERMISSIONS = Object.keys(TABLE) as Permission[]

const sets = new Map<Permission, ReadonlySet<Role>>(PERMISSIONS.map((p) => [p, new Set<Role>(TABLE[p])]))

export function may(role: Role, permission: Permission): boolean {
  return sets.get(permission)?.has(role) ?? false
}

export function rolesWith(permission: Permission): readonly Role[] {
  return TABLE[permission]
}

export function permissionsOf(role: Role): Permission[] {
  return PERMISSIONS.filter((p) => may(role, p))
}

/**
 * How much of an alert a role sees. `full`: everything. `technical`: devices and acts, but nothing about persons.
 * `public`: neither persons nor staff (walls are seen by visitors, the province has no business with names).
 */
export const MASKS = ['full', 'technical', 'public'] as const
export type Mask = (typeof MASKS)[number]

export function maskOf(role: Role): Mask {
  if (may(role, 'people:read')) return 'full'
  return role === 'engineer' || role === 'sysadmin' ? 'technical' : 'public'
}
