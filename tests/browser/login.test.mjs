// Who may come in, and what becomes of where he wanted to go.
import assert from 'node:assert/strict'
import test from 'node:test'

import { api, eventually, logIn, open, openAt, picture, settings } from './setup.mjs'

test('a wrong key is refused in words, and a right one comes in', async () => {
  const page = await open()
  await page.goto(settings.admin)
  await page.getByLabel('Admin key').fill('not the key')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').getByText('This is no key of the admin port.').waitFor()
  assert.equal(await page.getByLabel('Admin key').evaluate((field) => field === document.activeElement), true)
  await picture(page, 'login-wrong')
  await page.getByLabel('Admin key').fill(settings.key)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie)
  assert.ok(!kept.includes(settings.key))
})

test('who follows a link is asked for the key and then gets there', async () => {
  const page = await open()
  await logIn(page, { at: '#/clients' })
  await page.getByRole('heading', { level: 1, name: 'Clients' }).waitFor()
})

test('who logs out has to log in again, also with Back', async () => {
  const page = await openAt('#/errors')
  await page.getByLabel('Menu').click()
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByText('The session has ended').waitFor()
  await page.reload()
  await page.getByLabel('Admin key').waitFor()
  assert.equal(await page.getByRole('heading', { name: 'Errors' }).count(), 0)
})

test('a session that ends somewhere else ends here too, and goes on at the same place', async () => {
  const page = await openAt('#/operations')
  await page.evaluate(async () => {
    const { csrf } = await (await fetch('/api/v1/session')).json()
    await fetch('/api/v1/logout', { method: 'POST', headers: { 'X-CSRF-Token': csrf, 'Content-Type': 'application/json' }, body: '{}' })
  })
  await page.getByText('The session has ended').waitFor()
  await page.getByLabel('Admin key').fill(settings.key)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Operations' }).waitFor()
})

test('a key that may only look is shown no buttons that act', async () => {
  const page = await openAt('#/operations', { key: settings.readKey })
  await page.getByText('Your key may look at everything and change nothing.').waitFor()
  await page.getByRole('row').nth(3).waitFor()
  assert.equal(await page.getByRole('button', { name: /Retry|Discard/ }).count(), 0)
  assert.equal(await page.getByRole('checkbox').count(), 0)
  assert.equal(await page.getByRole('link', { name: 'Audit' }).count(), 0)
  await page.goto(`${settings.admin}/#/portals/acme`)
  await page.getByRole('heading', { name: 'acme' }).waitFor()
  assert.equal(await page.getByRole('button', { name: /Pause$|Refresh/ }).count(), 0)
  await picture(page, 'portal-read-only')
})

test('what cannot be found is said, with the frame around it', async () => {
  const page = await openAt('#/operations/nobody', { expected: [/status of 404/] })
  await page.getByText('There is nothing here.').waitFor()
  await page.goto(`${settings.admin}/#/nonsense/at/all`)
  await page.getByText('There is nothing here.').waitFor()
  await page.getByRole('navigation').first().getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  await eventually(async () => (await api('session')).status === 200, 'the gateway answers')
})
