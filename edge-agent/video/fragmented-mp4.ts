/**
 * Reads the fragmented MP4 that ffmpeg writes, as bytes come: the head that every viewer needs first, then fragments, and
 * which of them a picture can begin with. It changes no byte.
 */

export interface Mp4Head {
  bytes: Buffer
  /** As `video/mp4; codecs="avc1.42c01e"`; null when the codec is none that browsers play everywhere. */
  mime: string | null
}
export interface Mp4Fragment {
  bytes: Buffer
  /** Begins with a picture that needs no other. */
  key: boolean
}

/** No camera sends such a box; whoever does is not read on. */
const MAX_BOX_BYTES = 16 * 1024 * 1024

interface Box {
  type: string
  start: number
  end: number
}

function boxes(data: Buffer, from: number, to: number): Box[] {
  const found: Box[] = []
  for (let at = from; at + 8 <= to; ) {
    const size = data.readUInt32BE(at)
    if (size < 8 || at + size > to) break
    found.push({ type: data.toString('latin1', at + 4, at + 8), start: at + 8, end: at + size })
    at += size
  }
  return found
}

export class Mp4Reader {
  #rest: Buffer = Buffer.alloc(0)
  #head: Buffer[] | null = []
  #moof: Buffer | null = null
  readonly #on: { head(head: Mp4Head): void; fragment(fragment: Mp4Fragment): void }

  constructor(on: { head(head: Mp4Head): void; fragment(fragment: Mp4Fragment): void }) {
    this.#on = on
  }

  /** @throws Error when this is no MP4. */
  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 8) {
      const size = this.#rest.readUInt32BE(0)
      if (size < 8 || size > MAX_BOX_BYTES) throw new Error(`a box of ${size} bytes is no box of a live stream`)
      if (this.#rest.length < size) return
      const box = this.#rest.subarray(0, size)
      this.#rest = this.#rest.subarray(size)
      this.#box(box.toString('latin1', 4, 8), box)
    }
  }

  #box(type: string, box: Buffer): void {
    if (this.#head) {
      this.#head.push(box)
      if (type !== 'moov') return
      const bytes = Buffer.concat(this.#head)
      this.#head = null
      this.#on.head({ bytes, mime: mimeOf(box) })
    } else if (type === 'moof') this.#moof = box
    else if (type === 'mdat' && this.#moof) {
      this.#on.fragment({ bytes: Buffer.concat([this.#moof, box]), key: beginsWithKey(this.#moof) })
      this.#moof = null
    }
  }
}

function mimeOf(moov: Buffer): string | null {
  const at = moov.indexOf('avcC', 0, 'latin1')
  if (at < 0 || at + 8 > moov.length) return null
  return `video/mp4; codecs="avc1.${moov.subarray(at + 5, at + 8).toString('hex')}"`
}

const NOT_SYNC = 0x1_0000

/** Flags of the first sample: of its own, of the run, or the default of the track. */
function beginsWithKey(moof: Buffer): boolean {
  const traf = boxes(moof, 8, moof.length).find((b) => b.type === 'traf')
  if (!traf) return false
  const inner = boxes(moof, traf.start, traf.end)
  const tfhd = inner.find((b) => b.type === 'tfhd')
  const trun = inner.find((b) => b.type === 'trun')
  if (!tfhd || !trun) return false
  let flags: number | null = null
  const head = moof.readUInt32BE(tfhd.start) & 0xff_ffff
  if (head & 0x20) {
    const at =
      tfhd.start + 8 + (head & 0x1 ? 8 : 0) + (head & 0x2 ? 4 : 0) + (head & 0x8 ? 4 : 0) + (head & 0x10 ? 4 : 0)
    if (at + 4 <= tfhd.end) flags = moof.readUInt32BE(at)
  }
  const run = moof.readUInt32BE(trun.start) & 0xff_ffff
  const samples = trun.start + 8 + (run & 0x1 ? 4 : 0)
  if (run & 0x4) flags = samples + 4 <= trun.end ? moof.readUInt32BE(samples) : flags
  else if (run & 0x400) {
    const at = samples + (run & 0x100 ? 4 : 0) + (run & 0x200 ? 4 : 0)
    if (at + 4 <= trun.end) flags = moof.readUInt32BE(at)
  }
  return flags !== null && (flags & NOT_SYNC) === 0
}
