/** What the parts of the demo test share. */
import type { RunningStore } from '#ingest/series/store-processes.ts'
import type { DemoRun } from './demo-run.ts'

export interface Stage {
  /** Another one after the restart. */
  demo: DemoRun
  data: string
  influx: RunningStore | null
  /** The alert that was acknowledged in the browser; it must be found everywhere, also after a restart. */
  acknowledged: string | null
}
