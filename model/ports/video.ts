/** Live pictures of cameras and what stood before an alert, as the console's server may ask for them. */

export interface LiveViewer {
  /** Bytes of the stream in order, beginning with its head. Must return at once. */
  data(bytes: Uint8Array): void
  /** The stream is over: the camera is gone, or the edge ends. Nothing follows. */
  end(reason: string): void
}

export interface LiveStream {
  /** As `video/mp4; codecs="avc1.42c01e"`. */
  mime: string
  /** The viewer leaves. */
  stop(): void
}

/** A picture of the seconds before an alert, kept with it. */
export interface PrerollFrame {
  device: string
  takenAt: number
  sha256: string
}

export interface VideoState {
  /** Why there is no live video; null = there is. */
  unavailable: string | null
  streams: number
  viewers: number
  /** Since the start. */
  started: number
  failed: number
  /** Cameras whose last seconds are kept. */
  rings: number
  ringBytes: number
}

export interface Video {
  /**
   * Begins to watch; all viewers of a camera share one stream.
   * @throws WardwatchError `not-found`, `device-unreachable`, `device-refused`, `too-busy`, `video-unavailable`.
   */
  watch(camera: string, viewer: LiveViewer): Promise<LiveStream>
  preroll(alert: string): Promise<PrerollFrame[]>
  prerollPicture(alert: string, index: number): Promise<Uint8Array | null>
  state(): VideoState
}
