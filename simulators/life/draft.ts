/** What the make-believe world says before any protocol carries it: one observation of one device. */
export interface Draft {
  device: string
  type: string
  /** The person it is about, where the device alone does not tell. */
  subject?: string
  /** Absent = good. */
  quality?: 'good' | 'uncertain' | 'bad'
  /** True time of the observation, ms. */
  time: number
  value: Record<string, unknown>
}
