/** A printed report as data: what any part of the program hands to `pdfReport`. Knows nothing of pages or fonts. */

/** Chinese first, English below it or beside it. */
export interface Words {
  zh: string
  en: string
}

export type Block =
  | { kind: 'heading'; words: Words }
  /** One sentence in a frame: `good` and `bad` differ by sign and frame, not by colour alone. */
  | { kind: 'verdict'; tone: 'good' | 'bad'; words: Words }
  | { kind: 'facts'; rows: { label: Words; value: string }[] }
  | {
      kind: 'table'
      columns: { label: Words /** Share of the width. */; share: number; mono?: boolean }[]
      rows: string[][]
      /** Said when there are no rows. */
      empty: Words
    }
  | { kind: 'text'; words: Words }
  | { kind: 'small'; text: string }
  | { kind: 'picture'; jpeg: Uint8Array; caption: Words }

export interface ReportDocument {
  title: Words
  /** Facility, number, span: one line under the title. */
  subtitle: string
  /** Who printed it and when: across every page. */
  watermark: string
  /** Left in the foot of every page. */
  footer: string
  madeAt: number
  blocks: Block[]
}
