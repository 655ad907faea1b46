// Portals, and what the page tells by itself.
import assert from 'node:assert/strict'
import test from 'node:test'

import { api, call, eventually, openAt, picture, settings } from './setup.mjs'

test('a portal is paused and goes on again, and calls feel it', async () => {
  const page = await openAt('#/portals/beta')
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/Reason/).fill('the accountants are at work')
  await dialog.getByRole('button', { name: 'Pause' }).click()
  await page.getByText('the accountants are at work').waitFor()
  await picture(page, 'portal-paused')
  const refused = await call('profile', {}, { client: 'telephony', portal: 'beta' })
  assert.equal(refused.status, 503, refused.text)
  assert.match(refused.text, /GATEWAY_PAUSED/)
  await page.goto(`${settings.admin}/#/`)
  await page.getByRole('link', { name: 'beta is paused' }).click()
  await page.getByRole('button', { name: 'Resume', exact: true }).click()
  await dialog.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  assert.equal(await page.getByText('the accountants are at work').count(), 0)
  assert.equal((await call('profile', {}, { client: 'telephony', portal: 'beta' })).status, 200)
})

test('a token is renewed by hand', async () => {
  const page = await openAt('#/portals/acme')
  await page.getByRole('button', { name: 'Refresh now' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Refresh now' }).click()
  await page.getByRole('status').getByText('The token of app has been renewed.').waitFor()
})

test('the overview is live, and pausing it stops that', async () => {
  const page = await openAt('')
  await page.getByRole('button', { name: /^Live/ }).waitFor()
  const calls = () => page.getByRole('row', { name: /^acme/ }).getByRole('cell').nth(5).innerText()
  const before = await calls()
  for (let i = 0; i < 5; i += 1) assert.equal((await call('profile')).status, 200)
  await eventually(async () => (await calls()) !== before, 'the number moves by itself')
  const asked = []
  await page.getByRole('button', { name: /Pause updates/ }).click()
  await page.getByRole('button', { name: /^Paused/ }).waitFor()
  page.on('request', (request) => asked.push(request.url()))
  await page.evaluate(() => window.dispatchEvent(new Event('focus')))
  await page.getByRole('row', { name: /^beta/ }).getByRole('link').click()
  await page.getByRole('heading', { level: 1, name: 'beta' }).waitFor()
  const loaded = asked.length
  // Meanwhile somebody else hears of two changes.
  await page.evaluate(() => new Promise((resolve) => {
    const source = new EventSource('/api/v1/events?another')
    let heard = 0
    source.addEventListener('change', () => {
      heard += 1
      if (heard < 2) return
      source.close()
      resolve()
    })
  }))
  assert.deepEqual(asked.slice(loaded).filter((url) => !url.endsWith('?another')), [])
  await page.getByRole('button', { name: /Resume updates/ }).click()
  await page.getByRole('button', { name: /^Live/ }).waitFor()
})

test('the configuration is read again, and says so', async () => {
  const page = await openAt('')
  await page.getByRole('button', { name: 'Reload the configuration' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Reload' }).click()
  await page.getByRole('status').getByText('The configuration has been reloaded.').waitFor()
  assert.equal((await api('audit?limit=1')).json().audit[0].action, 'reload')
})

test('a gateway that does not answer is said, what was there stays, and it goes on by itself', async () => {
  const page = await openAt('', { expected: [/ERR_INTERNET_DISCONNECTED/] })
  await page.getByRole('button', { name: /^Live/ }).waitFor()
  await page.context().setOffline(true)
  // A stream that is open already is not cut by that.
  await page.getByRole('button', { name: /Pause updates/ }).click()
  await page.getByRole('button', { name: /Resume updates/ }).click()
  await page.getByText(/No answer from the gateway since/).waitFor()
  await page.getByRole('row', { name: /^acme/ }).waitFor()
  await picture(page, 'no-answer')
  await page.context().setOffline(false)
  await page.getByRole('button', { name: /^Live/ }).waitFor()
  assert.equal(await page.getByText(/No answer from the gateway since/).count(), 0)
})
