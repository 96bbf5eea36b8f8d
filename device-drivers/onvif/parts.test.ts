/** The parts that need no socket: clock offset, gate, XML, topics, discovery answers, reference parameters. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VirtualClock } from '#model/clock.ts'
import { CameraClient } from './camera-client.ts'
import { ClockOffset } from './clock-offset.ts'
import { ConnectGate } from './connect-gate.ts'
import { readMatches } from './discovery.ts'
import { addressOf } from './driver.ts'
import { fitsGlob, loadCameraModel } from './model.ts'
import { parseTime, plainTopic } from './notification.ts'
import { referenceXml } from './pull-point.ts'
import { parseXml, soapBody } from './xml.ts'

test('whole seconds taken at different fractions narrow the offset, and the truth stays inside', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -100_000, max: 100_000 }),
      fc.array(fc.record({ wait: fc.integer({ min: 0, max: 5000 }), trip: fc.integer({ min: 0, max: 80 }) }), {
        minLength: 1,
        maxLength: 8,
      }),
      (truth, asks) => {
        const offset = new ClockOffset()
        let now = 1_795_300_000_000
        for (const { wait, trip } of asks) {
          now += wait
          const deviceSeconds = Math.floor((now + trip / 2 + truth) / 1000) * 1000
          offset.add(deviceSeconds, 1000, now, now + trip)
          now += trip
        }
        const found = offset.offsetMs as number
        expect(Math.abs(found - truth)).toBeLessThanOrEqual(offset.widthMs)
        expect(offset.widthMs).toBeLessThanOrEqual(1080)
      },
    ),
  )
})

test('a clock that was set is believed at once', () => {
  const offset = new ClockOffset()
  offset.add(1_795_300_000_000, 1, 1_795_300_000_000, 1_795_300_000_002)
  expect(offset.offsetMs).toBe(0)
  offset.add(1_795_300_065_000, 1, 1_795_300_060_000, 1_795_300_060_002)
  expect(Math.abs((offset.offsetMs as number) - 5000)).toBeLessThanOrEqual(2)
})

test('cameras that failed before hold at most half of the places, and whoever leaves admits the next', async () => {
  const gate = new ConnectGate(4)
  const { signal } = new AbortController()
  const inside: string[] = []
  const enter = (name: string, repeater: boolean) =>
    gate.enter(repeater, signal).then((leave) => {
      inside.push(name)
      return leave
    })
  const dead = ['a', 'b', 'c'].map((name) => enter(name, true))
  const fresh = ['x', 'y', 'z'].map((name) => enter(name, false))
  await new Promise((resolve) => setImmediate(resolve))
  expect(inside).toEqual(['a', 'b', 'x', 'y'])
  ;(await (dead[0] as Promise<() => void>))()
  await new Promise((resolve) => setImmediate(resolve))
  expect(inside).toEqual(['a', 'b', 'x', 'y', 'c'])
  ;(await (fresh[0] as Promise<() => void>))()
  await fresh[2]
  expect(gate.taken).toBe(4)
})

test('whoever gives up waiting at the gate takes no place', async () => {
  const gate = new ConnectGate(1)
  const leave = await gate.enter(false, new AbortController().signal)
  const waiting = new AbortController()
  const refused = expect(gate.enter(false, waiting.signal)).rejects.toThrow('stopped')
  waiting.abort()
  await refused
  leave()
  expect(gate.taken).toBe(0)
})

test.each([
  ['<html><b></html>', /not XML/],
  ['', /not (XML|a SOAP)/],
  ['<a/>', /not a SOAP envelope/],
  ['<!DOCTYPE x [<!ENTITY a "b">]><Envelope><Body/></Envelope>', /document type/],
  [
    '<Envelope><Body><Fault><Code><Value>env:Sender</Value><Subcode><Value>ter:NotAuthorized</Value></Subcode></Code></Fault></Body></Envelope>',
    /user or password/,
  ],
  ['<Envelope><Body><Fault><Reason><Text>busy</Text></Reason></Fault></Body></Envelope>', /SOAP fault: busy/],
])('the answer %j is refused in one sentence', (xml, message) => {
  expect(() => soapBody(xml, 200)).toThrow(message)
})

test('no text whatsoever makes the reader fail otherwise than with a code', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('<', '>', '/', '&', '"', '=', ' ', 'a', ':', ';', '!', '[', ']', '-', '?') }),
      (text) => {
        try {
          parseXml(text)
        } catch (error) {
          expect((error as { code?: string }).code).toBe('bad-payload')
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('topics lose the prefix of every segment, and times that cannot be are none', () => {
  expect(plainTopic(' tns1:Device/tns1:Trigger/tnshik:AlarmIn ')).toBe('Device/Trigger/AlarmIn')
  expect(parseTime('0000-00-00T00:00:00Z')).toBeNull()
  expect(parseTime('1970-01-01T00:00:00Z')).toBeNull()
  expect(parseTime('2026-11-22T12:00:00+08:00')).toBe(Date.UTC(2026, 10, 22, 4))
  expect(parseTime('2026-11-22T04:00:00')).toBe(Date.UTC(2026, 10, 22, 4))
  expect(parseTime('yesterday')).toBeNull()
})

test('patterns with * hold for the whole text, case ignored', () => {
  expect(fitsGlob('*human*', 'Human Animal')).toBe(true)
  expect(fitsGlob('human', 'humans')).toBe(false)
  expect(fitsGlob('a.c', 'abc')).toBe(false)
})

test('a model file that does not exist is refused with the places looked in', () => {
  expect(() => loadCameraModel('no-such', ['/nowhere'])).toThrow(/no model file "no-such.yaml".*\/nowhere/)
})

test('what the camera refers to its subscription by goes back with its namespace (Axis)', () => {
  const xml =
    '<e:Envelope xmlns:e="x" xmlns:wsa5="w"><wsa5:ReferenceParameters><dom0:SubscriptionId xmlns:dom0="http://www.axis.com/2009/event">34</dom0:SubscriptionId></wsa5:ReferenceParameters></e:Envelope>'
  expect(referenceXml(xml)).toBe(
    '<SubscriptionId xmlns="http://www.axis.com/2009/event" a:IsReferenceParameter="true">34</SubscriptionId>',
  )
  expect(referenceXml('<a/>')).toBe('')
})

test('addresses of other hosts become the configured one, those of the same host keep their port', () => {
  const client = new CameraClient(
    addressOf({ id: 'K', url: 'http://192.0.2.31:8080/onvif/device_service', user: 'a', password: 'b' }),
    new VirtualClock(),
  )
  expect(client.reachable('http://10.0.0.4/onvif/events').href).toBe('http://192.0.2.31:8080/onvif/events')
  expect(client.reachable('http://192.0.2.31:9000/onvif/events').href).toBe('http://192.0.2.31:9000/onvif/events')
  expect(client.reachable('rtsp://10.0.0.4:554/s').href).toBe('rtsp://192.0.2.31:554/s')
  expect(client.reachable('/onvif/sub?id=1').href).toBe('http://192.0.2.31:8080/onvif/sub?id=1')
  expect(client.reachable('http://[::1').href).toBe('http://192.0.2.31:8080/onvif/device_service')
  client.close()
})

test('a site entry without a usable address is refused with the device named', () => {
  expect(() => addressOf({ id: 'K31', url: 'rtsp://192.0.2.31' })).toThrow(/K31.*http/)
  expect(addressOf({ id: 'K31', url: 'http://192.0.2.31' }).url.pathname).toBe('/onvif/device_service')
})

test('a discovery answer with several addresses gives the one it came from; nonsense gives nothing', () => {
  const match = (body: string) =>
    `<e:Envelope xmlns:e="e"><e:Body><d:ProbeMatches xmlns:d="d">${body}</d:ProbeMatches></e:Body></e:Envelope>`
  const found = readMatches(
    match(
      '<d:ProbeMatch><a:EndpointReference xmlns:a="a"><a:Address>urn:uuid:1</a:Address></a:EndpointReference><d:Scopes>onvif://www.onvif.org/name/HIKVISION%20DS-2CD onvif://www.onvif.org/hardware/DS-2CD</d:Scopes>' +
        '<d:XAddrs>http://169.254.3.4/onvif/device_service http://192.0.2.31/onvif/device_service</d:XAddrs></d:ProbeMatch><d:ProbeMatch/>',
    ),
    '192.0.2.31',
  )
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({
    endpoint: 'urn:uuid:1',
    entry: { id: 'HIKVISION-DS-2CD', url: 'http://192.0.2.31/onvif/device_service', model: 'hikvision' },
  })
  for (const nonsense of ['', 'hello', '<a/>', match('<d:ProbeMatch><d:XAddrs>::</d:XAddrs></d:ProbeMatch>')])
    expect(readMatches(nonsense, '192.0.2.1')).toEqual([])
})
