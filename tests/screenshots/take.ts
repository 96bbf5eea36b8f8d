/**
 * Takes the screenshots of the documentation from the running product: `npm run screenshots`. Starts a demo on free
 * ports, logs in, waits for the scenario to raise alerts and writes `docs/screenshots/*.png`. Needs Chromium.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright-core'

const ROOT = join(import.meta.dirname, '../..')
const OUT = process.env.WARDWATCH_SHOTS ?? join(ROOT, 'docs/screenshots')
/** By then INC-01 has raised its red alerts. */
const STORY_S = Number(process.env.WARDWATCH_STORY_S ?? 175)
const SIZES = {
  5760: [5760, 1080],
  3840: [3840, 2160],
  1920: [1920, 1080],
  1366: [1366, 768],
  390: [390, 844],
} as const

interface Ready {
  facilities: { console: string; accounts: { role: string; account: string; password: string }[] }[]
  province: { console: string; overview: string; accounts: { role: string; account: string; password: string }[] }
}

async function logIn(
  page: Page,
  origin: string,
  account: { account: string; password: string } | null,
  path: string,
): Promise<void> {
  await page.goto(`${origin}/login`)
  if (!account) return
  await page.locator('input').first().fill(account.account)
  await page.locator('input[type=password]').fill(account.password)
  await page.locator('button[type=submit]').click()
  await page.waitForURL((url) => !url.pathname.startsWith('/login'))
  // The log-in click has unlocked the sound; loading the page again would lock it, so the router is asked to go there.
  await page.evaluate(
    `history.pushState(null, '', ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent('popstate', { state: null }))`,
  )
}

/** Screens have few colours: with a palette of their own they weigh a third. Without ffmpeg they stay as they are. */
function lighten(file: string): void {
  const small = `${file}.small.png`
  const filter = 'split[a][b];[a]palettegen=max_colors=256:stats_mode=full[p];[b][p]paletteuse=dither=none'
  const ran = spawnSync('ffmpeg', ['-v', 'error', '-y', '-i', file, '-vf', filter, '-pred', 'mixed', small])
  if (ran.status === 0 && statSync(small).size < statSync(file).size) renameSync(small, file)
  else rmSync(small, { force: true })
}

async function shoot(
  browser: Browser,
  name: string,
  origin: string,
  account: { account: string; password: string } | null,
  path: string,
  options: {
    widths: (keyof typeof SIZES)[]
    before?: (page: Page) => Promise<void>
    theme?: 'light' | 'dark'
    language?: 'zh' | 'en'
    /** The whole page, however long. */
    whole?: boolean
  },
): Promise<void> {
  for (const width of options.widths) {
    const [w, h] = SIZES[width]
    const context = await browser.newContext({ viewport: { width: w, height: h }, locale: 'zh-CN' })
    const { language = 'zh', theme = 'auto' } = options
    await context.addInitScript(
      (settings) => localStorage.setItem('wardwatch.settings', settings),
      JSON.stringify({ language, theme }),
    )
    const page = await context.newPage()
    await logIn(page, origin, account, path)
    await sleep(2500)
    await options.before?.(page)
    const file = join(OUT, `${name}-${width}.png`)
    await page.screenshot({ path: file, fullPage: options.whole ?? false })
    lighten(file)
    await context.close()
    process.stdout.write(`${name}-${width}.png\n`)
  }
}

const data = mkdtempSync(join(tmpdir(), 'ww-shots-'))
mkdirSync(OUT, { recursive: true })
const demo = spawn(process.execPath, [join(ROOT, 'bin/main.ts'), 'demo', '--port', '0', '--data', data, '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ready = await new Promise<Ready>((resolve, reject) => {
  createInterface({ input: demo.stdout }).on('line', (line) => {
    try {
      resolve(JSON.parse(line) as Ready)
    } catch {
      // Lines that are not JSON are for people.
    }
  })
  demo.once('exit', (code) => reject(new Error(`the demo ended with ${code}`)))
})
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--lang=zh-CN',
  ],
})
try {
  await sleep(STORY_S * 1000)
  const facility = ready.facilities[0]
  if (!facility) throw new Error('the demo has no facility')
  const of = (role: string) => facility.accounts.find((a) => a.role === role) ?? facility.accounts[0]!
  const chief = of('chief')
  const openFirst = async (page: Page) => {
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await sleep(2500)
  }
  await shoot(browser, 'duty-alerts', facility.console, chief, '/duty/alerts', {
    widths: [1920, 1366],
    before: openFirst,
  })
  await shoot(browser, 'duty-alerts', facility.console, chief, '/duty/alerts', { widths: [390] })
  await shoot(browser, 'duty-plan', facility.console, chief, '/duty/plan', { widths: [1920, 1366, 390] })
  // The evidence page of the alert that stands highest.
  await shoot(browser, 'duty-evidence', facility.console, chief, '/duty/alerts', {
    widths: [1920, 1366, 390],
    before: async (page) => {
      await page.keyboard.press('j')
      await page.keyboard.press('Enter')
      await sleep(800)
      await page.keyboard.press('t')
      await sleep(3000)
    },
  })
  // Every page in the sizes people use: console and wall at their own, the rest wide and on a phone.
  for (const [name, path] of [
    ['duty-cameras', '/duty/cameras'],
    ['duty-incidents', '/duty/incidents'],
    ['duty-search', '/duty/search'],
    ['duty-shift', '/duty/shift'],
    ['duty-print', '/duty/print'],
    ['duty-reports', '/duty/reports'],
  ] as const)
    await shoot(browser, name, facility.console, chief, path, { widths: [1920, 1366, 390] })
  await shoot(browser, 'duty-wall', facility.console, of('wall'), '/duty/wall', { widths: [3840, 5760] })
  for (const [name, path] of [
    ['eng-health', '/eng/health'],
    ['eng-quality', '/eng/quality'],
    ['eng-devices', '/eng/devices'],
    ['eng-device', '/eng/devices/F07'],
  ] as const)
    await shoot(browser, name, facility.console, of('engineer'), path, { widths: [1920, 1366, 390] })
  await shoot(browser, 'me', facility.console, chief, '/me', { widths: [1366, 390] })
  await shoot(browser, 'gallery', facility.console, chief, '/gallery', { widths: [1920], whole: true })
  await shoot(browser, 'gallery-en-light', facility.console, chief, '/gallery', {
    widths: [1920],
    whole: true,
    language: 'en',
    theme: 'light',
  })
  await shoot(browser, 'duty-alerts-en-light', facility.console, chief, '/duty/alerts', {
    widths: [1920],
    language: 'en',
    theme: 'light',
    before: openFirst,
  })
  await shoot(browser, 'login', facility.console, null, '/login', { widths: [1920, 390] })
  const provincial = ready.province.accounts.find((a) => a.role === 'provincial') ?? ready.province.accounts[0]!
  for (const [name, path] of [
    ['gov-overview', '/gov/overview'],
    ['gov-indicators', '/gov/indicators'],
    ['gov-indicator', '/gov/indicators/I03'],
  ] as const)
    await shoot(browser, name, ready.province.console, provincial, path, { widths: [1920, 1366, 390] })
} finally {
  await browser.close()
  demo.kill('SIGINT')
  await new Promise((resolve) => demo.once('exit', resolve))
  rmSync(data, { recursive: true, force: true })
}
