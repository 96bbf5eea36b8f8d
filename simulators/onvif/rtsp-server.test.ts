import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { createOnvifTwin, type OnvifTwin } from './index.ts'
import { hasFfmpeg, NalSplitter, payloadsOf } from './rtsp-server.ts'

describe('H.264 over RTP', () => {
  test('a byte stream is split at its start codes, wherever the pieces end', () => {
    const units = [Buffer.from([9, 1]), Buffer.from([0x67, 1, 2, 3]), Buffer.from([0x65, 7, 0, 0, 3, 7])]
    const stream = Buffer.concat([
      ...units.flatMap((u, i) => [Buffer.from(i === 1 ? [0, 0, 0, 1] : [0, 0, 1]), u]),
      Buffer.from([0, 0, 1, 9]),
    ])
    for (let cut = 1; cut < stream.length; cut++) {
      const splitter = new NalSplitter()
      const found = [...splitter.push(stream.subarray(0, cut)), ...splitter.push(stream.subarray(cut))]
      expect(found.map((u) => u.toString('hex'))).toEqual(units.map((u) => u.toString('hex')))
    }
  })
  test('a large unit goes out in fragments that give it back byte by byte', () => {
    const unit = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i === 0 ? 0x65 : i % 251)))
    const parts = payloadsOf(unit)
    expect(parts.length).toBe(4)
    expect(parts.map((p) => (p[1] as number) & 0xc0)).toEqual([0x80, 0, 0, 0x40])
    expect(parts.every((p) => ((p[0] as number) & 0x1f) === 28 && p.length <= 1400)).toBe(true)
    expect(Buffer.concat([unit.subarray(0, 1), ...parts.map((p) => p.subarray(2))]).equals(unit)).toBe(true)
  })
})

const there = hasFfmpeg()
if (!there) console.warn('SKIPPED the RTSP stream of the camera twin: ffmpeg not installed (apt-get install ffmpeg)')

describe.skipIf(!there)('the stream of a twin camera', { timeout: 60_000 }, () => {
  let twin: OnvifTwin
  beforeAll(async () => {
    twin = await createOnvifTwin({
      cameras: [{ id: 'K31', user: 'ww', password: 'p@ss:1' }],
      clock: systemClock,
      chance: () => 0,
      rtsp: true,
    })
  })
  afterAll(() => twin.close())

  const say = (lines: string[]) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(twin.rtspPort as number, '127.0.0.1')
      let text = ''
      socket.on('error', reject)
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        socket.destroy()
        resolve(text)
      })
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    })

  test('refuses a stranger with a digest challenge, an unknown camera, and what it does not know', async () => {
    const url = `rtsp://127.0.0.1:${twin.rtspPort}/cam/K31/stream`
    expect(await say([`DESCRIBE ${url} RTSP/1.0`, 'CSeq: 2'])).toMatch(
      /401 Unauthorized[\s\S]*CSeq: 2[\s\S]*Digest realm/,
    )
    expect(await say([`DESCRIBE ${url.replace('K31', 'K99')} RTSP/1.0`, 'CSeq: 1'])).toMatch(/404/)
    expect(await say([`OPTIONS ${url} RTSP/1.0`, 'CSeq: 1'])).toMatch(/200 OK[\s\S]*PLAY/)
  })

  test('is read by ffmpeg as H.264 of the camera, with the right password only, and its encoder ends with the player', async () => {
    const run = (password: string) =>
      new Promise<{ code: number | null; out: string }>((resolve) => {
        const look = ['-v', 'error', '-rtsp_transport', 'tcp', '-analyzeduration', '500000']
        const show = ['-show_entries', 'stream=codec_name,width,height', '-of', 'csv=p=0']
        const url = `rtsp://ww:${encodeURIComponent(password)}@127.0.0.1:${twin.rtspPort}/cam/K31/stream`
        const child = spawn('ffprobe', [...look, ...show, url], { stdio: ['ignore', 'pipe', 'ignore'] })
        let out = ''
        child.stdout.on('data', (chunk: Buffer) => {
          out += chunk.toString()
        })
        child.once('close', (code) => resolve({ code, out }))
      })
    expect(await run('p@ss:1')).toEqual({ code: 0, out: 'h264,480,270\n' })
    expect((await run('wrong')).code).not.toBe(0)
    await expect.poll(() => twin.encoders(), { timeout: 5000 }).toBe(0)
  })
})
