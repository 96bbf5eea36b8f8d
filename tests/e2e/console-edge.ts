/**
 * Test aid: a real edge on a small site, in this process, and people who sit at its console in a real Chromium, each in
 * a language and a theme. The console is built fresh, so that no stale build is ever tested.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core'
import { stringify } from 'yaml'
import { openAccounts } from '#dashboards/accounts.ts'
import { type Edge, startEdge } from '#edge/edge.ts'
import { openLog } from '#edge/log.ts'
import { loadSiteFile } from '#edge/site-file.ts'
import { systemClock } from '#model/system-clock.ts'
import { type Language, loadDictionary, translate } from '../../dashboards/web/src/i18n/dictionary.ts'
import type { TextKey } from '../../dashboards/web/src/i18n/zh.ts'
import { buildConsole } from '../../dashboards/web/test/built.ts'
import { CHROMIUM_ARGS, chromiumPath } from '../../dashboards/web/test-server/chromium.ts'
import { freePort, patience, temporaryFolder } from './processes.ts'

export const PASSWORD = 'Night-watch-2026'
const ACCOUNTS = [
  ['officer1', 'officer'],
  ['officer2', 'officer'],
  ['chief1', 'chief'],
  ['engineer1', 'engineer'],
  ['wall1', 'wall'],
  ['sysadmin1', 'sysadmin'],
  ['secadmin1', 'secadmin'],
  ['auditor1', 'auditor'],
] as const
export type Who = (typeof ACCOUNTS)[number][0]

const square = (x: number, y: number, size = 8) => [
  [x, y],
  [x + size, y],
  [x + size, y + size],
  [x, y + size],
]

export const SITE = {
  facility: { id: 'ls-10', name: { zh: '小站', en: 'Small site' }, kind: 'prison', timezone: 'Asia/Shanghai' },
  zones: [
    { id: 'W1', kind: 'ward', name: { zh: '一监区', en: 'Ward 1' }, floor: 1, polygon: square(0, 0, 16) },
    { id: 'W1-C1', kind: 'cell', parent: 'W1', floor: 1, polygon: square(0, 0), capacity: 4 },
    { id: 'YARD', kind: 'yard', name: { zh: '放风场', en: 'Yard' }, floor: 1, polygon: square(20, 0, 16) },
    { id: 'HQ', kind: 'post', name: { zh: '值班室', en: 'Duty room' }, floor: 1, polygon: square(0, 20) },
  ],
  devices: [
    { id: 'PB1', driver: 'mqtt', kind: 'panic-button', zone: 'YARD', model: 'ww-json' },
    { id: 'PB2', driver: 'mqtt', kind: 'panic-button', zone: 'HQ', model: 'ww-json' },
    { id: 'B1', driver: 'mqtt', kind: 'band', subject: 'P1', model: 'ww-json' },
  ],
  people: [{ id: 'P1', number: '2026-0001', initials: '张×', cell: 'W1-C1', ward: 'W1', allowed: ['W1', 'YARD'] }],
}

export interface Listed {
  id: string
  code: string
  level: string
  state: string
  handling: string
  cause: string | null
  zone: string | null
}

export class ConsoleEdge {
  readonly #folder = temporaryFolder('console')
  readonly #contexts: BrowserContext[] = []
  #built!: Awaited<ReturnType<typeof buildConsole>>
  #browser!: Browser
  #edge: Edge | null = null
  #siteFile = ''
  #token = ''
  url = ''

  /** @param more sections of the site file that replace those of the small site. */
  static async start(more: Record<string, unknown> = {}): Promise<ConsoleEdge> {
    const stand = new ConsoleEdge()
    const data = join(stand.#folder.path, 'edge')
    mkdirSync(join(data, 'accounts'), { recursive: true })
    stand.#siteFile = join(stand.#folder.path, 'site.yaml')
    const consolePort = await freePort()
    writeFileSync(stand.#siteFile, stringify({ ...SITE, ...more, console: { host: '127.0.0.1', port: consolePort } }))
    const accounts = openAccounts({ dir: join(data, 'accounts'), clock: systemClock, scryptLog2: 10 })
    for (const [id, role] of ACCOUNTS) await accounts.add({ id, role, name: id, password: PASSWORD })
    stand.#token = accounts.token('chief1').token
    accounts.close()
    stand.#built = await buildConsole()
    stand.#browser = await chromium.launch({ executablePath: chromiumPath() as string, args: CHROMIUM_ARGS })
    await stand.startEdge()
    return stand
  }

  async startEdge(): Promise<void> {
    this.#edge = await startEdge({
      site: loadSiteFile(this.#siteFile, { secrets: true }).site,
      siteFile: this.#siteFile,
      dataDir: join(this.#folder.path, 'edge'),
      clock: systemClock,
      log: openLog('edge', process.env.WARDWATCH_LOG ?? 'silent'),
      random: Math.random,
      webRoot: this.#built.root,
    })
    this.url = this.#edge.url
  }
  async stopEdge(): Promise<void> {
    await this.#edge?.close()
    this.#edge = null
  }

  async close(): Promise<void> {
    await this.leave()
    await this.#browser?.close()
    await this.stopEdge()
    this.#built?.remove()
    this.#folder.remove()
  }

  /** Closes all pages; the edge runs on. */
  async leave(): Promise<void> {
    for (const context of this.#contexts.splice(0)) await context.close()
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text.slice(0, 300)}`)
    return (text ? JSON.parse(text) : null) as T
  }
  /** An alert as the server has it now. */
  alert = (id: string): Promise<Listed & { planDetail?: unknown }> => this.#ask('GET', `/api/v1/alerts/${id}`)
  open = async (): Promise<Listed[]> => (await this.#ask<{ items: Listed[] }>('GET', '/api/v1/alerts?open=true')).items

  /** Somebody presses a panic button: red, plan RP10, through reading, rule and desk. */
  async panic(device: 'PB1' | 'PB2' = 'PB1'): Promise<string> {
    const known = new Set((await this.open()).map((a) => a.id))
    await this.#ask('POST', '/api/v1/readings', { device, type: 'panic.pressed', value: {} })
    for (let i = 0; i < 200; i++) {
      const fresh = (await this.open()).find((a) => a.code === 'R39' && !known.has(a.id))
      if (fresh) return fresh.id
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`the panic button ${device} raised no alert`)
  }
  async manual(level: string, zone: string, note: string): Promise<string> {
    const { alert } = await this.#ask<{ alert: Listed }>('POST', '/api/v1/alerts', { level, zone, kind: 'test', note })
    return alert.id
  }
  act(id: string, verb: string, body: object = {}): Promise<unknown> {
    return this.#ask('POST', `/api/v1/alerts/${id}/${verb}`, body)
  }
  /** Nothing open stands in the way of the next test. */
  async clear(): Promise<void> {
    for (const alert of await this.open())
      if (alert.level === 'red' || alert.level === 'orange') continue
      else await this.act(alert.id, 'dismiss', { result: 'false', cause: 'test', note: 'test' }).catch(() => {})
  }

  /** Logs in as people do, by the form, and opens a page. */
  async sit(
    who: Who,
    path = '/duty/alerts',
    look: { language?: Language; theme?: 'dark' | 'light'; width?: number; height?: number } = {},
  ): Promise<Seat> {
    const { language = 'zh', theme = 'dark', width = 1600, height = 900 } = look
    const context = await this.#browser.newContext({ viewport: { width, height } })
    this.#contexts.push(context)
    await context.addInitScript(
      (s) => localStorage.getItem('wardwatch.settings') ?? localStorage.setItem('wardwatch.settings', s),
      JSON.stringify({ language, theme }),
    )
    const page = await context.newPage()
    page.setDefaultTimeout(10_000 * patience())
    await page.goto(`${this.url}/login`)
    await page.fill('input[name=account]', who)
    await page.fill('input[name=password]', PASSWORD)
    await page.click('button[type=submit]')
    await page.waitForURL((url) => !url.pathname.startsWith('/login'))
    if (new URL(page.url()).pathname !== path) await page.goto(this.url + path)
    await loadDictionary(language)
    return new Seat(page, language)
  }
}

/** One person at one screen. */
export class Seat {
  readonly page: Page
  readonly #language: Language

  constructor(page: Page, language: Language) {
    this.page = page
    this.#language = language
  }
  t = (key: TextKey, params?: Record<string, string | number>): string => translate(this.#language, key, params)
  row = (id: string): Locator => this.page.locator(`[role=row][data-id="${id}"]`)
  button = (key: TextKey): Locator => this.page.getByRole('button', { name: this.t(key) })
  press = (key: string): Promise<void> => this.page.keyboard.press(key)
  dialog = (): Locator => this.page.getByRole('dialog')

  async open(id: string): Promise<void> {
    await this.row(id).click()
    await this.page.locator(`[data-testid=panel][data-alert="${id}"]`).waitFor()
  }
  /** Chooses a word in the open dialog. */
  choose(key: TextKey): Promise<void> {
    return this.dialog().getByText(this.t(key), { exact: true }).click()
  }
  async submit(): Promise<void> {
    await this.dialog()
      .getByRole('button', { name: this.t('act.submit') })
      .click()
    await this.dialog().waitFor({ state: 'detached' })
  }
}
