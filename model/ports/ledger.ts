/** The hash-chained ledger of alert changes and people's acts. Implemented by `ingest/ledger`. */
export interface LedgerEntry {
  seq: number
  at: number
  /** `alert` (a change line) · `act` (a person's act, also log-ins and looks) · `note` (checkpoint, mode, commissioning). */
  kind: 'alert' | 'act' | 'note'
  /** Alert id, account, or null. */
  ref: string | null
  by: string | null
  /** Hash of the payload; the payload itself lies beside the chain. */
  payloadHash: string
  /** SHA-256 over previous hash and this entry: hex. */
  hash: string
  payload: unknown
  /** Why the payload is null: `deleted` on purpose (the person was forgotten), or `unreadable` for want of a key. */
  payloadState?: 'deleted' | 'unreadable'
}

export interface Ledger {
  /** Appends and resolves with the entries once durable. */
  append(
    items: {
      kind: LedgerEntry['kind']
      ref?: string | null
      by?: string | null
      payload: unknown
      /** By what the entry is known again when its payload cannot be read any more: names nobody. */
      mark?: string
    }[],
  ): Promise<LedgerEntry[]>
  head(): { seq: number; hash: string }
  list(query: {
    from?: number
    to?: number
    ref?: string
    kind?: string
    limit?: number
    afterSeq?: number
  }): Promise<LedgerEntry[]>
  /** Walks the chain; `badSeq` names the first entry that does not fit. */
  verify(fromSeq?: number): Promise<{ entries: number; ok: boolean; badSeq: number | null; detail: string | null }>
  close(): Promise<void>
}

/** A ledger that also proves and signs: what evidence needs beyond reading. */
export interface ProvingLedger extends Ledger {
  /** Signs what is new; runs by itself too. */
  checkpoint(): Promise<unknown>
  /** Everything that proves an entry, as `wardwatch ledger proof` writes it; null while no checkpoint covers it. */
  proofFile(seq: number, facility: string): Promise<object | null>
  /** Signs a text whose first line says what it is; null where the private key is not at hand. */
  sign(text: string): Promise<{ algorithm: string; signature: string } | null>
  publicKeys(): Promise<{ algorithm: string; pem: string }[]>
}

export const isProving = (ledger: Ledger | null | undefined): ledger is ProvingLedger =>
  ledger !== null && ledger !== undefined && 'proofFile' in ledger && 'sign' in ledger
