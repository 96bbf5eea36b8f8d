/** `node dashboards/web/test-server/shots.ts OUTDIR`: pictures of the pages in the sizes people use, against the fake server. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { CHROMIUM_ARGS, chromiumPath } from './chromium.ts'
import { startFakeServer } from './server.ts'

const out = process.argv[2]
if (!out) throw new Error('Name the folder for the pictures: shots.ts OUTDIR')
const only = process.argv[3]
mkdirSync(out, { recursive: true })
const root = join(import.meta.dirname, '../dist')

async function logIn(page: Page, url: string, account: string): Promise<void> {
  await page.goto(`${url}/login`)
  await page.fill('input[name=account]', account)
  await page.fill('input[name=password]', 'duty-2026')
  await page.click('button[type=submit]')
  await page.waitForURL((u) => !u.pathname.startsWith('/login'))
}

async function shot(
  browser: Browser,
  name: string,
  url: string,
  account: string,
  path: string,
  size: { width: number; height: number },
  more: { language?: string; theme?: string; open?: boolean; prepare?: (page: Page) => Promise<void> } = {},
): Promise<void> {
  if (only && !name.includes(only)) return
  const context = await browser.newContext({ viewport: size, deviceScaleFactor: size.width < 600 ? 2 : 1 })
  await context.addInitScript(
    (s) => localStorage.setItem('wardwatch.settings', s),
    JSON.stringify({ language: more.language ?? 'zh', theme: more.theme ?? 'auto' }),
  )
  const page = await context.newPage()
  page.on('pageerror', (e) => console.error(name, e.message))
  if (account) await logIn(page, url, account)
  // ":red" stands for the newest red alert of the evening.
  const red = [...duty.desk.alerts.values()].find((a) => a.level === 'red')?.id ?? ''
  await page.goto(url + path.replace(':red', red))
  if (more.open) await page.locator('[role=row][data-id]').first().click()
  await page.waitForTimeout(1600)
  await more.prepare?.(page)
  await page.screenshot({ path: join(out!, `${name}.png`) })
  await context.close()
}

const browser = await chromium.launch({ executablePath: chromiumPath()!, args: CHROMIUM_ARGS })
const duty = await startFakeServer({ root, tier: 'facility' })
const calm = await startFakeServer({ root, tier: 'facility', empty: true })
const gov = await startFakeServer({ root, tier: 'province' })
const desk = { width: 1920, height: 1080 }
const laptop = { width: 1366, height: 768 }
const phone = { width: 390, height: 844 }
try {
  await shot(browser, 'login', duty.url, '', '/login', desk)
  await shot(browser, 'alerts-1920', duty.url, 'officer1', '/duty/alerts', desk, { open: true })
  await shot(browser, 'alerts-1366', duty.url, 'officer1', '/duty/alerts', laptop, { open: true })
  await shot(browser, 'alerts-phone', duty.url, 'officer1', '/duty/alerts', phone)
  await shot(browser, 'detail-phone', duty.url, 'officer1', '/duty/alerts', phone, { open: true })
  await shot(browser, 'alerts-en-light', duty.url, 'officer1', '/duty/alerts', desk, {
    open: true,
    language: 'en',
    theme: 'light',
  })
  await shot(browser, 'alerts-en-1366', duty.url, 'officer1', '/duty/alerts', laptop, { open: true, language: 'en' })
  await shot(browser, 'calm', calm.url, 'officer1', '/duty/alerts', desk)
  await shot(browser, 'plan', duty.url, 'officer1', '/duty/plan', desk)
  await shot(browser, 'evidence', duty.url, 'chief1', '/duty/alerts/:red', desk)
  await shot(browser, 'incidents', duty.url, 'chief1', '/duty/incidents', desk)
  await shot(browser, 'search', duty.url, 'chief1', '/duty/search', desk)
  await shot(browser, 'cameras', duty.url, 'officer1', '/duty/cameras', desk, {
    prepare: async (page) => {
      await page.keyboard.press('0')
      await page.waitForTimeout(1500)
    },
  })
  await shot(browser, 'shift', duty.url, 'chief1', '/duty/shift', desk)
  await shot(browser, 'print', duty.url, 'chief1', '/duty/print', desk)
  await shot(browser, 'health', duty.url, 'engineer1', '/eng/health', desk)
  await shot(browser, 'wall-4k', duty.url, 'wall1', '/duty/wall', { width: 3840, height: 2160 })
  await shot(browser, 'wall-1080', duty.url, 'officer1', '/duty/wall', desk)
  await shot(browser, 'wall-calm', calm.url, 'wall1', '/duty/wall', desk)
  await shot(browser, 'evidence-1366', duty.url, 'chief1', '/duty/alerts/:red', laptop)
  await shot(browser, 'search-phone', duty.url, 'chief1', '/duty/search', phone)
  await shot(browser, 'evidence-phone', duty.url, 'chief1', '/duty/alerts/:red', phone)
  await shot(browser, 'shift-phone', duty.url, 'chief1', '/duty/shift', phone)
  await shot(browser, 'devices', duty.url, 'engineer1', '/eng/devices', desk)
  await shot(browser, 'device', duty.url, 'engineer1', '/eng/devices/E-MED-01', desk)
  await shot(browser, 'overview', gov.url, 'province1', '/gov/overview', desk)
  await shot(browser, 'overview-phone', gov.url, 'province1', '/gov/overview', phone)
  await shot(browser, 'me', duty.url, 'officer1', '/me', desk)
  await shot(browser, 'gallery', duty.url, 'officer1', '/gallery', desk)
  await shot(browser, 'resolve', duty.url, 'officer1', '/duty/alerts', desk, {
    open: true,
    prepare: async (page) => {
      await page.keyboard.press('r')
      await page.waitForTimeout(300)
    },
  })
  await shot(browser, 'lost', duty.url, 'officer1', '/duty/alerts', desk, {
    open: true,
    prepare: async (page) => {
      duty.cut(true)
      await page.waitForTimeout(12_500)
    },
  })
} finally {
  await browser.close()
  await Promise.all([duty.close(), calm.close(), gov.close()])
}
