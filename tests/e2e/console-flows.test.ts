/**
 * The work of a shift at the console, from the log-in to the second signature, in a real Chromium against a real edge:
 * once in Chinese on the dark screen, once in English on the light one. What the server holds afterwards decides.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Language } from '../../dashboards/web/src/i18n/dictionary.ts'
import { ConsoleEdge } from './console-edge.ts'
import { patience } from './processes.ts'
import { present } from './programs.ts'

const soon = { timeout: 5000 * patience() }

describe.skipIf(!present('the flows of the console', 'chromium'))(
  'the work of a shift at the console',
  { timeout: 120_000 },
  () => {
    let stand: ConsoleEdge

    beforeAll(async () => {
      stand = await ConsoleEdge.start()
    }, 120_000)
    afterAll(() => stand?.close())
    afterEach(async () => {
      await stand.leave()
      await stand.clear()
    })

    test('a server that was restarted: the desk says so, stays logged in, misses nothing and acts on', async () => {
      const before = await stand.manual('yellow', 'W1', 'before')
      const seat = await stand.sit('officer1')
      await seat.row(before).waitFor()
      await stand.stopEdge()
      await expect
        .poll(() => seat.page.getByTestId('connection').getAttribute('data-phase'), { timeout: 10_000 })
        .toMatch(/late|lost/)
      await stand.startEdge()
      const after = await stand.manual('yellow', 'YARD', 'after')
      await seat.row(after).waitFor({ timeout: 40_000 })
      await seat.row(before).waitFor()
      await expect
        .poll(() => seat.page.getByTestId('connection').getAttribute('data-phase'), { timeout: 20_000 })
        .toBe('live')
      await seat.open(before)
      await seat.press('a')
      await expect.poll(async () => (await stand.alert(before)).state, soon).toBe('acknowledged')
      expect(new URL(seat.page.url()).pathname).toBe('/duty/alerts')
    })

    const looks: [Language, 'dark' | 'light'][] = [
      ['zh', 'dark'],
      ['en', 'light'],
    ]

    describe.each(looks)('in %s, %s', (language, theme) => {
      const look = { language, theme }

      test('a red alert goes from the button to the second signature: seen, acknowledged, dispatched, planned, resolved, approved', async () => {
        const officer = await stand.sit('officer1', '/duty/alerts', look)
        expect(await officer.page.evaluate('document.documentElement.dataset.theme')).toBe(theme)
        const red = await stand.panic(language === 'zh' ? 'PB1' : 'PB2')
        await officer.row(red).waitFor()
        expect(await officer.row(red).getAttribute('data-lane')).toBe('true')
        await officer.open(red)
        await officer.press('a')
        await expect.poll(async () => (await stand.alert(red)).state, soon).toBe('acknowledged')

        await officer.press('d')
        await officer.dialog().locator('textarea').first().fill('P-3, P-4')
        await officer.submit()
        await expect.poll(async () => (await stand.alert(red)).handling, soon).toBe('dispatched')

        const steps = officer.page.locator('#panel-plan [role=checkbox]')
        await steps.nth(2).waitFor()
        const n = await steps.count()
        for (let i = 0; i < n - 1; i++) {
          await steps.nth(i).click()
          await expect.poll(() => steps.nth(i).getAttribute('aria-checked'), soon).toBe('true')
        }
        await officer.button('panel.stepSkip').last().click()
        await officer.page.fill('textarea[name=note]', 'not needed tonight')
        await officer
          .dialog()
          .getByRole('button', { name: officer.t('panel.stepSkip') })
          .click()
        await expect.poll(() => steps.nth(n - 1).getAttribute('aria-checked'), soon).toBe('mixed')

        await officer.press('r')
        await officer.choose('result.confirmed')
        await officer.page.fill('textarea[name=note]', 'one person held, nobody hurt')
        await officer.submit()
        await expect.poll(async () => (await stand.alert(red)).handling, soon).toBe('pending-review')
        // Who resolved it may not sign it as well.
        await expect.poll(() => officer.button('verb.approve').isDisabled(), soon).toBe(true)

        const chief = await stand.sit('chief1', '/duty/alerts', look)
        await chief.open(red)
        await chief.button('verb.approve').click()
        await chief.submit()
        await expect.poll(async () => (await stand.alert(red)).handling, soon).toBe('closed')
        await expect.poll(() => officer.page.locator('[data-count=red]').textContent(), soon).toBe('0')
      })

      test('a false alarm is closed with its cause, a yellow one is shelved with a reason, three are acknowledged at once', async () => {
        const one = await stand.manual('yellow', 'YARD', 'a noise')
        const seat = await stand.sit('officer1', '/duty/alerts', look)
        await seat.open(one)
        await seat.press('f')
        await seat.button('act.submit').click()
        await seat
          .dialog()
          .getByRole('alert')
          .filter({ hasText: seat.t('act.dismiss.cause') })
          .waitFor()
        await seat.choose('cause.animal')
        await seat.submit()
        await expect.poll(() => stand.alert(one), soon).toMatchObject({ state: 'dismissed', cause: 'animal' })

        const two = await stand.manual('yellow', 'W1', 'works')
        // Setting aside is the chief's to decide.
        const chief = await stand.sit('chief1', '/duty/alerts', look)
        await chief.open(two)
        await chief.page
          .getByTestId('panel')
          .getByRole('button', { name: chief.t('verb.shelve') })
          .click()
        await chief.page.fill('textarea[name=note]', 'works until noon')
        await chief.submit()
        await expect.poll(async () => (await stand.alert(two)).state, soon).toBe('shelved')
        await chief.page.getByTestId('shelf').waitFor()

        const many = await Promise.all([1, 2, 3].map((i) => stand.manual('blue', 'HQ', `lamp ${i}`)))
        await seat.press('Escape')
        await seat.page.mouse.move(5, 400)
        await seat.press('Home')
        // Nothing is folded away by the search: three alerts of one kind stand in one row.
        await seat.press('/')
        await seat.page.keyboard.type('HQ')
        await seat.press('Escape')
        await seat.press('Control+a')
        await seat.page
          .getByTestId('bulk')
          .getByText(seat.t('bulk.chosen', { n: 3 }))
          .waitFor()
        await seat.press('a')
        for (const id of many) await expect.poll(async () => (await stand.alert(id)).state, soon).toBe('acknowledged')
        await seat.page
          .getByTestId('bulk-result')
          .getByText(seat.t('act.allDone', { ok: 3 }))
          .waitFor()
      })

      test('the shift is noted, signed, checked point by point and taken over; the night is found again by search', async () => {
        const note = `lamp of gate ${language} changed`
        const out = await stand.sit('officer1', '/duty/shift', look)
        await out.page.fill('textarea[name=note]', note)
        await out.button('shift.addNote').click()
        await out.page.getByTestId('shift-log').getByText(note).waitFor()
        await out.button('shift.signButton').click()
        await out.page.getByText(out.t('shift.waitsOther')).waitFor()

        const next = await stand.sit('officer2', '/duty/shift', look)
        const accept = next.button('shift.acceptButton')
        await accept.waitFor()
        expect(await accept.isDisabled()).toBe(true)
        // The tone is ticked by who has played it.
        await next.page
          .getByTestId('handover')
          .getByRole('button', { name: next.t('me.sound.test') })
          .click()
        for (const box of await next.page.getByTestId('handover').locator('input[type=checkbox]').all())
          await box.check()
        await accept.click()
        await next.page.getByText(next.t('shift.past')).waitFor()

        const red = (await stand.open()).length
        expect(red).toBe(0)
        await next.page.goto(`${stand.url}/duty/search`)
        const results = next.page.getByTestId('results').locator('tbody tr')
        await expect.poll(() => results.count(), soon).toBeGreaterThan(0)
        await next.page.getByLabel(next.t('filter.level')).selectOption('red')
        await next.page.getByRole('button', { name: next.t('search.title') }).click()
        await expect.poll(() => results.count(), soon).toBe(language === 'zh' ? 1 : 2)
        expect(await results.first().textContent()).toContain('R39')
      })
    })
  },
)
