/** Which slots of the timetable lock people up: they permit no place but the own cell, and R64 counts from them. */

/** "lock-up", "Lockup", "locked up", "收封" … */
export const isLockUp = (slot: { activity: string }): boolean => /^(lock[-_\s]?up|locked|收封)/i.test(slot.activity)
