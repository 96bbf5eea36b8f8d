/** Addresses inside the console that more than one page needs. */

/** The live console with this alert opened in the panel. */
export const alertLink = (id: string): string => `/duty/alerts?alert=${encodeURIComponent(id)}`
/** The incident and evidence page of this alert. */
export const evidenceLink = (id: string): string => `/duty/alerts/${encodeURIComponent(id)}`
/** Blank plans on paper, with the numbers nearest to the alert. */
export const printLink = (plans: readonly string[], alert: string): string =>
  `/duty/print?plan=${plans.map(encodeURIComponent).join(',')}&alert=${encodeURIComponent(alert)}`
