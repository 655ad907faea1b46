// Texts of clients and portals that want to be more than text. The pages are visited with them in every place; that nothing
// of them ran, was loaded or was forbidden by the policy is checked after each test, see setup.mjs.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { call, eventually, handOver, openAt, picture, settings, simulate } from './setup.mjs'

after(() => simulate('/faults'))

const readable = settings.hostile.filter((text) => text.length < 200)

test('what stands in the store is text in the list and on its own page', async () => {
  const page = await openAt('#/operations?text=hostile')
  await page.getByRole('row').nth(settings.hostile.length).waitFor()
  for (const text of readable) await page.getByRole('link', { name: text, exact: true }).first().waitFor()
  await picture(page, 'hostile-list')
  const links = await page.getByRole('row').getByRole('link').evaluateAll((all) => all.map((one) => one.getAttribute('href')))
  for (const href of links) assert.match(href, /^#\/operations\/hostile-/)
  for (const href of links) {
    await page.goto(`${settings.admin}/${href}`)
    const id = decodeURIComponent(href.replace('#/operations/', ''))
    await eventually(async () => (await page.locator('h1 + p').innerText()).trim() === id, `the page of ${id}`)
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth))
  }
  await picture(page, 'hostile-operation')
})

test('an address that somebody made up is text as well', async () => {
  for (const text of readable) {
    const page = await openAt(`#/operations?portal=${encodeURIComponent(text)}&client=${encodeURIComponent(text)}&text=x`)
    await page.getByRole('list', { name: 'Active filters' }).waitFor()
    assert.ok((await page.getByRole('list', { name: 'Active filters' }).innerText()).includes(text.replace(/^\s+/, '')))
  }
})

test('what a portal answers is text, in the errors and at the operation', async () => {
  for (const text of settings.hostile) {
    await simulate('/faults', { portal: 'acme', method: 'crm.deal.update', effect: 'answer', status: 400, times: 2, body: JSON.stringify({ error: text, error_description: text }) })
    const answer = await call('crm.deal.update', { id: 1, fields: { TITLE: text } }, { headers: { 'X-Request-Id': text.slice(0, 60).replace(/[^\x21-\x7e]/g, '') } })
    assert.notEqual(answer.status, 200)
    const id = await handOver('crm.deal.update', { id: 1, fields: { TITLE: text } }, 'failed')
    const page = await openAt(`#/operations/${id}`)
    await page.getByRole('heading', { name: 'Attempts' }).waitFor()
    await page.goto(`${settings.admin}/#/portals/acme`)
    await page.getByRole('heading', { name: 'Last errors' }).waitFor()
    await page.goto(`${settings.admin}/#/errors`)
    await page.getByRole('heading', { name: 'The last ones' }).waitFor()
    for (const group of await page.locator('details.group summary').all()) await group.click()
  }
})
