/** aedes-persistence-level brings no types; `sessions.ts` states the part of it that is used. */
declare module 'aedes-persistence-level'
