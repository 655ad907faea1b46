// Every page, at a desk and on a phone, in the light and in the dark, in both languages: it is there, it fits, it can be
// read out. What else went wrong (a text that is missing, the policy, another origin) is checked after each test.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { call, openAt, picture, settings, simulate } from './setup.mjs'

const pages = { overview: '', alerts: '#/alerts', operations: '#/operations', operation: '#/operations/night-003', portals: '#/portals', portal: '#/portals/acme', errors: '#/errors', clients: '#/clients', audit: '#/audit' }
const headings = {
  en: { overview: 'Overview', alerts: 'Alerts', operations: 'Operations', operation: 'crm.deal.add', portals: 'Portals', portal: 'acme', errors: 'Errors', clients: 'Clients', audit: 'Audit' },
  ru: { overview: 'Обзор', alerts: 'Тревоги', operations: 'Операции', operation: 'crm.deal.add', portals: 'Порталы', portal: 'acme', errors: 'Ошибки', clients: 'Клиенты', audit: 'Журнал действий' }
}

/// So that there is something to see.
async function traffic() {
  await simulate('/faults', { portal: 'acme', method: 'user.current', effect: 'html', status: 502, times: 2 })
  for (let i = 0; i < 40; i += 1) await call('crm.deal.list')
  for (let i = 0; i < 12; i += 1) await call('crm.contact.list', {}, { client: 'telephony', portal: 'beta' })
  for (let i = 0; i < 2; i += 1) await call('user.current')
  for (let i = 0; i < 3; i += 1) await call('crm.deal.delete', { id: 1 })
  await call('crm.no.such.method')
  await simulate('/faults')
}

/// What a screen reader needs: one heading, landmarks, and a name for whatever can be pressed or filled in.
async function readable(page) {
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
  assert.equal(await page.getByRole('main').count(), 1)
  assert.ok(await page.getByRole('navigation').count() >= 1)
  const nameless = await page.evaluate(() => [...document.querySelectorAll('a, button, input, select, summary')].filter((one) => {
    const label = one.labels?.length ? one.labels[0].textContent : ''
    return !(one.textContent + (one.getAttribute('aria-label') ?? '') + label).trim()
  }).map((one) => one.outerHTML))
  assert.deepEqual(nameless, [])
}

for (const [language, theme, phone] of [['en', 'light', false], ['ru', 'dark', false], ['ru', 'light', true], ['en', 'dark', true]]) {
  test(`every page in ${language}, ${theme}, ${phone ? 'on a phone' : 'at a desk'}`, async () => {
    await traffic()
    const page = await openAt('', { language, theme, phone })
    for (const [name, address] of Object.entries(pages)) {
      await page.goto(`${settings.admin}/${address}`)
      await page.getByRole('heading', { level: 1, name: new RegExp(`^${headings[language][name].replaceAll('.', '\\.')}`) }).waitFor()
      await page.locator('.screen section, .screen table').first().waitFor()
      await readable(page)
      await picture(page, `${name}-${language}-${theme}${phone ? '-phone' : ''}`)
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
      assert.ok(widths[0] <= widths[1], `${name} is ${widths[0]} wide on a screen of ${widths[1]}`)
    }
  })
}

test('language and colours are chosen, and stay chosen', async () => {
  const page = await openAt('')
  await page.getByLabel('Menu').click()
  await page.getByLabel('Language').selectOption('ru')
  await page.getByRole('heading', { level: 1, name: 'Обзор' }).waitFor()
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'ru')
  await page.getByLabel('Меню').click()
  await page.getByLabel('Цвета').selectOption('dark')
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  await page.reload()
  await page.getByRole('heading', { level: 1, name: 'Обзор' }).waitFor()
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark)
})
