/** Addresses inside the console that more than one page needs. */

/** The live console with this alert opened in the panel. */
export const alertLink = (id: string): string => `/duty/alerts?alert=${encodeURIComponent(id)}`
/** The incident and evidence page of this alert. */
export const evidenceLink = (id: string): string => `/duty/alerts/${encodeURIComponent(id)}`
