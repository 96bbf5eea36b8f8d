/** Live streams and pre-roll of the edge against the camera twin: real RTSP, real ffmpeg, real MP4. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LiveViewer } from '#model/ports/video.ts'
import { systemClock } from '#model/system-clock.ts'
import { createOnvifTwin, type OnvifTwin } from '#simulators/onvif/index.ts'
import { hasFfmpeg } from '#simulators/onvif/rtsp-server.ts'
import { LiveStreams } from './live-streams.ts'
import { isRedCapable, PrerollRings } from './preroll-rings.ts'

const log = { info() {}, warn() {}, error() {} }

class Viewer implements LiveViewer {
  chunks: Buffer[] = []
  ended: string | null = null
  data(bytes: Uint8Array): void {
    this.chunks.push(Buffer.from(bytes))
  }
  end(reason: string): void {
    this.ended = reason
  }
  types(): string[] {
    return this.chunks.map((c) => c.toString('latin1', 4, 8))
  }
}

const there = hasFfmpeg()
if (!there) console.warn('SKIPPED live streams of the edge: ffmpeg not installed (apt-get install ffmpeg)')

describe.skipIf(!there)('live video', { timeout: 90_000 }, () => {
  let twin: OnvifTwin
  let live: LiveStreams
  const password = "it's a p@ss/word"
  beforeAll(async () => {
    twin = await createOnvifTwin({
      cameras: ['K1', 'K2'].map((id) => ({ id, user: 'ww', password })),
      clock: systemClock,
      chance: () => 0,
      rtsp: true,
    })
  })
  afterAll(() => twin.close())
  afterEach(() => live.close())

  const open = (most = 8, secret = password) =>
    new LiveStreams({
      clock: systemClock,
      log,
      most,
      streamOf: async (camera) => ({
        uri: `rtsp://127.0.0.1:${twin.rtspPort}/cam/${camera}/stream`,
        user: 'ww',
        password: secret,
      }),
    })

  test('one stream serves all viewers, each from the head on; it ends some seconds after the last has left', async () => {
    live = open()
    const [first, second] = [new Viewer(), new Viewer()]
    const one = await live.watch('K1', first)
    expect(one.mime).toMatch(/^video\/mp4; codecs="avc1\.42/)
    await expect.poll(() => first.chunks.length, { timeout: 20_000 }).toBeGreaterThan(4)
    const two = await live.watch('K1', second)
    expect(live).toMatchObject({ streams: 1, viewers: 2, started: 1 })
    await expect.poll(() => second.chunks.length, { timeout: 20_000 }).toBeGreaterThan(2)
    for (const viewer of [first, second])
      expect(viewer.types()).toEqual([
        'ftyp',
        ...viewer
          .types()
          .slice(1)
          .map(() => 'moof'),
      ])
    // Who comes later begins with a picture that needs no other, not in the middle of one.
    expect(second.chunks[0]!.equals(first.chunks[0]!)).toBe(true)
    one.stop()
    two.stop()
    await expect.poll(() => live.streams, { timeout: 15_000 }).toBe(0)
    await expect.poll(() => twin.encoders(), { timeout: 10_000 }).toBe(0)
  })

  test('no more cameras than the limit; a refused password is told without the password', async () => {
    live = open(1)
    await live.watch('K1', new Viewer())
    await expect(live.watch('K2', new Viewer())).rejects.toMatchObject({ code: 'too-busy' })
    live.close()
    live = open(1, 'wrong secret')
    const refused = await live.watch('K2', new Viewer()).catch((error: Error) => error)
    expect(refused).toMatchObject({ code: 'device-unreachable' })
    expect(String(refused)).not.toContain('secret')
    expect(live.streams).toBe(0)
  })

  test('the end of the edge ends every stream and tells the viewers', async () => {
    live = open()
    const viewer = new Viewer()
    await live.watch('K2', viewer)
    live.close()
    expect(viewer.ended).toBe('the edge ends')
    await expect.poll(() => twin.encoders(), { timeout: 10_000 }).toBe(0)
    await expect(live.watch('K2', new Viewer())).rejects.toMatchObject({ code: 'too-busy' })
  })
})

test('a site without live video says so and starts nothing', async () => {
  const off = new LiveStreams({ clock: systemClock, log, most: 0, streamOf: () => Promise.reject(new Error('never')) })
  await expect(off.watch('K1', new Viewer())).rejects.toMatchObject({ code: 'video-unavailable' })
})

describe('pre-roll', () => {
  class HandClock {
    time = 1_000_000
    tasks: { at: number; task: () => void }[] = []
    now = () => this.time
    after = (ms: number, task: () => void) => {
      const entry = { at: this.time + ms, task }
      this.tasks.push(entry)
      return {
        cancel: () => {
          this.tasks = this.tasks.filter((t) => t !== entry)
        },
      }
    }
    async pass(seconds: number): Promise<void> {
      for (let i = 0; i < seconds; i++) {
        this.time += 1000
        const due = this.tasks.filter((t) => t.at <= this.time)
        this.tasks = this.tasks.filter((t) => t.at > this.time)
        for (const { task } of due) task()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  test('holds the last seconds of some cameras only, rests at dead ones, and keeps ten seconds with hashes for an alert', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ww-preroll-'))
    try {
      const clock = new HandClock()
      const asked: Record<string, number> = {}
      const rings = new PrerollRings({
        clock,
        dir,
        most: 2,
        cameras: () => ['K1', 'DEAD', 'K3'],
        snapshot: async (camera) => {
          asked[camera] = (asked[camera] ?? 0) + 1
          return camera === 'DEAD' ? null : { jpeg: Buffer.from(`${camera} ${clock.time}`), takenAt: clock.time }
        },
      })
      await clock.pass(40)
      expect(asked.K1).toBeGreaterThan(35)
      expect(asked.DEAD).toBeLessThanOrEqual(7)
      expect(asked.K3).toBeUndefined()
      expect(rings.newest('K1')?.takenAt).toBe(clock.time)
      const kept = await rings.keep('a1', ['DEAD', 'K1'], clock.time - 2000)
      expect(kept.length).toBeGreaterThanOrEqual(9)
      expect(kept.every((f) => f.device === 'K1' && f.takenAt <= clock.time - 1000)).toBe(true)
      expect(await rings.of('a1')).toEqual(kept)
      expect(Buffer.from((await rings.picture('a1', 0))!).toString()).toBe(`K1 ${kept[0]!.takenAt}`)
      expect(await rings.of('none')).toEqual([])
      rings.close()
      expect(rings.bytes).toBe(0)
      expect(clock.tasks).toEqual([])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('is for places where a red alert can arise', () => {
    expect(isRedCapable({ kind: 'yard', class: 'red' })).toBe(true)
    expect(isRedCapable({ kind: 'belt' })).toBe(true)
    expect(isRedCapable({ kind: 'belt', class: 'yellow' })).toBe(false)
    expect(isRedCapable({ kind: 'kitchen' })).toBe(false)
  })
})
