/** The one door to the provincial database: PostgreSQL's dialect, whether embedded (PGlite) or a server (pg). */
export type Row = Record<string, unknown>

export interface Sql {
  query<T = Row>(text: string, params?: unknown[]): Promise<T[]>
}

export interface Store extends Sql {
  /** "pglite" or "postgres". */
  readonly engine: string
  /** All or nothing; resolves once the commit will survive the end of the process. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Runs a script of several statements. */
  script(text: string): Promise<void>
  close(): Promise<void>
}
