/** Live video and pre-roll over HTTP: rights by role and place, one stream for the viewer, each look recorded. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WardwatchError } from '#model/errors.ts'
import type { LiveViewer, Video } from '#model/ports/video.ts'
import { systemClock } from '#model/system-clock.ts'
import { type Accounts, openAccounts } from './accounts.ts'
import { readZip } from './evidence/zip.ts'
import type { Look } from './looks.ts'
import { SampleDesk, SampleFacility, SampleLedger, sampleAlert, T0 } from './sample-facility.ts'
import { type ConsoleServer, createConsoleServer } from './server.ts'

const JPEG = Buffer.from([0xff, 0xd8, 1, 2, 0xff, 0xd9])
const MIME = 'video/mp4; codecs="avc1.42c01e"'

class FakeVideo implements Video {
  viewers = new Set<LiveViewer>()
  refuse: WardwatchError | null = null
  async watch(_camera: string, viewer: LiveViewer) {
    if (this.refuse) throw this.refuse
    this.viewers.add(viewer)
    viewer.data(Buffer.from('head '))
    return { mime: MIME, stop: () => void this.viewers.delete(viewer) }
  }
  /** The camera that saw the seconds before the alert. */
  camera = 'K31'
  async preroll(alert: string) {
    const sha256 = createHash('sha256').update(JPEG).digest('hex')
    return alert === 'a1' ? [{ device: this.camera, takenAt: T0 - 3000, sha256 }] : []
  }
  async prerollPicture() {
    return JPEG
  }
  state() {
    return { unavailable: null, streams: 0, viewers: 0, started: 0, failed: 0, rings: 0, ringBytes: 0 }
  }
}

let dir: string
let accounts: Accounts
let video: FakeVideo
let desk: SampleDesk
let facility: SampleFacility
/** Seconds that the server waits on its own are made short, so that nobody waits here. */
let hurry = false
let looks: Look[]
let server: ConsoleServer
let url: string
const tokens: Record<string, string> = {}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ww-video-'))
  accounts = openAccounts({ dir, clock: systemClock, scryptLog2: 4 })
  for (const [id, role] of [
    ['li', 'officer'],
    ['zhao', 'officer'],
    ['wang', 'chief'],
    ['gov', 'provincial'],
    ['wall', 'wall'],
  ] as const) {
    await accounts.add({ id, role, password: 'Geheim-1234' })
    tokens[id] = accounts.token(id).token
  }
  desk = new SampleDesk(systemClock)
  desk.publish(sampleAlert('a1'))
  facility = new SampleFacility()
  hurry = false
  facility.items.zones!.push(
    { id: 'W3-WC', kind: 'toilet', parent: 'W3' },
    { id: 'W9', kind: 'ward', parent: 'B1' },
    { id: 'MED', kind: 'medical', parent: 'B1' },
    { id: 'F1', kind: 'ward', parent: 'B1', lodges: 'women' },
    { id: 'F1-C1', kind: 'cell', parent: 'F1' },
    { id: 'F2', kind: 'ward', parent: 'B1', lodges: 'women' },
  )
  facility.items.devices!.push(
    { id: 'K-WC', kind: 'camera', driver: 'onvif', zone: 'W3', watches: ['W3-WC'] },
    { id: 'K-MED', kind: 'camera', driver: 'onvif', zone: 'MED' },
    { id: 'K-W9', kind: 'camera', driver: 'onvif', zone: 'W9' },
    { id: 'K-F1', kind: 'camera', driver: 'onvif', zone: 'F1-C1' },
    { id: 'K-F2', kind: 'camera', driver: 'onvif', zone: 'F2' },
  )
  video = new FakeVideo()
  looks = []
  server = await createConsoleServer({
    id: 'js-03',
    clock: { now: systemClock.now, after: (ms, task) => systemClock.after(hurry ? 5 : ms, task) },
    accounts,
    alerts: desk,
    facility,
    ledger: new SampleLedger(),
    logger: pino({ level: 'silent' }),
    onLook: (look) => looks.push(look),
    video,
    viewing: [
      { zones: ['W9'], accounts: ['zhao'], roles: ['chief'] },
      { zones: ['F2'], accounts: ['zhao'] },
    ],
    webRoot: null,
  })
  url = await server.listen()
})
afterEach(async () => {
  await server.close()
  accounts.close()
  rmSync(dir, { recursive: true })
})

const ask = (who: string, path: string, signal?: AbortSignal) =>
  fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${tokens[who]}` }, ...(signal ? { signal } : {}) })

test('a viewer gets the stream as it comes, is noted with name and camera, and leaves with the connection', async () => {
  const abort = new AbortController()
  const answer = await ask('li', '/cameras/K31/live', abort.signal)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe(MIME)
  const reader = answer.body!.getReader()
  const text = async () => Buffer.from((await reader.read()).value!).toString()
  expect(await text()).toBe('head ')
  for (const viewer of video.viewers) viewer.data(Buffer.from('fragment'))
  expect(await text()).toBe('fragment')
  expect(looks).toContainEqual(expect.objectContaining({ by: 'li', what: 'live', purpose: 'camera K31' }))
  abort.abort()
  await expect.poll(() => video.viewers.size).toBe(0)
})

test('a stream that ends is an ended answer', async () => {
  const answer = await ask('li', '/cameras/K31/live')
  for (const viewer of video.viewers) viewer.end('the camera is gone')
  expect(await answer.text()).toBe('head ')
})

test('a ward is looked into by those the site names, a toilet by nobody, and roles without video see none', async () => {
  for (const path of ['live', 'snapshot']) {
    expect((await ask('li', `/cameras/K-W9/${path}`)).status, path).toBe(403)
    expect((await ask('wang', `/cameras/K-WC/${path}`)).status, path).toBe(403)
    // Nothing in the site file names the infirmary: it is closed by its kind.
    expect((await ask('wang', `/cameras/K-MED/${path}`)).status, path).toBe(403)
    expect((await ask('gov', `/cameras/K31/${path}`)).status, path).toBe(403)
    expect((await ask('wang', `/cameras/CB1/${path}`)).status, path).toBe(404)
  }
  expect(((await (await ask('li', '/cameras/K-W9/live')).json()) as { detail: string }).detail).toBe(
    'Pictures of zone "W9" are shown only to those whom console.viewing of the site file names.',
  )
  expect(await (await ask('wang', '/cameras/K-MED/live')).json()).toMatchObject({
    code: 'viewing-medical',
    zone: 'MED',
  })
  const { items } = (await (await ask('wang', '/devices')).json()) as { items: { id: string; viewable?: boolean }[] }
  expect(Object.fromEntries(items.map((d) => [d.id, d.viewable]))).toMatchObject({
    'K-MED': false,
    'K-WC': false,
    'K-W9': true,
  })
  const abort = new AbortController()
  expect((await ask('zhao', '/cameras/K-W9/live', abort.signal)).status).toBe(200)
  abort.abort()
  expect(looks.some((look) => look.by === 'li')).toBe(false)
})

test('a wall sees live what is near an open red or orange alert, and nothing else', async () => {
  expect((await ask('wall', '/cameras/K31/live')).status).toBe(403)
  desk.publish(sampleAlert('a9', { level: 'orange', zone: 'YARD' }))
  const abort = new AbortController()
  expect((await ask('wall', '/cameras/K31/live', abort.signal)).status).toBe(200)
  abort.abort()
})

test('no ffmpeg and no room are told with their code, so that the console shows pictures instead', async () => {
  video.refuse = new WardwatchError('video-unavailable', 'There is no live video: ffmpeg is not installed on the edge.')
  const answer = await ask('li', '/cameras/K31/live')
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ code: 'video-unavailable', detail: expect.stringContaining('ffmpeg') })
})

test('the seconds before an alert are listed with hashes and shown one by one to those who may see persons', async () => {
  const list = (await (await ask('li', '/alerts/a1/preroll')).json()) as { items: { sha256: string }[]; total: number }
  expect(list.total).toBe(1)
  const picture = await ask('li', '/alerts/a1/preroll/0')
  expect(picture.headers.get('x-taken-at')).toBe(String(T0 - 3000))
  const bytes = Buffer.from(await picture.arrayBuffer())
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(list.items[0]!.sha256)
  expect((await ask('li', '/alerts/a1/preroll/1')).status).toBe(404)
  expect((await ask('li', '/alerts/a1/preroll/..%2f0')).status).toBe(404)
  expect((await ask('gov', '/alerts/a1/preroll')).status).toBe(403)
  expect(looks).toContainEqual(expect.objectContaining({ by: 'li', what: 'preroll' }))
})

const WOMEN = { status: 403, code: 'viewing-women', zone: 'F1' }

test('a ward that lodges women: list, picture and live video are closed to all, and open to whom an entry names for it', async () => {
  for (const who of ['li', 'zhao', 'wang']) {
    for (const path of ['live', 'snapshot'])
      expect(await (await ask(who, `/cameras/K-F1/${path}`)).json(), `${who} ${path}`).toMatchObject(WOMEN)
    const { items } = (await (await ask(who, '/devices?kind=camera')).json()) as {
      items: { id: string; viewable: boolean }[]
    }
    const viewable = Object.fromEntries(items.map((d) => [d.id, d.viewable]))
    expect(viewable, who).toMatchObject({ K31: true, 'K-F1': false, 'K-F2': who === 'zhao' })
  }
  expect(((await (await ask('li', '/cameras/K-F1/live')).json()) as { detail: string }).detail).toBe(
    'Zone "F1" lodges women: its pictures are shown to nobody but those whom console.viewing of the site file names for it.',
  )
  desk.publish(sampleAlert('a9', { level: 'red', zone: 'F1' }))
  expect((await ask('wall', '/cameras/K-F1/snapshot')).status, 'a red alert opens no ward of women to a wall').toBe(403)
  expect((await ask('wang', '/cameras/K-F2/live')).status).toBe(403)
  const abort = new AbortController()
  expect((await ask('zhao', '/cameras/K-F2/live', abort.signal)).status).toBe(200)
  abort.abort()
  expect(looks.map(({ by, purpose }) => [by, purpose])).toEqual([['zhao', 'camera K-F2']])
})

/** What was kept of a1 was seen by this camera. */
function keptBy(camera: string) {
  video.camera = camera
  facility.evidencePicture = async () => ({ device: camera, takenAt: T0, jpeg: new Uint8Array(JPEG), sha256: 'ab' })
}
async function kept(who: string): Promise<{ statuses: number[]; pictures: number; why: string }> {
  const statuses = [(await ask(who, '/alerts/a1/picture')).status, (await ask(who, '/alerts/a1/preroll/0')).status]
  const bundle = await ask(who, '/alerts/a1/evidence.zip?reason=test')
  const files = readZip(Buffer.from(await bundle.arrayBuffer()))
  const pictures = [...files].filter(([path]) => path.endsWith('.jpg')).length
  const why = [...files].flatMap(([path, data]) => (path.endsWith('.json') ? [data.toString()] : [])).join('')
  return { statuses, pictures, why: /pictures are withheld|未收录/.exec(why)?.[0] ?? '' }
}

test('a ward that lodges women: pictures, pre-roll and evidence bundles keep its pictures from all but those named', async () => {
  keptBy('K-F2')
  const closed = await kept('wang')
  expect(closed).toMatchObject({ statuses: [403, 403], pictures: 0 })
  expect(closed.why).not.toBe('')
  expect(await kept('zhao')).toMatchObject({ statuses: [200, 200], pictures: 2, why: '' })
  keptBy('K-F1')
  expect(await kept('zhao')).toMatchObject({ statuses: [403, 403], pictures: 0 })
})

test('what a camera saw stays closed when the camera is taken out of the site: then the place of its alert counts', async () => {
  keptBy('K-GONE')
  expect(await kept('li')).toMatchObject({ statuses: [200, 200], pictures: 2 })
  desk.publish(sampleAlert('a1', { zone: 'F1-C1' }), 'acknowledged')
  expect(await kept('li')).toMatchObject({ statuses: [403, 403], pictures: 0 })
})

test('a ward declared by API is closed at once, for pictures and for who is watching already', async () => {
  hurry = true
  const answer = await ask('li', '/cameras/K31/live')
  expect(answer.status).toBe(200)
  const put = await fetch(`${url}/api/v1/context/zones`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${tokens.wang}`, 'content-type': 'application/json' },
    body: JSON.stringify([{ id: 'YARD', kind: 'yard', parent: 'B1', lodges: 'women' }]),
  })
  expect(put.status).toBe(200)
  expect(await (await ask('li', '/cameras/K31/snapshot')).json()).toMatchObject({ code: 'viewing-women', zone: 'YARD' })
  // The stream ends by the server: this resolves only then.
  expect(await answer.text()).toBe('head ')
  const wrong = await fetch(`${url}/api/v1/context/zones`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${tokens.wang}`, 'content-type': 'application/json' },
    body: JSON.stringify([{ id: 'YARD', kind: 'yard', lodges: 'woman' }]),
  })
  expect(wrong.status).toBe(422)
})
