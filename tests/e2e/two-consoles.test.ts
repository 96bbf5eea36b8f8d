/** Two real browsers at one desk of a real server: exactly one sounds, the other takes over by a press, and by itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAccounts } from '#dashboards/accounts.ts'
import { SampleDesk, SampleFacility, SampleLedger } from '#dashboards/sample-facility.ts'
import { type ConsoleServer, createConsoleServer } from '#dashboards/server.ts'
import { systemClock } from '#model/system-clock.ts'
import { buildConsole } from '../../dashboards/web/test/built.ts'
import { CHROMIUM_ARGS, chromiumPath } from '../../dashboards/web/test-server/chromium.ts'

const path = chromiumPath()
if (!path) console.warn('SKIPPED tests/e2e/two-consoles.test.ts: no Chromium on this machine')
const PASSWORD = 'Geheim-1234'
const patience = { timeout: 60_000 }

describe.skipIf(!path)('two consoles at one desk', { timeout: 180_000 }, () => {
  let built: Awaited<ReturnType<typeof buildConsole>>
  let browser: Browser
  let server: ConsoleServer
  let url: string
  const dir = mkdtempSync(join(tmpdir(), 'ww-two-'))
  const accounts = openAccounts({ dir, clock: systemClock, scryptLog2: 4 })

  beforeAll(async () => {
    built = await buildConsole()
    browser = await chromium.launch({
      executablePath: path!,
      args: [...CHROMIUM_ARGS, '--autoplay-policy=no-user-gesture-required'],
    })
    await accounts.add({ id: 'li', role: 'officer', password: PASSWORD })
    await accounts.add({ id: 'wang', role: 'chief', password: PASSWORD })
    server = await createConsoleServer({
      id: 'js-03',
      clock: systemClock,
      accounts,
      alerts: new SampleDesk(systemClock),
      facility: new SampleFacility(),
      ledger: new SampleLedger(),
      logger: pino({ level: 'silent' }),
      webRoot: built.root,
      desks: [{ id: 'console-1', zones: ['*'] }],
    })
    url = await server.listen()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    accounts.close()
    built?.remove()
    rmSync(dir, { recursive: true, force: true })
  })

  async function sit(account: string): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${url}/login`)
    await page.fill('input[name=account]', account)
    await page.fill('input[name=password]', PASSWORD)
    await page.click('button[type=submit]')
    await page.waitForURL((at) => !at.pathname.startsWith('/login'))
    return page
  }
  const role = (page: Page) => page.getByTestId('sound').getAttribute('data-role')

  test('the first sounds, the second is told who does; taken over, and taken back when that one leaves', async () => {
    const li = await sit('li')
    await expect.poll(() => role(li), patience).toBe('own')
    const wang = await sit('wang')
    await expect.poll(() => role(wang), patience).toBe('other')
    expect(await wang.getByTestId('sound').innerText()).toContain('li')
    expect(server.consoles.attended()).toBe(2)
    await wang.getByTestId('sound').click()
    await expect.poll(() => role(wang), patience).toBe('own')
    await expect.poll(() => role(li), patience).toBe('other')
    await wang.context().close()
    await expect.poll(() => role(li), patience).toBe('own')
    expect(server.consoles.list().filter((c) => c.sounding)).toHaveLength(1)
  })

  test('a desk that the site does not name is said, and the console works all the same', async () => {
    const page = await sit('wang')
    await page.goto(`${url}/duty?desk=console-9`)
    await page.getByTestId('wrong-desk').getByText('console-9').waitFor(patience)
    await expect.poll(() => page.getByTestId('connection').getAttribute('data-phase'), patience).toBe('live')
  })
})
