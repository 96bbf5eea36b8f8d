/** The twin by itself, spoken to with plain HTTP: it refuses what a real camera refuses. */
import { createHash, randomBytes } from 'node:crypto'
import jpeg from 'jpeg-js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { CameraDoor } from './camera-auth.ts'
import { createOnvifTwin, type OnvifTwin } from './index.ts'
import { eventOfReading } from './reading-events.ts'
import { drawScene, EMPTY_SCENE, HEIGHT, WIDTH } from './scene-picture.ts'

let twin: OnvifTwin
beforeEach(async () => {
  twin = await createOnvifTwin({
    cameras: [{ id: 'K01', user: 'ww', password: '密码' }],
    clock: systemClock,
    chance: () => 0,
  })
})
afterEach(() => twin.close())

function token(password: string, created = new Date(systemClock.now()).toISOString(), nonce = randomBytes(16)): string {
  const digest = createHash('sha1').update(nonce).update(created).update(password).digest('base64')
  return `<Security><UsernameToken><Username>ww</Username><Password>${digest}</Password><Nonce>${nonce.toString('base64')}</Nonce><Created>${created}</Created></UsernameToken></Security>`
}

async function ask(body: string, header = '', url = twin.urlOf('K01')): Promise<{ status: number; text: string }> {
  const response = await fetch(url, {
    method: 'POST',
    body: `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>${header}</s:Header><s:Body>${body}</s:Body></s:Envelope>`,
  })
  return { status: response.status, text: await response.text() }
}

test('anyone may ask the time, nobody else anything without a password', async () => {
  expect((await ask('<GetSystemDateAndTime/>')).text).toContain('UTCDateTime')
  expect((await ask('<GetDeviceInformation/>')).status).toBe(401)
  expect((await ask('<GetDeviceInformation/>', token('密码'))).status).toBe(200)
})

test('a wrong password, an old token and a token used before are refused', async () => {
  expect(await ask('<GetProfiles/>', token('x'))).toMatchObject({
    status: 400,
    text: expect.stringContaining('NotAuthorized'),
  })
  expect((await ask('<GetProfiles/>', token('密码', '2020-01-01T00:00:00Z'))).status).toBe(400)
  const used = token('密码')
  expect((await ask('<GetProfiles/>', used)).status).toBe(200)
  expect((await ask('<GetProfiles/>', used)).status).toBe(400)
})

test('HTTP digest is computed for real: other path, other counter, other password are refused', () => {
  const door = new CameraDoor('ww', 'pw', 'realm')
  const nonce = /nonce="([^"]+)"/.exec(door.challenges(0)[0] as string)?.[1] as string
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')
  const header = (password: string, uri: string, nc: string) =>
    `Digest username="ww", realm="realm", nonce="${nonce}", uri="${uri}", qop=auth, nc=${nc}, cnonce="c", response="${md5(`${md5(`ww:realm:${password}`)}:${nonce}:${nc}:c:auth:${md5(`GET:${uri}`)}`)}"`
  expect(door.digest(header('no', '/a', '00000001'), 'GET', '/a', 0)).toBe(false)
  expect(door.digest(header('pw', '/b', '00000001'), 'GET', '/a', 0)).toBe(false)
  expect(door.digest(header('pw', '/a', '00000001'), 'GET', '/a', 0)).toBe(true)
  expect(door.digest(header('pw', '/a', '00000001'), 'GET', '/a', 0)).toBe(false)
  expect(door.digest(header('pw', '/a', '00000002'), 'GET', '/a', 999_999_999)).toBe(false)
})

test('a subscription tells present states as Initialized, then changes in order, and ends with Unsubscribe', async () => {
  const answer = await ask(
    '<CreatePullPointSubscription><InitialTerminationTime>PT60S</InitialTerminationTime></CreatePullPointSubscription>',
    token('密码'),
  )
  const address = /<wsa:Address>([^<]+)</.exec(answer.text)?.[1] as string
  const [current, ends] = ['CurrentTime', 'TerminationTime'].map((name) =>
    Date.parse(new RegExp(`<wsnt:${name}>([^<]+)`).exec(answer.text)?.[1] ?? ''),
  )
  expect((ends as number) - (current as number)).toBe(60_000)
  const pull = () =>
    ask('<PullMessages><Timeout>PT5S</Timeout><MessageLimit>10</MessageLimit></PullMessages>', token('密码'), address)
  expect((await pull()).text).toMatch(/MotionAlarm[\s\S]*PropertyOperation="Initialized"[\s\S]*Value="false"/)
  const waiting = pull()
  twin.emit('K01', 'tns1:A/B', { data: { Text: '<&">' }, time: null })
  expect((await waiting).text).toMatch(
    /tns1:A\/B[\s\S]*<tt:Message PropertyOperation="Changed">[\s\S]*Value="&lt;&amp;&quot;&gt;"/,
  )
  expect(twin.stats('K01').subscriptions).toBe(1)
  await ask('<Unsubscribe/>', token('密码'), address)
  expect(twin.stats('K01').subscriptions).toBe(0)
  expect((await pull()).text).toContain('ResourceUnknown')
})

test('nonsense is answered with a SOAP fault, an unknown camera with 404, and an unknown operation by name', async () => {
  expect((await fetch(twin.urlOf('K01'), { method: 'POST', body: 'hello' })).status).toBe(400)
  expect((await fetch(twin.urlOf('K01').replace('K01', 'K77'), { method: 'POST', body: '' })).status).toBe(404)
  expect((await ask('<MakeCoffee/>', token('密码'))).text).toContain('MakeCoffee')
})

test('pictures show the scene: one figure more, night, or another place change it; each is a JPEG', () => {
  const draw = (scene: object) =>
    Buffer.from(drawScene({ ...EMPTY_SCENE, ...scene }, { title: 'K01', time: '2026-11-22', preset: null }, 5))
  const pictures = [
    {},
    { persons: 1 },
    { persons: 2 },
    { animals: 1 },
    { night: true },
    { covered: true },
    { defocused: true },
    { place: 'fence' },
    { place: 'corridor' },
  ].map(draw)
  for (const [i, picture] of pictures.entries())
    for (const other of pictures.slice(i + 1)) expect(picture.equals(other)).toBe(false)
  expect(jpeg.decode(pictures[1] as Buffer)).toMatchObject({ width: WIDTH, height: HEIGHT })
})

test('a reading that no camera tells is refused by name', () => {
  expect(() => eventOfReading('band.sos', {}, 1)).toThrow(/band\.sos/)
})
