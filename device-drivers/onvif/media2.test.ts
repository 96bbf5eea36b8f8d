/** Pictures and streams of cameras that have only the second media service (Profile T), over a real socket. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { CameraClient } from './camera-client.ts'
import { soapBody } from './xml.ts'

const MEDIA2 = 'http://www.onvif.org/ver20/media/wsdl'
let server: Server
afterEach(() => server.close())

/** @param first does it say that it has the first media service as well, which then refuses everything? */
async function camera(first: boolean): Promise<CameraClient> {
  const envelope = (body: string): string =>
    `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:t="http://www.onvif.org/ver10/schema" xmlns:m="${MEDIA2}" xmlns:d="http://www.onvif.org/ver10/device/wsdl"><s:Body>${body}</s:Body></s:Envelope>`
  server = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => {
      text += part
    })
    request.on('end', () => {
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const service = (namespace: string, path: string): string =>
        `<d:Service><d:Namespace>${namespace}</d:Namespace><d:XAddr>${base}/${path}</d:XAddr></d:Service>`
      const says = (name: string, inner: string): string => envelope(`<m:${name}>${inner}</m:${name}>`)
      const answer =
        request.url === '/picture'
          ? Buffer.from('ffd8ffe000104a464946ffd9', 'hex')
          : text.includes('GetServices')
            ? envelope(
                `<d:GetServicesResponse>${service('http://www.onvif.org/ver10/device/wsdl', 'device')}${service(MEDIA2, 'media2')}${first ? service('http://www.onvif.org/ver10/media/wsdl', 'media') : ''}</d:GetServicesResponse>`,
              )
            : request.url === '/media2' && text.includes('GetProfiles')
              ? says(
                  'GetProfilesResponse',
                  '<m:Profiles token="P&amp;2" fixed="true"><m:Name>main</m:Name><m:Configurations><m:VideoSource token="V"><t:SourceToken>S</t:SourceToken></m:VideoSource></m:Configurations></m:Profiles>',
                )
              : request.url === '/media2' && /GetSnapshotUri.*<ProfileToken>P&(amp|#38);2</.test(text)
                ? says('GetSnapshotUriResponse', '<m:Uri>/picture</m:Uri>')
                : request.url === '/media2' && /GetStreamUri.*<Protocol>RTSP<.*<ProfileToken>P&(amp|#38);2</.test(text)
                  ? says('GetStreamUriResponse', '<m:Uri>rtsp://127.0.0.1:554/main</m:Uri>')
                  : null
      response.writeHead(answer === null ? 500 : 200)
      response.end(answer ?? 'this operation is not there')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/device`)
  return new CameraClient({ url, user: 'ww', password: 'secret' }, systemClock)
}

test.each([false, true])(
  'a camera of Profile T gives picture and stream (first media service named: %s)',
  async (first) => {
    const client = await camera(first)
    try {
      expect((await client.snapshot()).length).toBe(12)
      expect(await client.streamUri()).toBe('rtsp://127.0.0.1:554/main')
    } finally {
      client.close()
    }
  },
)

test('the page of a web server in trouble is told by its status', () => {
  expect(() => soapBody('Internal Server Error', 500)).toThrow('HTTP status 500')
  expect(() => soapBody('oops', 200)).toThrow('is not XML')
})
