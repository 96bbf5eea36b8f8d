/** What a command may use of the outside world; handed in, so that tests run commands without a process. */
export interface CommandIo {
  out(text: string): void
  err(text: string): void
  /** Is standard error a terminal: then long work shows progress. */
  isTerminal: boolean
}
