/** Certificates, users and browsing, against a twin that offers only encrypted endpoints and knows its users. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Device } from '#model/context/kinds.ts'
import { systemClock } from '#model/system-clock.ts'
import { createOpcuaTwin, type OpcuaTwin } from '#simulators/opcua/index.ts'
import { eventually, RecordingHost } from '../conformance.ts'
import type { Driver } from '../contract.ts'
import { browseOpcua, createOpcuaDriver } from './index.ts'

let twin: OpcuaTwin
let host: RecordingHost
let driver: Driver

beforeAll(async () => {
  twin = await createOpcuaTwin({
    devices: [
      { id: 'C204', kind: 'door' },
      { id: 'F07', kind: 'fence' },
      { id: 'R1', kind: 'reader' },
      { id: 'TH1', kind: 'climate' },
    ],
    users: { edge: 'correct horse' },
    security: ['Basic256Sha256', 'Aes256_Sha256_RsaPss'],
    clock: systemClock,
  })
})
afterAll(() => twin.close())
beforeEach(() => {
  host = new RecordingHost()
  driver = createOpcuaDriver(host)
})
afterEach(async () => {
  await driver.stop()
  host.dispose()
})

const door = (more: Partial<Device> = {}): Device => ({
  id: 'D-C204',
  driver: 'opcua',
  url: twin.url,
  root: 'ns=2;s=Doors/C204',
  model: 'generic-door',
  user: 'edge',
  password: 'correct horse',
  security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt', trust: 'first-use' },
  ...more,
})
const reasonOf = (id: string) =>
  eventually(
    'a reason',
    () => {
      const health = driver.health().find((h) => h.device === id)
      return health && !health.online && health.reason !== 'not yet connected' ? (health.reason as string) : null
    },
    15_000,
  )

test.each(['Basic256Sha256', 'Aes256_Sha256_RsaPss'] as const)(
  'signed and encrypted with %s and a user name, readings arrive',
  async (policy) => {
    await driver.start([door({ security: { policy, mode: 'SignAndEncrypt', trust: 'first-use' } })])
    await eventually('the first reading', () => host.of('D-C204', 'door.state')[0], 15_000)
    expect(host.of('D-C204', 'device.status')[0]?.value).toEqual({ online: true })
  },
)

test('an unknown certificate is refused with the way to trust it, unless the site allows the first one', async () => {
  await driver.start([door({ security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt' } })])
  const reason = await reasonOf('D-C204')
  expect(reason).toContain('is not trusted')
  expect(reason).toContain('trust: first-use')
  expect(reason.split('\n')).toHaveLength(1)
  expect(host.of('D-C204', 'door.state')).toEqual([])
})

test('a wrong password is one clear sentence, and a device with the right one is heard beside it', async () => {
  await driver.start([door({ password: 'wrong' }), door({ id: 'RIGHT' })])
  expect(await reasonOf('D-C204')).toBe(
    `${twin.url} refused user "edge": user name or password is wrong; correct it in the site file`,
  )
  await eventually('the healthy one', () => host.of('RIGHT', 'door.state')[0], 15_000)
})

test('without a user the sentence says that anonymous clients are not let in', async () => {
  await driver.start([door({ user: undefined, password: undefined })])
  expect(await reasonOf('D-C204')).toContain('anonymous')
})

test('a policy that the server does not offer is named', async () => {
  await driver.start([door({ security: { policy: 'None' } })])
  expect(await reasonOf('D-C204')).toContain('policy None')
})

test('browse shows the tree with values and proposes entries for the site file', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'ww-browse-'))
  try {
    const found = await browseOpcua({
      url: twin.url,
      security: { policy: 'Basic256Sha256', mode: 'SignAndEncrypt', trust: 'first-use' },
      user: 'edge',
      password: 'correct horse',
      depth: 4,
      dataDir,
    })
    const doors = found.tree.find((node) => node.name === 'Doors')
    expect(doors?.children[0]).toMatchObject({ nodeId: 'ns=2;s=Doors/C204', class: 'object' })
    expect(doors?.children[0]?.children.find((node) => node.name === 'State')).toMatchObject({
      value: 0,
      status: 'Good',
    })
    const models = Object.fromEntries(found.proposals.map((device) => [device.root, device.model]))
    expect(models).toEqual({
      'ns=2;s=Doors/C204': 'generic-door',
      'ns=2;s=Fences/F07': 'generic-fence',
      'ns=2;s=Readers/R1': 'generic-reader',
      'ns=2;s=Env/TH1': 'generic-climate',
    })
    expect(found.proposals.every((device) => device.driver === 'opcua' && !('password' in device))).toBe(true)
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})
