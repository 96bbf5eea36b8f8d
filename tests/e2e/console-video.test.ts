/**
 * Video from end to end: a camera that speaks ONVIF and RTSP, a real edge with ffmpeg, a real Chromium that plays. Two
 * presses from the alert to the moving picture, the seconds before it kept, a dead camera that says so.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '#model/system-clock.ts'
import { createOnvifTwin, type OnvifTwin } from '#simulators/onvif/index.ts'
import { ConsoleEdge, SITE } from './console-edge.ts'
import { patience } from './processes.ts'
import { present } from './programs.ts'

const soon = { timeout: 15_000 * patience() }

describe.skipIf(!present('live video in the console', 'chromium', 'ffmpeg'))('video', { timeout: 120_000 }, () => {
  let stand: ConsoleEdge
  let twin: OnvifTwin

  beforeAll(async () => {
    twin = await createOnvifTwin({
      cameras: ['K1', 'K2'].map((id) => ({ id, user: 'ww', password: 'geheim', scene: { place: 'yard', persons: 2 } })),
      clock: systemClock,
      chance: () => 0,
      rtsp: true,
    })
    const camera = (id: string) => ({
      ...{ id, driver: 'onvif', kind: 'camera', model: 'generic-onvif', zone: 'YARD', watches: ['YARD'] },
      ...{ url: twin.urlOf(id), user: 'ww', password: 'geheim' },
    })
    stand = await ConsoleEdge.start({
      zones: SITE.zones.map((zone) => (zone.id === 'YARD' ? { ...zone, class: 'red' } : zone)),
      devices: [...SITE.devices, camera('K1'), camera('K2')],
    })
  }, 120_000)
  afterAll(async () => {
    await stand?.close()
    await twin?.close()
  })
  afterEach(() => stand.leave())

  const timeOf = (page: Awaited<ReturnType<ConsoleEdge['sit']>>['page'], selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((el) => (el as unknown as { currentTime: number }).currentTime)

  test('two presses lead from an alert to the moving picture; the seconds before it stand beside it', async () => {
    const seat = await stand.sit('officer1')
    // The ring of the yard's cameras has seen some seconds by now; give it a few more.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const red = await stand.panic('PB1')
    await seat.row(red).waitFor()
    await seat.press('j')
    await seat.press('v')
    const video = '[data-testid=panel] video:not([hidden])'
    await seat.page.locator(video).waitFor(soon)
    const first = await timeOf(seat.page, video)
    await expect.poll(() => timeOf(seat.page, video), soon).toBeGreaterThan(first + 0.5)
    await seat.button('panel.preroll').click()
    await seat.page.getByTestId('preroll').locator('img').waitFor(soon)
    expect(await seat.page.getByTestId('preroll').textContent()).toMatch(/K[12] -\d+ s/)
    // The stream ends some seconds after nobody watches.
    await expect.poll(() => twin.encoders(), soon).toBe(0)
  })

  test('the matrix plays its cameras, two desks share one stream, and a dead camera offers the next one', async () => {
    const one = await stand.sit('officer1', '/duty/cameras')
    const two = await stand.sit('officer2', '/duty/cameras')
    for (const seat of [one, two]) await seat.page.locator('[data-camera=K1] video:not([hidden])').waitFor(soon)
    expect(twin.encoders()).toBeLessThanOrEqual(2)
    twin.fault('K2', 'gone')
    const tile = one.page.locator('[data-camera=K2]')
    await tile
      .getByRole('button', { name: one.t('cameras.useNext', { id: 'K1' }) })
      .waitFor({ timeout: 40_000 * patience() })
    expect(await tile.textContent()).toMatch(/未应答/)
    twin.fault('K2', null)
  })
})
